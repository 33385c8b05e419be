/* The bodies of the vector kernels for text, written in the vocabulary of a file of simd/. The
 * including file also defines, for registers of `width` octets to an item,
 *
 *   put_ascii(dst, width, octets)        stores a register of ASCII as items
 *   put(dst, width, a, b, c, which)      stores the items made of a, b and c (their octets from the
 *                                        lowest on) that `which` has a bit for, in rows of eight
 *                                        items at most, which end in any
 *   unmask                               the instruction set's kernel for masking
 *
 * Transcoding works on the last octet of each character: its code point is put together there, out
 * of that octet and those before it. What is put together at all other octets is dropped.
 *
 *                3 before   2 before   1 before   last
 *   U+0000                                        0aaaaaaa
 *   U+0080                             110bbbaa   10aaaaaa
 *   U+0800                  1110bbbb   10bbbbaa   10aaaaaa
 *   U+10000      11110ccc   10ccbbbb   10bbbbaa   10aaaaaa
 *
 * a, b and c are the first (lowest), second and third octet of the code point.
 */
#ifndef WSF_TEXT_TRANSCODE_H
#define WSF_TEXT_TRANSCODE_H

#include "pieces.h"
#include "scalar.h"

/* In place, nothing past the count is written: what is not ASCII is still masked. */
WSF_SIMD static size_t ascii(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key) {
    if (len < WSF_WIDTH) {
        unmask(dst, src, len, key);
        if (wsf_utf8_is_ascii(dst, len))
            return len;
        unmask(dst, dst, len, key);
        return 0;
    }
    /* Both overlap what the loops write, as in the masking kernels. */
    wsf_v head = v_xor(v_load(src), v_key(key));
    wsf_v tail = v_xor(v_load(src + len - WSF_WIDTH), v_key(wsf_mask_rotate(key, len)));
    if (!v_is_ascii(head))
        return 0;
    size_t i = 0;
    if (len >= 512)
        i = (size_t)(0 - (uintptr_t)dst) & (WSF_WIDTH - 1);
    wsf_v mask = v_key(wsf_mask_rotate(key, i));
    for (; len - i >= 4 * WSF_WIDTH; i += 4 * WSF_WIDTH) {
        wsf_v a = v_xor(v_load(src + i), mask), b = v_xor(v_load(src + i + WSF_WIDTH), mask);
        wsf_v c = v_xor(v_load(src + i + 2 * WSF_WIDTH), mask);
        wsf_v d = v_xor(v_load(src + i + 3 * WSF_WIDTH), mask);
        if (!v_is_ascii(v_or(v_or(a, b), v_or(c, d))))
            break;
        v_store(dst + i, a);
        v_store(dst + i + WSF_WIDTH, b);
        v_store(dst + i + 2 * WSF_WIDTH, c);
        v_store(dst + i + 3 * WSF_WIDTH, d);
    }
    for (; len - i > WSF_WIDTH; i += WSF_WIDTH) {
        wsf_v octets = v_xor(v_load(src + i), mask);
        if (!v_is_ascii(octets))
            break;
        v_store(dst + i, octets);
    }
    if (len - i <= WSF_WIDTH && v_is_ascii(tail)) {
        v_store(dst + len - WSF_WIDTH, tail);
        i = len;
    }
    if (i >= WSF_WIDTH)
        v_store(dst, head);
    else
        unmask(dst, src, i, key);
    return i;
}

WSF_SIMD static wsf_text scan_plain(const uint8_t *src, size_t len) {
    return validate(src, len, true);
}

WSF_SIMD static wsf_text scan(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key) {
    return wsf_scan_pieces(dst, src, len, key, unmask, scan_plain);
}

/* The octets of code points, from the lowest on. */
typedef struct {
    wsf_v a, b, c;
} code_points;

/* The code points at the octets from src on that end a character; of `width` octets, where the
 * text's fit. Reads 1, 2 or 3 octets before src. */
