#include "text.h"

#if defined(WSF_X86)

#include "../simd/ssse3.h"
#include "../utf8/lookup.h"

#define unmask wsf_mask_sse2.apply

WSF_SIMD WSF_INLINE void put16(uint8_t *dst, __m128i items) {
    _mm_storeu_si128((__m128i *)dst, items);
}

/* Stores the wanted ones of four or eight items; returns where the next ones go. `which` may have
 * more bits than there are items. */
WSF_SIMD WSF_INLINE uint8_t *put8x2(uint8_t *dst, __m128i items, uint32_t which) {
    put16(dst, _mm_shuffle_epi8(items, v_load((const uint8_t *)wsf_compress16[which & 0xFF])));
    return dst + 2 * wsf_popcount(which & 0xFF);
}

WSF_SIMD WSF_INLINE uint8_t *put4x4(uint8_t *dst, __m128i items, uint32_t which) {
    put16(dst, _mm_shuffle_epi8(items, v_load((const uint8_t *)wsf_compress32[which & 0x0F])));
    return dst + 4 * wsf_popcount(which & 0x0F);
}

WSF_SIMD WSF_INLINE void put_ascii(uint8_t *dst, size_t width, wsf_v octets) {
    const __m128i zero = _mm_setzero_si128();
    if (width == 1) {
        put16(dst, octets);
        return;
    }
    __m128i low = _mm_unpacklo_epi8(octets, zero), high = _mm_unpackhi_epi8(octets, zero);
    if (width == 2) {
        put16(dst, low);
        put16(dst + 16, high);
        return;
    }
    put16(dst, _mm_unpacklo_epi16(low, zero));
    put16(dst + 16, _mm_unpackhi_epi16(low, zero));
    put16(dst + 32, _mm_unpacklo_epi16(high, zero));
    put16(dst + 48, _mm_unpackhi_epi16(high, zero));
}

WSF_SIMD WSF_INLINE void put(uint8_t *dst, size_t width, wsf_v a, wsf_v b, wsf_v c,
                             uint32_t which) {
    if (width == 1) {
        v_put(dst, a, which);
        return;
    }
    __m128i low = _mm_unpacklo_epi8(a, b), high = _mm_unpackhi_epi8(a, b);
    if (width == 2) {
        dst = put8x2(dst, low, which);
        put8x2(dst, high, which >> 8);
        return;
    }
    __m128i c_low = _mm_unpacklo_epi8(c, _mm_setzero_si128());
    __m128i c_high = _mm_unpackhi_epi8(c, _mm_setzero_si128());
    dst = put4x4(dst, _mm_unpacklo_epi16(low, c_low), which);
    dst = put4x4(dst, _mm_unpackhi_epi16(low, c_low), which >> 4);
    dst = put4x4(dst, _mm_unpacklo_epi16(high, c_high), which >> 8);
    put4x4(dst, _mm_unpackhi_epi16(high, c_high), which >> 12);
}

#include "transcode.h"

const wsf_text_functions wsf_text_ssse3 = {ascii, scan, to_latin1, to_ucs2, to_ucs4};

#else
typedef int wsf_text_ssse3_is_for_x86;
#endif
