/* What must hold, written from the RFCs and without a look at any kernel: slow, plain, and shared by
 * the unit tests and the fuzz targets. */
#ifndef WSF_TESTS_ORACLE_H
#define WSF_TESTS_ORACLE_H

#include "../encode/encode.h"
#include "../frame/frame.h"
#include "../mask/mask.h"
#include "../text/text.h"
#include "../utf8/utf8.h"

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                        \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fputc('\n', stderr);                                                                   \
            abort();                                                                               \
        }                                                                                          \
    } while (0)


/* RFC 6455, section 5.3. */
static inline void oracle_mask(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key) {
    uint8_t octets[4];
    memcpy(octets, &key, sizeof octets);
    for (size_t i = 0; i < len; i++)
        dst[i] = src[i] ^ octets[i % 4];
}

/* RFC 3629, section 3: the least code point that needs so many octets, and their free bits. */
static const uint32_t oracle_least[6] = {0, 0, 0x80, 0x800, 0x10000, 0x110000};

static inline size_t oracle_octets_of(uint32_t code_point) {
    size_t octets = 1;
    while (code_point >= oracle_least[octets + 1])
        octets++;
    return octets;
}

static inline bool oracle_is_scalar(uint32_t code_point) {
    return code_point <= 0x10FFFF && (code_point < 0xD800 || code_point > 0xDFFF);
}

static inline size_t oracle_encode(uint8_t *dst, uint32_t code_point) {
    static const uint8_t leads[5] = {0, 0x00, 0xC0, 0xE0, 0xF0};
    size_t octets = oracle_octets_of(code_point);
    for (size_t i = octets; i-- > 1; code_point >>= 6)
        dst[i] = (uint8_t)(0x80 + code_point % 64);
    dst[0] = (uint8_t)(leads[octets] + code_point);
    return octets;
}

/* Of the octets at src, the longest run (up to the length of one character) that a valid character
 * begins with. Sets *code_point and returns *whole where it is all of one. */
static inline size_t oracle_character(const uint8_t *src, size_t len, bool *whole,
                                      uint32_t *code_point) {
    *whole = false;
    if (len == 0)
        return 0;
    size_t promised = src[0] < 0x80            ? 1
                      : (src[0] >> 5) == 0x06  ? 2
                      : (src[0] >> 4) == 0x0E  ? 3
                      : (src[0] >> 3) == 0x1E ? 4
                                               : 0;
    uint32_t bits = promised == 0 ? 0 : src[0] & (promised == 1 ? 0x7Fu : 0x7Fu >> promised);
    size_t run = 0;
    while (run < promised && run < len) {
        if (run > 0) {
            if (src[run] / 64 != 2)
                break;
            bits = bits * 64 + src[run] % 64;
        }
        /* What it may still become, by any octets that follow. */
        unsigned missing = 6 * (unsigned)(promised - run - 1);
        uint32_t lowest = bits << missing, highest = lowest + ((1u << missing) - 1);
        if (highest < oracle_least[promised] || lowest > 0x10FFFF ||
            (lowest >= 0xD800 && highest <= 0xDFFF))
            break;
        run++;
    }
    *whole = promised != 0 && run == promised;
    *code_point = bits;
    return run;
}

/* The longest prefix of whole, valid characters, what they are, and what follows them. */
typedef struct {
    size_t octets, characters, begun;
    uint32_t highest;
} oracle_text;

static inline oracle_text oracle_scan(uint32_t *code_points, const uint8_t *src, size_t len) {
    oracle_text text = {0, 0, 0, 0};
    for (;;) {
        bool whole;
        uint32_t code_point = 0;
        size_t run = oracle_character(src + text.octets, len - text.octets, &whole, &code_point);
        if (!whole) {
            text.begun = run;
            return text;
        }
        if (code_points != NULL)
            code_points[text.characters] = code_point;
        text.octets += run;
        text.characters++;
        text.highest = code_point > text.highest ? code_point : text.highest;
    }
}

/* Whether a scan's `top` tells what the text's highest code point is. */
static inline bool oracle_is_top(uint8_t top, uint32_t highest) {
    return (top >= 0x80) == (highest > 0x7F) && (top >= 0xC4) == (highest > 0xFF) &&
           (top >= 0xF0) == (highest > 0xFFFF);
}

/* Everything that wsf_text_functions.scan promises. `plain` is src unmasked. */
static inline void check_scan(const char *isa, wsf_text got, const uint8_t *plain, size_t len) {
    oracle_text text = oracle_scan(NULL, plain, len);
    CHECK(got.octets == text.octets, "%s: %zu of %zu octets, not %zu", isa, got.octets, len,
          text.octets);
    if (text.octets + text.begun < len)
        return;
    CHECK(got.characters == text.characters, "%s: %zu characters, not %zu", isa, got.characters,
          text.characters);
    CHECK(oracle_is_top(got.top, text.highest), "%s: top %02X, highest U+%04X", isa, got.top,
          (unsigned)text.highest);
}

/* Everything that wsf_text_functions.ascii promises. dst held src's octets before where it is src. */
static inline void check_ascii(const char *isa, size_t got, const uint8_t *dst,
                               const uint8_t *plain, size_t len) {
    size_t ascii = 0;
    while (ascii < len && plain[ascii] < 0x80)
        ascii++;
    CHECK(ascii == len ? got == len : got <= ascii && ascii - got < 64,
          "%s: %zu of %zu octets, %zu of them ASCII", isa, got, len, ascii);
    CHECK(memcmp(dst, plain, got) == 0, "%s: wrong octets", isa);
}

#endif
