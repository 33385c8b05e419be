/* Every kernel for text and for encoding: masked octets in, what they say out, and back again. */
#include "oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *get(size_t len) {
    void *memory = malloc(len == 0 ? 1 : len); /* just as long, for the address sanitizer */
    CHECK(memory != NULL, "malloc");
    return memory;
}

static uint32_t item(const void *items, size_t width, size_t at) {
    return width == 1   ? ((const uint8_t *)items)[at]
           : width == 2 ? ((const uint16_t *)items)[at]
                        : ((const uint32_t *)items)[at];
}

static size_t transcode(const wsf_text_functions *text, void *dst, size_t width, size_t room,
                        const uint8_t *src, size_t len, uint32_t key) {
    return width == 1   ? text->to_latin1(dst, room, src, len, key)
           : width == 2 ? text->to_ucs2(dst, room, src, len, key)
                        : text->to_ucs4(dst, room, src, len, key);
}

/* Back to octets, which must be the text's. */
static void check_encoding(const void *items, size_t width, size_t count, const uint8_t *plain,
                           size_t len, uint32_t key) {
    uint8_t *dst = get(len), *expected = get(len);
    oracle_mask(expected, plain, len, key);
    for (const wsf_kernel *row = wsf_encode_kernels; row->isa != NULL; row++) {
        const wsf_encode_functions *encode = row->functions;
        if ((row->needs & ~wsf_cpu_detect()) != 0)
            continue;
        size_t length = width == 1   ? encode->length_latin1(items, count)
                        : width == 2 ? encode->length_ucs2(items, count)
                                     : encode->length_ucs4(items, count);
        CHECK(length == len, "%s: %zu, not %zu", row->isa, length, len);
        if (width == 1)
            encode->from_latin1(dst, len, items, count, key);
        else if (width == 2)
            encode->from_ucs2(dst, len, items, count, key);
        else
            encode->from_ucs4(dst, len, items, count, key);
        CHECK(memcmp(dst, expected, len) == 0, "%s: encoding of %zu octets each", row->isa, width);
    }
    free(dst);
    free(expected);
}

static void check_transcoding(const wsf_kernel *row, const uint8_t *src, const uint8_t *plain,
                              size_t len, uint32_t key) {
    uint32_t *code_points = get(len * sizeof *code_points);
    oracle_text text = oracle_scan(code_points, plain, len);
    for (size_t width = 1; width <= 4; width *= 2) {
        bool fits = text.highest <= (width == 1 ? 0xFFu : width == 2 ? 0xFFFFu : 0x10FFFFu);
        void *items = get(text.characters * width);
        /* All of src, which may be invalid: it must keep to its room. */
        size_t got = transcode(row->functions, items, width, text.characters, src, len, key);
        CHECK(got <= text.characters, "%s", row->isa);
        got = transcode(row->functions, items, width, text.characters, src, text.octets, key);
        if (fits) {
            CHECK(got == text.characters, "%s: %zu, not %zu", row->isa, got, text.characters);
            for (size_t i = 0; i < got; i++)
                CHECK(item(items, width, i) == code_points[i], "%s: item %zu", row->isa, i);
            check_encoding(items, width, got, plain, text.octets, key);
        }
        free(items);
    }
    free(code_points);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 5)
        return 0;
    /* As it is or, by doubling, long enough for every loop. */
    size_t times = (size_t)1 << data[4] % 4, part = size - 5, len = part * times;
    uint32_t key = (data[4] & 0x10) != 0 ? 0 : wsf_load32(data);
    uint8_t *plain = get(len), *src = get(len), *dst = get(len);
    for (size_t i = 0; i < times && part > 0; i++)
        memcpy(plain + i * part, data + 5, part);
    oracle_mask(src, plain, len, key);
    for (const wsf_kernel *row = wsf_text_kernels; row->isa != NULL; row++) {
        const wsf_text_functions *text = row->functions;
        if ((row->needs & ~wsf_cpu_detect()) != 0)
            continue;
        check_ascii(row->isa, text->ascii(dst, src, len, key), dst, plain, len);
        check_scan(row->isa, text->scan(NULL, src, len, key), plain, len);
        check_scan(row->isa, text->scan(dst, src, len, key), plain, len);
        CHECK(memcmp(dst, plain, len) == 0, "%s: unmasking", row->isa);
        memcpy(dst, src, len);
        check_scan(row->isa, text->scan(dst, dst, len, key), plain, len);
        CHECK(memcmp(dst, plain, len) == 0, "%s: unmasking in place", row->isa);
        check_transcoding(row, src, plain, len, key);
    }
    free(plain);
    free(src);
    free(dst);
    return 0;
}
