"""The sending half of a link, for the other one."""

from libc.stdint cimport uint8_t

from .hub cimport Hub


cdef class Outgoing:
    cdef readonly Hub _hub
    cdef readonly object _loop
    cdef readonly object transport
    cdef readonly bint _masks
    cdef public object _deflate
    cdef public Py_ssize_t _min_length
    cdef public bint _sends
    cdef public bint _waits
    cdef bint _holds
    cdef bint _scheduled
    # Frames so far; and when the event loop had a turn, as far as that is known.
    cdef size_t _written
    cdef size_t _turn
    cdef object fileno     # of the socket that is written to at once; None: there is none
    cdef bint is_behind    # the transport may have octets that come first
    # Messages have come that nobody has received yet.
    cdef size_t waiting

    cdef int set_up(self, Hub hub, object loop, object transport, bint masks) except -1
    cdef int check_thread(self) except -1
    cdef int put(self, uint8_t first, object message) except -1
    cdef int write_message(self, object message) except -1
    cdef int put_deflated(self, object message) except -1
    cdef bint has_to_wait(self) noexcept
    cdef bint is_turn_due(self) noexcept
    cdef bint is_held(self) noexcept
    cdef uint8_t *hold(self, size_t size) except? NULL
    cdef int flush(self) except -1
    cdef int socket(self) except -2
    cdef int write_out(self, bytes data) except -1
    cdef int send_apart(
        self, int fd, uint8_t first, object message, const uint8_t *at, size_t length
    ) except -1