WSF_SIMD WSF_INLINE code_points put_together(const uint8_t *src, size_t width) {
    code_points all = {v_load(src), v_splat(0), v_splat(0)};
    wsf_v before1 = v_load(src - 1), continues = v_continuations(all.a);
    wsf_v low = v_and(v_and(V_LEFT(before1, 6), v_splat(0xC0)), continues);
    all.a = v_or(v_and(all.a, v_splat(0x7F)), low);
    if (width >= 2) {
        wsf_v before2 = v_load(src - 2), continues1 = v_and(v_continuations(before1), continues);
        wsf_v middle = v_and(v_and(V_RIGHT(before1, 2), v_splat(0x0F)), continues);
        wsf_v high = v_and(v_and(V_LEFT(before2, 4), v_splat(0xF0)), continues1);
        all.b = v_or(middle, high);
        if (width >= 4) {
            wsf_v continues2 = v_and(v_continuations(before2), continues1);
            middle = v_and(V_RIGHT(before2, 4), v_splat(0x03));
            high = v_and(V_LEFT(v_load(src - 3), 2), v_splat(0x1C));
            all.c = v_and(v_or(middle, high), continues2);
        }
    }
    return all;
}

WSF_SIMD WSF_INLINE size_t transcode(void *dst, size_t width, size_t room, const uint8_t *src,
                                     size_t len) {
    const uint32_t all = 0xFFFFFFFFu >> (32 - WSF_WIDTH), first_rows = all >> 8;
    size_t i = 0, written = 0;
    /* Three octets have to stand before a register, and one after it. */
    wsf_transcode_scalar(dst, width, room, src, len, wsf_shorter(len, 3), &i, &written);
    while (len - i > WSF_WIDTH && i >= 3) {
        wsf_v octets = v_load(src + i);
        if (v_is_ascii(octets) && room - written >= WSF_WIDTH) {
            put_ascii((uint8_t *)dst + written * width, width, octets);
            i += WSF_WIDTH;
            written += WSF_WIDTH;
            while (len - i > BLOCK * WSF_WIDTH && room - written >= BLOCK * WSF_WIDTH &&
                   block_is_ascii(src + i))
                for (size_t r = 0; r < BLOCK; r++, i += WSF_WIDTH, written += WSF_WIDTH)
                    put_ascii((uint8_t *)dst + written * width, width, v_load(src + i));
            continue;
        }
        /* A character ends where no continuation follows. */
        uint32_t ends = ~v_bits(v_continuations(v_load(src + i + 1))) & all;
        if (room - written < WSF_WIDTH && room - written < wsf_popcount(ends & first_rows) + 8)
            break;
        code_points points = put_together(src + i, width);
        put((uint8_t *)dst + written * width, width, points.a, points.b, points.c, ends);
        i += WSF_WIDTH;
        written += wsf_popcount(ends);
    }
    /* Back to the first octet of a character that has not ended yet. */
    for (int back = 0; back < 3 && i > 0 && i < len && wsf_utf8_is_continuation(src[i]); back++)
        i--;
    wsf_transcode_scalar(dst, width, room, src, len, len, &i, &written);
    return written;
}

WSF_SIMD static size_t latin1_plain(void *dst, size_t room, const uint8_t *src, size_t len) {
    return transcode(dst, 1, room, src, len);
}

WSF_SIMD static size_t ucs2_plain(void *dst, size_t room, const uint8_t *src, size_t len) {
    return transcode(dst, 2, room, src, len);
}

WSF_SIMD static size_t ucs4_plain(void *dst, size_t room, const uint8_t *src, size_t len) {
    return transcode(dst, 4, room, src, len);
}

static size_t to_latin1(uint8_t *dst, size_t room, const uint8_t *src, size_t len, uint32_t key) {
    return wsf_transcode_pieces(dst, 1, room, src, len, key, unmask, latin1_plain);
}

static size_t to_ucs2(uint16_t *dst, size_t room, const uint8_t *src, size_t len, uint32_t key) {
    return wsf_transcode_pieces(dst, 2, room, src, len, key, unmask, ucs2_plain);
}

static size_t to_ucs4(uint32_t *dst, size_t room, const uint8_t *src, size_t len, uint32_t key) {
    return wsf_transcode_pieces(dst, 4, room, src, len, key, unmask, ucs4_plain);
}

#endif
