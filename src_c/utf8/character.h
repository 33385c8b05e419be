/* One character at a time: the grammar of RFC 3629, section 4.
 *
 *   octets            lead       second     others
 *   UTF8-2            C2 .. DF   80 .. BF
 *   UTF8-3            E0         A0 .. BF   80 .. BF      (below: overlong)
 *                     ED         80 .. 9F   80 .. BF      (above: surrogates)
 *                     E1 .. EF   80 .. BF   80 .. BF
 *   UTF8-4            F0         90 .. BF   80 .. BF      (below: overlong)
 *                     F4         80 .. 8F   80 .. BF      (above: past U+10FFFF)
 *                     F1 .. F3   80 .. BF   80 .. BF
 */
#ifndef WSF_UTF8_CHARACTER_H
#define WSF_UTF8_CHARACTER_H

#include "utf8.h"

#define WSF_NOT_ASCII UINT64_C(0x8080808080808080)

/* For texts of fewer than 48 octets; words that overlap take the place of a loop. */
WSF_INLINE bool wsf_utf8_is_ascii(const uint8_t *src, size_t len) {
    if (len >= 8) {
        uint64_t any = wsf_load64(src) | wsf_load64(src + len - 8);
        if (len > 16)
            any |= wsf_load64(src + 8) | wsf_load64(src + len - 16);
        if (len > 32)
            any |= wsf_load64(src + 16) | wsf_load64(src + len - 24);
        return (any & WSF_NOT_ASCII) == 0;
    }
    if (len >= 4)
        return ((wsf_load32(src) | wsf_load32(src + len - 4)) & (uint32_t)WSF_NOT_ASCII) == 0;
    return len == 0 || (src[0] | src[len >> 1] | src[len - 1]) < 0x80;
}

WSF_INLINE bool wsf_utf8_is_continuation(uint8_t octet) { return (octet & 0xC0) == 0x80; }

/* Octets of the character that `lead` begins, by the lead alone: 1 where it begins none. */
WSF_INLINE size_t wsf_utf8_promised(uint8_t lead) {
    return lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

WSF_INLINE bool wsf_utf8_is_second(uint8_t lead, uint8_t second) {
    uint8_t lowest = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    uint8_t highest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    return lowest <= second && second <= highest;
}

/* Octets of the whole, valid character at src, or 0. */
WSF_INLINE size_t wsf_utf8_character(const uint8_t *src, size_t len) {
    uint8_t lead = src[0];
    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4 || len < 2 || !wsf_utf8_is_second(lead, src[1]))
        return 0;
    if (lead < 0xE0)
        return 2;
    if (len < 3 || !wsf_utf8_is_continuation(src[2]))
        return 0;
    if (lead < 0xF0)
        return 3;
    return len >= 4 && wsf_utf8_is_continuation(src[3]) ? 4 : 0;
}

#endif
