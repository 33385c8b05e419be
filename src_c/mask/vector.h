/* The body of every vector kernel for masking. The including file defines
 *
 *   VECTOR, OCTETS        a register, and its size
 *   LOAD STORE XOR SPLAT  from and to any address; of two registers; of the key
 *   TARGET                WSF_TARGET of the instruction set
 */
#include "short.h"

TARGET static void apply(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key) {
    if (len < OCTETS) {
        SHORT(dst, src, len, key);
        return;
    }
    /* Head and tail overlap what the loops write: loaded before them, stored after them. */
    VECTOR head = XOR(LOAD(src), SPLAT(key));
    VECTOR tail = XOR(LOAD(src + len - OCTETS), SPLAT(wsf_mask_rotate(key, len)));
    size_t i = 0;
    /* Stores that cross cache lines cost more than they must; short payloads don't earn it back. */
    if (len >= 512)
        i = (size_t)(0 - (uintptr_t)dst) & (OCTETS - 1);
    VECTOR mask = SPLAT(wsf_mask_rotate(key, i));
    for (; len - i >= 4 * OCTETS; i += 4 * OCTETS) {
        VECTOR a = LOAD(src + i), b = LOAD(src + i + OCTETS);
        VECTOR c = LOAD(src + i + 2 * OCTETS), d = LOAD(src + i + 3 * OCTETS);
        STORE(dst + i, XOR(a, mask));
        STORE(dst + i + OCTETS, XOR(b, mask));
        STORE(dst + i + 2 * OCTETS, XOR(c, mask));
        STORE(dst + i + 3 * OCTETS, XOR(d, mask));
    }
    for (; len - i > OCTETS; i += OCTETS)
        STORE(dst + i, XOR(LOAD(src + i), mask));
    STORE(dst, head);
    STORE(dst + len - OCTETS, tail);
}
