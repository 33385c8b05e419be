#include "encode.h"

#if defined(WSF_X86)

#include <immintrin.h>

#define WSF_ENCODE_AVX512                                                                         \
    WSF_TARGET("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,bmi,bmi2,popcnt")

WSF_ENCODE_AVX512 WSF_INLINE __mmask64 first_of_64(size_t len) {
    return len < 64 ? ((__mmask64)1 << len) - 1 : ~(__mmask64)0;
}

WSF_INLINE size_t at_most(size_t count, size_t room) { return count < room ? count : room; }

/* Masks `count` octets and stores them at dst[at]. */
WSF_ENCODE_AVX512 WSF_INLINE size_t store(uint8_t *dst, size_t at, size_t dst_len, __m512i octets,
                                          size_t count, uint32_t key) {
    octets = _mm512_xor_si512(octets, _mm512_set1_epi32((int)wsf_mask_rotate(key, at)));
    if (WSF_LIKELY(dst_len - at >= 64)) {
        _mm512_storeu_si512(dst + at, octets);
        return at + count;
    }
    count = at_most(count, dst_len - at);
    _mm512_mask_storeu_epi8(dst + at, first_of_64(count), octets);
    return at + count;
}

WSF_ENCODE_AVX512 WSF_INLINE __m512i load8(const uint8_t *src, size_t left) {
    return WSF_LIKELY(left >= 64) ? _mm512_loadu_si512(src)
                                  : _mm512_maskz_loadu_epi8(first_of_64(left), src);
}

WSF_ENCODE_AVX512 WSF_INLINE __m512i load16(const uint16_t *src, size_t left) {
    return WSF_LIKELY(left >= 32) ? _mm512_loadu_si512(src)
                                  : _mm512_maskz_loadu_epi16((__mmask32)first_of_64(left), src);
}

WSF_ENCODE_AVX512 WSF_INLINE __m512i load32(const uint32_t *src, size_t left) {
    return WSF_LIKELY(left >= 16) ? _mm512_loadu_si512(src)
                                  : _mm512_maskz_loadu_epi32((__mmask16)first_of_64(left), src);
}

WSF_ENCODE_AVX512 static size_t length_latin1(const uint8_t *src, size_t len) {
    size_t octets = len;
    for (size_t i = 0; i < len; i += 64)
        octets += (size_t)_mm_popcnt_u64(_mm512_movepi8_mask(load8(src + i, len - i)));
    return octets;
}

WSF_ENCODE_AVX512 static size_t length_ucs2(const uint16_t *src, size_t len) {
    size_t octets = len;
    __mmask32 surrogates = 0;
    for (size_t i = 0; i < len; i += 32) {
        __m512i points = load16(src + i, len - i);
        __m512i upper5 = _mm512_and_si512(points, _mm512_set1_epi16((short)0xF800));
        __mmask32 two = _mm512_cmpge_epu16_mask(points, _mm512_set1_epi16(0x80));
        __mmask32 three = _mm512_test_epi16_mask(upper5, upper5);
        surrogates |= _mm512_cmpeq_epi16_mask(upper5, _mm512_set1_epi16((short)0xD800));
        octets += (size_t)_mm_popcnt_u64((uint64_t)three << 32 | two);
    }
    return surrogates == 0 ? octets : SIZE_MAX;
}

WSF_ENCODE_AVX512 static size_t length_ucs4(const uint32_t *src, size_t len) {
    size_t octets = len;
    unsigned refused = 0;
    for (size_t i = 0; i < len; i += 16) {
        __m512i points = load32(src + i, len - i);
        __m512i upper21 = _mm512_and_si512(points, _mm512_set1_epi32((int)0xFFFFF800));
        uint64_t two = _mm512_cmpge_epu32_mask(points, _mm512_set1_epi32(0x80));
        uint64_t three = _mm512_test_epi32_mask(upper21, upper21);
        uint64_t four = _mm512_cmpge_epu32_mask(points, _mm512_set1_epi32(0x10000));
        refused |= _mm512_cmpeq_epi32_mask(upper21, _mm512_set1_epi32(0xD800)) |
                   _mm512_cmpgt_epu32_mask(points, _mm512_set1_epi32(0x10FFFF));
        octets += (size_t)_mm_popcnt_u64(four << 32 | three << 16 | two);
    }
    return refused == 0 ? octets : SIZE_MAX;
}

/* Two octets for each of 32 code points, first octet lower; then the second one of ASCII is dropped.
 *
 *   U+0000       0aaaaaaa  --------
 *   U+0080       110000aa  10aaaaaa
 */
