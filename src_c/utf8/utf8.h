/* UTF-8 validation, RFC 3629: overlong forms, surrogates, code points above U+10FFFF, stray and
 * missing continuation octets are invalid.
 *
 * A kernel returns the length of the longest prefix of src that consists of whole, valid characters:
 * len if and only if all of src is valid. Any alignment, any length; nothing outside is read.
 */
#ifndef WSF_UTF8_H
#define WSF_UTF8_H

#include "../cpu.h"

typedef size_t wsf_utf8_fn(const uint8_t *src, size_t len);

typedef struct {
    wsf_utf8_fn *valid_prefix;
} wsf_utf8_functions;

extern const wsf_kernel wsf_utf8_kernels[];
extern const wsf_utf8_functions wsf_utf8_scalar, wsf_utf8_ssse3, wsf_utf8_avx2, wsf_utf8_avx512,
    wsf_utf8_neon;

/* What follows a valid prefix. Returns how many of the octets at src (0 to 3) begin a character
 * that they don't finish. Where that is less than len, src[that] is the first octet that can't stand
 * where it does; where it is len, the text may still be continued. src must not begin with a whole,
 * valid character. */
size_t wsf_utf8_begun(const uint8_t *src, size_t len);

/* How many octets at the end of src (0 to 3) begin a character that src does not finish, judged by
 * the lead octet alone; the kernels leave them out, so that a text cut anywhere costs nothing more. */
WSF_INLINE size_t wsf_utf8_cut(const uint8_t *src, size_t len) {
    if (len >= 1 && src[len - 1] >= 0xC0)
        return 1;
    if (len >= 2 && src[len - 2] >= 0xE0)
        return 2;
    if (len >= 3 && src[len - 3] >= 0xF0)
        return 3;
    return 0;
}

#endif
