/* Every kernel of every table that this CPU can run, against the RFCs. An argument names the only
 * instruction set to test. */
#include "buffers.h"

/* Register edges, lengths about them, and what takes several pieces. */
static const size_t lengths[] = {511,  512,  513,  639,  640,  767,  768,   1000,  1023,
                                 1024, 1025, 4095, 4096, 4097, 4100, 8191,  8192,  8193,
                                 12289, 16384};
enum { SHORT_LENGTHS = 301, LENGTHS = SHORT_LENGTHS + sizeof lengths / sizeof *lengths };
enum { LONGEST = 16384, TEXT = 4 * LONGEST };

static size_t length_at(size_t i) {
    return i < SHORT_LENGTHS ? i : lengths[i - SHORT_LENGTHS];
}

static guarded source, target, wide;
static uint8_t plain[TEXT], expected[TEXT];
static uint32_t points[TEXT];

static void passed(const char *what, const char *isa) { printf("ok  %-24s %s\n", what, isa); }

static void mask_once(wsf_mask_fn *apply, uint8_t *dst, uint8_t *src, size_t len, uint32_t key,
                      const char *isa) {
    memcpy(src, plain, len);
    oracle_mask(expected, plain, len, key);
    apply(dst, src, len, key);
    CHECK(memcmp(dst, expected, len) == 0, "%s: %zu octets", isa, len);
    if (dst != src)
        CHECK(memcmp(src, plain, len) == 0, "%s: source changed", isa);
}

static void test_mask(const char *isa, const wsf_mask_functions *mask) {
    random_octets(plain, LONGEST);
    for (size_t n = 0; n < LENGTHS; n++) {
        size_t len = length_at(n);
        for (int ends = 0; ends < 4; ends++) {
            uint8_t *src = guarded_at(&source, ends & 1, len);
            mask_once(mask->apply, src, src, len, random32(), isa);
            mask_once(mask->apply, guarded_at(&target, ends & 2, len), src, len, random32(), isa);
        }
        for (size_t start = 0; start < 64; start++) {
            uint8_t *src = source.begin + 64 + start, *dst = target.begin + 128 - start;
            memset(dst - 64, 0xA5, len + 128);
            mask_once(mask->apply, dst, src, len, random32(), isa);
            for (size_t i = 1; i <= 64; i++)
                CHECK(dst[-(ptrdiff_t)i] == 0xA5 && dst[len + i - 1] == 0xA5, "%s: outside", isa);
            mask_once(mask->apply, src, src, len, random32(), isa);
        }
        /* In parts: the key for the second begins where the first ended. */
        uint32_t key = random32();
        size_t first = len == 0 ? 0 : random_below((uint32_t)len + 1);
        uint8_t *src = guarded_at(&source, true, len);
        memcpy(src, plain, len);
        oracle_mask(expected, plain, len, key);
        mask->apply(src, src, first, key);
        mask->apply(src + first, src + first, len - first, wsf_mask_rotate(key, first));
        CHECK(memcmp(src, expected, len) == 0, "%s: %zu octets in parts", isa, len);
    }
    passed("mask", isa);
}

static void utf8_once(const wsf_utf8_functions *utf8, const uint8_t *src, size_t len,
                      const char *isa) {
    oracle_text text = oracle_scan(NULL, src, len);
    size_t got = utf8->valid_prefix(src, len);
    CHECK(got == text.octets, "%s: %zu of %zu octets, not %zu", isa, got, len, text.octets);
}

static void scan_once(const wsf_text_functions *text, const uint8_t *text_plain, size_t len,
                      const char *isa) {
    uint32_t key = random_key();
    uint8_t *src = guarded_at(&source, random32() & 1, len);
    uint8_t *dst = guarded_at(&target, random32() & 1, len);
    oracle_mask(src, text_plain, len, key);
    check_scan(isa, text->scan(NULL, src, len, key), text_plain, len);
    memset(dst, 0xA5, len);
    check_scan(isa, text->scan(dst, src, len, key), text_plain, len);
    CHECK(memcmp(dst, text_plain, len) == 0, "%s: unmasking of %zu octets", isa, len);
    check_ascii(isa, text->ascii(dst, src, len, key), dst, text_plain, len);
    check_scan(isa, text->scan(src, src, len, key), text_plain, len);
    CHECK(memcmp(src, text_plain, len) == 0, "%s: unmasking of %zu octets in place", isa, len);
    oracle_mask(src, text_plain, len, key);
    check_ascii(isa, text->ascii(src, src, len, key), src, text_plain, len);
}

