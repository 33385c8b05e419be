/* Every kernel for UTF-8, on any octets, and on them after a run that moves them over registers' edges. */
#include "oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const uint8_t *src, size_t len) {
    oracle_text text = oracle_scan(NULL, src, len);
    CHECK(wsf_utf8_begun(src + text.octets, len - text.octets) == text.begun, "begun");
    for (const wsf_kernel *row = wsf_utf8_kernels; row->isa != NULL; row++) {
        const wsf_utf8_functions *utf8 = row->functions;
        if ((row->needs & ~wsf_cpu_detect()) != 0)
            continue;
        size_t got = utf8->valid_prefix(src, len);
        CHECK(got == text.octets, "%s: %zu, not %zu", row->isa, got, text.octets);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    size_t before = data[0], len = before + size - 2;
    uint8_t *src = malloc(len == 0 ? 1 : len); /* just as long, for the address sanitizer */
    CHECK(src != NULL, "malloc");
    memset(src, 'a', before);
    if (data[1] % 2 != 0)
        for (size_t i = before % 3; i < before; i += 3)
            memcpy(src + i, "\xE4\xB8\xAD", 3);
    if (size > 2)
        memcpy(src + before, data + 2, size - 2);
    check(src, len);
    free(src);
    return 0;
}
