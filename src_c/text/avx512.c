#include "text.h"

#include "../utf8/avx512.h"

#if defined(WSF_X86)

/* Unmasks octets; those that are not there stay zero. */
WSF_UTF8_AVX512 WSF_INLINE __m512i load(const uint8_t *src, __mmask64 present, __m512i key) {
    return _mm512_maskz_mov_epi8(present,
                                 _mm512_xor_si512(_mm512_maskz_loadu_epi8(present, src), key));
}

WSF_UTF8_AVX512 WSF_INLINE bool is_ascii(__m512i octets) {
    return _mm512_movepi8_mask(octets) == 0;
}

WSF_UTF8_AVX512 WSF_INLINE __mmask64 continuations(__m512i octets) {
    return _mm512_cmplt_epi8_mask(octets, _mm512_set1_epi8((char)0xC0));
}

WSF_UTF8_AVX512 WSF_INLINE __m512i key_at(uint32_t key, size_t offset) {
    return _mm512_set1_epi32((int)wsf_mask_rotate(key, offset));
}

/* From here on whole lines of dst are stored: the octets before the first one. */
WSF_INLINE size_t head_of(const uint8_t *dst, size_t len) {
    return len < 256 ? 0 : -(uintptr_t)dst & 63;
}

WSF_UTF8_AVX512 static size_t ascii(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key) {
    size_t i = head_of(dst, len);
    if (i != 0) {
        __m512i octets = load(src, wsf_utf8_first(i), key_at(key, 0));
        if (!is_ascii(octets))
            return 0;
        _mm512_mask_storeu_epi8(dst, wsf_utf8_first(i), octets);
    }
    const __m512i mask = key_at(key, i);
    for (; i + 256 <= len; i += 256) {
        __m512i block[4];
        for (int b = 0; b < 4; b++)
            block[b] = _mm512_xor_si512(_mm512_loadu_si512(src + i + 64 * b), mask);
        if (WSF_UNLIKELY(!is_ascii(_mm512_or_si512(
                _mm512_ternarylogic_epi32(block[0], block[1], block[2], 0xFE), block[3]))))
            break;
        for (int b = 0; b < 4; b++)
            _mm512_storeu_si512(dst + i + 64 * b, block[b]);
    }
    for (; i < len; i += 64) {
        __mmask64 present = wsf_utf8_first(len - i);
        __m512i octets = load(src + i, present, mask);
        if (!is_ascii(octets))
            return i;
        _mm512_mask_storeu_epi8(dst + i, present, octets);
    }
    return len;
}

/* Ends a scan whose octets from `begin` on hold an error; all before `begin` is valid, but for a
 * character that may reach into it, and unmasked, as everything is up to `done`. */
static wsf_text fail(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key, size_t begin,
                     size_t done) {
    uint8_t last[3];
    size_t before = begin < 3 ? begin : 3;
    wsf_text text = {0, 0, 0};
    if (dst != NULL) {
        wsf_mask_avx512.apply(dst + done, src + done, len - done, wsf_mask_rotate(key, done));
        begin -= wsf_utf8_cut(dst, begin);
        text.octets = begin + wsf_utf8_scalar.valid_prefix(dst + begin, len - begin);
    } else {
        wsf_mask_scalar.apply(last, src + begin - before, before,
                              wsf_mask_rotate(key, begin - before));
        begin -= wsf_utf8_cut(last, before);
        text.octets =
            begin + wsf_text_scalar.scan(NULL, src + begin, len - begin, wsf_mask_rotate(key, begin))
                        .octets;
    }
    return text;
}

typedef struct {
    __m512i errors, previous, top;
    size_t characters;
} scan_state;

/* Whether the octets end inside a character. */
WSF_UTF8_AVX512 WSF_INLINE bool is_cut(__m512i octets) {
    /* 0xEF, 0xDF and 0xBF at the last three places: the greatest octets that may stand there. */
    const __m512i greatest = _mm512_set_epi64(
        (long long)0xBFDFEFFFFFFFFFFF, -1, -1, -1, -1, -1, -1, -1);
    return _mm512_cmpgt_epu8_mask(octets, greatest) != 0;
}

