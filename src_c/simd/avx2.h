/* Registers of 32 octets by AVX2: the vocabulary that the kernels' shared bodies are written in. */
#ifndef WSF_SIMD_H
#define WSF_SIMD_H

#include "compress.h"

#include <immintrin.h>

#define WSF_SIMD WSF_TARGET("avx2,bmi,bmi2,popcnt")

typedef __m256i wsf_v;

enum { WSF_WIDTH = 32 };

WSF_SIMD WSF_INLINE wsf_v v_load(const uint8_t *src) {
    return _mm256_loadu_si256((const __m256i *)src);
}

WSF_SIMD WSF_INLINE void v_store(uint8_t *dst, wsf_v a) { _mm256_storeu_si256((__m256i *)dst, a); }

WSF_SIMD WSF_INLINE wsf_v v_splat(uint8_t octet) { return _mm256_set1_epi8((char)octet); }

/* The same value, of which the compiler knows nothing: it stays in a register instead of being made
 * anew at each use. */
WSF_SIMD WSF_INLINE wsf_v v_kept(wsf_v a) {
    WSF_KEEP(a);
    return a;
}

WSF_SIMD WSF_INLINE wsf_v v_key(uint32_t key) { return _mm256_set1_epi32((int)key); }

/* A table of 16 octets, for v_lookup: once for each half. */
WSF_SIMD WSF_INLINE wsf_v v_table(const uint8_t *table) {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table));
}

/* Octets of the table by the lower four bits of each octet, whose upper four must be 0. */
WSF_SIMD WSF_INLINE wsf_v v_lookup(wsf_v table, wsf_v at) {
    return _mm256_shuffle_epi8(table, at);
}

WSF_SIMD WSF_INLINE wsf_v v_and(wsf_v a, wsf_v b) { return _mm256_and_si256(a, b); }
WSF_SIMD WSF_INLINE wsf_v v_or(wsf_v a, wsf_v b) { return _mm256_or_si256(a, b); }
WSF_SIMD WSF_INLINE wsf_v v_xor(wsf_v a, wsf_v b) { return _mm256_xor_si256(a, b); }
WSF_SIMD WSF_INLINE wsf_v v_max(wsf_v a, wsf_v b) { return _mm256_max_epu8(a, b); }
WSF_SIMD WSF_INLINE wsf_v v_minus(wsf_v a, wsf_v b) { return _mm256_sub_epi8(a, b); }

WSF_SIMD WSF_INLINE wsf_v v_equal(wsf_v a, wsf_v b) { return _mm256_cmpeq_epi8(a, b); }

/* a - b, but not below 0. */
WSF_SIMD WSF_INLINE wsf_v v_minus_to_zero(wsf_v a, wsf_v b) { return _mm256_subs_epu8(a, b); }

/* 0xFF where a continuation octet is: as signed numbers, those are below 0xC0. */
WSF_SIMD WSF_INLINE wsf_v v_continuations(wsf_v a) { return _mm256_cmpgt_epi8(v_splat(0xC0), a); }

/* The upper four bits of each octet; `lower` is 0x0F everywhere. */
WSF_SIMD WSF_INLINE wsf_v v_upper(wsf_v a, wsf_v lower) {
    return v_and(_mm256_srli_epi16(a, 4), lower);
}

/* Each octet's bits, moved; those that come in are any. */
#define V_LEFT(a, bits) _mm256_slli_epi16(a, bits)
#define V_RIGHT(a, bits) _mm256_srli_epi16(a, bits)

/* Sums of eight octets each, as 64-bit numbers. */
WSF_SIMD WSF_INLINE wsf_v v_sums(wsf_v a) { return _mm256_sad_epu8(a, _mm256_setzero_si256()); }
WSF_SIMD WSF_INLINE wsf_v v_plus64(wsf_v a, wsf_v b) { return _mm256_add_epi64(a, b); }

/* The top bit of each octet, the first octet's lowest. */
WSF_SIMD WSF_INLINE uint32_t v_bits(wsf_v a) { return (uint32_t)_mm256_movemask_epi8(a); }

WSF_SIMD WSF_INLINE bool v_is_ascii(wsf_v a) { return _mm256_movemask_epi8(a) == 0; }

WSF_SIMD WSF_INLINE bool v_is_zero(wsf_v a) { return _mm256_testz_si256(a, a) != 0; }

/* Stores the octets that `which` has a bit for; returns where the next ones go. It writes in rows of
 * eight octets, of which the last ones may be any: WSF_WIDTH octets at most. */
WSF_SIMD WSF_INLINE uint8_t *v_put8(uint8_t *dst, __m128i a, uint32_t which) {
    __m128i row = _mm_loadl_epi64((const __m128i *)&wsf_compress8[which & 0xFF]);
    _mm_storel_epi64((__m128i *)dst, _mm_shuffle_epi8(a, row));
    return dst + wsf_popcount(which & 0xFF);
}
WSF_SIMD WSF_INLINE uint8_t *v_put(uint8_t *dst, wsf_v a, uint32_t which) {
    __m128i low = _mm256_castsi256_si128(a), high = _mm256_extracti128_si256(a, 1);
    dst = v_put8(dst, low, which);
    dst = v_put8(dst, _mm_unpackhi_epi64(low, low), which >> 8);
    dst = v_put8(dst, high, which >> 16);
    return v_put8(dst, _mm_unpackhi_epi64(high, high), which >> 24);
}

/* Code points of 32 bits. */
WSF_SIMD WSF_INLINE wsf_v v32_splat(uint32_t bits) { return _mm256_set1_epi32((int)bits); }
WSF_SIMD WSF_INLINE wsf_v v32_above(wsf_v a, wsf_v b) { return _mm256_cmpgt_epi32(a, b); }
#define V32_LEFT(a, bits) _mm256_slli_epi32(a, bits)
#define V32_RIGHT(a, bits) _mm256_srli_epi32(a, bits)

/* Half a register of 16-bit code points as 32-bit ones. */
WSF_SIMD WSF_INLINE wsf_v v32_from16(const uint8_t *src) {
    return _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)src));
}

/* Half a register of octets, each with a zero before it. */
WSF_SIMD WSF_INLINE wsf_v v_from8(const uint8_t *src) {
    return _mm256_slli_epi16(_mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)src)), 8);
}

/* ASCII as octets, from two registers of 16-bit code points: packing by halves gives a0 b0 | a1 b1. */
WSF_SIMD WSF_INLINE wsf_v v_from_ascii16(wsf_v a, wsf_v b) {
    return _mm256_permute4x64_epi64(_mm256_packus_epi16(a, b), 0xD8);
}

/* From four registers of 32-bit ones: a0 b0 c0 d0 | a1 b1 c1 d1, each of four octets. */
WSF_SIMD WSF_INLINE wsf_v v_from_ascii32(wsf_v a, wsf_v b, wsf_v c, wsf_v d) {
    wsf_v packed = _mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
    return _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

/* `places` zeros, then the first octets of a. The lower half moves up first: 0 a0 | a0 a1. */
#define V_AFTER_ZEROS(a, places)                                                                   \
    _mm256_alignr_epi8(a, _mm256_permute2x128_si256(a, a, 0x08), 16 - (places))

#endif
