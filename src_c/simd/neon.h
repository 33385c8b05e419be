/* Registers of 16 octets by NEON: the vocabulary that the kernels' shared bodies are written in. */
#ifndef WSF_SIMD_H
#define WSF_SIMD_H

#include "compress.h"

#include <arm_neon.h>

#define WSF_SIMD

typedef uint8x16_t wsf_v;

enum { WSF_WIDTH = 16 };

WSF_SIMD WSF_INLINE wsf_v v_load(const uint8_t *src) { return vld1q_u8(src); }

WSF_SIMD WSF_INLINE void v_store(uint8_t *dst, wsf_v a) { vst1q_u8(dst, a); }

WSF_SIMD WSF_INLINE wsf_v v_splat(uint8_t octet) { return vdupq_n_u8(octet); }

/* The same value, of which the compiler knows nothing: it stays in a register instead of being made
 * anew at each use. */
WSF_SIMD WSF_INLINE wsf_v v_kept(wsf_v a) {
    WSF_KEEP(a);
    return a;
}

WSF_SIMD WSF_INLINE wsf_v v_key(uint32_t key) { return vreinterpretq_u8_u32(vdupq_n_u32(key)); }

/* A table of 16 octets, for v_lookup. */
WSF_SIMD WSF_INLINE wsf_v v_table(const uint8_t *table) { return v_load(table); }

/* Octets of the table by the lower four bits of each octet, whose upper four must be 0. */
WSF_SIMD WSF_INLINE wsf_v v_lookup(wsf_v table, wsf_v at) { return vqtbl1q_u8(table, at); }

WSF_SIMD WSF_INLINE wsf_v v_and(wsf_v a, wsf_v b) { return vandq_u8(a, b); }
WSF_SIMD WSF_INLINE wsf_v v_or(wsf_v a, wsf_v b) { return vorrq_u8(a, b); }
WSF_SIMD WSF_INLINE wsf_v v_xor(wsf_v a, wsf_v b) { return veorq_u8(a, b); }
WSF_SIMD WSF_INLINE wsf_v v_max(wsf_v a, wsf_v b) { return vmaxq_u8(a, b); }
WSF_SIMD WSF_INLINE wsf_v v_minus(wsf_v a, wsf_v b) { return vsubq_u8(a, b); }

WSF_SIMD WSF_INLINE wsf_v v_equal(wsf_v a, wsf_v b) { return vceqq_u8(a, b); }

/* a - b, but not below 0. */
WSF_SIMD WSF_INLINE wsf_v v_minus_to_zero(wsf_v a, wsf_v b) { return vqsubq_u8(a, b); }

/* 0xFF where a continuation octet is: as signed numbers, those are below 0xC0. */
WSF_SIMD WSF_INLINE wsf_v v_continuations(wsf_v a) {
    return vcltq_s8(vreinterpretq_s8_u8(a), vdupq_n_s8(-0x40));
}

/* The upper four bits of each octet; `lower` is 0x0F everywhere. */
WSF_SIMD WSF_INLINE wsf_v v_upper(wsf_v a, wsf_v lower) { 
    (void)lower;
    return vshrq_n_u8(a, 4);
 }

/* Each octet's bits, moved; those that come in are any. */
#define V_LEFT(a, bits) vshlq_n_u8(a, bits)
#define V_RIGHT(a, bits) vshrq_n_u8(a, bits)

/* Sums of eight octets each, as 64-bit numbers. */
WSF_SIMD WSF_INLINE wsf_v v_sums(wsf_v a) {
    return vreinterpretq_u8_u64(vpaddlq_u32(vpaddlq_u16(vpaddlq_u8(a))));
}
WSF_SIMD WSF_INLINE wsf_v v_plus64(wsf_v a, wsf_v b) {
    return vreinterpretq_u8_u64(vaddq_u64(vreinterpretq_u64_u8(a), vreinterpretq_u64_u8(b)));
}

/* The top bit of each octet, the first octet's lowest. */
WSF_SIMD WSF_INLINE uint32_t v_bits(wsf_v a) {
    static const int8_t places[16] = {0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7};
    uint8x16_t bits = vshlq_u8(vshrq_n_u8(a, 7), vld1q_s8(places));
    bits = vpaddq_u8(bits, bits);
    bits = vpaddq_u8(bits, bits);
    bits = vpaddq_u8(bits, bits);
    return vgetq_lane_u16(vreinterpretq_u16_u8(bits), 0);
}

WSF_SIMD WSF_INLINE bool v_is_ascii(wsf_v a) { return vmaxvq_u8(a) < 0x80; }

WSF_SIMD WSF_INLINE bool v_is_zero(wsf_v a) { return vmaxvq_u8(a) == 0; }

/* Stores the octets that `which` has a bit for; returns where the next ones go. It writes in rows of
 * eight octets, of which the last ones may be any: WSF_WIDTH octets at most. */
WSF_SIMD WSF_INLINE uint8_t *v_put8(uint8_t *dst, uint8x8_t a, uint32_t which) {
    vst1_u8(dst, vtbl1_u8(a, vld1_u8((const uint8_t *)&wsf_compress8[which & 0xFF])));
    return dst + wsf_popcount(which & 0xFF);
}
WSF_SIMD WSF_INLINE uint8_t *v_put(uint8_t *dst, wsf_v a, uint32_t which) {
    dst = v_put8(dst, vget_low_u8(a), which);
    return v_put8(dst, vget_high_u8(a), which >> 8);
}

/* Code points of 32 bits. */
WSF_SIMD WSF_INLINE wsf_v v32_splat(uint32_t bits) { return vreinterpretq_u8_u32(vdupq_n_u32(bits)); }
WSF_SIMD WSF_INLINE wsf_v v32_above(wsf_v a, wsf_v b) {
    return vreinterpretq_u8_u32(vcgtq_u32(vreinterpretq_u32_u8(a), vreinterpretq_u32_u8(b)));
}
#define V32_LEFT(a, bits) vreinterpretq_u8_u32(vshlq_n_u32(vreinterpretq_u32_u8(a), bits))
#define V32_RIGHT(a, bits) vreinterpretq_u8_u32(vshrq_n_u32(vreinterpretq_u32_u8(a), bits))

/* Half a register of 16-bit code points as 32-bit ones. */
WSF_SIMD WSF_INLINE wsf_v v32_from16(const uint8_t *src) {
    return vreinterpretq_u8_u32(vmovl_u16(vreinterpret_u16_u8(vld1_u8(src))));
}

/* Half a register of octets, each with a zero before it. */
WSF_SIMD WSF_INLINE wsf_v v_from8(const uint8_t *src) {
    return vreinterpretq_u8_u16(vshll_n_u8(vld1_u8(src), 8));
}

/* ASCII as octets, from two registers of 16-bit code points. */
WSF_SIMD WSF_INLINE wsf_v v_from_ascii16(wsf_v a, wsf_v b) { return vuzp1q_u8(a, b); }

/* From four registers of 32-bit ones. */
WSF_SIMD WSF_INLINE wsf_v v_from_ascii32(wsf_v a, wsf_v b, wsf_v c, wsf_v d) {
    return vuzp1q_u8(vuzp1q_u8(a, b), vuzp1q_u8(c, d));
}

/* `places` zeros, then the first octets of a. */
#define V_AFTER_ZEROS(a, places) vextq_u8(vdupq_n_u8(0), a, 16 - (places))

#endif
