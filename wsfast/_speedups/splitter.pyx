"""Whole frames out of a buffer, RFC 6455 section 5.2, by the C kernels."""

cimport cython
from cpython.long cimport PyLong_CheckExact
from cpython.object cimport PyObject
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from .decoder cimport (
    UNLIMITED,
    WSF_BINARY,
    WSF_FIN,
    WSF_FRAME_INCOMPLETE,
    WSF_FRAME_READ,
    WSF_LENGTH_IS_16_BIT,
    WSF_MASK_BIT,
    WSF_RSV_BITS,
    WSF_TEXT,
    limit,
    wsf_frame_finding,
    wsf_frame_header,
    wsf_frame_rules,
)
from .fresh cimport new_bytes, octets_of, steal
from .kernels cimport use
from .mask cimport Octets, release, take, take_index
from .utf8 cimport decode

from ..exceptions import not_a_side, not_a_text_type, not_rsv_bits, offset_too_large

cdef extern from "Python.h":
    long long PyLong_AsLongLongAndOverflow(object value, int *overflow) except? -1

cdef extern from "frame/frame.h" nogil:
    enum:
        WSF_LENGTH_BITS

    wsf_frame_finding wsf_frame_read(
        wsf_frame_header *header, const uint8_t *src, size_t length, const wsf_frame_rules *rules
    )
    size_t wsf_frame_header_size(uint64_t length, bint mask)

__all__ = ["FrameSplitter"]

cdef enum:
    MIN_HEADER_LENGTH = 2


@cython.final
cdef class FrameSplitter:
    """Takes the frames that lie whole in a buffer; leaves anything else to its caller.

    For libraries that have a parser of their own, with their own errors, and want its plain case
    to be fast. It keeps no state of a connection, so any number can share one.

    `side` is whose end this is, "server" or "client"; `rsv` the reserved bits allowed in data
    frames; with text="str", TEXT frames that are whole messages come decoded.
    """

    cdef wsf_frame_rules rules
    cdef bint wants_str

    def __init__(self, side, *, rsv=0, text="bytes"):
        if not isinstance(side, str) or side not in ("server", "client"):
            raise not_a_side(side)
        rsv = take_index(rsv, "rsv")
        if rsv & ~WSF_RSV_BITS:
            raise not_rsv_bits(rsv)
        if not isinstance(text, str) or text not in ("str", "bytes"):
            raise not_a_text_type(text)
        self.rules.mask = WSF_MASK_BIT if side == "server" else 0
        self.rules.rsv = rsv
        self.rules.max_data = self.rules.fragments_left = UNLIMITED
        self.wants_str = text == "str"

    def split(self, data, offset=0, in_message=False, max_payload_length=None):
        """Return a list of (first octet of the header, payload), the offset after the last of them,
        and how many octets the next frame lacks at least.

        It goes on as long as frames are whole messages that are not compressed, and ends behind the
        first other frame. It ends before a frame that is not complete in `data`, is longer than
        `max_payload_length` octets, or breaks a rule of RFC 6455: the last two by saying that it
        lacks 0. `in_message` says whether a fragmented message is open. Raises for wrong arguments
        only.
        """
        cdef Octets octets
        cdef wsf_frame_rules rules = self.rules
        cdef uint64_t beginning, lacks
        cdef size_t start
        cdef list frames = []
        rules.in_message = in_message
        rules.max_payload = take_number(max_payload_length, "max_payload_length")
        if offset is None:
            take_index(offset, "offset")
        beginning = take_number(offset, "offset")
        take(&octets, data, "data")
        try:
            if beginning > <uint64_t>octets.length:
                raise offset_too_large(offset, octets.length)
            start = beginning
            lacks = self.run(&octets, &start, &rules, frames)
        finally:
            release(&octets)
        return frames, start, lacks

    cdef uint64_t run(
        self, Octets *octets, size_t *start, const wsf_frame_rules *rules, list frames
    ) except? 0:
        cdef wsf_frame_header header
        cdef wsf_frame_finding finding
        cdef const uint8_t *at
        cdef size_t left, length
        cdef bint is_text
        while True:
            at = octets.at + start[0]
            left = octets.length - start[0]
            finding = wsf_frame_read(&header, at, left, rules)
            if finding != WSF_FRAME_READ:
                return header_lacks(at, left) if finding == WSF_FRAME_INCOMPLETE else 0
            at += header.size
            left -= header.size
            if header.length > left:
                return header.length - left
            length = header.length
            is_text = header.first == WSF_FIN | WSF_TEXT
            if is_text and self.wants_str:
                payload = decode(at, length, header.key, octets.fixed)
                if payload is None:
                    return 0
            else:
                payload = unmasked(at, length, header.key)
            frames.append((header.first, payload))
            start[0] += header.size + length
            # Anything but a whole message may change what is allowed next.
            if not is_text and header.first != WSF_FIN | WSF_BINARY:
                return MIN_HEADER_LENGTH


cdef inline object unmasked(const uint8_t *src, size_t length, uint32_t key):
    cdef PyObject *octets = new_bytes(NULL, length)
    use.mask.apply(<uint8_t *>octets_of(octets), src, length, key)
    return steal(octets)


cdef inline uint64_t take_number(object value, str name) except? 0xFFFFFFFFFFFFFFFF:
    """As limit(), quickly where it is an int that a machine word holds."""
    cdef int overflow = 0
    cdef long long number
    if PyLong_CheckExact(value):
        number = PyLong_AsLongLongAndOverflow(value, &overflow)
        if overflow == 0 and number >= 0:
            return number
    return limit(name, value)


cdef inline uint64_t example(uint8_t length) noexcept:
    """A length that takes as many octets as the 7-bit one says."""
    if length < WSF_LENGTH_IS_16_BIT:
        return length
    return 0xFFFF if length == WSF_LENGTH_IS_16_BIT else 0x10000


cdef uint64_t header_lacks(const uint8_t *at, size_t left) noexcept:
    """What a header that has begun without fault lacks: its first two octets tell its length."""
    cdef size_t size
    if left < MIN_HEADER_LENGTH:
        return MIN_HEADER_LENGTH - left
    size = wsf_frame_header_size(example(at[1] & WSF_LENGTH_BITS), at[1] & WSF_MASK_BIT)
    return size - left
