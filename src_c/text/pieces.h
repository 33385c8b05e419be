/* Masked text in pieces that stay in the first-level cache: a piece is unmasked, then handled as
 * plain text, so that no kernel but masking knows of keys. */
#ifndef WSF_TEXT_PIECES_H
#define WSF_TEXT_PIECES_H

#include "text.h"

enum { WSF_PIECE = 4096 };

typedef wsf_text wsf_scan_plain_fn(const uint8_t *src, size_t len);

/* Writes items of the caller's width; returns how many. */
typedef size_t wsf_transcode_plain_fn(void *dst, size_t room, const uint8_t *src, size_t len);

WSF_INLINE size_t wsf_shorter(size_t a, size_t b) { return a < b ? a : b; }

/* wsf_text_functions.scan by a kernel for plain text. */
WSF_INLINE wsf_text wsf_scan_pieces(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key,
                                    wsf_mask_fn *mask, wsf_scan_plain_fn *scan) {
    if (key == 0 && (dst == NULL || dst == src))
        return scan(src, len);
    uint8_t local[WSF_PIECE];
    wsf_text all = {0, 0, 0};
    size_t done = 0; /* octets unmasked */
    while (done < len) {
        if (dst == NULL) /* a character that the last piece cut is unmasked once more */
            done = all.octets;
        uint8_t *text = dst == NULL ? local : dst + all.octets;
        size_t piece = wsf_shorter(len - done, WSF_PIECE);
        mask(text + (done - all.octets), src + done, piece, wsf_mask_rotate(key, done));
        done += piece;
        wsf_text part = scan(text, done - all.octets);
        all.octets += part.octets;
        all.characters += part.characters;
        all.top = all.top > part.top ? all.top : part.top;
        if (done - all.octets > 3) /* more than a cut character: invalid */
            break;
    }
    if (dst != NULL)
        mask(dst + done, src + done, len - done, wsf_mask_rotate(key, done));
    return all;
}

/* wsf_text_functions.to_… by a kernel for plain text. `width`: octets of an item. */
WSF_INLINE size_t wsf_transcode_pieces(void *dst, size_t width, size_t room, const uint8_t *src,
                                       size_t len, uint32_t key, wsf_mask_fn *mask,
                                       wsf_transcode_plain_fn *transcode) {
    if (key == 0)
        return transcode(dst, room, src, len);
    uint8_t local[WSF_PIECE];
    size_t done = 0, written = 0;
    while (done < len) {
        size_t piece = wsf_shorter(len - done, WSF_PIECE);
        mask(local, src + done, piece, wsf_mask_rotate(key, done));
        if (piece < len - done) /* the next piece begins with a whole character */
            piece -= wsf_utf8_cut(local, piece);
        written += transcode((uint8_t *)dst + written * width, room - written, local, piece);
        done += piece;
    }
    return written;
}

#endif
