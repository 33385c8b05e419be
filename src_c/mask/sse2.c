#include "mask.h"

#if defined(WSF_X86)

#include <emmintrin.h>

#define TARGET WSF_TARGET("sse2")
#define VECTOR __m128i
#define OCTETS sizeof(VECTOR)
#define LOAD(src) _mm_loadu_si128((const __m128i *)(src))
#define STORE(dst, vector) _mm_storeu_si128((__m128i *)(dst), vector)
#define XOR _mm_xor_si128
#define SPLAT(key) _mm_set1_epi32((int)(key))
#define SHORT wsf_mask_short

#include "vector.h"

const wsf_mask_functions wsf_mask_sse2 = {apply};

#else
typedef int wsf_mask_sse2_is_for_x86;
#endif
