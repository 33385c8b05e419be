/* Text payloads: unmasking, UTF-8 validation and transcoding in as few passes as there can be.
 *
 * Everywhere here `key` unmasks: the octet that counts is src[i] XOR key[i mod 4] (0: not masked).
 * Any alignment, any length; nothing outside the named ranges is read or written, whatever src
 * holds, and even if it changes meanwhile. dst and src must not overlap, except that scan takes dst
 * equal to src.
 */
#ifndef WSF_TEXT_H
#define WSF_TEXT_H

#include "../mask/mask.h"
#include "../utf8/utf8.h"

/* What a scan found. `octets` is the length of the longest prefix of whole, valid characters. Where
 * nothing but a cut character follows it, `characters` counts that prefix's code points, and `top`
 * is at least 0x80, 0xC4 or 0xF0 if and only if one of them is above U+007F, U+00FF or U+FFFF. */
typedef struct {
    size_t octets;
    size_t characters;
    uint8_t top;
} wsf_text;

typedef struct {
    /* Unmasks src into dst until an octet is not ASCII; returns how many octets it has written and
     * found to be ASCII: len if and only if all are. Fewer than there are, by less than 64, is
     * allowed otherwise; octets of dst past the count may have been written too. */
    size_t (*ascii)(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key);
    /* Validates; with dst not NULL also unmasks all of src into it, whatever the result. */
    wsf_text (*scan)(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key);
    /* Transcode valid UTF-8 whose code points fit; return how many were written, `room` at most.
     * Room for the text's `characters` is enough. */
    size_t (*to_latin1)(uint8_t *dst, size_t room, const uint8_t *src, size_t len, uint32_t key);
    size_t (*to_ucs2)(uint16_t *dst, size_t room, const uint8_t *src, size_t len, uint32_t key);
    size_t (*to_ucs4)(uint32_t *dst, size_t room, const uint8_t *src, size_t len, uint32_t key);
} wsf_text_functions;

extern const wsf_kernel wsf_text_kernels[];
extern const wsf_text_functions wsf_text_scalar, wsf_text_ssse3, wsf_text_avx2, wsf_text_avx512,
    wsf_text_neon;

#endif
