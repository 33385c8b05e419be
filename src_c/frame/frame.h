/* Frame headers, RFC 6455 section 5.2: 2 to 14 octets, read with every rule of the receiving side. */
#ifndef WSF_FRAME_H
#define WSF_FRAME_H

#include "../platform.h"

enum {
    WSF_FIN = 0x80,
    WSF_RSV1 = 0x40,
    WSF_RSV2 = 0x20,
    WSF_RSV3 = 0x10,
    WSF_RSV_BITS = WSF_RSV1 | WSF_RSV2 | WSF_RSV3,
    WSF_OPCODE_BITS = 0x0F,
    WSF_CONTROL_BIT = 0x08,
    WSF_MASK_BIT = 0x80,
    WSF_LENGTH_BITS = 0x7F,
    WSF_LENGTH_IS_16_BIT = 126,
    WSF_LENGTH_IS_64_BIT = 127,
    WSF_MAX_CONTROL_PAYLOAD_LENGTH = 125,
    WSF_MAX_HEADER_LENGTH = 14
};

enum {
    WSF_CONTINUATION = 0x0,
    WSF_TEXT = 0x1,
    WSF_BINARY = 0x2,
    WSF_CLOSE = 0x8,
    WSF_PING = 0x9,
    WSF_PONG = 0xA
};

typedef struct {
    uint64_t length; /* payload octets */
    uint32_t key;    /* 0 where the frame is not masked */
    uint8_t first;   /* FIN, RSV bits and opcode */
    uint8_t second;  /* MASK bit and 7-bit length */
    uint8_t size;    /* octets of the header */
} wsf_frame_header;

/* What the next frame has to keep to. */
typedef struct {
    uint64_t max_payload;    /* of one frame */
    uint64_t max_data;       /* what a message not compressed may still grow by */
    uint64_t fragments_left; /* what it may still have of frames */
    uint8_t mask;            /* WSF_MASK_BIT where the peer must mask, 0 where it must not */
    uint8_t rsv;             /* WSF_RSV* bits allowed in a data frame */
    bool in_message;         /* a fragmented message is open */
} wsf_frame_rules;

/* Each rule is checked at the first octet that breaks it, in this order, so that the finding does
 * not depend on how the stream was cut. */
typedef enum {
    WSF_FRAME_READ,
    WSF_FRAME_INCOMPLETE,
    /* by the first octet */
    WSF_FRAME_RESERVED_BITS,
    WSF_FRAME_RESERVED_OPCODE,
    WSF_FRAME_FRAGMENTED_CONTROL,
    WSF_FRAME_UNEXPECTED_CONTINUATION,
    WSF_FRAME_EXPECTED_CONTINUATION,
    WSF_FRAME_TOO_MANY_FRAGMENTS,
    /* by the second */
    WSF_FRAME_WRONG_MASK_BIT,
    WSF_FRAME_LONG_CONTROL,
    /* by the extended payload length */
    WSF_FRAME_TOP_BIT,
    WSF_FRAME_NOT_MINIMAL,
    WSF_FRAME_PAYLOAD_TOO_LONG,
    WSF_FRAME_MESSAGE_TOO_LONG
} wsf_frame_finding;

/* Reads the header at src. On WSF_FRAME_READ all of *header is set; on a broken rule, what was read
 * up to it. */
wsf_frame_finding wsf_frame_read(wsf_frame_header *header, const uint8_t *src, size_t len,
                                 const wsf_frame_rules *rules);

/* To write a header takes less than a call: so these two are inline. */

/* The octets of a header. */
WSF_INLINE size_t wsf_frame_header_size(uint64_t length, bool mask) {
    size_t size = length < WSF_LENGTH_IS_16_BIT ? 2 : length < 1u << 16 ? 4 : 10;
    return mask ? size + 4 : size;
}

/* Writes a header of wsf_frame_header_size() octets. */
WSF_INLINE void wsf_frame_write(uint8_t *dst, uint8_t first, uint64_t length, bool mask,
                                uint32_t key) {
    uint8_t mask_bit = mask ? WSF_MASK_BIT : 0;
    size_t size = wsf_frame_header_size(length, false);
    dst[0] = first;
    if (size == 2) {
        dst[1] = (uint8_t)(mask_bit | length);
    } else {
        dst[1] = mask_bit | (size == 4 ? WSF_LENGTH_IS_16_BIT : WSF_LENGTH_IS_64_BIT);
        for (size_t i = size; i-- > 2; length >>= 8) /* in network byte order */
            dst[i] = (uint8_t)length;
    }
    if (mask)
        wsf_store32(dst + size, key);
}

#endif
