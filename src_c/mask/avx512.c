#include "mask.h"

#if defined(WSF_X86)

#include <immintrin.h>

#define TARGET WSF_TARGET("avx512f,avx512bw,avx512vl,bmi2")
#define VECTOR __m512i
#define OCTETS sizeof(VECTOR)
#define LOAD(src) _mm512_loadu_si512(src)
#define STORE(dst, vector) _mm512_storeu_si512(dst, vector)
#define XOR _mm512_xor_si512
#define SPLAT(key) _mm512_set1_epi32((int)(key))
#define SHORT masked

/* Fewer than 64 octets: one load and one store with a bit for each octet. */
TARGET static void masked(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key) {
    __mmask64 octets = ((uint64_t)1 << len) - 1;
    _mm512_mask_storeu_epi8(dst, octets, XOR(_mm512_maskz_loadu_epi8(octets, src), SPLAT(key)));
}

#include "vector.h"

const wsf_mask_functions wsf_mask_avx512 = {apply};

#else
typedef int wsf_mask_avx512_is_for_x86;
#endif
