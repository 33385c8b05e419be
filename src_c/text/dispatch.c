#include "text.h"

const wsf_kernel wsf_text_kernels[] = {
#if defined(WSF_X86)
    {"avx512", WSF_CPU_AVX512 | WSF_CPU_AVX512_VBMI, &wsf_text_avx512},
    {"avx2", WSF_CPU_AVX2, &wsf_text_avx2},
    {"ssse3", WSF_CPU_SSSE3, &wsf_text_ssse3},
#elif defined(WSF_NEON)
    {"neon", WSF_CPU_NEON, &wsf_text_neon},
#endif
    {"scalar", 0, &wsf_text_scalar},
    {NULL, 0, NULL},
};
