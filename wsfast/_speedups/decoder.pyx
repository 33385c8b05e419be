"""What FrameDecoder and MessageDecoder have in common: headers, limits, and whose turn it is."""

from types import GenericAlias

from cpython.object cimport PyObject
from libc.string cimport memcpy

from .fresh cimport new_bytes, octets_of, steal
from .gathering cimport Gathering, Region, new_region
from .guard cimport enter, leave
from .kernels cimport use, wsf_mask_rotate
from .mask cimport Octets, release, take, take_index
from .utf8 cimport decode, find_error

from .. import exceptions
from ..events import Close
from ..protocol import RECEIVE_BUFFER_LENGTH, CloseCode, Opcode, is_close_code_on_the_wire

cdef extern from "frame/frame.h" nogil:
    wsf_frame_finding wsf_frame_read(
        wsf_frame_header *header, const uint8_t *src, size_t length, const wsf_frame_rules *rules
    )

__all__ = ["Decoder"]

OPCODES = tuple([Opcode(value) if value in tuple(Opcode) else None for value in range(16)])

cdef size_t RECEIVE = RECEIVE_BUFFER_LENGTH
cdef object NO_STATUS = int(CloseCode.NO_STATUS_RCVD)


cdef uint64_t limit(str name, object value) except? 0xFFFFFFFFFFFFFFFF:
    """A limit as a number: what is above 2**64 limits nothing."""
    if value is None:
        return UNLIMITED
    value = take_index(value, name)
    if value < 0:
        raise exceptions.negative(name, value)
    return UNLIMITED if value >= UNLIMITED else value


