/* UTF-8 validation, written in the vocabulary of a file of simd/, which is to be included before.
 *
 * After Keiser and Lemire, "Validating UTF-8 In Less Than One Instruction Per Byte" (2021): nearly
 * every error is seen in two neighbouring octets. Three look-ups by their halves give the sets of
 * errors that each half allows; what is in all three has happened.
 *
 *   error            first octet        second octet     for example
 *   TOO_SHORT        11______           0_______ 11______   E2 28, C3 C3
 *   TOO_LONG         0_______           10______            28 A1
 *   OVERLONG_2       1100000_           10______            C0 AF
 *   OVERLONG_3       11100000           100_____            E0 80
 *   SURROGATE        11101101           101_____            ED A0
 *   OVERLONG_4       11110000           1000____            F0 80
 *   TOO_LARGE        11110100           1001____ 101_____   F4 90
 *   OVERLONG_4       11110101 and up    1000____            F5 80
 *   TOO_LARGE        11110101 and up    1001____ 101_____   FF BF
 *   CONTINUATIONS    10______           10______            82 AC
 *
 * The last is an error unless the second octet is the third or fourth of its character, which the
 * octets two and three places before it tell: E0 or F0 and more.
 */
#ifndef WSF_UTF8_LOOKUP_H
#define WSF_UTF8_LOOKUP_H

#include "../text/text.h"
#include "character.h"

enum {
    TOO_SHORT = 1 << 0,
    TOO_LONG = 1 << 1,
    OVERLONG_2 = 1 << 2,
    OVERLONG_3 = 1 << 3,
    SURROGATE = 1 << 4,
    OVERLONG_4 = 1 << 5,
    TOO_LARGE = 1 << 6,
    CONTINUATIONS = 1 << 7,
    /* What does not depend on the lower half of the first octet. */
    ANY_LOWER = TOO_SHORT | TOO_LONG | CONTINUATIONS,
    ABOVE_F4 = ANY_LOWER | OVERLONG_4 | TOO_LARGE,
    /* What any continuation octet may be part of. */
    CONTINUATION = TOO_LONG | OVERLONG_2 | CONTINUATIONS
};

static const uint8_t first_upper[16] = {
    TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
    /* 8_ to B_ */ CONTINUATIONS, CONTINUATIONS, CONTINUATIONS, CONTINUATIONS,
    /* C_ D_ */ TOO_SHORT | OVERLONG_2, TOO_SHORT,
    /* E_ F_ */ TOO_SHORT | OVERLONG_3 | SURROGATE, TOO_SHORT | OVERLONG_4 | TOO_LARGE};

static const uint8_t first_lower[16] = {
    /* _0 _1 */ ANY_LOWER | OVERLONG_2 | OVERLONG_3 | OVERLONG_4, ANY_LOWER | OVERLONG_2,
    /* _2 _3 _4 */ ANY_LOWER, ANY_LOWER, ANY_LOWER | TOO_LARGE,
    /* _5 to _C */ ABOVE_F4, ABOVE_F4, ABOVE_F4, ABOVE_F4, ABOVE_F4, ABOVE_F4, ABOVE_F4, ABOVE_F4,
    /* _D _E _F */ ABOVE_F4 | SURROGATE, ABOVE_F4, ABOVE_F4};

static const uint8_t second_upper[16] = {
    TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
    /* 8_ 9_ */ CONTINUATION | OVERLONG_3 | OVERLONG_4, CONTINUATION | OVERLONG_3 | TOO_LARGE,
    /* A_ B_ */ CONTINUATION | SURROGATE | TOO_LARGE, CONTINUATION | SURROGATE | TOO_LARGE,
    /* C_ to F_ */ TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT};

/* 32 octets that do not count, then 32 that do. */
#define FF8 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF
static const uint8_t counting_from_32[64] = {[32] = FF8, FF8, FF8, FF8};
#undef FF8

