/* What this CPU *and* this operating system can run, and the choice of a kernel by it. */
#ifndef WSF_CPU_H
#define WSF_CPU_H

#include "platform.h"

/* One bit per instruction set. AVX and AVX-512 count only where the operating system saves their
 * registers. */
enum {
    WSF_CPU_SSE2 = 1u << 0,
    WSF_CPU_SSSE3 = 1u << 1,       /* with POPCNT: every CPU with it since 2008 */
    WSF_CPU_AVX2 = 1u << 2,        /* with BMI1, BMI2 and POPCNT, as every CPU with it has */
    WSF_CPU_AVX512 = 1u << 3,      /* F, BW, DQ and VL: Skylake-X and later */
    WSF_CPU_AVX512_VBMI = 1u << 4, /* VBMI and VBMI2: Ice Lake, Zen 4 and later */
    WSF_CPU_NEON = 1u << 5
};

/* The names that WSFAST_ISA takes, lowest first; the scalar kernels need nothing. A kernel may use
 * an instruction set that is not above the ceiling's rank. */
typedef struct {
    const char *name;
    uint32_t needs; /* WSF_CPU_* bits without which the name is an error */
} wsf_isa;

extern const wsf_isa wsf_isas[]; /* ended by a NULL name */

/* One row of an operation's table of kernels: best first, scalar last, then a row of NULL. */
typedef struct {
    const char *isa;       /* one of wsf_isas */
    uint32_t needs;        /* WSF_CPU_* bits, all of which must be present */
    const void *functions; /* the operation's struct of functions */
} wsf_kernel;

uint32_t wsf_cpu_detect(void);

/* The names of the bits, for people: NULL past the last one. */
const char *wsf_cpu_name(unsigned bit);

/* The best row of `kernels` whose needs `have` meets and whose instruction set is not above
 * `ceiling` (NULL: no ceiling). Never NULL: the scalar row needs nothing. */
const wsf_kernel *wsf_kernel_choose(const wsf_kernel *kernels, uint32_t have, const char *ceiling);

#endif