WSF_UTF8_AVX512 WSF_INLINE void scan_block(scan_state *state, __m512i octets,
                                           const wsf_utf8_tables *tables) {
    /* The last four of the previous lanes, then all but the last of these. */
    __m512i carried = _mm512_alignr_epi32(octets, state->previous, 12);
    state->errors = wsf_utf8_check(state->errors, octets, _mm512_alignr_epi8(octets, carried, 15),
                                   _mm512_alignr_epi8(octets, carried, 14),
                                   _mm512_alignr_epi8(octets, carried, 13), tables);
    state->previous = octets;
    state->top = _mm512_max_epu8(state->top, octets);
    state->characters += 64 - (size_t)_mm_popcnt_u64(continuations(octets));
}

WSF_UTF8_AVX512 static wsf_text scan(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key) {
    const wsf_utf8_tables tables = wsf_utf8_load_tables();
    const __m512i zero = _mm512_setzero_si512();
    scan_state state = {zero, zero, zero, 0};

    /* A character that is cut off at the end is unmasked, but not looked at. */
    uint8_t last[3];
    size_t tail = len < 3 ? len : 3;
    wsf_mask_scalar.apply(last, src + len - tail, tail, wsf_mask_rotate(key, len - tail));
    size_t cut = wsf_utf8_cut(last, tail), whole = len - cut;

    /* The head fills the last lanes of a vector, so that its end is followed by the next one. */
    size_t i = dst == NULL ? 0 : head_of(dst, whole);
    if (i != 0) {
        __mmask64 present = ~(__mmask64)0 << (64 - i);
        __m512i octets = load(src - (64 - i), present, key_at(key, i));
        _mm512_mask_storeu_epi8(dst - (64 - i), present, octets);
        scan_block(&state, octets, &tables);
        state.characters -= 64 - i;
    }

    const __m512i mask = key_at(key, i);
    size_t group = 0;
    for (; i + 256 <= whole; i += 256) {
        __m512i block[4];
        for (int b = 0; b < 4; b++)
            block[b] = _mm512_xor_si512(_mm512_loadu_si512(src + i + 64 * b), mask);
        if (dst != NULL)
            for (int b = 0; b < 4; b++)
                _mm512_storeu_si512(dst + i + 64 * b, block[b]);
        __m512i any = _mm512_or_si512(_mm512_ternarylogic_epi32(block[0], block[1], block[2], 0xFE),
                                      block[3]);
        if (is_ascii(any)) {
            if (WSF_UNLIKELY(is_cut(state.previous)))
                return fail(dst, src, len, key, group, i + 256);
            state.previous = zero;
            state.characters += 256;
            continue;
        }
        for (int b = 0; b < 4; b++)
            scan_block(&state, block[b], &tables);
        if (WSF_UNLIKELY(_mm512_test_epi8_mask(state.errors, state.errors) != 0))
            return fail(dst, src, len, key, group, i + 256);
        group = i + 256;
    }
    for (; i < whole; i += 64) {
        size_t count = whole - i < 64 ? whole - i : 64;
        __m512i octets = load(src + i, wsf_utf8_first(count), mask);
        if (dst != NULL)
            _mm512_mask_storeu_epi8(dst + i, wsf_utf8_first(count), octets);
        scan_block(&state, octets, &tables);
        state.characters -= 64 - count;
    }
    if (dst != NULL && cut != 0)
        memcpy(dst + whole, last + tail - cut, cut);
    /* What was left out may have been no continuation: then the character before it is cut off, too. */
    if (WSF_UNLIKELY(_mm512_test_epi8_mask(state.errors, state.errors) != 0 ||
                     is_cut(state.previous)))
        return fail(dst, src, len, key, group, len);

    /* The greatest octet, by halves. */
    __m256i top32 = _mm256_max_epu8(_mm512_castsi512_si256(state.top),
                                    _mm512_extracti64x4_epi64(state.top, 1));
    __m128i top16 =
        _mm_max_epu8(_mm256_castsi256_si128(top32), _mm256_extracti128_si256(top32, 1));
    /* The least of the complements, of 16-bit words: their upper octets hold the other half's. */
    top16 = _mm_max_epu8(top16, _mm_srli_epi16(top16, 8));
    top16 = _mm_minpos_epu16(_mm_xor_si128(_mm_and_si128(top16, _mm_set1_epi16(0xFF)),
                                           _mm_set1_epi16(0xFF)));
    uint8_t top = (uint8_t)~_mm_cvtsi128_si32(top16);
    return (wsf_text){whole, state.characters, top};
}

