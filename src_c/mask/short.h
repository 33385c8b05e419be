/* Masking of payloads too short for a vector register: fewer than 16 octets. */
#ifndef WSF_MASK_SHORT_H
#define WSF_MASK_SHORT_H

#include "mask.h"

/* The key for the eight octets that begin at a multiple of four. */
WSF_INLINE uint64_t wsf_mask_key64(uint32_t key) { return (uint64_t)key << 32 | key; }

/* Two words that overlap instead of a loop. Both are loaded before either is stored, so that in
 * place, too, no octet is masked twice. */
WSF_INLINE void wsf_mask_short(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key) {
    if (len >= 8) {
        uint64_t head = wsf_load64(src) ^ wsf_mask_key64(key);
        uint64_t tail = wsf_load64(src + len - 8) ^ wsf_mask_key64(wsf_mask_rotate(key, len));
        wsf_store64(dst, head);
        wsf_store64(dst + len - 8, tail);
    } else if (len >= 4) {
        uint32_t head = wsf_load32(src) ^ key;
        uint32_t tail = wsf_load32(src + len - 4) ^ wsf_mask_rotate(key, len);
        wsf_store32(dst, head);
        wsf_store32(dst + len - 4, tail);
    } else if (len >= 1) { /* first, middle and last: all there are */
        uint8_t octets[4];
        size_t middle = len >> 1;
        wsf_store32(octets, key);
        uint8_t first = src[0] ^ octets[0], between = src[middle] ^ octets[middle];
        uint8_t last = src[len - 1] ^ octets[len - 1];
        dst[0] = first;
        dst[middle] = between;
        dst[len - 1] = last;
    }
}

#endif
