/* Encoding in pieces that stay in the first-level cache: a piece is encoded, then masked in place,
 * so that no kernel but masking knows of keys. */
#ifndef WSF_ENCODE_PIECES_H
#define WSF_ENCODE_PIECES_H

#include "encode.h"

enum { WSF_ENCODE_PIECE = 1024 }; /* code points: at most 4 KiB of UTF-8 */

/* Encodes `len` code points into dst, of which `room` octets are free; returns how many it took. */
typedef size_t wsf_encode_plain_fn(uint8_t *dst, size_t room, const void *src, size_t len);

/* wsf_encode_functions.from_… by a kernel that does not mask. `width`: octets of a code point. */
WSF_INLINE void wsf_encode_pieces(uint8_t *dst, size_t dst_len, const void *src, size_t width,
                                  size_t len, uint32_t key, wsf_mask_fn *mask,
                                  wsf_encode_plain_fn *encode) {
    size_t written = 0;
    for (size_t i = 0; i < len; i += WSF_ENCODE_PIECE) {
        size_t piece = len - i < WSF_ENCODE_PIECE ? len - i : WSF_ENCODE_PIECE;
        uint8_t *to = dst + written;
        size_t octets = encode(to, dst_len - written, (const uint8_t *)src + i * width, piece);
        if (key != 0)
            mask(to, to, octets, wsf_mask_rotate(key, written));
        written += octets;
    }
}

#endif