/* Transcoding works on the last octet of each character: its code point is put together there, out
 * of that octet and the ones before it, and then all other octets are dropped (VPCOMPRESSB).
 *
 *                          3 before   2 before   1 before   last
 *   U+0000                                                  0aaaaaaa
 *   U+0080                                       110bbbaa   10aaaaaa
 *   U+0800                            1110bbbb   10bbbbaa   10aaaaaa
 *   U+10000                11110ccc   10ccbbbb   10bbbbaa   10aaaaaa
 *
 * a, b and c are the first (lowest), second and third octet of the code point. */
typedef struct {
    __m512i last, before1, before2, before3;
    __mmask64 continues; /* where `last` is no first octet of a character */
} window;

/* The key for what stands 0, 1, 2 and 3 octets before a multiple of 64. */
typedef struct {
    __m512i at[4];
    uint8_t first;
} window_keys;

WSF_UTF8_AVX512 WSF_INLINE window_keys load_keys(uint32_t key) {
    uint8_t octets[4];
    wsf_store32(octets, key);
    return (window_keys){{key_at(key, 0), key_at(key, 3), key_at(key, 2), key_at(key, 1)},
                         octets[0]};
}

/* Loads what stands `before` 64 octets, of which `present` are there. */
WSF_UTF8_AVX512 WSF_INLINE __m512i load_before(const uint8_t *src, size_t i, size_t before,
                                               bool inside, __mmask64 present,
                                               const window_keys *keys) {
    if (inside)
        return _mm512_xor_si512(_mm512_loadu_si512(src + i - before), keys->at[before]);
    /* Nothing precedes the first octet. */
    return load(src + i - before, i != 0 ? present : present & ~(__mmask64)0 << before,
                keys->at[before]);
}

/* `octets` and what stands before them. */
WSF_UTF8_AVX512 WSF_INLINE window load_window(__m512i octets, const uint8_t *src, size_t i,
                                              bool inside, __mmask64 present,
                                              const window_keys *keys) {
    return (window){octets, load_before(src, i, 1, inside, present, keys),
                    load_before(src, i, 2, inside, present, keys),
                    load_before(src, i, 3, inside, present, keys), continuations(octets)};
}

/* A character ends where no continuation follows. */
WSF_UTF8_AVX512 WSF_INLINE __mmask64 ends(const window *w, const uint8_t *src, size_t i, size_t len,
                                          __mmask64 present, const window_keys *keys) {
    __mmask64 follows = w->continues >> 1;
    if (i + 64 < len)
        follows |= (__mmask64)(((src[i + 64] ^ keys->first) & 0xC0) == 0x80) << 63;
    return present & ~follows;
}

/* a: of characters of one octet, the octet itself. */
WSF_UTF8_AVX512 WSF_INLINE __m512i lowest(const window *w) {
    __m512i low6 = _mm512_set1_epi8(0x3F);
    /* c ? a : b, bit by bit */
    __m512i joined =
        _mm512_ternarylogic_epi32(w->last, _mm512_slli_epi16(w->before1, 6), low6, 0xE4);
    return _mm512_mask_mov_epi8(w->last, w->continues, joined);
}

/* b: zero in characters of one octet. */
WSF_UTF8_AVX512 WSF_INLINE __m512i second(const window *w) {
    __m512i low4 = _mm512_set1_epi8(0x0F);
    __m512i upper = _mm512_maskz_mov_epi8(continuations(w->before1),
                                          _mm512_slli_epi16(w->before2, 4));
    __m512i joined =
        _mm512_ternarylogic_epi32(_mm512_srli_epi16(w->before1, 2), upper, low4, 0xE4);
    return _mm512_maskz_mov_epi8(w->continues, joined);
}

