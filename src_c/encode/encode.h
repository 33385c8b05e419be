/* UTF-8 encoding (RFC 3629) of Latin-1, UCS-2 and UCS-4 code points into a masked payload.
 *
 * `length_…` returns the octets of UTF-8 that src takes, or SIZE_MAX where a code point can't be
 * encoded (a surrogate, or above U+10FFFF). `from_…` writes exactly those octets, dst_len of them, as UTF-8 XOR
 * key[i mod 4] (key 0: not masked). src must not change between the two calls. Any alignment of dst, any length; nothing
 * outside is read or written.
 */
#ifndef WSF_ENCODE_H
#define WSF_ENCODE_H

#include "../mask/mask.h"

typedef struct {
    size_t (*length_latin1)(const uint8_t *src, size_t len);
    size_t (*length_ucs2)(const uint16_t *src, size_t len);
    size_t (*length_ucs4)(const uint32_t *src, size_t len);
    void (*from_latin1)(uint8_t *dst, size_t dst_len, const uint8_t *src, size_t len, uint32_t key);
    void (*from_ucs2)(uint8_t *dst, size_t dst_len, const uint16_t *src, size_t len, uint32_t key);
    void (*from_ucs4)(uint8_t *dst, size_t dst_len, const uint32_t *src, size_t len, uint32_t key);
} wsf_encode_functions;

extern const wsf_kernel wsf_encode_kernels[];
extern const wsf_encode_functions wsf_encode_scalar, wsf_encode_ssse3, wsf_encode_avx2,
    wsf_encode_avx512, wsf_encode_neon;

#endif