/* Octets at which the grammar changes its mind. */
static const uint8_t telling[] = {0x00, 0x28, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF,
                                  0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE,
                                  0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF7, 0xF8, 0xFF};
enum { TELLING = sizeof telling };

/* Where a sequence is put: across the edges of registers and blocks, and at the end. */
static const size_t places[] = {0, 13, 14, 15, 29, 30, 31, 61, 62, 63, 125, 126, 127, 253, 254};
enum { PLACES = sizeof places / sizeof *places };

/* A text of ASCII or of two-octet characters, with `len` octets at `place`. */
static size_t surround(uint8_t *dst, size_t place, size_t after, const uint8_t *octets,
                       size_t len, bool ascii) {
    memset(dst, 'a', place + len + after);
    if (!ascii) {
        for (size_t i = place % 2; i + 1 < place; i += 2)
            memcpy(dst + i, "\xC3\xA4", 2);
        for (size_t i = place + len; i + 1 < place + len + after; i += 2)
            memcpy(dst + i, "\xC3\xA4", 2);
    }
    memcpy(dst + place, octets, len);
    return place + len + after;
}

/* All sequences of one, two and three octets. What precedes and follows them is valid, so that the
 * prefix is known without reading it. */
static void test_short_sequences(const char *isa, const wsf_utf8_functions *utf8) {
    for (size_t octets = 1; octets <= 3; octets++)
        for (uint32_t n = 0; n < 1u << 8 * octets; n++) {
            uint8_t sequence[3] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16)};
            size_t place = places[n % PLACES], after = (n / PLACES) % 2 * 40;
            bool ascii = n % 2 == 0;
            uint8_t *src = guarded_at(&source, after == 0, place + octets + after);
            size_t len = surround(src, place, after, sequence, octets, ascii);
            oracle_text text = oracle_scan(NULL, src + place, len - place);
            size_t got = utf8->valid_prefix(src, len);
            CHECK(got == place + text.octets, "%s: %02X %02X %02X at %zu: %zu", isa, sequence[0],
                  sequence[1], sequence[2], place, got);
        }
    passed("utf8: sequences", isa);
}

/* Calls once for all sequences of four telling octets, each at another place. */
#define FOR_EACH_SEQUENCE(src, len)                                                                \
    for (uint32_t n = 0; n < (uint32_t)TELLING * TELLING * TELLING * TELLING; n++)                 \
        if ((len = telling_sequence(src, n)) != 0)

static size_t telling_sequence(uint8_t *dst, uint32_t n) {
    uint8_t octets[4];
    for (uint32_t i = 0, rest = n; i < 4; i++, rest /= TELLING)
        octets[i] = telling[rest % TELLING];
    return surround(dst, places[random_below(PLACES)], random_below(2) * 37, octets, 4,
                    random_below(2) == 0);
}

static void test_utf8(const char *isa, const wsf_utf8_functions *utf8) {
    size_t len;
    FOR_EACH_SEQUENCE(plain, len) {
        uint8_t *src = guarded_at(&source, true, len);
        memcpy(src, plain, len);
        utf8_once(utf8, src, len, isa);
    }
    for (int round = 0; round < 20000; round++) {
        size_t count = random_below(round % 100 == 0 ? 3000 : 150);
        random_text(points, count, (int)random_below(ALPHABETS));
        len = encode_text(plain, points, count);
        len -= len == 0 ? 0 : random_below((uint32_t)(len < 5 ? len : 5)); /* cut */
        uint8_t *src = guarded_at(&source, round & 1, len);
        memcpy(src, plain, len);
        utf8_once(utf8, src, len, isa);
        if (len > 0) {
            src[random_below((uint32_t)len)] = telling[random_below(TELLING)];
            utf8_once(utf8, src, len, isa);
        }
    }
    passed("utf8: texts", isa);
}

static void test_begun(void) {
    for (uint32_t n = 0; n < 1u << 24; n++) {
        uint8_t octets[4] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), 0x41};
        bool whole;
        uint32_t code_point;
        size_t len = n % 5, run = oracle_character(octets, len, &whole, &code_point);
        if (!whole)
            CHECK(wsf_utf8_begun(octets, len) == run, "%02X %02X %02X, %zu octets", octets[0],
                  octets[1], octets[2], len);
    }
    passed("utf8: begun", "");
}