/* c: only characters of four octets have one. */
WSF_UTF8_AVX512 WSF_INLINE __m512i third(const window *w) {
    __m512i low2 = _mm512_set1_epi8(0x03), low5 = _mm512_set1_epi8(0x1F);
    __mmask64 four =
        w->continues & continuations(w->before1) & continuations(w->before2);
    __m512i joined = _mm512_ternarylogic_epi32(_mm512_srli_epi16(w->before2, 4),
                                               _mm512_slli_epi16(w->before3, 2), low2, 0xE4);
    return _mm512_maskz_mov_epi8(four, _mm512_and_si512(joined, low5));
}

WSF_INLINE size_t at_most(size_t count, size_t room) { return count < room ? count : room; }

/* Each transcoder is a loop over 64 octets, of which the first and the last come by masked loads, and
 * the others (`inside`, a constant in each of the two calls) by plain ones. */
typedef size_t transcode_block(void *dst, size_t room, const uint8_t *src, size_t i, size_t len,
                               bool inside, const window_keys *keys);

WSF_UTF8_AVX512 WSF_INLINE size_t transcode(void *dst, size_t width, size_t room,
                                            const uint8_t *src, size_t len, uint32_t key,
                                            transcode_block *block) {
    const window_keys keys = load_keys(key);
    uint8_t *out = dst;
    size_t written = 0;
    for (size_t i = 0; i < len && written < room; i += 64) {
        bool inside = i != 0 && i + 64 <= len;
        written += inside ? block(out + width * written, room - written, src, i, len, true, &keys)
                          : block(out + width * written, room - written, src, i, len, false, &keys);
    }
    return written;
}

WSF_UTF8_AVX512 WSF_INLINE size_t latin1_block(void *dst, size_t room, const uint8_t *src, size_t i,
                                               size_t len, bool inside, const window_keys *keys) {
    __mmask64 present = wsf_utf8_first(inside ? 64 : len - i);
    __m512i octets = load_before(src, i, 0, inside, present, keys);
    size_t count = at_most(len - i, 64);
    if (!is_ascii(octets)) {
        /* C2 and C3 lead: their octet is dropped, and C3's lowest bit is the next one's 0x40. */
        __m512i before = load_before(src, i, 1, inside, present, keys);
        __mmask64 kept = present & _mm512_cmplt_epu8_mask(octets, _mm512_set1_epi8((char)0xC0));
        __mmask64 upper = _mm512_cmpeq_epi8_mask(before, _mm512_set1_epi8((char)0xC3));
        octets = _mm512_mask_add_epi8(octets, upper, octets, _mm512_set1_epi8(0x40));
        octets = _mm512_maskz_compress_epi8(kept, octets);
        count = (size_t)_mm_popcnt_u64(kept);
    }
    if (WSF_LIKELY(room >= 64)) {
        _mm512_storeu_si512(dst, octets);
        return count;
    }
    count = at_most(count, room);
    _mm512_mask_storeu_epi8(dst, wsf_utf8_first(count), octets);
    return count;
}

WSF_UTF8_AVX512 WSF_INLINE size_t ucs2_block(void *dst, size_t room, const uint8_t *src, size_t i,
                                             size_t len, bool inside, const window_keys *keys) {
    /* Quadwords 0 and 4 to the first lane, 1 and 5 to the second, …: what VPUNPCK interleaves. */
    const __m512i order = _mm512_set_epi64(7, 3, 6, 2, 5, 1, 4, 0);
    __mmask64 present = wsf_utf8_first(inside ? 64 : len - i);
    __m512i a = load_before(src, i, 0, inside, present, keys), b = _mm512_setzero_si512();
    size_t count = at_most(len - i, 64);
    if (!is_ascii(a)) {
        window w = load_window(a, src, i, inside, present, keys);
        __mmask64 kept = ends(&w, src, i, len, present, keys);
        a = _mm512_maskz_compress_epi8(kept, lowest(&w));
        b = _mm512_permutexvar_epi64(order, _mm512_maskz_compress_epi8(kept, second(&w)));
        count = (size_t)_mm_popcnt_u64(kept);
    }
    a = _mm512_permutexvar_epi64(order, a);
    uint16_t *out = dst;
    if (WSF_LIKELY(room >= 64)) {
        _mm512_storeu_si512(out, _mm512_unpacklo_epi8(a, b));
        if (count > 32)
            _mm512_storeu_si512(out + 32, _mm512_unpackhi_epi8(a, b));
        return count;
    }
    count = at_most(count, room);
    __mmask64 stored = wsf_utf8_first(count);
    _mm512_mask_storeu_epi16(out, (__mmask32)stored, _mm512_unpacklo_epi8(a, b));
    _mm512_mask_storeu_epi16(out + 32, (__mmask32)(stored >> 32), _mm512_unpackhi_epi8(a, b));
    return count;
}

