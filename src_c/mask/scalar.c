#include "short.h"

static void apply(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key) {
    if (len < 8) {
        wsf_mask_short(dst, src, len, key);
        return;
    }
    /* The tail overlaps what the loop writes: it is loaded before the loop and stored after it. */
    uint64_t tail = wsf_load64(src + len - 8) ^ wsf_mask_key64(wsf_mask_rotate(key, len));
    uint64_t key64 = wsf_mask_key64(key);
    for (size_t i = 0; i < len - 7; i += 8)
        wsf_store64(dst + i, wsf_load64(src + i) ^ key64);
    wsf_store64(dst + len - 8, tail);
}

const wsf_mask_functions wsf_mask_scalar = {apply};