static void test_scan(const char *isa, const wsf_text_functions *text) {
    size_t len;
    FOR_EACH_SEQUENCE(plain, len) scan_once(text, plain, len, isa);
    for (int round = 0; round < 8000; round++) {
        size_t count = random_below(round % 40 == 0 ? 6000 : 150);
        random_text(points, count, (int)random_below(ALPHABETS));
        len = encode_text(plain, points, count);
        len -= len == 0 ? 0 : random_below((uint32_t)(len < 5 ? len : 5));
        scan_once(text, plain, len, isa);
        if (len > 0) {
            plain[random_below((uint32_t)len)] = telling[random_below(TELLING)];
            scan_once(text, plain, len, isa);
        }
    }
    for (size_t n = 0; n < LENGTHS; n++) { /* ASCII, and a stranger in it */
        len = length_at(n);
        memset(plain, 'a', len);
        scan_once(text, plain, len, isa);
        for (int i = 0; i < 20 && len > 0; i++) {
            size_t at = random_below((uint32_t)len);
            plain[at] = 0xC3;
            scan_once(text, plain, len, isa);
            plain[at] = 'a';
        }
    }
    passed("text: scan, ascii", isa);
}

/* Transcodes into `room` items of `width` octets, and compares with `count` code points. */
static size_t transcode(const wsf_text_functions *text, void *dst, size_t width, size_t room,
                        const uint8_t *src, size_t len, uint32_t key) {
    return width == 1   ? text->to_latin1(dst, room, src, len, key)
           : width == 2 ? text->to_ucs2(dst, room, src, len, key)
                        : text->to_ucs4(dst, room, src, len, key);
}

static uint32_t item(const void *items, size_t width, size_t at) {
    return width == 1   ? ((const uint8_t *)items)[at]
           : width == 2 ? ((const uint16_t *)items)[at]
                        : ((const uint32_t *)items)[at];
}

static void transcode_once(const wsf_text_functions *text, size_t width, size_t room, size_t count,
                           size_t len, const char *isa) {
    uint32_t key = random_key();
    uint8_t *src = guarded_at(&source, random32() & 1, len);
    uint8_t *dst = guarded_at(&wide, random32() & 1, room * width);
    oracle_mask(src, plain, len, key);
    size_t got = transcode(text, dst, width, room, src, len, key);
    size_t fit = count < room ? count : room;
    CHECK(got == fit, "%s: %zu of %zu items of %zu octets", isa, got, fit, width);
    for (size_t i = 0; i < got; i++)
        CHECK(item(dst, width, i) == points[i], "%s: item %zu of %zu octets: %X, not %X", isa, i,
              width, (unsigned)item(dst, width, i), (unsigned)points[i]);
}

static void test_transcode(const char *isa, const wsf_text_functions *text) {
    for (int round = 0; round < 12000; round++) {
        size_t width = (size_t)1 << random_below(3);
        int alphabet = width == 1 ? 1 : width == 2 ? 2 : 3;
        size_t count = random_below(round % 40 == 0 ? 6000 : 150);
        random_text(points, count, alphabet);
        size_t len = encode_text(plain, points, count);
        transcode_once(text, width, count, count, len, isa);
        transcode_once(text, width, count + random_below(100), count, len, isa);
        transcode_once(text, width, random_below((uint32_t)count + 1), count, len, isa);

        /* Whatever src holds, only the room is written. */
        size_t room = random_below((uint32_t)count + 1);
        uint8_t *src = guarded_at(&source, random32() & 1, len);
        random_octets(src, len);
        for (size_t i = 0; i < len && round % 2 == 0; i++)
            src[i] = telling[src[i] % TELLING];
        void *dst = guarded_at(&wide, random32() & 1, room * width);
        CHECK(transcode(text, dst, width, room, src, len, random_key()) <= room, "%s", isa);
    }
    passed("text: to_…", isa);
}

static size_t length_of(const wsf_encode_functions *encode, size_t width, const void *src,
                        size_t len) {
    return width == 1   ? encode->length_latin1(src, len)
           : width == 2 ? encode->length_ucs2(src, len)
                        : encode->length_ucs4(src, len);
}

static void encode_from(const wsf_encode_functions *encode, size_t width, uint8_t *dst,
                        size_t dst_len, const void *src, size_t len, uint32_t key) {
    if (width == 1)
        encode->from_latin1(dst, dst_len, src, len, key);
    else if (width == 2)
        encode->from_ucs2(dst, dst_len, src, len, key);
    else
        encode->from_ucs4(dst, dst_len, src, len, key);
}

static void set_item(void *items, size_t width, size_t at, uint32_t code_point) {
    if (width == 1)
        ((uint8_t *)items)[at] = (uint8_t)code_point;
    else if (width == 2)
        ((uint16_t *)items)[at] = (uint16_t)code_point;
    else
        ((uint32_t *)items)[at] = code_point;
}

