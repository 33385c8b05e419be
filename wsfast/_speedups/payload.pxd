"""Payloads on their way into a frame: octets, and text as UTF-8, masked or not."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy

from .kernels cimport NOGIL_LENGTH, use

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)
    int PyUnicode_KIND(object text)
    void *PyUnicode_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)


cdef inline void write_octets(
    uint8_t *dst, const uint8_t *src, size_t length, bint mask, uint32_t key
) noexcept:
    if length >= NOGIL_LENGTH:
        with nogil:
            copy_octets(dst, src, length, mask, key)
    else:
        copy_octets(dst, src, length, mask, key)


cdef inline void copy_octets(
    uint8_t *dst, const uint8_t *src, size_t length, bint mask, uint32_t key
) noexcept nogil:
    if mask:
        use.mask.apply(dst, src, length, key)
    else:
        memcpy(dst, src, length)


cdef inline size_t text_length(object text) except? 0:
    """The octets of its UTF-8; raises the UnicodeEncodeError of a str that has none."""
    cdef void *data = PyUnicode_DATA(text)
    cdef size_t length = PyUnicode_GET_LENGTH(text), octets
    if PyUnicode_IS_ASCII(text):
        return length
    if PyUnicode_KIND(text) == 1:
        octets = use.encode.length_latin1(<const uint8_t *>data, length)
    elif PyUnicode_KIND(text) == 2:
        octets = use.encode.length_ucs2(<const uint16_t *>data, length)
    else:
        octets = use.encode.length_ucs4(<const uint32_t *>data, length)
    if octets == <size_t>-1:
        text.encode()
    return octets


cdef inline void write_text(
    uint8_t *dst, size_t octets, object text, bint mask, uint32_t key
) noexcept:
    """Write the UTF-8 of `text`, of so many octets, masked."""
    cdef void *data = PyUnicode_DATA(text)
    cdef size_t length = PyUnicode_GET_LENGTH(text)
    cdef int kind = PyUnicode_KIND(text)
    if PyUnicode_IS_ASCII(text):
        write_octets(dst, <const uint8_t *>data, length, mask, key)
    elif octets < NOGIL_LENGTH:
        encode_text(dst, octets, data, length, kind, key)
    else:
        with nogil:
            encode_text(dst, octets, data, length, kind, key)


cdef inline void encode_text(
    uint8_t *dst, size_t octets, const void *data, size_t length, int kind, uint32_t key
) noexcept nogil:
    if kind == 1:
        use.encode.from_latin1(dst, octets, <const uint8_t *>data, length, key)
    elif kind == 2:
        use.encode.from_ucs2(dst, octets, <const uint16_t *>data, length, key)
    else:
        use.encode.from_ucs4(dst, octets, <const uint32_t *>data, length, key)
