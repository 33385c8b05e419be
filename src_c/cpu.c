#include "cpu.h"

const wsf_isa wsf_isas[] = {
    {"scalar", 0},
    {"sse2", WSF_CPU_SSE2},
    {"ssse3", WSF_CPU_SSSE3},
    {"avx2", WSF_CPU_AVX2},
    {"avx512", WSF_CPU_AVX512},
    {"neon", WSF_CPU_NEON},
    {NULL, 0},
};

static const char *const names[] = {"sse2", "ssse3", "avx2", "avx512", "avx512-vbmi", "neon"};

const char *wsf_cpu_name(unsigned bit) {
    return bit < sizeof names / sizeof *names ? names[bit] : NULL;
}

static int rank(const char *isa) {
    int i = 0;
    while (wsf_isas[i].name != NULL && strcmp(wsf_isas[i].name, isa) != 0)
        i++;
    return i;
}

const wsf_kernel *wsf_kernel_choose(const wsf_kernel *kernels, uint32_t have, const char *ceiling) {
    while ((kernels->needs & ~have) != 0 ||
           (ceiling != NULL && rank(kernels->isa) > rank(ceiling)))
        kernels++;
    return kernels;
}

#if defined(WSF_X86)

#if defined(_MSC_VER)
#include <intrin.h>
static void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4]) {
    __cpuidex((int *)out, (int)leaf, (int)subleaf);
}
static uint64_t enabled_state(void) { return _xgetbv(0); }
#else
#include <cpuid.h>
static void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4]) {
    __cpuid_count(leaf, subleaf, out[0], out[1], out[2], out[3]);
}
static uint64_t enabled_state(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}
#endif

static bool has(uint32_t word, uint32_t bits) { return (word & bits) == bits; }

uint32_t wsf_cpu_detect(void) {
    enum { EAX, EBX, ECX, EDX };
    /* Leaf 1, ECX. */
    const uint32_t ssse3 = 1u << 9, popcnt = 1u << 23, osxsave = 1u << 27, avx = 1u << 28;
    /* Leaf 1, EDX. */
    const uint32_t sse2 = 1u << 26;
    /* Leaf 7, EBX. */
    const uint32_t bmi1 = 1u << 3, avx2 = 1u << 5, bmi2 = 1u << 8;
    const uint32_t avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31; /* F, DQ, BW, VL */
    /* Leaf 7, ECX. */
    const uint32_t vbmi = 1u << 1 | 1u << 6; /* VBMI, VBMI2 */
    /* XCR0: XMM and YMM; then opmask and both halves of ZMM. */
    const uint32_t ymm_state = 0x06, zmm_state = 0xE6;

    uint32_t leaf0[4], leaf1[4], leaf7[4] = {0}, have = 0;
    cpuid(0, 0, leaf0);
    cpuid(1, 0, leaf1);
    if (leaf0[EAX] >= 7)
        cpuid(7, 0, leaf7);
    uint32_t state = has(leaf1[ECX], osxsave) ? (uint32_t)enabled_state() : 0;

    if (has(leaf1[EDX], sse2))
        have |= WSF_CPU_SSE2;
    if (has(leaf1[ECX], ssse3 | popcnt))
        have |= WSF_CPU_SSSE3;
    if (has(state, ymm_state) && has(leaf1[ECX], avx | popcnt) &&
        has(leaf7[EBX], avx2 | bmi1 | bmi2))
        have |= WSF_CPU_AVX2;
    if (has(have, WSF_CPU_AVX2) && has(state, zmm_state) && has(leaf7[EBX], avx512))
        have |= WSF_CPU_AVX512;
    if (has(have, WSF_CPU_AVX512) && has(leaf7[ECX], vbmi))
        have |= WSF_CPU_AVX512_VBMI;
    return have;
}

#elif defined(WSF_NEON)

uint32_t wsf_cpu_detect(void) { return WSF_CPU_NEON; }

#else

uint32_t wsf_cpu_detect(void) { return 0; }

#endif
