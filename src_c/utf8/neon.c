#include "utf8.h"

#if defined(WSF_NEON)

#include "../simd/neon.h"

#include "lookup.h"

WSF_SIMD static size_t valid_prefix(const uint8_t *src, size_t len) {
    return validate(src, len, false).octets;
}

const wsf_utf8_functions wsf_utf8_neon = {valid_prefix};

#else
typedef int wsf_utf8_neon_is_for_aarch64;
#endif
