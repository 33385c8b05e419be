"""Masking of payload data, RFC 6455 section 5.3, by the C kernels."""

from os import urandom

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyObject_CheckBuffer, PyObject_GetBuffer
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.number cimport PyIndex_Check, PyNumber_Index
from cpython.object cimport PyObject
from libc.string cimport memcpy

from .fresh cimport new_bytes, octets_of, steal
from .kernels cimport NOGIL_LENGTH, use, wsf_mask_rotate

from ..exceptions import (
    negative,
    not_an_integer,
    not_bytes_like,
    not_contiguous,
    not_writable,
    wrong_key_length,
)

__all__ = ["apply_mask", "apply_mask_inplace", "masking_key"]

cdef extern from *:
    """
    /* Under the GIL, all threads draw from one pool; without it, each has its own. */
    #ifdef Py_GIL_DISABLED
    #define WSF_KEY_POOL_STORAGE WSF_THREAD_LOCAL
    #else
    #define WSF_KEY_POOL_STORAGE
    #endif
    """

cdef extern from "mask/key_pool.h" nogil:
    enum:
        WSF_KEY_POOL_LENGTH
    int wsf_keys_prepare()
    bint wsf_keys_draw(uint32_t *key)
    void wsf_keys_fill(uint8_t *fresh)


cdef extern from *:
    """
    #include "direct.h"
    WSF_DIRECT_WITH_KEY(wsf_apply_mask, PyBytes_CheckExact)
    WSF_DIRECT_WITH_KEY(wsf_apply_mask_inplace, wsf_is_steady_bytearray)
    """
    ctypedef object keyed(object payload, uint32_t key)
    object direct_apply_mask "wsf_apply_mask_install"(object general, keyed *run)
    object direct_apply_mask_inplace "wsf_apply_mask_inplace_install"(object general, keyed *run)


cdef int take_view(Octets *octets, object value, str name, str also) except -1:
    if not PyObject_CheckBuffer(value):
        raise not_bytes_like(name, value, also)
    try:
        PyObject_GetBuffer(value, &octets.view, PyBUF_SIMPLE)
    except BufferError:
        raise not_contiguous(name, value) from None
    octets.at = <const uint8_t *>octets.view.buf
    octets.length = octets.view.len
    octets.fixed = False
    return 0


cdef int take_key_view(uint32_t *key, object value) except -1:
    cdef Octets octets
    take(&octets, value, "masking_key")
    try:
        if octets.length != 4:
            raise wrong_key_length(octets.length)
        memcpy(key, octets.at, 4)
    finally:
        release(&octets)
    return 0


cdef object take_index(object value, str name):
    if not PyIndex_Check(value):
        raise not_an_integer(name, value)
    return PyNumber_Index(value)


cdef size_t take_offset(object value) except? 0xFF:
    """Where the payload begins in its frame; the key repeats every four octets."""
    value = take_index(value, "offset")
    if value < 0:
        raise negative("offset", value)
    return value & 3


cdef uint32_t draw_key() except? 0xFFFFFFFF:
    cdef uint32_t key
    if wsf_keys_draw(&key):
        return key
    return fill_and_draw()


cdef uint32_t fill_and_draw() except? 0xFFFFFFFF:
    cdef uint32_t key
    fresh = urandom(WSF_KEY_POOL_LENGTH)
    # Nobody else has seen this object yet.
    wsf_keys_fill(<uint8_t *>PyBytes_AS_STRING(fresh))
    wsf_keys_draw(&key)
    return key


def apply_mask(payload, masking_key, offset=0):
    """Return `payload` masked, or unmasked, with `masking_key`: RFC 6455 section 5.3.

    Octet i of the result is octet i of `payload` XOR octet (offset + i) mod 4 of `masking_key`.
    Masking is its own inverse. `payload` is any C-contiguous bytes-like object, `masking_key` one
    of 4 octets, and `offset` the position, in octets, of `payload` in the payload of its frame.

    Raises TypeError for anything else, and ValueError for a key of another length, a negative
    offset or a buffer that is not C-contiguous.
    """
    cdef Octets octets
    cdef uint32_t key
    take(&octets, payload, "payload")
    try:
        take_key(&key, masking_key)
        key = wsf_mask_rotate(key, take_offset(offset))
        return masked(octets.at, octets.length, key)
    finally:
        release(&octets)


cdef inline object masked(const uint8_t *src, size_t length, uint32_t key):
    cdef PyObject *result = new_bytes(NULL, length)
    apply(<uint8_t *>octets_of(result), src, length, key)
    return steal(result)


cdef object mask_bytes(object payload, uint32_t key):
    return masked(
        <const uint8_t *>PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload), key
    )


apply_mask = direct_apply_mask(apply_mask, mask_bytes)


cdef inline void apply(uint8_t *dst, const uint8_t *src, size_t length, uint32_t key) noexcept:
    if length < NOGIL_LENGTH:
        use.mask.apply(dst, src, length, key)
    else:
        with nogil:
            use.mask.apply(dst, src, length, key)


def apply_mask_inplace(buffer, masking_key, offset=0):
    """Mask, or unmask, the octets of a writable `buffer` where they are: RFC 6455 section 5.3.

    As `apply_mask`, without an allocation. Raises TypeError also for a read-only buffer.
    """
    cdef Octets octets
    cdef uint32_t key
    take_writable(&octets, buffer)
    try:
        take_key(&key, masking_key)
        key = wsf_mask_rotate(key, take_offset(offset))
        apply(<uint8_t *>octets.at, octets.at, octets.length, key)
    finally:
        release(&octets)


cdef object mask_bytearray(object buffer, uint32_t key):
    cdef size_t length = PyByteArray_GET_SIZE(buffer)
    if length >= NOGIL_LENGTH:
        return general_apply_mask_inplace(buffer, (<const char *>&key)[:4])
    use.mask.apply(
        <uint8_t *>PyByteArray_AS_STRING(buffer),
        <const uint8_t *>PyByteArray_AS_STRING(buffer),
        length,
        key,
    )
    return None


general_apply_mask_inplace = apply_mask_inplace
apply_mask_inplace = direct_apply_mask_inplace(apply_mask_inplace, mask_bytearray)


cdef int take_writable(Octets *octets, object value) except -1:
    octets.fixed = False
    try:
        PyObject_GetBuffer(value, &octets.view, PyBUF_WRITABLE)
    except (BufferError, TypeError):
        # Why not: in this order, as for every other buffer.
        take_view(octets, value, "buffer", "")
        release(octets)
        raise not_writable("buffer", value) from None
    octets.at = <const uint8_t *>octets.view.buf
    octets.length = octets.view.len
    return 0


def masking_key():
    """Return 4 octets for masking one frame, that nobody can predict: RFC 6455 section 5.3.

    They come from the operating system's CSPRNG by a pool, which no two threads draw from at once
    and no forked child shares, and which is wiped as it is drawn from. Raises OSError where the
    system has no randomness.
    """
    cdef uint32_t key = draw_key()
    return PyBytes_FromStringAndSize(<const char *>&key, 4)


if wsf_keys_prepare() != 0:
    raise MemoryError("pthread_atfork")
