/* Masking of payload data, RFC 6455 section 5.3.
 *
 * A kernel writes dst[i] = src[i] XOR key[i mod 4] for 0 <= i < len. `key` holds the four octets in
 * memory order. dst may be src; otherwise they must not overlap. Any alignment, any length, zero
 * included; nothing outside the two ranges is touched. Masking is its own inverse.
 */
#ifndef WSF_MASK_H
#define WSF_MASK_H

#include "../cpu.h"

typedef void wsf_mask_fn(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key);

typedef struct {
    wsf_mask_fn *apply;
} wsf_mask_functions;

extern const wsf_kernel wsf_mask_kernels[];
extern const wsf_mask_functions wsf_mask_scalar, wsf_mask_sse2, wsf_mask_avx2, wsf_mask_avx512,
    wsf_mask_neon;

/* The key for a payload from its octet `offset` on. */
WSF_INLINE uint32_t wsf_mask_rotate(uint32_t key, size_t offset) {
    unsigned bits = (unsigned)(offset & 3) * 8;
#if defined(WSF_BIG_ENDIAN)
    return key << bits | key >> (-bits & 31);
#else
    return key >> bits | key << (-bits & 31);
#endif
}

#endif
