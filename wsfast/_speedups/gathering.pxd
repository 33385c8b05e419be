"""A payload on its way, and memory that is lent out."""

from cpython.object cimport PyObject
from libc.stdint cimport uint8_t, uint64_t


cdef class Region:
    """Writable memory with the buffer protocol: its own, or the end of what is being gathered."""

    cdef uint8_t *at
    cdef Py_ssize_t length
    cdef Py_ssize_t exports
    cdef PyObject *owner  # the object whose memory it is; NULL: the region's own


cdef class Gathering:
    """The octets of a payload, in the object that will be handed out.

    That is a bytes object or an ASCII str, whose octets may be any while nobody sees it.
    """

    cdef PyObject *object  # NULL: nothing has come
    cdef bint is_str       # to be set while nothing has come
    cdef size_t length
    cdef size_t room

    cdef uint8_t *at(self)
    cdef uint8_t *reserve(self, size_t more, uint64_t left) except NULL
    cdef object take(self)
    cdef int drop(self) except -1
    cdef Region lend(self, uint64_t most)
    cdef int leave_behind(self, size_t more) except -1
    cdef int begin(self, size_t room) except -1
    cdef int resize(self, size_t room) except -1


cdef Region new_region(size_t length)
