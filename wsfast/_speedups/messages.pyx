"""Messages, RFC 6455 section 5.4, by the C kernels."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from .decoder cimport (
    OPCODES,
    UNLIMITED,
    WSF_CLOSE,
    WSF_CONTINUATION,
    WSF_CONTROL_BIT,
    WSF_FIN,
    WSF_OPCODE_BITS,
    WSF_RSV1,
    WSF_TEXT,
    Decoder,
    limit,
)
from .kernels cimport use, wsf_mask_rotate, wsf_text
from .mask cimport Octets, release, take
from .utf8 cimport decode, find_error, transcode

from ..events import MessagePart
from ..exceptions import (
    ProtocolError,
    inflate_failed,
    invalid_utf8,
    message_too_long,
    not_a_text_type,
    truncated_utf8,
)
from ..protocol import DEFAULT_MAX_MESSAGE_LENGTH

__all__ = ["MessageDecoder"]


@cython.final
cdef class MessageDecoder(Decoder):
    """Takes wire octets apart into messages, with every rule of RFC 6455 for their receiver.

    `side` is whose end this is, "server" or "client". feed() and buffer_updated() return a list of
    (opcode, payload), whole messages and control frames in the order of their ends: a str for TEXT
    (with text="bytes": its UTF-8, validated), bytes for BINARY, PING and PONG, a `Close` for CLOSE.

    `max_message_length` and `max_payload_length` (of one frame) are octets, `max_fragments` frames
    of one message; None is no limit, and to exceed one fails with close code 1009. Text is
    validated as it arrives, and fails at the first octet that can't be continued (1007).
    `inflater` is an `Inflater`, for permessage-deflate (RFC 7692): with one, RSV1 is allowed in a
    message's first frame, and max_message_length applies to what is inflated. With `partial`, what
    has come of a message is handed out as it comes, as MessagePart, in constant memory.

    One thread at a time: another one, or a call from within a call, gets a RuntimeError.
    """

    def __init__(
        self,
        side,
        *,
        text="str",
        max_message_length=DEFAULT_MAX_MESSAGE_LENGTH,
        max_payload_length=None,
        max_fragments=None,
        inflater=None,
        partial=False,
    ):
        self.set_up(side, 0 if inflater is None else WSF_RSV1)
        if not isinstance(text, str) or text not in ("str", "bytes"):
            raise not_a_text_type(text)
        self.wants_str = text == "str"
        self.max_message = self.rules.max_data = limit("max_message_length", max_message_length)
        self.rules.max_payload = limit("max_payload_length", max_payload_length)
        self.max_fragments = self.rules.fragments_left = limit("max_fragments", max_fragments)
        self.inflater = inflater
        self.partial = partial

    cdef int begin(self) except -1:
        cdef uint8_t opcode = self.header.first & WSF_OPCODE_BITS
        if opcode != WSF_CONTINUATION:
            self.opcode = opcode
            self.is_compressed = self.header.first & WSF_RSV1 != 0
            self.gathered.is_str = self.wants_str and opcode == WSF_TEXT
            self.message_length = self.handed_out = 0
            self.valid = self.characters = self.top = 0
        if not self.is_compressed:
            self.message_length += self.header.length
        Decoder.begin(self)
        if not self.rules.in_message:
            self.rules.rsv = 0 if self.inflater is None else WSF_RSV1
            self.rules.max_data = self.max_message
        else:
            self.rules.rsv = 0
            if self.is_compressed or self.max_message == UNLIMITED:
                self.rules.max_data = UNLIMITED
            else:
                self.rules.max_data = self.max_message - self.message_length
        return 0

    cdef int whole(self, const uint8_t *src, bint fixed, list completed) except -1:
        cdef uint8_t first = self.header.first, opcode = first & WSF_OPCODE_BITS
        cdef size_t length = self.header.length
        cdef bint partial = self.partial
        if first & WSF_CONTROL_BIT:
            if opcode == WSF_CLOSE:
                payload = self.read_close(src)
                self.is_closed = True
            else:
                payload = self.unmasked(src, length, 0)
            if partial:
                completed.append(MessagePart(OPCODES[opcode], 0, payload, True))
                return 0
        elif partial or self.is_compressed or opcode == WSF_CONTINUATION or not first & WSF_FIN:
            return self.piece(src, length, True, completed)
        elif self.gathered.is_str:
            payload = decode(src, length, self.header.key, fixed)
            if payload is None:
                raise find_error(src, length, self.header.key, 0)
        else:
            payload = self.unmasked(src, length, 0)
            if opcode == WSF_TEXT:
                src = <const uint8_t *>PyBytes_AS_STRING(payload)
                if use.utf8.valid_prefix(src, length) != length:
                    raise find_error(src, length, 0, 0)
        completed.append((OPCODES[opcode], payload))
        return 0

    cdef int piece(self, const uint8_t *src, size_t length, bint last, list completed) except -1:
        last = last and self.header.first & WSF_FIN
        if self.is_compressed:
            return self.inflate(src, length, last, completed)
        if self.partial:
            return self.part(src, length, self.key_here(), last, completed)
        self.append(src, length, self.key_here(), self.left_of_message())
        if last:
            self.complete(completed)
        return 0

    cdef bint gathers(self):
        return not (self.partial or self.is_compressed or self.header.first & WSF_CONTROL_BIT)

    # Whole messages

    cdef int append(self, const uint8_t *src, size_t length, uint32_t key, uint64_t left) except -1:
        cdef uint8_t *dst = self.gathered.reserve(length, left)
        if self.opcode == WSF_TEXT:
            self.append_text(dst, src, length, key)
        else:
            use.mask.apply(dst, src, length, key)
        self.gathered.length += length
        return 0

    cdef int append_text(
        self, uint8_t *dst, const uint8_t *src, size_t length, uint32_t key
    ) except -1:
        """Unmask and validate in one pass, behind the octets of a character that was cut."""
        cdef size_t begun = self.gathered.length - self.valid
        cdef wsf_text found
        while begun != 0 and length != 0:
            use.mask.apply(dst, src, 1, key)
            key = wsf_mask_rotate(key, 1)
            dst += 1
            src += 1
            length -= 1
            begun += 1
            if use.utf8_few(dst - begun, begun) == begun:
                self.valid += begun
                self.characters += 1
                self.top = max(self.top, (dst - begun)[0])
                begun = 0
            elif use.utf8_begun(dst - begun, begun) != begun:
                raise invalid_utf8(self.valid + begun - 1, (dst - 1)[0])
        if length != 0:
            found = use.text.scan(dst, src, length, key)
            self.valid += found.octets
            self.characters += found.characters
            self.top = max(self.top, found.top)
            if found.octets != length:
                begun = use.utf8_begun(dst + found.octets, length - found.octets)
                if begun != length - found.octets:
                    raise invalid_utf8(self.valid + begun, dst[found.octets + begun])
        return 0

    cdef int complete(self, list completed) except -1:
        cdef size_t length = self.gathered.length
        if self.opcode == WSF_TEXT and self.valid != length:
            raise truncated_utf8(length)
        if self.gathered.is_str and self.top >= 0x80:
            payload = transcode(self.gathered.at(), length, 0, self.characters, self.top)
            self.gathered.drop()
        else:
            payload = self.gathered.take()
        completed.append((OPCODES[self.opcode], payload))
        return 0

    # Compressed messages

    cdef int inflate(self, const uint8_t *src, size_t length, bint last, list completed) except -1:
        cdef Octets inflated
        if length == 0 and not last:
            return 0
        room = None if self.max_message == UNLIMITED else self.max_message - self.message_length
        try:
            data = self.inflater.inflate(self.unmasked(src, length, self.offset), bool(last), room)
        except ProtocolError:
            raise
        except Exception as error:
            raise inflate_failed(error) from error
        take(&inflated, data, "inflated data")
        try:
            self.message_length += inflated.length
            if self.message_length > self.max_message:
                raise message_too_long(self.message_length, self.max_message)
            if self.partial:
                self.part(inflated.at, inflated.length, 0, last, completed)
            else:
                self.append(inflated.at, inflated.length, 0, inflated.length if last else UNLIMITED)
                if last:
                    self.complete(completed)
        finally:
            release(&inflated)
        return 0

    # Messages in parts

    cdef int part(
        self, const uint8_t *src, size_t length, uint32_t key, bint last, list completed
    ) except -1:
        cdef size_t held = self.held_length if self.opcode == WSF_TEXT else 0
        cdef uint64_t offset = self.handed_out
        cdef uint8_t *at
        if length == 0 and not last:
            return 0
        octets = PyBytes_FromStringAndSize(NULL, held + length)
        at = <uint8_t *>PyBytes_AS_STRING(octets)
        memcpy(at, self.held, held)
        use.mask.apply(at + held, src, length, key)
        self.handed_out += length
        data = octets
        error = None
        if self.opcode == WSF_TEXT:
            data, error = self.read_text(octets, held, offset - held, last)
            if self.wants_str:
                offset -= held
        last = last and error is None
        if last or len(data) != 0:
            completed.append(MessagePart(OPCODES[self.opcode], offset, data, bool(last)))
        if error is not None:
            raise error
        return 0

    cdef tuple read_text(self, bytes octets, size_t held, uint64_t start, bint last):
        """What to hand out of octets of which so many were held back, and the error behind it."""
        cdef const uint8_t *at = <const uint8_t *>PyBytes_AS_STRING(octets)
        cdef size_t length = len(octets), begun = 0
        cdef wsf_text found = use.text.scan(NULL, at, length, 0)
        error = None
        if found.octets != length:
            begun = use.utf8_begun(at + found.octets, length - found.octets)
            if begun != length - found.octets:
                error = invalid_utf8(start + found.octets + begun, at[found.octets + begun])
                found = use.text.scan(NULL, at, found.octets, 0)
            elif last:
                error = truncated_utf8(start + length)
        memcpy(self.held, at + found.octets, begun)
        self.held_length = begun
        if self.wants_str:
            return transcode(at, found.octets, 0, found.characters, found.top), error
        return octets[held:found.octets + begun], error
