/* Validation of 64 octets with AVX-512 VBMI, for the kernels of utf8/ and text/.
 *
 * After Keiser and Lemire, "Validating UTF-8 In Less Than One Instruction Per Byte" (2021): an error is
 * a pair of neighbours, and a table look-up per octet gives the set of errors that it may be part of;
 * errors that all look-ups share have happened. VPERMB looks up six bits at once, so that the first
 * octet of a pair takes two look-ups (its upper and its lower six bits) without any masking,
 * and the second takes one (its upper six bits).
 *
 *                        first octet            second octet
 *   TOO_SHORT            11______               0_______ or 11______
 *   TOO_LONG             0_______               10______
 *   OVERLONG_2           1100000_               10______
 *   OVERLONG_3           11100000               100_____
 *   SURROGATE            11101101               101_____
 *   OVERLONG_4           11110000               1000____
 *   TOO_LARGE            11110100               1001____ or 101_____
 *   OVERLONG_4           above 11110100         1000____
 *   TOO_LARGE            above 11110100         1001____ or 101_____
 *   TWO_CONTINUATIONS    10______               10______
 *
 * The last is an error if and only if the octet is not the third or fourth of its character, which
 * the octets two and three places before it tell.
 */
#ifndef WSF_UTF8_AVX512_H
#define WSF_UTF8_AVX512_H

#include "utf8.h"

#if defined(WSF_X86)

#include <immintrin.h>

#define WSF_UTF8_AVX512 WSF_TARGET("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,bmi,bmi2,popcnt")

enum {
    TOO_SHORT = 1 << 0,
    TOO_LONG = 1 << 1,
    OVERLONG_2 = 1 << 2,
    OVERLONG_3 = 1 << 3,
    SURROGATE = 1 << 4,
    OVERLONG_4 = 1 << 5,
    TOO_LARGE = 1 << 6,
    TWO_CONTINUATIONS = 1 << 7
};

/* Sixteen times the same. */
#define X4(x) (x), (x), (x), (x)
#define X16(x) X4(x), X4(x), X4(x), X4(x)

/* By the upper six bits of the first octet. */
static const uint8_t wsf_utf8_first_upper[64] = {
    X16(TOO_LONG), X16(TOO_LONG), X16(TWO_CONTINUATIONS),
    /* C0 C4 C8 CC */ TOO_SHORT | OVERLONG_2, TOO_SHORT, TOO_SHORT, TOO_SHORT,
    /* D0 D4 D8 DC */ X4(TOO_SHORT),
    /* E0 E4 E8 EC */ TOO_SHORT | OVERLONG_3, TOO_SHORT, TOO_SHORT, TOO_SHORT | SURROGATE,
    /* F0 F4 F8 FC */ TOO_SHORT | OVERLONG_4, TOO_SHORT | OVERLONG_4 | TOO_LARGE,
    TOO_SHORT | OVERLONG_4 | TOO_LARGE, TOO_SHORT | OVERLONG_4 | TOO_LARGE};

/* By its lower six bits: what does not depend on them is in all. */
#define ANY (TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS)
#define ABOVE_F4 (ANY | OVERLONG_4 | TOO_LARGE)
static const uint8_t wsf_utf8_first_lower[64] = {
    /* C0 C1 */ ANY | OVERLONG_2, ANY | OVERLONG_2, ANY, ANY, X4(ANY), X4(ANY), X4(ANY),
    X16(ANY),
    /* E0 */ ANY | OVERLONG_3, ANY, ANY, ANY, X4(ANY), X4(ANY),
    /* ED */ ANY, ANY | SURROGATE, ANY, ANY,
    /* F0 */ ANY | OVERLONG_4, ANY, ANY, ANY,
    /* F4 */ ANY | TOO_LARGE, ABOVE_F4, ABOVE_F4, ABOVE_F4, X4(ABOVE_F4), X4(ABOVE_F4)};

/* By the upper six bits of the second octet. */
#define CONTINUATION (TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS)
static const uint8_t wsf_utf8_second_upper[64] = {
    X16(TOO_SHORT), X16(TOO_SHORT),
    /* 80 84 88 8C */ X4(CONTINUATION | OVERLONG_3 | OVERLONG_4),
    /* 90 94 98 9C */ X4(CONTINUATION | OVERLONG_3 | TOO_LARGE),
    /* A0 to BC */ X4(CONTINUATION | SURROGATE | TOO_LARGE),
    X4(CONTINUATION | SURROGATE | TOO_LARGE),
    X16(TOO_SHORT)};

#undef ANY
#undef ABOVE_F4
#undef CONTINUATION
#undef X4
#undef X16

typedef struct {
    __m512i first_upper, first_lower, second_upper;
} wsf_utf8_tables;

WSF_UTF8_AVX512 WSF_INLINE wsf_utf8_tables wsf_utf8_load_tables(void) {
    return (wsf_utf8_tables){_mm512_loadu_si512(wsf_utf8_first_upper),
                             _mm512_loadu_si512(wsf_utf8_first_lower),
                             _mm512_loadu_si512(wsf_utf8_second_upper)};
}

/* Adds to `errors` those of 64 octets, given what stands one, two and three places before each. */
WSF_UTF8_AVX512 WSF_INLINE __m512i wsf_utf8_check(__m512i errors, __m512i octets, __m512i before1,
                                                  __m512i before2, __m512i before3,
                                                  const wsf_utf8_tables *tables) {
    /* The shifts let bits of a neighbour in at the top, where VPERMB does not look. */
    __m512i first_upper =
        _mm512_permutexvar_epi8(_mm512_srli_epi16(before1, 2), tables->first_upper);
    __m512i first_lower = _mm512_permutexvar_epi8(before1, tables->first_lower);
    __m512i second_upper =
        _mm512_permutexvar_epi8(_mm512_srli_epi16(octets, 2), tables->second_upper);
    /* a & b & c */
    __m512i pair = _mm512_ternarylogic_epi32(first_upper, first_lower, second_upper, 0x80);
    /* 0x80 and more where a lead octet of three or four stands before. */
    __m512i third = _mm512_subs_epu8(before2, _mm512_set1_epi8((char)(0xE0 - 0x80)));
    __m512i fourth = _mm512_subs_epu8(before3, _mm512_set1_epi8((char)(0xF0 - 0x80)));
    /* (a | b) & c */
    __m512i expected =
        _mm512_ternarylogic_epi32(third, fourth, _mm512_set1_epi8((char)TWO_CONTINUATIONS), 0xA8);
    /* a | (b ^ c) */
    return _mm512_ternarylogic_epi32(errors, pair, expected, 0xF6);
}

/* What stands `places` before each octet, where nothing precedes the first. */
#define WSF_UTF8_BEFORE(octets, places)                                                           \
    _mm512_alignr_epi8(octets, _mm512_alignr_epi32(octets, _mm512_setzero_si512(), 12),           \
                       16 - (places))

/* The first `len` of 64 octets. */
WSF_UTF8_AVX512 WSF_INLINE __mmask64 wsf_utf8_first(size_t len) {
    return len < 64 ? ((__mmask64)1 << len) - 1 : ~(__mmask64)0;
}

#endif
#endif
