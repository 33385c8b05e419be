#include "character.h"

static size_t valid_prefix(const uint8_t *src, size_t len) {
    size_t i = 0;
    for (;;) {
        while (len - i >= 8 && (wsf_load64(src + i) & WSF_NOT_ASCII) == 0)
            i += 8;
        /* Eight characters before looking for ASCII again. */
        for (int n = 0; n < 8; n++) {
            size_t octets = i < len ? wsf_utf8_character(src + i, len - i) : 0;
            if (octets == 0)
                return i;
            i += octets;
        }
    }
}

const wsf_utf8_functions wsf_utf8_scalar = {valid_prefix};

size_t wsf_utf8_begun(const uint8_t *src, size_t len) {
    if (len == 0 || src[0] < 0xC2 || src[0] > 0xF4)
        return 0;
    if (len == 1 || !wsf_utf8_is_second(src[0], src[1]))
        return 1;
    return len == 2 || !wsf_utf8_is_continuation(src[2]) ? 2 : 3;
}
