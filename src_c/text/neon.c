#include "text.h"

#if defined(WSF_NEON)

#include "../simd/neon.h"
#include "../utf8/lookup.h"

#define unmask wsf_mask_neon.apply

/* Store the wanted ones of four or eight items; return where the next ones go. `which` may have more
 * bits than there are items. */
WSF_SIMD WSF_INLINE uint8_t *put8x2(uint8_t *dst, wsf_v items, uint32_t which) {
    v_store(dst, vqtbl1q_u8(items, v_load((const uint8_t *)wsf_compress16[which & 0xFF])));
    return dst + 2 * wsf_popcount(which & 0xFF);
}

WSF_SIMD WSF_INLINE uint8_t *put4x4(uint8_t *dst, uint16x8_t items, uint32_t which) {
    wsf_v row = v_load((const uint8_t *)wsf_compress32[which & 0x0F]);
    v_store(dst, vqtbl1q_u8(vreinterpretq_u8_u16(items), row));
    return dst + 4 * wsf_popcount(which & 0x0F);
}

/* The items of `width` octets that a, b, c and zeros are the octets of, by rows of sixteen octets. */
WSF_SIMD WSF_INLINE void widen(uint16x8_t rows[4], size_t width, wsf_v a, wsf_v b, wsf_v c) {
    uint16x8x2_t low = {{vreinterpretq_u16_u8(vzip1q_u8(a, b)),
                         vreinterpretq_u16_u8(vzip2q_u8(a, b))}};
    rows[0] = low.val[0];
    rows[1] = low.val[1];
    if (width == 4) {
        uint16x8_t c_low = vreinterpretq_u16_u8(vzip1q_u8(c, vdupq_n_u8(0)));
        uint16x8_t c_high = vreinterpretq_u16_u8(vzip2q_u8(c, vdupq_n_u8(0)));
        rows[0] = vzip1q_u16(low.val[0], c_low);
        rows[1] = vzip2q_u16(low.val[0], c_low);
        rows[2] = vzip1q_u16(low.val[1], c_high);
        rows[3] = vzip2q_u16(low.val[1], c_high);
    }
}

WSF_SIMD WSF_INLINE void put_ascii(uint8_t *dst, size_t width, wsf_v octets) {
    uint16x8_t rows[4];
    if (width == 1) {
        v_store(dst, octets);
        return;
    }
    widen(rows, width, octets, vdupq_n_u8(0), vdupq_n_u8(0));
    for (size_t i = 0; i < width; i++)
        v_store(dst + 16 * i, vreinterpretq_u8_u16(rows[i]));
}

WSF_SIMD WSF_INLINE void put(uint8_t *dst, size_t width, wsf_v a, wsf_v b, wsf_v c,
                             uint32_t which) {
    uint16x8_t rows[4];
    if (width == 1) {
        v_put(dst, a, which);
        return;
    }
    widen(rows, width, a, b, c);
    for (size_t i = 0; i < width; i++)
        dst = width == 2 ? put8x2(dst, vreinterpretq_u8_u16(rows[i]), which >> 8 * i)
                         : put4x4(dst, rows[i], which >> 4 * i);
}

#include "transcode.h"

const wsf_text_functions wsf_text_neon = {ascii, scan, to_latin1, to_ucs2, to_ucs4};

#else
typedef int wsf_text_neon_is_for_aarch64;
#endif
