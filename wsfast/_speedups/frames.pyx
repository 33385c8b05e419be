"""Frames, RFC 6455 section 5.2, by the C kernels."""

cimport cython
from cpython.bytes cimport (
    PyBytes_AS_STRING,
    PyBytes_CheckExact,
    PyBytes_FromStringAndSize,
    PyBytes_GET_SIZE,
)
from cpython.long cimport PyLong_AsLongAndOverflow, PyLong_Check
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_Check
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from .decoder cimport (
    OPCODES,
    WSF_CLOSE,
    WSF_CONTROL_BIT,
    WSF_FIN,
    WSF_MAX_CONTROL_PAYLOAD_LENGTH,
    WSF_OPCODE_BITS,
    WSF_RSV1,
    WSF_RSV2,
    WSF_RSV3,
    Decoder,
    limit,
)
from .fresh cimport new_bytes, octets_of, steal
from .kernels cimport use
from .mask cimport Octets, draw_key, release, take, take_index, take_key
from .payload cimport text_length, write_octets, write_text

from ..events import FramePart
from ..exceptions import (
    cannot_fragment_control_frame,
    cannot_send_long_control_frame,
    cannot_send_opcode,
    key_without_mask,
    not_a_frame,
)
from ..protocol import DEFAULT_MAX_PAYLOAD_LENGTH

__all__ = ["Frame", "FrameDecoder", "encode_frame", "encode_frames"]

cdef extern from "frame/frame.h" nogil:
    size_t wsf_frame_header_size(uint64_t length, bint mask)
    void wsf_frame_write(uint8_t *dst, uint8_t first, uint64_t length, bint mask, uint32_t key)

cdef extern from *:
    """
    #include "direct.h"
    WSF_DIRECT_FRAME(wsf_encode_frame)
    """
    ctypedef object whole(object opcode, object payload, bint mask)
    object direct_encode_frame "wsf_encode_frame_install"(object general, whole *run)

cdef enum:
    # Of a payload, repr() shows so many octets.
    SHOWN = 32


cdef bint[WSF_OPCODE_BITS + 1] IS_OPCODE
for number, opcode in enumerate(OPCODES):
    IS_OPCODE[number] = opcode is not None
del number, opcode


cdef inline int take_opcode(object value) except -1:
    cdef int overflow
    cdef long number
    # An Opcode is read as the int that it is: to make a plain one of it would take an object.
    if not PyLong_Check(value):
        return take_opcode(take_index(value, "opcode"))
    number = PyLong_AsLongAndOverflow(value, &overflow)
    if overflow != 0 or not 0 <= number <= WSF_OPCODE_BITS or not IS_OPCODE[number]:
        raise cannot_send_opcode(take_index(value, "opcode"))
    return number


@cython.final
@cython.freelist(256)
@cython.no_gc
cdef class Frame:
    """One frame: RFC 6455 section 5.2. Immutable, equal by value, hashable, picklable.

    `opcode` is an Opcode, `payload` unmasked bytes (a str is taken as its UTF-8), and `fin`,
    `rsv1`, `rsv2` and `rsv3` are bools. Raises LocalProtocolError for an opcode that is reserved.
    """

    cdef readonly object opcode
    cdef readonly bytes payload
    cdef uint8_t first

    def __init__(self, opcode, payload=b"", fin=True, rsv1=False, rsv2=False, rsv3=False):
        cdef Octets octets
        if self.opcode is not None:
            raise AttributeError("a Frame can't be changed")
        number = take_opcode(opcode)
        if PyUnicode_Check(payload):
            self.payload = payload.encode()
        else:
            take(&octets, payload, "payload", " or str")
            if octets.fixed:
                self.payload = payload
            else:
                self.payload = octets.at[:octets.length]
            release(&octets)
        self.first = first_octet(number, fin, rsv1, rsv2, rsv3)
        self.opcode = OPCODES[number]

    @property
    def fin(self):
        """Whether it is the last frame of its message."""
        return self.first & WSF_FIN != 0

    @property
    def rsv1(self):
        """Its first reserved bit, which permessage-deflate uses."""
        return self.first & WSF_RSV1 != 0

    @property
    def rsv2(self):
        """Its second reserved bit."""
        return self.first & WSF_RSV2 != 0

    @property
    def rsv3(self):
        """Its third reserved bit."""
        return self.first & WSF_RSV3 != 0

    def __eq__(self, other):
        if not isinstance(other, Frame):
            return NotImplemented
        return self.first == (<Frame>other).first and self.payload == (<Frame>other).payload

    def __hash__(self):
        return hash((self.first, self.payload))

    def __repr__(self):
        parts = [self.opcode.name, repr(self.payload[:SHOWN])]
        if len(self.payload) > SHOWN:
            parts[1] += f"… {len(self.payload)} octets"
        if not self.fin:
            parts.append("fin=False")
        parts += [f"{name}=True" for name in ("rsv1", "rsv2", "rsv3") if getattr(self, name)]
        return f"Frame({', '.join(parts)})"

    def __reduce__(self):
        from .._backend import restore

        state = (int(self.opcode), self.payload, self.fin, self.rsv1, self.rsv2, self.rsv3)
        return restore, ("frames", "Frame", state)


