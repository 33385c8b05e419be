/* Registers of 16 octets by SSSE3: the vocabulary that the kernels' shared bodies are written in. */
#ifndef WSF_SIMD_H
#define WSF_SIMD_H

#include "../platform.h"

#include <tmmintrin.h>

#define WSF_SIMD WSF_TARGET("ssse3,popcnt")

typedef __m128i wsf_v;

enum { WSF_WIDTH = 16 };

WSF_SIMD WSF_INLINE wsf_v v_load(const uint8_t *src) {
    return _mm_loadu_si128((const __m128i *)src);
}

WSF_SIMD WSF_INLINE void v_store(uint8_t *dst, wsf_v a) { _mm_storeu_si128((__m128i *)dst, a); }

WSF_SIMD WSF_INLINE wsf_v v_splat(uint8_t octet) { return _mm_set1_epi8((char)octet); }

/* The same value, of which the compiler knows nothing: it stays in a register instead of being made
 * anew at each use. */
WSF_SIMD WSF_INLINE wsf_v v_kept(wsf_v a) {
    WSF_KEEP(a);
    return a;
}

WSF_SIMD WSF_INLINE wsf_v v_key(uint32_t key) { return _mm_set1_epi32((int)key); }

/* A table of 16 octets, for v_lookup. */
WSF_SIMD WSF_INLINE wsf_v v_table(const uint8_t *table) { return v_load(table); }

/* Octets of the table by the lower four bits of each octet, whose upper four must be 0. */
WSF_SIMD WSF_INLINE wsf_v v_lookup(wsf_v table, wsf_v at) { return _mm_shuffle_epi8(table, at); }

WSF_SIMD WSF_INLINE wsf_v v_and(wsf_v a, wsf_v b) { return _mm_and_si128(a, b); }
WSF_SIMD WSF_INLINE wsf_v v_or(wsf_v a, wsf_v b) { return _mm_or_si128(a, b); }
WSF_SIMD WSF_INLINE wsf_v v_xor(wsf_v a, wsf_v b) { return _mm_xor_si128(a, b); }
WSF_SIMD WSF_INLINE wsf_v v_max(wsf_v a, wsf_v b) { return _mm_max_epu8(a, b); }
WSF_SIMD WSF_INLINE wsf_v v_minus(wsf_v a, wsf_v b) { return _mm_sub_epi8(a, b); }

/* a - b, but not below 0. */
WSF_SIMD WSF_INLINE wsf_v v_minus_to_zero(wsf_v a, wsf_v b) { return _mm_subs_epu8(a, b); }

/* 0xFF where a continuation octet is: as signed numbers, those are below 0xC0. */
WSF_SIMD WSF_INLINE wsf_v v_continuations(wsf_v a) { return _mm_cmpgt_epi8(v_splat(0xC0), a); }

/* The upper four bits of each octet; `lower` is 0x0F everywhere. */
WSF_SIMD WSF_INLINE wsf_v v_upper(wsf_v a, wsf_v lower) { return v_and(_mm_srli_epi16(a, 4), lower); }

/* Sums of eight octets each, as 64-bit numbers. */
WSF_SIMD WSF_INLINE wsf_v v_sums(wsf_v a) { return _mm_sad_epu8(a, _mm_setzero_si128()); }
WSF_SIMD WSF_INLINE wsf_v v_plus64(wsf_v a, wsf_v b) { return _mm_add_epi64(a, b); }

WSF_SIMD WSF_INLINE bool v_is_ascii(wsf_v a) { return _mm_movemask_epi8(a) == 0; }

WSF_SIMD WSF_INLINE bool v_is_zero(wsf_v a) {
    return _mm_movemask_epi8(_mm_cmpeq_epi8(a, _mm_setzero_si128())) == 0xFFFF;
}

/* `places` zeros, then the first octets of a. */
#define V_AFTER_ZEROS(a, places) _mm_slli_si128(a, places)

#endif
