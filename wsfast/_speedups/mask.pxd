"""Bytes-like arguments without a copy, and masking keys, for the other modules too."""

from cpython.buffer cimport PyBuffer_Release
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy


cdef struct Octets:
    const uint8_t *at
    Py_ssize_t length
    bint fixed      # an exact bytes object: nobody changes it meanwhile
    Py_buffer view  # held where not fixed

cdef int take_view(Octets *octets, object value, str name, str also) except -1
cdef int take_key_view(uint32_t *key, object value) except -1
# An integer of any size.
cdef object take_index(object value, str name)
cdef uint32_t draw_key() except? 0xFFFFFFFF


cdef inline int take(Octets *octets, object value, str name, str also="") except -1:
    """Borrow the octets of `value`, until release()."""
    if PyBytes_CheckExact(value):
        octets.at = <const uint8_t *>PyBytes_AS_STRING(value)
        octets.length = PyBytes_GET_SIZE(value)
        octets.fixed = True
        return 0
    return take_view(octets, value, name, also)


cdef inline void release(Octets *octets) noexcept:
    if not octets.fixed:
        PyBuffer_Release(&octets.view)


cdef inline int take_key(uint32_t *key, object value) except -1:
    """Read a masking key, its octets in memory order."""
    if PyBytes_CheckExact(value) and PyBytes_GET_SIZE(value) == 4:
        memcpy(key, PyBytes_AS_STRING(value), 4)
        return 0
    return take_key_view(key, value)