/* What has been found in the octets so far. The last two are kept only where they are asked for. */
typedef struct {
    wsf_v errors;        /* not zero where there is one */
    wsf_v continuations; /* octets of their number: 64-bit sums */
    wsf_v top;           /* the highest octets */
} wsf_findings;

/* What errors_of looks things up in and compares with. */
typedef struct {
    wsf_v first_upper, first_lower, second_upper, lower, third, fourth, continuations;
} wsf_tables;

WSF_SIMD WSF_INLINE wsf_tables load_tables(void) {
    return (wsf_tables){v_kept(v_table(first_upper)),
                        v_kept(v_table(first_lower)),
                        v_kept(v_table(second_upper)),
                        v_kept(v_splat(0x0F)),
                        v_kept(v_splat(0xE0 - 0x80)),
                        v_kept(v_splat(0xF0 - 0x80)),
                        v_kept(v_splat(CONTINUATIONS))};
}

/* The errors of a register, given what stands one, two and three places before each octet. */
WSF_SIMD WSF_INLINE wsf_v errors_of(const wsf_tables *tables, wsf_v octets, wsf_v before1,
                                    wsf_v before2, wsf_v before3) {
    wsf_v upper1 = v_lookup(tables->first_upper, v_upper(before1, tables->lower));
    wsf_v lower1 = v_lookup(tables->first_lower, v_and(before1, tables->lower));
    wsf_v upper2 = v_lookup(tables->second_upper, v_upper(octets, tables->lower));
    /* The bit of CONTINUATIONS where a lead octet of three or four stands before. */
    wsf_v third = v_minus_to_zero(before2, tables->third);
    wsf_v fourth = v_minus_to_zero(before3, tables->fourth);
    return v_xor(v_and(v_or(third, fourth), tables->continuations),
                 v_and(v_and(upper1, lower1), upper2));
}

WSF_SIMD WSF_INLINE void find(wsf_findings *found, const wsf_tables *tables,
                              const uint8_t *src) {
    /* Loads from unaligned addresses are cheaper than moving octets between registers. */
    wsf_v errors =
        errors_of(tables, v_load(src), v_load(src - 1), v_load(src - 2), v_load(src - 3));
    found->errors = v_or(found->errors, errors);
}

/* Adds the characters of `vectors` registers of src. `counts` masks the octets that count. */
WSF_SIMD WSF_INLINE void count(wsf_findings *found, const uint8_t *src, int vectors,
                               wsf_v counts) {
    wsf_v sums = v_splat(0);
    for (int v = 0; v < vectors; v++) {
        wsf_v octets = v_load(src + WSF_WIDTH * v);
        sums = v_minus(sums, v_and(v_continuations(octets), counts));
        found->top = v_max(found->top, octets);
    }
    found->continuations = v_plus64(found->continuations, v_sums(sums));
}

/* The text that ends in an error at or past `at`, where a character from before may reach. */
static wsf_text up_to_error(const uint8_t *src, size_t len, size_t at) {
    wsf_text text = {0, 0, 0};
    at -= wsf_utf8_cut(src, at);
    text.octets = at + wsf_utf8_scalar.valid_prefix(src + at, len - at);
    return text;
}

WSF_SIMD WSF_INLINE wsf_text result(const wsf_findings *found, size_t octets) {
    uint64_t sums[WSF_WIDTH / 8];
    uint8_t tops[WSF_WIDTH];
    wsf_text text = {octets, octets, 0};
    v_store((uint8_t *)sums, found->continuations);
    for (int i = 0; i < WSF_WIDTH / 8; i++)
        text.characters -= (size_t)sums[i];
    v_store(tops, found->top);
    for (int i = 0; i < WSF_WIDTH; i++)
        text.top = tops[i] > text.top ? tops[i] : text.top;
    return text;
}

