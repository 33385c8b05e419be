#include "mask.h"

#if defined(WSF_NEON)

#include <arm_neon.h>

#define TARGET
#define VECTOR uint8x16_t
#define OCTETS sizeof(VECTOR)
#define LOAD vld1q_u8
#define STORE vst1q_u8
#define XOR veorq_u8
#define SPLAT(key) vreinterpretq_u8_u32(vdupq_n_u32(key))
#define SHORT wsf_mask_short

#include "vector.h"

const wsf_mask_functions wsf_mask_neon = {apply};

#else
typedef int wsf_mask_neon_is_for_aarch64;
#endif
