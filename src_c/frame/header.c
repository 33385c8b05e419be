#include "frame.h"

/* Extended payload lengths are in network byte order. */
static uint64_t load_big_endian(const uint8_t *src, size_t len) {
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++)
        value = value << 8 | src[i];
    return value;
}

static wsf_frame_finding check_first(uint8_t first, const wsf_frame_rules *rules) {
    unsigned opcode = first & WSF_OPCODE_BITS;
    bool control = (opcode & WSF_CONTROL_BIT) != 0;

    if ((first & WSF_RSV_BITS & ~(control ? 0 : rules->rsv)) != 0)
        return WSF_FRAME_RESERVED_BITS;
    if ((opcode & ~(unsigned)WSF_CONTROL_BIT) > (control ? 2 : WSF_BINARY))
        return WSF_FRAME_RESERVED_OPCODE;
    if (control)
        return (first & WSF_FIN) != 0 ? WSF_FRAME_READ : WSF_FRAME_FRAGMENTED_CONTROL;
    if ((opcode == WSF_CONTINUATION) != rules->in_message)
        return rules->in_message ? WSF_FRAME_EXPECTED_CONTINUATION
                                 : WSF_FRAME_UNEXPECTED_CONTINUATION;
    return rules->fragments_left != 0 ? WSF_FRAME_READ : WSF_FRAME_TOO_MANY_FRAGMENTS;
}

wsf_frame_finding wsf_frame_read(wsf_frame_header *header, const uint8_t *src, size_t len,
                                 const wsf_frame_rules *rules) {
    if (len < 1)
        return WSF_FRAME_INCOMPLETE;
    header->first = src[0];
    wsf_frame_finding finding = check_first(src[0], rules);
    if (WSF_UNLIKELY(finding != WSF_FRAME_READ))
        return finding;

    if (len < 2)
        return WSF_FRAME_INCOMPLETE;
    header->second = src[1];
    if (WSF_UNLIKELY((src[1] & WSF_MASK_BIT) != rules->mask))
        return WSF_FRAME_WRONG_MASK_BIT;
    bool control = (src[0] & WSF_CONTROL_BIT) != 0;
    uint64_t length = src[1] & WSF_LENGTH_BITS;
    size_t size = 2;
    if (WSF_UNLIKELY(control && length > WSF_MAX_CONTROL_PAYLOAD_LENGTH))
        return WSF_FRAME_LONG_CONTROL;

    if (length >= WSF_LENGTH_IS_16_BIT) {
        uint64_t fewest = length == WSF_LENGTH_IS_16_BIT ? WSF_LENGTH_IS_16_BIT : 1u << 16;
        size = length == WSF_LENGTH_IS_16_BIT ? 4 : 10;
        if (len < size)
            return WSF_FRAME_INCOMPLETE;
        length = load_big_endian(src + 2, size - 2);
        header->length = length;
        if (WSF_UNLIKELY(length > INT64_MAX))
            return WSF_FRAME_TOP_BIT;
        if (WSF_UNLIKELY(length < fewest))
            return WSF_FRAME_NOT_MINIMAL;
    }
    header->length = length;
    if (WSF_UNLIKELY(length > rules->max_payload))
        return WSF_FRAME_PAYLOAD_TOO_LONG;
    bool compressed = (src[0] & WSF_RSV1) != 0;
    if (WSF_UNLIKELY(length > rules->max_data && !control && !compressed))
        return WSF_FRAME_MESSAGE_TOO_LONG;

    header->key = 0;
    if (rules->mask != 0) {
        if (len < size + 4)
            return WSF_FRAME_INCOMPLETE;
        header->key = wsf_load32(src + size);
        size += 4;
    }
    header->size = (uint8_t)size;
    return WSF_FRAME_READ;
}
