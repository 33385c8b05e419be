#include "mask.h"

const wsf_kernel wsf_mask_kernels[] = {
#if defined(WSF_X86)
    {"avx512", WSF_CPU_AVX512, &wsf_mask_avx512},
    {"avx2", WSF_CPU_AVX2, &wsf_mask_avx2},
    {"sse2", WSF_CPU_SSE2, &wsf_mask_sse2},
#elif defined(WSF_NEON)
    {"neon", WSF_CPU_NEON, &wsf_mask_neon},
#endif
    {"scalar", 0, &wsf_mask_scalar},
    {NULL, 0, NULL},
};