cdef inline uint8_t first_octet(int opcode, bint fin, bint rsv1, bint rsv2, bint rsv3) noexcept:
    return (
        opcode
        | (WSF_FIN if fin else 0)
        | (WSF_RSV1 if rsv1 else 0)
        | (WSF_RSV2 if rsv2 else 0)
        | (WSF_RSV3 if rsv3 else 0)
    )


cdef inline int check(uint8_t first, size_t length) except -1:
    """The rules of RFC 6455 section 5.4 and 5.5 for what is sent."""
    if first & WSF_CONTROL_BIT:
        if not first & WSF_FIN:
            raise cannot_fragment_control_frame(first & WSF_OPCODE_BITS)
        if length > WSF_MAX_CONTROL_PAYLOAD_LENGTH:
            raise cannot_send_long_control_frame(first & WSF_OPCODE_BITS, length)
    return 0


cdef inline uint8_t *begin_frame(
    PyObject *frame, uint8_t first, size_t length, bint mask, uint32_t key
) noexcept:
    """Write its header; return where its payload goes."""
    cdef uint8_t *dst = <uint8_t *>octets_of(frame)
    wsf_frame_write(dst, first, length, mask, key)
    return dst + wsf_frame_header_size(length, mask)


def encode_frame(
    opcode, payload, *, mask, fin=True, rsv1=False, rsv2=False, rsv3=False, masking_key=None
):
    """Return one frame as it goes on the wire: RFC 6455 section 5.2.

    `payload` is a str, sent as UTF-8, or any C-contiguous bytes-like object. A client must mask,
    a server must not: `mask` says so. The key is drawn as by `masking_key()`; `masking_key` names
    one instead, for tests and proxies.

    Raises LocalProtocolError for a reserved opcode, and for a control frame that is longer than
    125 octets or not `fin`; TypeError and ValueError for wrong arguments, UnicodeEncodeError for
    a str with surrogates. What a Close frame carries is not looked at.
    """
    cdef int number = take_opcode(opcode)
    return encode(first_octet(number, fin, rsv1, rsv2, rsv3), payload, mask, masking_key)


cdef object encode_whole(object opcode, object payload, bint mask):
    """What `encode` does, with nothing but what a payload of bytes needs."""
    cdef uint8_t first = take_opcode(opcode) | WSF_FIN
    cdef uint32_t key = 0
    cdef size_t length
    cdef PyObject *frame
    cdef uint8_t *dst
    if not PyBytes_CheckExact(payload):
        return encode(first, payload, mask, None)
    length = PyBytes_GET_SIZE(payload)
    check(first, length)
    if mask:
        key = draw_key()
    frame = new_bytes(NULL, wsf_frame_header_size(length, mask) + length)
    dst = begin_frame(frame, first, length, mask, key)
    write_octets(dst, <const uint8_t *>PyBytes_AS_STRING(payload), length, mask, key)
    return steal(frame)


cdef inline object encode(uint8_t first, object payload, bint mask, object masking_key):
    cdef Octets octets
    cdef uint32_t key = 0
    cdef uint8_t *dst
    cdef PyObject *frame
    cdef bint is_text = PyUnicode_Check(payload)
    if is_text:
        octets.length = text_length(payload)
        octets.fixed = True
    else:
        take(&octets, payload, "payload", " or str")
    try:
        check(first, octets.length)
        if masking_key is not None:
            if not mask:
                raise key_without_mask()
            take_key(&key, masking_key)
        elif mask:
            key = draw_key()
        frame = new_bytes(NULL, wsf_frame_header_size(octets.length, mask) + octets.length)
        dst = begin_frame(frame, first, octets.length, mask, key)
        if is_text:
            write_text(dst, octets.length, payload, mask, key)
        else:
            write_octets(dst, octets.at, octets.length, mask, key)
        return steal(frame)
    finally:
        release(&octets)


