#include "text.h"

#if defined(WSF_X86)

#include "../simd/avx2.h"
#include "../utf8/lookup.h"

#define unmask wsf_mask_avx2.apply

WSF_SIMD WSF_INLINE void put16(uint8_t *dst, __m128i items) {
    _mm_storeu_si128((__m128i *)dst, items);
}

/* Store the wanted ones of eight items; return where the next ones go. `which` may have more bits
 * than there are items. */
WSF_SIMD WSF_INLINE uint8_t *put8x2(uint8_t *dst, __m128i items, uint32_t which) {
    __m128i row = _mm_loadu_si128((const __m128i *)wsf_compress16[which & 0xFF]);
    put16(dst, _mm_shuffle_epi8(items, row));
    return dst + 2 * wsf_popcount(which & 0xFF);
}

WSF_SIMD WSF_INLINE uint8_t *put8x4(uint8_t *dst, __m256i items, uint32_t which) {
    __m128i row = _mm_loadl_epi64((const __m128i *)&wsf_compress8[which & 0xFF]);
    v_store(dst, _mm256_permutevar8x32_epi32(items, _mm256_cvtepu8_epi32(row)));
    return dst + 4 * wsf_popcount(which & 0xFF);
}

WSF_SIMD WSF_INLINE void put_ascii(uint8_t *dst, size_t width, wsf_v octets) {
    __m128i halves[2] = {_mm256_castsi256_si128(octets), _mm256_extracti128_si256(octets, 1)};
    if (width == 1) {
        v_store(dst, octets);
        return;
    }
    for (size_t i = 0; i < 2; i++, dst += 16 * width) {
        if (width == 2) {
            v_store(dst, _mm256_cvtepu8_epi16(halves[i]));
        } else {
            v_store(dst, _mm256_cvtepu8_epi32(halves[i]));
            v_store(dst + 32, _mm256_cvtepu8_epi32(_mm_unpackhi_epi64(halves[i], halves[i])));
        }
    }
}

/* Eight code points of 32 bits out of their lower 16 bits and their third octets. */
WSF_SIMD WSF_INLINE wsf_v widened(__m128i low, __m128i third) {
    return _mm256_or_si256(_mm256_cvtepu16_epi32(low),
                           _mm256_slli_epi32(_mm256_cvtepu8_epi32(third), 16));
}

WSF_SIMD WSF_INLINE void put(uint8_t *dst, size_t width, wsf_v a, wsf_v b, wsf_v c,
                             uint32_t which) {
    if (width == 1) {
        v_put(dst, a, which);
        return;
    }
    /* Each half on its own: items 0 to 7 and 16 to 23, then 8 to 15 and 24 to 31. */
    __m256i even = _mm256_unpacklo_epi8(a, b), odd = _mm256_unpackhi_epi8(a, b);
    __m128i rows[4] = {_mm256_castsi256_si128(even), _mm256_castsi256_si128(odd),
                       _mm256_extracti128_si256(even, 1), _mm256_extracti128_si256(odd, 1)};
    if (width == 2) {
        for (int i = 0; i < 4; i++)
            dst = put8x2(dst, rows[i], which >> 8 * i);
        return;
    }
    __m128i low = _mm256_castsi256_si128(c), high = _mm256_extracti128_si256(c, 1);
    dst = put8x4(dst, widened(rows[0], low), which);
    dst = put8x4(dst, widened(rows[1], _mm_unpackhi_epi64(low, low)), which >> 8);
    dst = put8x4(dst, widened(rows[2], high), which >> 16);
    put8x4(dst, widened(rows[3], _mm_unpackhi_epi64(high, high)), which >> 24);
}

#include "transcode.h"

const wsf_text_functions wsf_text_avx2 = {ascii, scan, to_latin1, to_ucs2, to_ucs4};

#else
typedef int wsf_text_avx2_is_for_x86;
#endif
