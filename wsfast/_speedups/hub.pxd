"""What the connections of one event loop share, for those who use it."""

from cpython.object cimport PyObject
from libc.stdint cimport uint8_t

from .gathering cimport Region


cdef class Hub:
    cdef readonly object current_task
    cdef readonly object cancelled_error
    cdef readonly object get_running_loop
    cdef unsigned long thread   # the only one that may be at work on all this
    # Memory for reads.
    cdef Region region
    cdef object view
    cdef PyObject *reader   # whom it is lent to; NULL: nobody
    cdef bint is_taken      # and whether that one is at work on it
    # Frames that are held, to be written together.
    cdef object writer      # whose they are; None: there are none
    cdef bytes whole        # the only frame, if it is a long one; else
    cdef uint8_t *frames    # all of them,
    cdef size_t held        # of so many octets

    cdef object lend(self, object reader)
    cdef Py_ssize_t take(self, object reader, object length) except -1
    cdef uint8_t *reserve(self) except NULL
