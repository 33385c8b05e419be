#include "encode.h"

#if defined(WSF_NEON)

#include "../simd/neon.h"

#define mask_kernel wsf_mask_neon.apply

#include "vector.h"

const wsf_encode_functions wsf_encode_neon = {length_latin1, length_ucs2, length_ucs4,
                                               from_latin1,   from_ucs2,   from_ucs4};

#else
typedef int wsf_encode_neon_is_for_aarch64;
#endif
