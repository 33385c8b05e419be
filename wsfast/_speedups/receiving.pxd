"""The receiving half of a link, for the other one."""

from cpython.object cimport PyObject

from .hub cimport Hub
from .outgoing cimport Outgoing

cdef enum:
    # Why the transport is not read from: `_pauses` is a union of those.
    QUEUE_FULL = 1
    WRITES = 2
    OVER = 4


cdef class Waiter:
    cdef public object _asyncio_future_blocking
    cdef Hub hub
    cdef object loop
    cdef object callback
    cdef object context
    cdef object message
    cdef bint is_cancelled

    cdef int reset(self) except -1
    cdef int wake_up(self, bint at_once) except -1


cdef class Receiving:
    cdef Incoming link     # None once it is over
    cdef bint iterates     # the end is a StopAsyncIteration, if there was no error
    cdef bint waits

    cdef int step(self, PyObject **outcome) except -1
    cdef int finish(self) except -1


cdef class Incoming(Outgoing):
    cdef bint _in_parts
    cdef public bint _drops
    cdef public bint _ended
    cdef public bint _is_ending
    cdef readonly int _pauses
    cdef readonly Receiving _receiver
    cdef Waiter waiter
    # A ring of messages; `waiting` is how many there are.
    cdef PyObject **ring
    cdef size_t first
    cdef size_t room       # a power of 2, or 0
    # What they count for, and may count for before reading stops.
    cdef size_t queued
    cdef size_t queue_limit

    cdef int queue_message(self, object message) except -1
    cdef int grow(self) except -1
    cdef object take_message(self)
    cdef object wait(self)
    cpdef int _pause(self, int why) except -1
    cpdef int _resume(self, int why) except -1
