/* Registers of 16 octets by SSSE3: the vocabulary that the kernels' shared bodies are written in. */
#ifndef WSF_SIMD_H
#define WSF_SIMD_H

#include "compress.h"

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

WSF_SIMD WSF_INLINE wsf_v v_equal(wsf_v a, wsf_v b) { return _mm_cmpeq_epi8(a, b); }

/* a - b, but not below 0. */
WSF_SIMD WSF_INLINE wsf_v v_minus_to_zero(wsf_v a, wsf_v b) { return _mm_subs_epu8(a, b); }

/* 0xFF where a continuation octet is: as signed numbers, those are below 0xC0. */
WSF_SIMD WSF_INLINE wsf_v v_continuations(wsf_v a) { return _mm_cmpgt_epi8(v_splat(0xC0), a); }

/* The upper four bits of each octet; `lower` is 0x0F everywhere. */
WSF_SIMD WSF_INLINE wsf_v v_upper(wsf_v a, wsf_v lower) { return v_and(_mm_srli_epi16(a, 4), lower); }

/* Each octet's bits, moved; those that come in are any. */
#define V_LEFT(a, bits) _mm_slli_epi16(a, bits)
#define V_RIGHT(a, bits) _mm_srli_epi16(a, bits)

/* Sums of eight octets each, as 64-bit numbers. */
WSF_SIMD WSF_INLINE wsf_v v_sums(wsf_v a) { return _mm_sad_epu8(a, _mm_setzero_si128()); }
WSF_SIMD WSF_INLINE wsf_v v_plus64(wsf_v a, wsf_v b) { return _mm_add_epi64(a, b); }

/* The top bit of each octet, the first octet's lowest. */
WSF_SIMD WSF_INLINE uint32_t v_bits(wsf_v a) { return (uint32_t)_mm_movemask_epi8(a); }

WSF_SIMD WSF_INLINE bool v_is_ascii(wsf_v a) { return _mm_movemask_epi8(a) == 0; }

WSF_SIMD WSF_INLINE bool v_is_zero(wsf_v a) {
    return _mm_movemask_epi8(_mm_cmpeq_epi8(a, _mm_setzero_si128())) == 0xFFFF;
}

/* Stores the octets that `which` has a bit for; returns where the next ones go. It writes in rows of
 * eight octets, of which the last ones may be any: WSF_WIDTH octets at most. */
WSF_SIMD WSF_INLINE uint8_t *v_put8(uint8_t *dst, wsf_v a, uint32_t which) {
    __m128i row = _mm_loadl_epi64((const __m128i *)&wsf_compress8[which & 0xFF]);
    _mm_storel_epi64((__m128i *)dst, _mm_shuffle_epi8(a, row));
    return dst + wsf_popcount(which & 0xFF);
}
WSF_SIMD WSF_INLINE uint8_t *v_put(uint8_t *dst, wsf_v a, uint32_t which) {
    dst = v_put8(dst, a, which);
    return v_put8(dst, _mm_unpackhi_epi64(a, a), which >> 8);
}

/* Code points of 32 bits. */
WSF_SIMD WSF_INLINE wsf_v v32_splat(uint32_t bits) { return _mm_set1_epi32((int)bits); }
WSF_SIMD WSF_INLINE wsf_v v32_above(wsf_v a, wsf_v b) { return _mm_cmpgt_epi32(a, b); }
#define V32_LEFT(a, bits) _mm_slli_epi32(a, bits)
#define V32_RIGHT(a, bits) _mm_srli_epi32(a, bits)

/* Half a register of 16-bit code points as 32-bit ones. */
WSF_SIMD WSF_INLINE wsf_v v32_from16(const uint8_t *src) {
    return _mm_unpacklo_epi16(_mm_loadl_epi64((const __m128i *)src), _mm_setzero_si128());
}

/* Half a register of octets, each with a zero before it. */
WSF_SIMD WSF_INLINE wsf_v v_from8(const uint8_t *src) {
    return _mm_unpacklo_epi8(_mm_setzero_si128(), _mm_loadl_epi64((const __m128i *)src));
}

/* ASCII as octets, from two registers of 16-bit code points. */
WSF_SIMD WSF_INLINE wsf_v v_from_ascii16(wsf_v a, wsf_v b) { return _mm_packus_epi16(a, b); }

/* From four registers of 32-bit ones. */
WSF_SIMD WSF_INLINE wsf_v v_from_ascii32(wsf_v a, wsf_v b, wsf_v c, wsf_v d) {
    return _mm_packus_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d));
}

/* `places` zeros, then the first octets of a. */
#define V_AFTER_ZEROS(a, places) _mm_slli_si128(a, places)

#endif