WSF_ENCODE_AVX512 static void from_latin1(uint8_t *dst, size_t dst_len, const uint8_t *src,
                                          size_t len, uint32_t key) {
    const __m512i always = _mm512_set1_epi16(0x0080);
    size_t at = 0;
    for (size_t i = 0; i < len; i += 64) {
        __m512i points = load8(src + i, len - i);
        size_t count = at_most(len - i, 64);
        if (_mm512_movepi8_mask(points) == 0) {
            at = store(dst, at, dst_len, points, count, key);
            continue;
        }
        for (size_t half = 0; half < 2 && 32 * half < count; half++) {
            __m512i wide = _mm512_cvtepu8_epi16(half == 0 ? _mm512_castsi512_si256(points)
                                                          : _mm512_extracti64x4_epi64(points, 1));
            /* aaaaaaaa -> 000000aa, and 00aaaaaa above it */
            __m512i pair = _mm512_or_si512(
                _mm512_srli_epi16(wide, 6),
                _mm512_and_si512(_mm512_slli_epi16(wide, 8), _mm512_set1_epi16(0x3F00)));
            pair = _mm512_or_si512(pair, _mm512_set1_epi16((short)0x80C0));
            pair = _mm512_mask_mov_epi16(
                pair, _mm512_cmplt_epu16_mask(wide, _mm512_set1_epi16(0x80)), wide);
            __mmask64 kept = _mm512_movepi8_mask(_mm512_or_si512(pair, always)) &
                             first_of_64(2 * (count - 32 * half));
            at = store(dst, at, dst_len, _mm512_maskz_compress_epi8(kept, pair),
                       (size_t)_mm_popcnt_u64(kept), key);
        }
    }
}

/* Four octets for each of 16 code points, the last one upmost; then those that are not needed are
 * dropped: they are the ones whose top bit is 0, ASCII's last octet apart.
 *
 *   U+0000       --------  --------  --------  0aaaaaaa
 *   U+0080       --------  --------  110bbbbb  10aaaaaa
 *   U+0800       --------  1110cccc  10bbbbbb  10aaaaaa
 *   U+10000      11110ddd  10cccccc  10bbbbbb  10aaaaaa
 */
WSF_ENCODE_AVX512 WSF_INLINE size_t encode16(uint8_t *dst, size_t at, size_t dst_len,
                                             __m512i points, size_t count, uint32_t key) {
    /* Where in each quadword the octets begin: bits 18, 12, 6 and 0 of both code points. */
    const __m512i places = _mm512_set1_epi64(0x20262C3200060C12);
    const __m512i bits = _mm512_set1_epi32(0x3F3F3F07);
    __m512i lead = _mm512_set1_epi32((int)0x8080E000);
    lead = _mm512_mask_mov_epi32(lead,
                                 _mm512_cmplt_epu32_mask(points, _mm512_set1_epi32(0x800)),
                                 _mm512_set1_epi32((int)0x80C00000));
    lead = _mm512_mask_mov_epi32(lead,
                                 _mm512_cmpge_epu32_mask(points, _mm512_set1_epi32(0x10000)),
                                 _mm512_set1_epi32((int)0x808080F0));
    /* (a & b) | c */
    __m512i octets =
        _mm512_ternarylogic_epi32(_mm512_multishift_epi64_epi8(places, points), bits, lead, 0xEA);
    octets = _mm512_mask_slli_epi32(
        octets, _mm512_cmplt_epu32_mask(points, _mm512_set1_epi32(0x80)), points, 24);
    __mmask64 kept =
        _mm512_movepi8_mask(_mm512_or_si512(octets, _mm512_set1_epi32((int)0x80000000))) &
        first_of_64(4 * count);
    return store(dst, at, dst_len, _mm512_maskz_compress_epi8(kept, octets),
                 (size_t)_mm_popcnt_u64(kept), key);
}

WSF_ENCODE_AVX512 static void from_ucs2(uint8_t *dst, size_t dst_len, const uint16_t *src,
                                        size_t len, uint32_t key) {
    size_t at = 0;
    for (size_t i = 0; i < len; i += 32) {
        size_t count = at_most(len - i, 32);
        __m512i points = load16(src + i, count);
        if (_mm512_cmpge_epu16_mask(points, _mm512_set1_epi16(0x80)) == 0) {
            at = store(dst, at, dst_len, _mm512_castsi256_si512(_mm512_cvtepi16_epi8(points)),
                       count, key);
            continue;
        }
        at = encode16(dst, at, dst_len, _mm512_cvtepu16_epi32(_mm512_castsi512_si256(points)),
                      at_most(count, 16), key);
        if (count > 16)
            at = encode16(dst, at, dst_len,
                          _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(points, 1)), count - 16,
                          key);
    }
}

WSF_ENCODE_AVX512 static void from_ucs4(uint8_t *dst, size_t dst_len, const uint32_t *src,
                                        size_t len, uint32_t key) {
    size_t at = 0;
    for (size_t i = 0; i < len; i += 16) {
        size_t count = at_most(len - i, 16);
        __m512i points = load32(src + i, count);
        at = encode16(dst, at, dst_len, points, count, key);
    }
}

const wsf_encode_functions wsf_encode_avx512 = {length_latin1, length_ucs2, length_ucs4,
                                                from_latin1,   from_ucs2,   from_ucs4};

#else
typedef int wsf_encode_avx512_is_not_for_this_machine;
#endif
