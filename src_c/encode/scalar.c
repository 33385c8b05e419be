#define WSF_SIMD

#include "length.h"
#include "pieces.h"
#include "scalar.h"

WSF_INLINE size_t encode(uint8_t *dst, size_t room, const void *src, size_t width, size_t len) {
    size_t at = 0, written = 0;
    wsf_encode_scalar_run(dst, room, src, width, len, &at, &written);
    return written;
}

static size_t latin1_plain(uint8_t *dst, size_t room, const void *src, size_t len) {
    return encode(dst, room, src, 1, len);
}

static size_t ucs2_plain(uint8_t *dst, size_t room, const void *src, size_t len) {
    return encode(dst, room, src, 2, len);
}

static size_t ucs4_plain(uint8_t *dst, size_t room, const void *src, size_t len) {
    return encode(dst, room, src, 4, len);
}

static void from_latin1(uint8_t *dst, size_t dst_len, const uint8_t *src, size_t len,
                        uint32_t key) {
    wsf_encode_pieces(dst, dst_len, src, 1, len, key, wsf_mask_scalar.apply, latin1_plain);
}

static void from_ucs2(uint8_t *dst, size_t dst_len, const uint16_t *src, size_t len, uint32_t key) {
    wsf_encode_pieces(dst, dst_len, src, 2, len, key, wsf_mask_scalar.apply, ucs2_plain);
}

static void from_ucs4(uint8_t *dst, size_t dst_len, const uint32_t *src, size_t len, uint32_t key) {
    wsf_encode_pieces(dst, dst_len, src, 4, len, key, wsf_mask_scalar.apply, ucs4_plain);
}

const wsf_encode_functions wsf_encode_scalar = {length_latin1, length_ucs2, length_ucs4,
                                                from_latin1,   from_ucs2,   from_ucs4};