/* Encodes `count` of points[], of which plain[] is the UTF-8. */
static void encode_once(const wsf_encode_functions *encode, size_t width, size_t count, size_t len,
                        const char *isa) {
    uint8_t *items = guarded_at(&wide, random32() & 1, count * width);
    for (size_t i = 0; i < count; i++)
        set_item(items, width, i, points[i]);
    size_t got = length_of(encode, width, items, count);
    CHECK(got == len, "%s: %zu octets, not %zu", isa, got, len);

    uint32_t key = random_key();
    uint8_t *dst = guarded_at(&target, random32() & 1, len);
    encode_from(encode, width, dst, len, items, count, key);
    oracle_mask(expected, plain, len, key);
    CHECK(memcmp(dst, expected, len) == 0, "%s: %zu code points of %zu octets", isa, count, width);

    if (width > 1 && count > 0) {
        static const uint32_t wrong[] = {0xD800,   0xDBFF,     0xDC00,    0xDFFF,
                                         0x110000, 0x80000041, 0xFFFFFFFF};
        set_item(items, width, random_below((uint32_t)count),
                 wrong[random_below(width == 2 ? 4 : 7)]);
        CHECK(length_of(encode, width, items, count) == SIZE_MAX, "%s", isa);
    }
}

static void test_encode(const char *isa, const wsf_encode_functions *encode) {
    for (int round = 0; round < 12000; round++) {
        size_t width = (size_t)1 << random_below(3);
        size_t count = random_below(round % 40 == 0 ? 6000 : 150);
        random_text(points, count, width == 1 ? 1 : width == 2 ? 2 : 3);
        encode_once(encode, width, count, encode_text(plain, points, count), isa);
    }
    passed("encode", isa);
}

/* Texts of one kind of character but for the last: what fills registers and rows to the brim. */
static void test_uniform(const char *isa, const wsf_text_functions *text,
                         const wsf_encode_functions *encode) {
    static const uint32_t kinds[] = {'a', 0xE4, 0x416, 0x4E2D, 0x1F600};
    for (size_t kind = 0; kind < 5; kind++)
        for (size_t last = 0; last < 5; last++)
            for (size_t count = 1; count < 150; count++) {
                size_t higher = kind > last ? kind : last;
                for (size_t i = 0; i < count; i++)
                    points[i] = kinds[i + 1 < count ? kind : last];
                size_t len = encode_text(plain, points, count);
                for (size_t width = higher < 2 ? 1 : higher < 4 ? 2 : 4; width <= 4; width *= 2) {
                    if (text != NULL)
                        transcode_once(text, width, count, count, len, isa);
                    if (encode != NULL)
                        encode_once(encode, width, count, len, isa);
                }
            }
    passed(text != NULL ? "text: uniform" : "encode: uniform", isa);
}

static const char *only;

static bool is_wanted(const wsf_kernel *row) {
    return (row->needs & ~wsf_cpu_detect()) == 0 && (only == NULL || strcmp(only, row->isa) == 0);
}

int main(int count, char **arguments) {
    const wsf_kernel *row;
    only = count > 1 ? arguments[1] : NULL;
    source = guarded_new(TEXT);
    target = guarded_new(TEXT);
    wide = guarded_new(4 * TEXT);
    printf("cpu:");
    for (unsigned bit = 0; wsf_cpu_name(bit) != NULL; bit++)
        if ((wsf_cpu_detect() & 1u << bit) != 0)
            printf(" %s", wsf_cpu_name(bit));
    printf("\n");
    test_begun();
    for (row = wsf_mask_kernels; row->isa != NULL; row++)
        if (is_wanted(row))
            test_mask(row->isa, row->functions);
    for (row = wsf_utf8_kernels; row->isa != NULL; row++)
        if (is_wanted(row)) {
            test_short_sequences(row->isa, row->functions);
            test_utf8(row->isa, row->functions);
        }
    for (row = wsf_text_kernels; row->isa != NULL; row++)
        if (is_wanted(row)) {
            test_scan(row->isa, row->functions);
            test_transcode(row->isa, row->functions);
            test_uniform(row->isa, row->functions, NULL);
        }
    for (row = wsf_encode_kernels; row->isa != NULL; row++)
        if (is_wanted(row)) {
            test_encode(row->isa, row->functions);
            test_uniform(row->isa, NULL, row->functions);
        }
    return 0;
}