cdef class Decoder:
    def __cinit__(self):
        self.gathered = Gathering.__new__(Gathering)

    cdef int set_up(self, object side, object rsv) except -1:
        if not isinstance(side, str) or side not in ("server", "client"):
            raise exceptions.not_a_side(side)
        self.rules.mask = WSF_MASK_BIT if side == "server" else 0
        rsv = take_index(rsv, "rsv")
        if rsv & ~WSF_RSV_BITS:
            raise exceptions.not_rsv_bits(rsv)
        self.rules.rsv = rsv
        self.rules.max_payload = self.rules.max_data = self.max_message = UNLIMITED
        self.rules.fragments_left = self.max_fragments = UNLIMITED
        return 0

    @classmethod
    def __class_getitem__(cls, item):
        return GenericAlias(cls, item)

    @property
    def closed(self):
        """Whether a Close frame has come. What follows it is dropped: RFC 6455 section 5.5.1."""
        return self.is_closed

    # One call of the owner

    cdef int open_up(self) except -1:
        if not enter(&self.busy):
            raise exceptions.in_use(type(self).__name__)
        if self.error is not None:
            leave(&self.busy)
            raise self.error.again()
        return 0

    def feed(self, data):
        """Take the next octets from the wire, cut anywhere; return what they complete, in order.

        `data` is any C-contiguous bytes-like object. Raises RemoteProtocolError where the peer
        broke a rule of RFC 6455 or exceeded a limit: its `close_code` is the one to fail the
        connection with, and its `completed` what this call had completed before. The decoder stays
        failed: every later call raises the same again.
        """
        cdef Octets octets
        cdef list completed = []
        self.open_up()
        try:
            if self.region is not None:
                self.take_back()
            take(&octets, data, "data")
            try:
                self.run_or_fail(octets.at, octets.length, octets.fixed, completed)
            finally:
                release(&octets)
        finally:
            leave(&self.busy)
        return completed

    cdef int run_or_fail(
        self, const uint8_t *src, size_t length, bint fixed, list completed
    ) except -1:
        try:
            self.run(src, length, fixed, completed)
        except exceptions.ProtocolError as error:
            error.completed = completed
            self.error = error.again()
            raise
        except BaseException as error:
            self.error = exceptions.broke_off(error)
            raise

    def get_buffer(self, sizehint=-1):
        """Return writable memory for the next octets from the wire, for recv_into().

        As asyncio.BufferedProtocol.get_buffer. It is valid until buffer_updated(); until then,
        further calls return the same. Of a long payload, it is memory of the object that will be
        handed out.
        """
        self.open_up()
        try:
            take_index(sizehint, "sizehint")
            if self.region is None:
                self.lend()
            if self.view is None:
                self.view = memoryview(self.region)
            return self.view
        finally:
            leave(&self.busy)

    def buffer_updated(self, nbytes):
        """Take the first `nbytes` octets of what get_buffer() returned, and return as feed() does.

        Raises ValueError for more octets than there are, RuntimeError without get_buffer().
        """
        cdef list completed = []
        cdef Region region
        cdef bint exported
        cdef size_t length
        self.open_up()
        try:
            if self.region is None:
                raise exceptions.no_buffer()
            nbytes = take_index(nbytes, "nbytes")
            if not 0 <= nbytes <= self.region.length:
                raise exceptions.wrong_update(nbytes, self.region.length)
            length = nbytes
            region = self.region
            exported = self.is_held()
            self.view = self.region = None
            if not self.direct:
                self.run_or_fail(region.at, length, not exported, completed)
            else:
                if exported:
                    self.gathered.leave_behind(length)
                del region
                if length != 0:
                    self.run_or_fail(
                        self.gathered.at() + self.gathered.length, length, True, completed
                    )
        finally:
            leave(&self.busy)
        return completed

    def finish(self):
        """Tell the decoder that the stream has ended.

        Raises RemoteProtocolError (close code 1006) where that is inside a frame or message.
        """
        self.open_up()
        leave(&self.busy)
        if self.is_closed:
            return
        if self.in_payload or self.header_length != 0:
            raise exceptions.ended_inside_frame()
        if self.rules.in_message:
            raise exceptions.ended_inside_message()

    # Frames

    cdef int run(self, const uint8_t *src, size_t length, bint fixed, list completed) except -1:
        cdef wsf_frame_finding finding
        cdef const uint8_t *end = src + length
        cdef size_t some
        cdef uint64_t left
        while True:
            if not self.in_payload:
                if src == end or self.is_closed:
                    return 0
                if self.header_length == 0:
                    finding = wsf_frame_read(&self.header, src, end - src, &self.rules)
                    some = self.header.size
                else:
                    some = WSF_MAX_HEADER_LENGTH - self.header_length
                    some = min(some, <size_t>(end - src))
                    memcpy(self.header_octets + self.header_length, src, some)
                    finding = wsf_frame_read(
                        &self.header, self.header_octets, self.header_length + some, &self.rules
                    )
                    if finding == WSF_FRAME_INCOMPLETE:
                        self.header_length += some
                        return 0
                    some = self.header.size - self.header_length
                if finding != WSF_FRAME_READ:
                    if finding != WSF_FRAME_INCOMPLETE:
                        raise self.violation(finding)
                    self.header_length = end - src
                    memcpy(self.header_octets, src, self.header_length)
                    return 0
                src += some
                self.header_length = 0
                self.offset = 0
                if not self.header.first & WSF_CONTROL_BIT:
                    self.begin()
            left = self.header.length - self.offset
            some = end - src
            if some >= left:
                self.in_payload = False
                self.payload(src, left, True, fixed, completed)
                src += left
            else:
                self.in_payload = True
                if some != 0:
                    self.payload(src, some, False, fixed, completed)
                    self.offset += some
                return 0

    cdef inline int payload(
        self, const uint8_t *src, size_t length, bint last, bint fixed, list completed
    ) except -1:
        if last and self.offset == 0:
            return self.whole(src, fixed, completed)
        if not self.header.first & WSF_CONTROL_BIT:
            return self.piece(src, length, last, completed)
        memcpy(self.control + self.offset, src, length)
        if last:
            self.whole(self.control, True, completed)
        return 0

    cdef int begin(self) except -1:
        self.rules.in_message = not self.header.first & WSF_FIN
        if not self.rules.in_message:
            self.rules.fragments_left = self.max_fragments
        elif self.rules.fragments_left != UNLIMITED:
            self.rules.fragments_left -= 1
        return 0

    cdef int whole(self, const uint8_t *src, bint fixed, list completed) except -1:
        raise NotImplementedError

    cdef int piece(self, const uint8_t *src, size_t length, bint last, list completed) except -1:
        raise NotImplementedError

    cdef bint gathers(self):
        return False

    cdef object violation(self, wsf_frame_finding finding):
        cdef wsf_frame_header *header = &self.header
        opcode = header.first & WSF_OPCODE_BITS
        if finding == WSF_FRAME_RESERVED_BITS:
            allowed = 0 if opcode & WSF_CONTROL_BIT else self.rules.rsv
            return exceptions.reserved_bits(header.first, allowed)
        if finding == WSF_FRAME_RESERVED_OPCODE:
            return exceptions.reserved_opcode(opcode)
        if finding == WSF_FRAME_FRAGMENTED_CONTROL:
            return exceptions.fragmented_control_frame(opcode)
        if finding == WSF_FRAME_UNEXPECTED_CONTINUATION:
            return exceptions.unexpected_continuation()
        if finding == WSF_FRAME_EXPECTED_CONTINUATION:
            return exceptions.expected_continuation(opcode)
        if finding == WSF_FRAME_TOO_MANY_FRAGMENTS:
            return exceptions.too_many_fragments(self.max_fragments)
        if finding == WSF_FRAME_WRONG_MASK_BIT:
            return exceptions.unmasked_frame() if self.rules.mask else exceptions.masked_frame()
        if finding == WSF_FRAME_LONG_CONTROL:
            return exceptions.long_control_frame(opcode)
        if finding == WSF_FRAME_TOP_BIT:
            return exceptions.length_with_top_bit(header.length)
        if finding == WSF_FRAME_NOT_MINIMAL:
            bits = 16 if header.second & ~WSF_MASK_BIT == WSF_LENGTH_IS_16_BIT else 64
            return exceptions.length_not_minimal(header.length, bits)
        if finding == WSF_FRAME_PAYLOAD_TOO_LONG:
            return exceptions.payload_too_long(header.length, self.rules.max_payload)
        before = self.message_length if opcode == WSF_CONTINUATION else 0
        return exceptions.message_too_long(before + header.length, self.max_message)

    cdef uint32_t key_here(self):
        """The masking key for the next octets of the payload."""
        return wsf_mask_rotate(self.header.key, self.offset)

    cdef bytes unmasked(self, const uint8_t *src, size_t length, uint64_t offset):
        cdef PyObject *octets = new_bytes(NULL, length)
        cdef uint32_t key = wsf_mask_rotate(self.header.key, offset)
        use.mask.apply(<uint8_t *>octets_of(octets), src, length, key)
        return <bytes>steal(octets)

    cdef object read_close(self, const uint8_t *src):
        """The Close of a payload that is still masked: RFC 6455 section 5.5.1."""
        cdef size_t length = self.header.length
        cdef uint8_t octets[WSF_MAX_CONTROL_PAYLOAD_LENGTH]
        if length == 0:
            return Close(NO_STATUS, "")
        if length == 1:
            raise exceptions.short_close_payload()
        use.mask.apply(octets, src, length, self.header.key)
        code = octets[0] << 8 | octets[1]
        if not is_close_code_on_the_wire(code):
            raise exceptions.close_code_not_allowed(code)
        reason = decode(octets + 2, length - 2, 0, True)
        if reason is None:
            raise find_error(octets + 2, length - 2, 0, 0)
        return Close(code, reason)

    cdef uint64_t left_of_message(self):
        """How many octets the message still has, as far as that is known."""
        return self.header.length - self.offset if self.header.first & WSF_FIN else UNLIMITED

    # Memory for get_buffer()

    cdef int lend(self) except -1:
        cdef uint64_t left = self.header.length - self.offset
        self.direct = self.in_payload and left >= RECEIVE and self.gathers()
        if self.direct:
            self.gathered.reserve(RECEIVE, self.left_of_message())
            self.region = self.gathered.lend(left)
        else:
            self.region = new_region(RECEIVE)
        return 0

    cdef bint is_held(self) except -1:
        """Release the view; tell whether somebody still holds the memory."""
        if self.view is not None:
            try:
                self.view.release()
            except BufferError:
                return True
            self.view = None
        return self.region.exports != 0

    cdef int take_back(self) except -1:
        """Give up memory that was handed out and not used."""
        if self.is_held():
            raise exceptions.buffer_is_exported()
        self.region = None
        return 0
