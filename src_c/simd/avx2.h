/* Registers of 32 octets by AVX2: the vocabulary that the kernels' shared bodies are written in. */
#ifndef WSF_SIMD_H
#define WSF_SIMD_H

#include "../platform.h"

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

/* a - b, but not below 0. */
WSF_SIMD WSF_INLINE wsf_v v_minus_to_zero(wsf_v a, wsf_v b) { return _mm256_subs_epu8(a, b); }

/* 0xFF where a continuation octet is: as signed numbers, those are below 0xC0. */
WSF_SIMD WSF_INLINE wsf_v v_continuations(wsf_v a) { return _mm256_cmpgt_epi8(v_splat(0xC0), a); }

/* The upper four bits of each octet; `lower` is 0x0F everywhere. */
WSF_SIMD WSF_INLINE wsf_v v_upper(wsf_v a, wsf_v lower) {
    return v_and(_mm256_srli_epi16(a, 4), lower);
}

/* Sums of eight octets each, as 64-bit numbers. */
WSF_SIMD WSF_INLINE wsf_v v_sums(wsf_v a) { return _mm256_sad_epu8(a, _mm256_setzero_si256()); }
WSF_SIMD WSF_INLINE wsf_v v_plus64(wsf_v a, wsf_v b) { return _mm256_add_epi64(a, b); }

WSF_SIMD WSF_INLINE bool v_is_ascii(wsf_v a) { return _mm256_movemask_epi8(a) == 0; }

WSF_SIMD WSF_INLINE bool v_is_zero(wsf_v a) { return _mm256_testz_si256(a, a) != 0; }

/* `places` zeros, then the first octets of a. The lower half moves up first: 0 a0 | a0 a1. */
#define V_AFTER_ZEROS(a, places)                                                                   \
    _mm256_alignr_epi8(a, _mm256_permute2x128_si256(a, a, 0x08), 16 - (places))

#endif
