"""What FrameDecoder and MessageDecoder have in common: headers, limits, and whose turn it is."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from .gathering cimport Gathering, Region

cdef extern from "frame/frame.h" nogil:
    enum:
        WSF_FIN
        WSF_RSV1
        WSF_RSV2
        WSF_RSV3
        WSF_RSV_BITS
        WSF_OPCODE_BITS
        WSF_CONTROL_BIT
        WSF_MASK_BIT
        WSF_LENGTH_IS_16_BIT
        WSF_MAX_CONTROL_PAYLOAD_LENGTH
        WSF_MAX_HEADER_LENGTH
        WSF_CONTINUATION
        WSF_TEXT
        WSF_BINARY
        WSF_CLOSE

    ctypedef struct wsf_frame_header:
        uint64_t length
        uint32_t key
        uint8_t first
        uint8_t second
        uint8_t size

    ctypedef struct wsf_frame_rules:
        uint64_t max_payload
        uint64_t max_data
        uint64_t fragments_left
        uint8_t mask
        uint8_t rsv
        bint in_message

    ctypedef enum wsf_frame_finding:
        WSF_FRAME_READ
        WSF_FRAME_INCOMPLETE
        WSF_FRAME_RESERVED_BITS
        WSF_FRAME_RESERVED_OPCODE
        WSF_FRAME_FRAGMENTED_CONTROL
        WSF_FRAME_UNEXPECTED_CONTINUATION
        WSF_FRAME_EXPECTED_CONTINUATION
        WSF_FRAME_TOO_MANY_FRAGMENTS
        WSF_FRAME_WRONG_MASK_BIT
        WSF_FRAME_LONG_CONTROL
        WSF_FRAME_TOP_BIT
        WSF_FRAME_NOT_MINIMAL
        WSF_FRAME_PAYLOAD_TOO_LONG
        WSF_FRAME_MESSAGE_TOO_LONG

cdef extern from *:
    # `max_…` of the decoders that have no limit.
    const uint64_t UNLIMITED "UINT64_MAX"

cdef tuple OPCODES  # the members of Opcode by value, None where reserved


cdef class Decoder:
    cdef wsf_frame_rules rules
    cdef wsf_frame_header header
    cdef uint64_t offset           # octets of the payload that have come
    cdef bint in_payload           # the header is complete, the payload is not
    cdef bint is_closed
    cdef bint partial
    cdef int busy
    cdef uint8_t header_length     # octets of a header that is not complete yet
    cdef uint8_t header_octets[14]
    cdef uint8_t control[125]      # the payload of a control frame, masked
    cdef uint64_t max_fragments
    cdef uint64_t max_message
    cdef uint64_t message_length   # octets of the message, as far as headers have told
    cdef object error
    cdef object view               # what get_buffer() has handed out: a view of
    cdef Region region
    cdef bint direct               # …which is memory of `gathered`
    cdef Gathering gathered        # the payload that is on its way

    cdef int set_up(self, object side, object rsv) except -1

    # One call of the owner.
    cdef int open_up(self) except -1
    cdef int run_or_fail(
        self, const uint8_t *src, size_t length, bint fixed, list completed
    ) except -1
    cdef int lend(self) except -1
    cdef bint is_held(self) except -1
    cdef int take_back(self) except -1

    # Frames.
    cdef int run(self, const uint8_t *src, size_t length, bint fixed, list completed) except -1
    cdef int payload(
        self, const uint8_t *src, size_t length, bint last, bint fixed, list completed
    ) except -1
    cdef object violation(self, wsf_frame_finding finding)

    # What the subclasses make of it. A data frame's header is complete:
    cdef int begin(self) except -1
    # a frame that came whole:
    cdef int whole(self, const uint8_t *src, bint fixed, list completed) except -1
    # the next octets of a data frame's payload, which may already be at the end of `gathered`:
    cdef int piece(self, const uint8_t *src, size_t length, bint last, list completed) except -1
    # whether get_buffer() may hand out the end of `gathered`:
    cdef bint gathers(self)

    # Payloads.
    cdef uint32_t key_here(self)
    cdef bytes unmasked(self, const uint8_t *src, size_t length, uint64_t offset)
    cdef object read_close(self, const uint8_t *src)
    cdef uint64_t left_of_message(self)


cdef uint64_t limit(str name, object value) except? 0xFFFFFFFFFFFFFFFF
