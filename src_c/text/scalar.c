#include "scalar.h"
#include "pieces.h"

static size_t ascii(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key) {
    uint64_t key64 = (uint64_t)key << 32 | key;
    size_t i = 0;
    for (; len - i >= 8; i += 8) {
        uint64_t word = wsf_load64(src + i) ^ key64;
        if ((word & WSF_NOT_ASCII) != 0)
            return i;
        wsf_store64(dst + i, word);
    }
    uint8_t octets[4];
    wsf_store32(octets, key);
    for (; i < len; i++) {
        uint8_t octet = src[i] ^ octets[i & 3];
        if (octet >= 0x80)
            return i;
        dst[i] = octet;
    }
    return i;
}

static wsf_text scan_plain(const uint8_t *src, size_t len) {
    wsf_text text = {0, 0, 0};
    for (;;) {
        while (len - text.octets >= 8 && (wsf_load64(src + text.octets) & WSF_NOT_ASCII) == 0) {
            text.octets += 8;
            text.characters += 8;
        }
        for (int n = 0; n < 8; n++) {
            if (text.octets == len)
                return text;
            uint8_t lead = src[text.octets];
            size_t octets = wsf_utf8_character(src + text.octets, len - text.octets);
            if (octets == 0)
                return text;
            text.octets += octets;
            text.characters++;
            text.top = lead > text.top ? lead : text.top;
        }
    }
}

static wsf_text scan(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key) {
    return wsf_scan_pieces(dst, src, len, key, wsf_mask_scalar.apply, scan_plain);
}

WSF_INLINE size_t transcode(void *dst, size_t width, size_t room, const uint8_t *src, size_t len) {
    size_t at = 0, written = 0;
    wsf_transcode_scalar(dst, width, room, src, len, len, &at, &written);
    return written;
}

static size_t latin1_plain(void *dst, size_t room, const uint8_t *src, size_t len) {
    return transcode(dst, 1, room, src, len);
}

static size_t ucs2_plain(void *dst, size_t room, const uint8_t *src, size_t len) {
    return transcode(dst, 2, room, src, len);
}

static size_t ucs4_plain(void *dst, size_t room, const uint8_t *src, size_t len) {
    return transcode(dst, 4, room, src, len);
}

static size_t to_latin1(uint8_t *dst, size_t room, const uint8_t *src, size_t len, uint32_t key) {
    return wsf_transcode_pieces(dst, 1, room, src, len, key, wsf_mask_scalar.apply, latin1_plain);
}

static size_t to_ucs2(uint16_t *dst, size_t room, const uint8_t *src, size_t len, uint32_t key) {
    return wsf_transcode_pieces(dst, 2, room, src, len, key, wsf_mask_scalar.apply, ucs2_plain);
}

static size_t to_ucs4(uint32_t *dst, size_t room, const uint8_t *src, size_t len, uint32_t key) {
    return wsf_transcode_pieces(dst, 4, room, src, len, key, wsf_mask_scalar.apply, ucs4_plain);
}

const wsf_text_functions wsf_text_scalar = {ascii, scan, to_latin1, to_ucs2, to_ucs4};
