/* The octets that code points take, in plain C that compilers turn into vectors: counted in blocks,
 * since a counter may be no wider than a code point. The including file defines WSF_SIMD, the
 * WSF_TARGET that they may use.
 */
#ifndef WSF_ENCODE_LENGTH_H
#define WSF_ENCODE_LENGTH_H

#include "encode.h"

enum { LENGTH_BLOCK = 16384 };

WSF_SIMD static size_t length_latin1(const uint8_t *src, size_t len) {
    size_t octets = len;
    while (len > 0) {
        size_t block = len < 255 ? len : 255;
        uint8_t more = 0;
        for (size_t i = 0; i < block; i++)
            more = (uint8_t)(more + (src[i] >> 7));
        octets += more;
        src += block;
        len -= block;
    }
    return octets;
}

WSF_SIMD static size_t length_ucs2(const uint16_t *src, size_t len) {
    size_t octets = len;
    while (len > 0) {
        size_t block = len < LENGTH_BLOCK ? len : LENGTH_BLOCK;
        uint16_t more = 0, surrogates = 0;
        for (size_t i = 0; i < block; i++) {
            more = (uint16_t)(more + (src[i] > 0x7F) + (src[i] > 0x7FF));
            surrogates |= (src[i] & 0xF800) == 0xD800;
        }
        if (surrogates != 0)
            return SIZE_MAX;
        octets += more;
        src += block;
        len -= block;
    }
    return octets;
}

WSF_SIMD static size_t length_ucs4(const uint32_t *src, size_t len) {
    size_t octets = len;
    while (len > 0) {
        size_t block = len < LENGTH_BLOCK ? len : LENGTH_BLOCK;
        uint32_t more = 0, wrong = 0;
        for (size_t i = 0; i < block; i++) {
            more += (uint32_t)(src[i] > 0x7F) + (src[i] > 0x7FF) + (src[i] > 0xFFFF);
            wrong |= (uint32_t)((src[i] & 0xFFFFF800) == 0xD800) | (src[i] > 0x10FFFF);
        }
        if (wrong != 0)
            return SIZE_MAX;
        octets += more;
        src += block;
        len -= block;
    }
    return octets;
}

#endif
