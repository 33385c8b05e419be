/* Transcoding by the character: the whole scalar kernel, and the edges of the vector kernels. */
#ifndef WSF_TEXT_SCALAR_H
#define WSF_TEXT_SCALAR_H

#include "../utf8/character.h"
#include "text.h"

WSF_INLINE void wsf_put(void *dst, size_t width, size_t at, uint32_t code_point) {
    if (width == 1)
        ((uint8_t *)dst)[at] = (uint8_t)code_point;
    else if (width == 2)
        ((uint16_t *)dst)[at] = (uint16_t)code_point;
    else
        ((uint32_t *)dst)[at] = code_point;
}

/* The code point at src, of which `octets` are there. */
WSF_INLINE uint32_t wsf_decode(const uint8_t *src, size_t octets) {
    switch (octets) {
    case 1:
        return src[0];
    case 2:
        return (uint32_t)(src[0] & 0x1F) << 6 | (src[1] & 0x3F);
    case 3:
        return (uint32_t)(src[0] & 0x0F) << 12 | (uint32_t)(src[1] & 0x3F) << 6 | (src[2] & 0x3F);
    default:
        return (uint32_t)(src[0] & 0x07) << 18 | (uint32_t)(src[1] & 0x3F) << 12 |
               (uint32_t)(src[2] & 0x3F) << 6 | (src[3] & 0x3F);
    }
}

/* Transcodes from src[*at] and dst[*written] on, as far as there is room, and at most to the first
 * character that begins at or past `end`. */
WSF_INLINE void wsf_transcode_scalar(void *dst, size_t width, size_t room, const uint8_t *src,
                                     size_t len, size_t end, size_t *at, size_t *written) {
    size_t i = *at, n = *written;
    while (i < end && n < room) {
        if (end - i >= 8 && room - n >= 8 && (wsf_load64(src + i) & WSF_NOT_ASCII) == 0) {
            uint8_t octets[8]; /* dst may not change these, for all the compiler knows */
            memcpy(octets, src + i, 8);
            for (size_t k = 0; k < 8; k++)
                wsf_put(dst, width, n + k, octets[k]);
            i += 8;
            n += 8;
            continue;
        }
        size_t octets = wsf_utf8_promised(src[i]);
        if (octets > len - i)
            break;
        wsf_put(dst, width, n++, wsf_decode(src + i, octets));
        i += octets;
    }
    *at = i;
    *written = n;
}

#endif