/* Fewer octets than a register and three: a copy between zeros, which are ASCII. */
WSF_SIMD WSF_INLINE wsf_text validate_short(const uint8_t *src, size_t len, size_t octets,
                                            bool counting) {
    if (wsf_utf8_is_ascii(src, octets))
        return (wsf_text){octets, octets, 0};
    uint8_t local[4 + 2 * WSF_WIDTH] = {0};
    const wsf_tables tables = load_tables();
    wsf_findings found = {v_splat(0), v_splat(0), v_splat(0)};
    memcpy(local + 3, src, octets);
    find(&found, &tables, local + 3);
    if (octets >= WSF_WIDTH) /* also where its last character lacks an octet */
        find(&found, &tables, local + 3 + WSF_WIDTH);
    if (WSF_UNLIKELY(!v_is_zero(found.errors)))
        return up_to_error(src, len, 0);
    if (counting)
        count(&found, local + 3, 2, v_splat(0xFF));
    return result(&found, octets);
}

/* Registers in a block: what is looked at for ASCII and for errors at a time. */
#define BLOCK 4

WSF_SIMD WSF_INLINE bool block_is_ascii(const uint8_t *src) {
    wsf_v any = v_load(src);
    for (int v = 1; v < BLOCK; v++)
        any = v_or(any, v_load(src + WSF_WIDTH * v));
    return v_is_ascii(any);
}

/* Validates; with `counting`, characters and top are set too. */
WSF_SIMD WSF_INLINE wsf_text validate(const uint8_t *src, size_t len, bool counting) {
    size_t octets = len - wsf_utf8_cut(src, len);
    if (octets < WSF_WIDTH + 3)
        return validate_short(src, len, octets, counting);

    const wsf_v all = v_splat(0xFF);
    const wsf_tables tables = load_tables();
    wsf_findings found = {v_splat(0), v_splat(0), v_splat(0)};
    wsf_v first = v_load(src);
    if (!v_is_ascii(first)) {
        found.errors = errors_of(&tables, first, V_AFTER_ZEROS(first, 1),
                                 V_AFTER_ZEROS(first, 2), V_AFTER_ZEROS(first, 3));
        if (WSF_UNLIKELY(!v_is_zero(found.errors)))
            return up_to_error(src, len, 0);
        if (counting)
            count(&found, src, 1, all);
    }

    size_t i = WSF_WIDTH;
    while (octets - i >= BLOCK * WSF_WIDTH) {
        if (block_is_ascii(src + i)) {
            if (WSF_UNLIKELY(wsf_utf8_cut(src, i) != 0))
                return up_to_error(src, len, i);
            do
                i += BLOCK * WSF_WIDTH;
            while (octets - i >= BLOCK * WSF_WIDTH && block_is_ascii(src + i));
            continue;
        }
        WSF_ROLLED
        for (int v = 0; v < BLOCK; v++)
            find(&found, &tables, src + i + WSF_WIDTH * v);
        if (WSF_UNLIKELY(!v_is_zero(found.errors)))
            return up_to_error(src, len, i);
        if (counting)
            count(&found, src + i, BLOCK, all);
        i += BLOCK * WSF_WIDTH;
    }
    if (!counting) { /* ASCII to the end? Up to here all is valid, but for a character that is cut. */
        wsf_v any = v_load(src + octets - WSF_WIDTH);
        for (size_t rest = i; octets - rest >= WSF_WIDTH; rest += WSF_WIDTH)
            any = v_or(any, v_load(src + rest));
        if (v_is_ascii(any) && wsf_utf8_cut(src, i) == 0)
            return result(&found, octets);
    }
    size_t checked = i;
    for (; octets - i >= WSF_WIDTH; i += WSF_WIDTH) {
        find(&found, &tables, src + i);
        if (counting)
            count(&found, src + i, 1, all);
    }
    /* The last register overlaps what has been read; only its new octets count. */
    const uint8_t *last = src + octets - WSF_WIDTH;
    find(&found, &tables, last);
    if (counting)
        count(&found, last, 1, v_load(counting_from_32 + 32 - WSF_WIDTH + (octets - i)));
    if (WSF_UNLIKELY(!v_is_zero(found.errors) || wsf_utf8_cut(src, octets) != 0))
        return up_to_error(src, len, checked);
    return result(&found, octets);
}

#endif
