#include "encode.h"

#if defined(WSF_X86)

#include "../simd/avx2.h"

#define mask_kernel wsf_mask_avx2.apply

#include "vector.h"

const wsf_encode_functions wsf_encode_avx2 = {length_latin1, length_ucs2, length_ucs4,
                                               from_latin1,   from_ucs2,   from_ucs4};

#else
typedef int wsf_encode_avx2_is_for_x86;
#endif
