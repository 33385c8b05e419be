/* Encoding by the character: the whole scalar kernel, and the edges of the vector kernels. */
#ifndef WSF_ENCODE_SCALAR_H
#define WSF_ENCODE_SCALAR_H

#include "encode.h"

/* The code point src[at] of `width` octets. */
WSF_INLINE uint32_t wsf_get(const void *src, size_t width, size_t at) {
    if (width == 1)
        return ((const uint8_t *)src)[at];
    if (width == 2)
        return ((const uint16_t *)src)[at];
    return ((const uint32_t *)src)[at];
}

/* Octets of UTF-8; 0 for what can't be encoded. */
WSF_INLINE size_t wsf_encoded_length(uint32_t code_point) {
    if (code_point < 0x800)
        return code_point < 0x80 ? 1 : 2;
    if (code_point < 0x10000)
        return code_point - 0xD800 < 0x800 ? 0 : 3; /* surrogates: D800 .. DFFF */
    return code_point <= 0x10FFFF ? 4 : 0;
}

WSF_INLINE uint8_t wsf_continuation(uint32_t bits) { return (uint8_t)(0x80 | (bits & 0x3F)); }

/* Writes the code point's UTF-8, `octets` of them. */
WSF_INLINE void wsf_encode_one(uint8_t *dst, uint32_t code_point, size_t octets) {
    switch (octets) {
    case 1:
        dst[0] = (uint8_t)code_point;
        break;
    case 2:
        dst[0] = (uint8_t)(0xC0 | code_point >> 6);
        dst[1] = wsf_continuation(code_point);
        break;
    case 3:
        dst[0] = (uint8_t)(0xE0 | code_point >> 12);
        dst[1] = wsf_continuation(code_point >> 6);
        dst[2] = wsf_continuation(code_point);
        break;
    default:
        dst[0] = (uint8_t)(0xF0 | code_point >> 18);
        dst[1] = wsf_continuation(code_point >> 12);
        dst[2] = wsf_continuation(code_point >> 6);
        dst[3] = wsf_continuation(code_point);
    }
}

/* Encodes from src[*at] up to src[end] into dst, from dst[*written] on, as far as there is room. */
WSF_INLINE void wsf_encode_scalar_run(uint8_t *dst, size_t room, const void *src, size_t width,
                                      size_t end, size_t *at, size_t *written) {
    size_t i = *at, n = *written;
    for (; i < end; i++) {
        uint32_t code_point = wsf_get(src, width, i);
        size_t octets = wsf_encoded_length(code_point);
        if (octets > room - n)
            break;
        if (octets != 0)
            wsf_encode_one(dst + n, code_point, octets);
        n += octets;
    }
    *at = i;
    *written = n;
}

#endif
