#include "compress.h"

#if defined(WSF_X86) || defined(WSF_NEON)

#define IS_IN(set, i) ((set) >> (i) & 1)

/* How many items of the set are below i: its place in the row. */
#define COUNT4(set) (UINT64_C(0x4332322132212110) >> ((set) & 15) * 4 & 15)
#define COUNT(set) (COUNT4(set) + COUNT4((set) >> 4))
#define PLACE(set, i) COUNT((set) & ((1 << (i)) - 1))

/* The octets of item i at its place, if that is in the row's word `word`. */
#define ITEM(set, i, octets, bits, word)                                                           \
    (IS_IN(set, i) && PLACE(set, i) * (bits) / 64 == (word)                                        \
         ? (uint64_t)(octets) << PLACE(set, i) * (bits) % 64                                       \
         : 0)

#define ITEM8(set, i, word) ITEM(set, i, i, 8, word)
#define ITEM16(set, i, word) ITEM(set, i, 0x0100 + 0x0202 * (i), 16, word)
#define ITEM32(set, i, word) ITEM(set, i, 0x03020100 + 0x04040404 * (i), 32, word)

#define FOUR(ITEM, set, word)                                                                      \
    (ITEM(set, 0, word) | ITEM(set, 1, word) | ITEM(set, 2, word) | ITEM(set, 3, word))
#define EIGHT(ITEM, set, word)                                                                     \
    (FOUR(ITEM, set, word) | ITEM(set, 4, word) | ITEM(set, 5, word) | ITEM(set, 6, word) |        \
     ITEM(set, 7, word))

#define ROW8(set) EIGHT(ITEM8, set, 0)
#define ROW16(set) {EIGHT(ITEM16, set, 0), EIGHT(ITEM16, set, 1)}
#define ROW32(set) {FOUR(ITEM32, set, 0), FOUR(ITEM32, set, 1)}

#define ROWS4(ROW, set) ROW(set), ROW(set + 1), ROW(set + 2), ROW(set + 3)
#define ROWS16(ROW, set)                                                                           \
    ROWS4(ROW, set), ROWS4(ROW, set + 4), ROWS4(ROW, set + 8), ROWS4(ROW, set + 12)
#define ROWS64(ROW, set)                                                                           \
    ROWS16(ROW, set), ROWS16(ROW, set + 16), ROWS16(ROW, set + 32), ROWS16(ROW, set + 48)
#define ROWS256(ROW) ROWS64(ROW, 0), ROWS64(ROW, 64), ROWS64(ROW, 128), ROWS64(ROW, 192)

const uint64_t wsf_compress8[256] = {ROWS256(ROW8)};
const uint64_t wsf_compress16[256][2] = {ROWS256(ROW16)};
const uint64_t wsf_compress32[16][2] = {ROWS16(ROW32, 0)};

#else
typedef int wsf_compress_is_for_vector_kernels;
#endif
