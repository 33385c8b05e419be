#include "encode.h"

const wsf_kernel wsf_encode_kernels[] = {
#if defined(WSF_X86)
    {"avx512", WSF_CPU_AVX512 | WSF_CPU_AVX512_VBMI, &wsf_encode_avx512},
#endif
    {"scalar", 0, &wsf_encode_scalar},
    {NULL, 0, NULL},
};
