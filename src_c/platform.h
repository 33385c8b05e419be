/* The compiler and the machine. Everything that differs between them and is not a kernel is here. */
#ifndef WSF_PLATFORM_H
#define WSF_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* WSF_X86: x86-64, whose baseline has SSE2. The 32-bit machine runs the scalar kernels: its baseline has
 * none of it, and some of the intrinsics need 64-bit registers. */
#if defined(__x86_64__) || defined(_M_X64)
#define WSF_X86 1
#endif

/* WSF_NEON: part of every little-endian AArch64; on 32-bit ARM it is optional, and left out. */
#if (defined(__aarch64__) && defined(__ARM_NEON) && !defined(__AARCH64EB__)) || defined(_M_ARM64)
#define WSF_NEON 1
#endif

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define WSF_BIG_ENDIAN 1
#endif

#if defined(__GNUC__) || defined(__clang__)
/* The instruction set is written at the function that uses it, never in the build's flags. */
#define WSF_TARGET(isa) __attribute__((target(isa)))
#define WSF_INLINE static inline __attribute__((always_inline))
#define WSF_LIKELY(x) __builtin_expect(!!(x), 1)
#define WSF_UNLIKELY(x) __builtin_expect(!!(x), 0)
/* Before a loop whose body, unrolled, would take more registers than there are. */
#if defined(__clang__)
#define WSF_ROLLED _Pragma("clang loop unroll(disable)")
#else
#define WSF_ROLLED _Pragma("GCC unroll 1")
#endif
/* Hides a register's value from the compiler. */
#if defined(WSF_NEON)
#define WSF_KEEP(vector) __asm__("" : "+w"(vector))
#else
#define WSF_KEEP(vector) __asm__("" : "+x"(vector))
#endif
#else
#define WSF_ROLLED
#define WSF_KEEP(vector) (void)0
#define WSF_TARGET(isa)
#define WSF_INLINE static __forceinline
#define WSF_LIKELY(x) (x)
#define WSF_UNLIKELY(x) (x)
#endif

#if defined(_MSC_VER)
#include <intrin.h>
#define WSF_THREAD_LOCAL __declspec(thread)
#else
#define WSF_THREAD_LOCAL _Thread_local
#endif

/* For kernels whose instruction set has it. */
WSF_INLINE unsigned wsf_popcount(uint32_t word) {
#if defined(__GNUC__) || defined(__clang__)
    return (unsigned)__builtin_popcount(word);
#elif defined(_M_X64)
    return __popcnt(word);
#else
    unsigned count = 0;
    for (; word != 0; word &= word - 1)
        count++;
    return count;
#endif
}

/* Memory is read and written by memcpy, which compilers turn into one instruction. */
WSF_INLINE uint32_t wsf_load32(const uint8_t *src) {
    uint32_t word;
    memcpy(&word, src, sizeof word);
    return word;
}

WSF_INLINE uint64_t wsf_load64(const uint8_t *src) {
    uint64_t word;
    memcpy(&word, src, sizeof word);
    return word;
}

WSF_INLINE void wsf_store32(uint8_t *dst, uint32_t word) { memcpy(dst, &word, sizeof word); }

WSF_INLINE void wsf_store64(uint8_t *dst, uint64_t word) { memcpy(dst, &word, sizeof word); }

#endif