encode_frame = direct_encode_frame(encode_frame, encode_whole)


def encode_frames(frames, *, mask):
    """Return many frames as they go on the wire, in one buffer: RFC 6455 section 5.2.

    `frames` is any iterable of Frame; `mask` and errors are those of `encode_frame`.
    """
    cdef Frame frame
    cdef uint32_t key = 0
    cdef bint masked = mask
    cdef size_t size = 0, length
    cdef uint8_t *dst
    cdef tuple all_frames = tuple(frames)
    for item in all_frames:
        if not isinstance(item, Frame):
            raise not_a_frame(item)
        frame = <Frame>item
        length = PyBytes_GET_SIZE(frame.payload)
        check(frame.first, length)
        size += wsf_frame_header_size(length, masked) + length
    octets = PyBytes_FromStringAndSize(NULL, size)
    dst = <uint8_t *>PyBytes_AS_STRING(octets)
    for item in all_frames:
        frame = <Frame>item
        length = PyBytes_GET_SIZE(frame.payload)
        if masked:
            key = draw_key()
        wsf_frame_write(dst, frame.first, length, masked, key)
        dst += wsf_frame_header_size(length, masked)
        write_octets(dst, <const uint8_t *>PyBytes_AS_STRING(frame.payload), length, masked, key)
        dst += length
    return octets


@cython.final
cdef class FrameDecoder(Decoder):
    """Takes wire octets apart into frames, with every rule of RFC 6455 section 5.

    `side` is whose end this is: "server" expects masked frames, "client" unmasked ones. `rsv` is
    the union of RSV1, RSV2 and RSV3 that an extension uses in data frames. A payload of more than
    `max_payload_length` octets (None: no limit) fails with close code 1009, every broken rule with
    1002; the reason of a Close frame must be UTF-8 (1007); whether a text is, is not looked at.
    With `partial`, what has come of a payload is handed out as it comes, as FramePart, in constant
    memory.

    One thread at a time: another one, or a call from within a call, gets a RuntimeError.
    """

    cdef uint64_t number

    def __init__(
        self, side, *, rsv=0, max_payload_length=DEFAULT_MAX_PAYLOAD_LENGTH, partial=False
    ):
        self.set_up(side, rsv)
        self.rules.max_payload = limit("max_payload_length", max_payload_length)
        self.partial = partial

    cdef int whole(self, const uint8_t *src, bint fixed, list completed) except -1:
        cdef Frame frame
        cdef uint8_t first = self.header.first
        if first & WSF_OPCODE_BITS == WSF_CLOSE:
            self.read_close(src)
            self.is_closed = True
        if self.partial:
            completed.append(self.part(src, self.header.length, True))
            return 0
        frame = Frame.__new__(Frame)
        frame.payload = self.unmasked(src, self.header.length, 0)
        frame.opcode = OPCODES[first & WSF_OPCODE_BITS]
        frame.first = first
        completed.append(frame)
        return 0

    cdef int piece(self, const uint8_t *src, size_t length, bint last, list completed) except -1:
        cdef Frame frame
        cdef uint8_t *dst
        if self.partial:
            completed.append(self.part(src, length, last))
            return 0
        dst = self.gathered.reserve(length, self.left_of_message())
        use.mask.apply(dst, src, length, self.key_here())
        self.gathered.length += length
        if last:
            frame = Frame.__new__(Frame)
            frame.payload = self.gathered.take()
            frame.opcode = OPCODES[self.header.first & WSF_OPCODE_BITS]
            frame.first = self.header.first
            completed.append(frame)
        return 0

    cdef bint gathers(self):
        return not self.partial and not self.header.first & WSF_CONTROL_BIT

    cdef object part(self, const uint8_t *src, size_t length, bint last):
        cdef uint8_t first = self.header.first
        part = FramePart(
            self.number,
            OPCODES[first & WSF_OPCODE_BITS],
            first & WSF_FIN != 0,
            first & WSF_RSV1 != 0,
            first & WSF_RSV2 != 0,
            first & WSF_RSV3 != 0,
            self.header.length,
            self.offset if not first & WSF_CONTROL_BIT else 0,
            self.unmasked(src, length, self.offset if not first & WSF_CONTROL_BIT else 0),
            last,
        )
        self.number += last
        return part
