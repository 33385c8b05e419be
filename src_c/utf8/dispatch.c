#include "utf8.h"

const wsf_kernel wsf_utf8_kernels[] = {
#if defined(WSF_X86)
    {"avx512", WSF_CPU_AVX512 | WSF_CPU_AVX512_VBMI, &wsf_utf8_avx512},
    {"avx2", WSF_CPU_AVX2, &wsf_utf8_avx2},
    {"ssse3", WSF_CPU_SSSE3, &wsf_utf8_ssse3},
#elif defined(WSF_NEON)
    {"neon", WSF_CPU_NEON, &wsf_utf8_neon},
#endif
    {"scalar", 0, &wsf_utf8_scalar},
    {NULL, 0, NULL},
};
