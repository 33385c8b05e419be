#include "avx512.h"

#if defined(WSF_X86)

/* Where a group of octets that begins at `begin` has an error: the character that may reach into it
 * is read again. */
static size_t find_error(const uint8_t *src, size_t len, size_t begin) {
    begin -= wsf_utf8_cut(src, begin);
    return begin + wsf_utf8_scalar.valid_prefix(src + begin, len - begin);
}

WSF_UTF8_AVX512 static size_t valid_prefix(const uint8_t *src, size_t len) {
    const wsf_utf8_tables tables = wsf_utf8_load_tables();
    len -= wsf_utf8_cut(src, len);

    __m512i octets = _mm512_maskz_loadu_epi8(wsf_utf8_first(len), src);
    if (_mm512_movepi8_mask(octets) != 0) {
        __m512i errors = wsf_utf8_check(
            _mm512_setzero_si512(), octets, WSF_UTF8_BEFORE(octets, 1), WSF_UTF8_BEFORE(octets, 2),
            WSF_UTF8_BEFORE(octets, 3), &tables);
        if (WSF_UNLIKELY(_mm512_test_epi8_mask(errors, errors) != 0))
            return find_error(src, len, 0);
    }

    size_t i = 64;
    for (; i + 256 <= len; i += 256) {
        const uint8_t *p = src + i;
        __m512i block[4];
        for (int b = 0; b < 4; b++)
            block[b] = _mm512_loadu_si512(p + 64 * b);
        __m512i any = _mm512_or_si512(_mm512_ternarylogic_epi32(block[0], block[1], block[2], 0xFE),
                                      block[3]);
        if (_mm512_movepi8_mask(any) == 0) {
            if (WSF_UNLIKELY(wsf_utf8_cut(src, i) != 0))
                return find_error(src, len, i);
            continue;
        }
        __m512i errors = _mm512_setzero_si512();
        for (int b = 0; b < 4; b++)
            errors = wsf_utf8_check(errors, block[b], _mm512_loadu_si512(p + 64 * b - 1),
                                    _mm512_loadu_si512(p + 64 * b - 2),
                                    _mm512_loadu_si512(p + 64 * b - 3), &tables);
        if (WSF_UNLIKELY(_mm512_test_epi8_mask(errors, errors) != 0))
            return find_error(src, len, i);
    }
    size_t group = i;
    __m512i errors = _mm512_setzero_si512(), any = errors;
    for (size_t rest = i; rest < len; rest += 64)
        any = _mm512_or_si512(any, _mm512_maskz_loadu_epi8(wsf_utf8_first(len - rest), src + rest));
    if (i < len && _mm512_movepi8_mask(any) == 0)
        return WSF_LIKELY(wsf_utf8_cut(src, i) == 0) ? len : find_error(src, len, i);
    for (; i < len; i += 64) {
        const uint8_t *p = src + i;
        __mmask64 present = wsf_utf8_first(len - i);
        errors = wsf_utf8_check(errors, _mm512_maskz_loadu_epi8(present, p),
                                _mm512_maskz_loadu_epi8(present, p - 1),
                                _mm512_maskz_loadu_epi8(present, p - 2),
                                _mm512_maskz_loadu_epi8(present, p - 3), &tables);
    }
    if (WSF_UNLIKELY(_mm512_test_epi8_mask(errors, errors) != 0))
        return find_error(src, len, group);
    /* What was left out may have been no continuation: then the character before it is cut off, too. */
    return len - wsf_utf8_cut(src, len);
}

const wsf_utf8_functions wsf_utf8_avx512 = {valid_prefix};

#else
typedef int wsf_utf8_avx512_is_not_for_this_machine;
#endif
