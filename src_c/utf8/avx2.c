#include "utf8.h"

#if defined(WSF_X86)

#include "../simd/avx2.h"

#include "lookup.h"

WSF_SIMD static size_t valid_prefix(const uint8_t *src, size_t len) {
    return validate(src, len, false).octets;
}

const wsf_utf8_functions wsf_utf8_avx2 = {valid_prefix};

#else
typedef int wsf_utf8_avx2_is_for_x86;
#endif
