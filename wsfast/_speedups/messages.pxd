"""The decoder of messages, for the modules that use it without its lists."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from .decoder cimport Decoder


cdef class MessageDecoder(Decoder):
    cdef object inflater
    cdef bint wants_str
    cdef bint is_compressed        # the present message, as are the following
    cdef uint8_t opcode
    cdef uint64_t handed_out       # octets, in parts; of a str, with those that are held back
    # Of a text that is gathered:
    cdef size_t valid              # octets of whole characters
    cdef size_t characters
    cdef uint8_t top               # as in wsf_text
    # Of a text in parts:
    cdef uint8_t held[3]           # a character that is not complete yet
    cdef size_t held_length

    # Whole messages.
    cdef int append(self, const uint8_t *src, size_t length, uint32_t key, uint64_t left) except -1
    cdef int append_text(
        self, uint8_t *dst, const uint8_t *src, size_t length, uint32_t key
    ) except -1
    cdef int complete(self, list completed) except -1
    # Compressed messages.
    cdef int inflate(self, const uint8_t *src, size_t length, bint last, list completed) except -1
    # Messages in parts.
    cdef int part(
        self, const uint8_t *src, size_t length, uint32_t key, bint last, list completed
    ) except -1
    cdef tuple read_text(self, bytes octets, size_t held, uint64_t start, bint last)