WSF_UTF8_AVX512 WSF_INLINE size_t ucs4_block(void *dst, size_t room, const uint8_t *src, size_t i,
                                             size_t len, bool inside, const window_keys *keys) {
    __mmask64 present = wsf_utf8_first(inside ? 64 : len - i);
    __m512i a = load_before(src, i, 0, inside, present, keys);
    __m512i b = _mm512_setzero_si512(), c = _mm512_setzero_si512();
    size_t count = at_most(len - i, 64);
    if (is_ascii(a)) {
        if (WSF_LIKELY(count == 64 && room >= 64)) {
            __m128i quarter[4];
            _mm512_storeu_si512(quarter, a);
            for (int q = 0; q < 4; q++)
                _mm512_storeu_si512((uint32_t *)dst + 16 * q, _mm512_cvtepu8_epi32(quarter[q]));
            return count;
        }
    } else {
        window w = load_window(a, src, i, inside, present, keys);
        __mmask64 kept = ends(&w, src, i, len, present, keys);
        a = _mm512_maskz_compress_epi8(kept, lowest(&w));
        b = _mm512_maskz_compress_epi8(kept, second(&w));
        c = _mm512_maskz_compress_epi8(kept, third(&w));
        count = (size_t)_mm_popcnt_u64(kept);
    }
    count = at_most(count, room);
    uint32_t *out = dst;
    for (size_t q = 0; q < count; q += 16) {
        __m512i points = _mm512_ternarylogic_epi32(
            _mm512_cvtepu8_epi32(_mm512_castsi512_si128(a)),
            _mm512_slli_epi32(_mm512_cvtepu8_epi32(_mm512_castsi512_si128(b)), 8),
            _mm512_slli_epi32(_mm512_cvtepu8_epi32(_mm512_castsi512_si128(c)), 16), 0xFE);
        if (WSF_LIKELY(room >= q + 16))
            _mm512_storeu_si512(out + q, points);
        else
            _mm512_mask_storeu_epi32(out + q, (__mmask16)wsf_utf8_first(count - q), points);
        /* The next sixteen come down. */
        a = _mm512_alignr_epi32(a, a, 4);
        b = _mm512_alignr_epi32(b, b, 4);
        c = _mm512_alignr_epi32(c, c, 4);
    }
    return count;
}

WSF_UTF8_AVX512 static size_t to_latin1(uint8_t *dst, size_t room, const uint8_t *src, size_t len,
                                        uint32_t key) {
    return transcode(dst, sizeof *dst, room, src, len, key, latin1_block);
}

WSF_UTF8_AVX512 static size_t to_ucs2(uint16_t *dst, size_t room, const uint8_t *src, size_t len,
                                      uint32_t key) {
    return transcode(dst, sizeof *dst, room, src, len, key, ucs2_block);
}

WSF_UTF8_AVX512 static size_t to_ucs4(uint32_t *dst, size_t room, const uint8_t *src, size_t len,
                                      uint32_t key) {
    return transcode(dst, sizeof *dst, room, src, len, key, ucs4_block);
}

const wsf_text_functions wsf_text_avx512 = {ascii, scan, to_latin1, to_ucs2, to_ucs4};

#else
typedef int wsf_text_avx512_is_not_for_this_machine;
#endif
