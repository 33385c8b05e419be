#include "short.h"

#if defined(WSF_X86)

#include <immintrin.h>

#define TARGET WSF_TARGET("avx2")
#define VECTOR __m256i
#define OCTETS sizeof(VECTOR)
#define LOAD(src) _mm256_loadu_si256((const __m256i *)(src))
#define STORE(dst, vector) _mm256_storeu_si256((__m256i *)(dst), vector)
#define XOR _mm256_xor_si256
#define SPLAT(key) _mm256_set1_epi32((int)(key))
#define SHORT half

/* Fewer than 32 octets. */
TARGET static void half(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key) {
    if (len < 16) {
        wsf_mask_short(dst, src, len, key);
        return;
    }
    __m128i head = _mm_loadu_si128((const __m128i *)src);
    __m128i tail = _mm_loadu_si128((const __m128i *)(src + len - 16));
    __m128i tail_key = _mm_set1_epi32((int)wsf_mask_rotate(key, len));
    _mm_storeu_si128((__m128i *)dst, _mm_xor_si128(head, _mm_set1_epi32((int)key)));
    _mm_storeu_si128((__m128i *)(dst + len - 16), _mm_xor_si128(tail, tail_key));
}

#include "vector.h"

const wsf_mask_functions wsf_mask_avx2 = {apply};

#else
typedef int wsf_mask_avx2_is_for_x86;
#endif
