/* The bodies of the vector kernels for encoding, written in the vocabulary of a file of simd/. The
 * including file defines `mask_kernel`, the instruction set's kernel for masking.
 *
 * The octets of a character are put together right-aligned in 32 bits; then those that it does not
 * have are dropped.
 *
 *                              octet 0    octet 1    octet 2    octet 3
 *   U+0000    aaaaaaa                                           0aaaaaaa
 *   U+0080    baaaaaa                                110bbbbb   10aaaaaa
 *   U+0800    cbaaaaaa                    1110cccc   10bbbbbb   10aaaaaa
 *   U+10000   dcbaaaaaa        11110ddd   10cccccc   10bbbbbb   10aaaaaa
 */
#ifndef WSF_ENCODE_VECTOR_H
#define WSF_ENCODE_VECTOR_H

#include "length.h"
#include "pieces.h"
#include "scalar.h"

/* Stores WSF_WIDTH code points as octets if all are ASCII. */
WSF_SIMD WSF_INLINE bool put_ascii(uint8_t *dst, const uint8_t *src, size_t width) {
    wsf_v a = v_load(src);
    if (width == 1) {
        if (!v_is_ascii(a))
            return false;
        v_store(dst, a);
        return true;
    }
    wsf_v b = v_load(src + WSF_WIDTH);
    if (width == 2) {
        if (!v_is_zero(v_and(v_or(a, b), v32_splat(0xFF80FF80))))
            return false;
        v_store(dst, v_from_ascii16(a, b));
        return true;
    }
    wsf_v c = v_load(src + 2 * WSF_WIDTH), d = v_load(src + 3 * WSF_WIDTH);
    if (!v_is_zero(v_and(v_or(v_or(a, b), v_or(c, d)), v32_splat(0xFFFFFF80))))
        return false;
    v_store(dst, v_from_ascii32(a, b, c, d));
    return true;
}

/* Half a register of Latin-1, each octet x after a zero: 11000010 or 11000011, then x without its
 * bit 6, from U+0080 on. */
WSF_SIMD WSF_INLINE uint8_t *put_latin1(uint8_t *dst, wsf_v seconds) {
    const uint32_t all_seconds = 0xAAAAAAAAu >> (32 - WSF_WIDTH);
    wsf_v firsts = V32_RIGHT(seconds, 8);
    uint32_t which = v_bits(firsts) | all_seconds;
    wsf_v bit6 = v_and(v_and(V_RIGHT(seconds, 1), seconds), v32_splat(0x40004000));
    firsts = v_or(v_and(V_RIGHT(firsts, 6), v32_splat(0x00010001)), v32_splat(0x00C200C2));
    return v_put(dst, v_or(v_xor(seconds, bit6), firsts), which);
}

WSF_SIMD WSF_INLINE uint8_t *put_code_points(uint8_t *dst, wsf_v a, bool above_ffff) {
    const uint32_t all_lasts = 0x88888888u >> (32 - WSF_WIDTH);
    wsf_v two = v32_above(a, v32_splat(0x7F)), three = v32_above(a, v32_splat(0x7FF));
    wsf_v lasts = v_xor(v32_splat(0x7F000000), v_and(two, v32_splat(0x40000000)));
    wsf_v octets = v_or(v_or(v_and(V32_LEFT(a, 24), lasts),
                             v_and(V32_LEFT(a, 10), v32_splat(0x003F0000))),
                        v_and(V32_RIGHT(a, 4), v32_splat(0x00003F00)));
    /* What is above: C0 80, then E0 80 80, then F0 80 80 80, each out of the one before. */
    wsf_v tags = v_xor(v_and(two, v32_splat(0x80C00000)), v_and(three, v32_splat(0x0040E000)));
    if (above_ffff) {
        wsf_v four = v32_above(a, v32_splat(0xFFFF));
        tags = v_xor(tags, v_and(four, v32_splat(0x000060F0)));
        octets = v_or(octets, V32_RIGHT(a, 18));
    }
    return v_put(dst, v_or(octets, tags), v_bits(tags) | all_lasts);
}

/* Encodes the next code points: as many as `a_step` says. */
WSF_SIMD WSF_INLINE uint8_t *put(uint8_t *dst, const uint8_t *src, size_t width) {
    return width == 1   ? put_latin1(dst, v_from8(src))
           : width == 2 ? put_code_points(dst, v32_from16(src), false)
                        : put_code_points(dst, v_load(src), true);
}

WSF_SIMD WSF_INLINE size_t encode(uint8_t *dst, size_t room, const void *src, size_t width,
                                  size_t len) {
    const size_t a_step = width == 1 ? WSF_WIDTH / 2 : WSF_WIDTH / 4;
    size_t i = 0, written = 0;
    while (len - i >= a_step && room - written >= WSF_WIDTH) {
        const uint8_t *from = (const uint8_t *)src + i * width;
        if (len - i >= WSF_WIDTH && put_ascii(dst + written, from, width)) {
            i += WSF_WIDTH;
            written += WSF_WIDTH;
            continue;
        }
        /* As many as have been looked at. */
        size_t end = len - i < WSF_WIDTH ? len : i + WSF_WIDTH;
        for (; end - i >= a_step && room - written >= WSF_WIDTH; i += a_step)
            written = (size_t)(put(dst + written, (const uint8_t *)src + i * width, width) - dst);
    }
    wsf_encode_scalar_run(dst, room, src, width, len, &i, &written);
    return written;
}

WSF_SIMD static size_t latin1_plain(uint8_t *dst, size_t room, const void *src, size_t len) {
    return encode(dst, room, src, 1, len);
}

WSF_SIMD static size_t ucs2_plain(uint8_t *dst, size_t room, const void *src, size_t len) {
    return encode(dst, room, src, 2, len);
}

WSF_SIMD static size_t ucs4_plain(uint8_t *dst, size_t room, const void *src, size_t len) {
    return encode(dst, room, src, 4, len);
}

static void from_latin1(uint8_t *dst, size_t dst_len, const uint8_t *src, size_t len,
                        uint32_t key) {
    wsf_encode_pieces(dst, dst_len, src, 1, len, key, mask_kernel, latin1_plain);
}

static void from_ucs2(uint8_t *dst, size_t dst_len, const uint16_t *src, size_t len, uint32_t key) {
    wsf_encode_pieces(dst, dst_len, src, 2, len, key, mask_kernel, ucs2_plain);
}

static void from_ucs4(uint8_t *dst, size_t dst_len, const uint32_t *src, size_t len, uint32_t key) {
    wsf_encode_pieces(dst, dst_len, src, 4, len, key, mask_kernel, ucs4_plain);
}

#endif
