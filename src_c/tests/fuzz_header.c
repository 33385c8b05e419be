/* Any octets, any rules: a header that is read is written again octet for octet, and what is found
 * does not depend on how much more has come. */
#include "oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 4)
        return 0;
    wsf_frame_rules rules = {
        (data[0] & 1) != 0 ? UINT64_MAX : (uint64_t)1 << data[1] % 64,
        (data[0] & 2) != 0 ? UINT64_MAX : (uint64_t)1 << data[2] % 64,
        data[3],
        (data[0] & 4) != 0 ? WSF_MASK_BIT : 0,
        (uint8_t)((data[0] & 0x38) << 1),
        (data[0] & 0x40) != 0,
    };
    data += 4;
    size -= 4;

    wsf_frame_finding found = WSF_FRAME_INCOMPLETE;
    wsf_frame_header header = {0, 0, 0, 0, 0};
    for (size_t len = 0; len <= size && len <= 16; len++) {
        uint8_t copy[16];
        memcpy(copy, data, len);
        wsf_frame_finding finding = wsf_frame_read(&header, copy, len, &rules);
        if (found != WSF_FRAME_INCOMPLETE)
            CHECK(finding == found, "%d with %zu octets, before %d", finding, len, found);
        found = finding;
    }
    if (found != WSF_FRAME_READ)
        return 0;
    uint8_t octets[WSF_MAX_HEADER_LENGTH];
    bool masked = rules.mask != 0;
    CHECK(header.length <= rules.max_payload, "too long");
    CHECK(header.size == wsf_frame_header_size(header.length, masked), "size %d", header.size);
    wsf_frame_write(octets, header.first, header.length, masked, header.key);
    CHECK(memcmp(octets, data, header.size) == 0, "written differently");
    return 0;
}
