/* Every kernel for masking, copying and in place, at any alignment. */
#include "oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 6)
        return 0;
    uint32_t key = wsf_load32(data);
    size_t src_start = data[4] % 64, dst_start = data[5] % 64, len = size - 6;
    uint8_t *src = malloc(src_start + len + 1), *dst = malloc(dst_start + len + 1);
    uint8_t *expected = malloc(len + 1);
    CHECK(src != NULL && dst != NULL && expected != NULL, "malloc");
    oracle_mask(expected, data + 6, len, key);
    for (const wsf_kernel *row = wsf_mask_kernels; row->isa != NULL; row++) {
        const wsf_mask_functions *mask = row->functions;
        if ((row->needs & ~wsf_cpu_detect()) != 0)
            continue;
        memcpy(src + src_start + 1, data + 6, len);
        mask->apply(dst + dst_start + 1, src + src_start + 1, len, key);
        CHECK(memcmp(dst + dst_start + 1, expected, len) == 0, "%s", row->isa);
        mask->apply(src + src_start + 1, src + src_start + 1, len, key);
        CHECK(memcmp(src + src_start + 1, expected, len) == 0, "%s in place", row->isa);
    }
    free(src);
    free(dst);
    free(expected);
    return 0;
}
