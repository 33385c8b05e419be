/* Moving the wanted ones of a register's items to its front: for each set of eight items, the octets
 * that a shuffle is to take. What follows them is any.
 *
 *   set (its lowest bit for the first item)   0 1 1 0 1 0 0 0
 *   octets of the row                         1 2 4 . . . . .
 */
#ifndef WSF_SIMD_COMPRESS_H
#define WSF_SIMD_COMPRESS_H

#include "../platform.h"

extern const uint64_t wsf_compress8[256];     /* items of one octet */
extern const uint64_t wsf_compress16[256][2]; /* of two: their octets, 2i and 2i + 1 */
extern const uint64_t wsf_compress32[16][2];  /* of four, and four of them */

#endif
