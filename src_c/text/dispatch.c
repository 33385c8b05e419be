#include "text.h"

const wsf_kernel wsf_text_kernels[] = {
#if defined(WSF_X86)
    {"avx512", WSF_CPU_AVX512 | WSF_CPU_AVX512_VBMI, &wsf_text_avx512},
#endif
    {"scalar", 0, &wsf_text_scalar},
    {NULL, 0, NULL},
};
