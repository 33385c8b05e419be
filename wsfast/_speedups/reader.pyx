# cython: nonecheck=True
"""The plain case of a library's reader of messages, by the C kernels."""

cimport cython
from cpython.bytearray cimport PyByteArray_GET_SIZE
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact
from cpython.bytes cimport PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from .decoder cimport (
    UNLIMITED,
    WSF_CLOSE,
    WSF_CONTINUATION,
    WSF_CONTROL_BIT,
    WSF_FIN,
    WSF_FRAME_INCOMPLETE,
    WSF_FRAME_READ,
    WSF_MASK_BIT,
    WSF_OPCODE_BITS,
    WSF_RSV1,
    WSF_TEXT,
    wsf_frame_finding,
    wsf_frame_header,
    wsf_frame_rules,
)
from .kernels cimport use, wsf_mask_rotate
from .message_queue cimport Inflated, MessageQueue, ReaderSettings, let_go, new_record
from .utf8 cimport decode

cdef extern from "frame/frame.h" nogil:
    enum:
        WSF_PING

    wsf_frame_finding wsf_frame_read(
        wsf_frame_header *header, const uint8_t *src, size_t length, const wsf_frame_rules *rules
    )

__all__ = ["MessageReader"]

cdef enum:
    # `_state` between two frames, `_opcode` between two messages, `_compressed` before the first.
    AT_A_HEADER = 1
    NO_OPCODE = -1
    NOT_SET = -1
    MAX_HEADER_LENGTH = 14
    # So many reads are held one by one.
    MAX_READS = 1024
    # What was taken of a read is kept up to so many times what is left.
    MOST_BEFORE = 4

# What is left out at the end of a compressed message, RFC 7692 section 7.2.1.
cdef bytes TRAILING = b"\x00\x00\xff\xff"


cdef class MessageReader:
    """The first base of a reader that fills such a queue; the library's own reader is the second.

    Both work on the same attributes. Frames that are whole and break no rule are taken here, what
    else there is goes to the library's own code: Close frames, and errors. `plain` says whether
    anything is taken here. Octets are held back only at the beginning of a frame. For threads
    without a GIL, methods lock the reader.
    """

    cdef public ReaderSettings settings
    cdef public bint plain
    cdef public object queue
    cdef public object _exc
    cdef public object _weak_self
    cdef public object _tail
    cdef public object _decompressobj
    cdef public bytearray _partial
    cdef public int _state
    cdef public int _opcode
    cdef public int _compressed
    cdef public bint _frame_fin
    cdef public bint _compress
    cdef public bint _decode_text
    cdef public Py_ssize_t _max_msg_size
    # Reads with frames that are not complete yet, or wait for room in the queue.
    cdef list held
    cdef Py_ssize_t offset  # of the first frame in the first read
    cdef Py_ssize_t folded  # reads at the beginning that were many once
    cdef uint64_t length    # octets held
    cdef uint64_t wanted    # so many must be held before it is worth a look
    cdef bint stalled       # held because the queue was full
    cdef object failure     # on its way into the library's own code

    def __cinit__(self):
        self._decode_text = True

    @cython.critical_section
    def feed_data(self, data):
        """Take in what was read; returns what the library's own method does."""
        if not self.plain or self._exc is not None:
            return self.settings.feed_data(self, data)
        if not PyBytes_CheckExact(data):
            data = bytes(data)
        try:
            self.feed(data)
        except Exception as error:
            # It comes back as _feed_data(b"").
            self.failure = error
            outcome = self.settings.feed_data(self, b"")
            let_go(error)
            return outcome
        return (False, b"")

    @cython.critical_section
    def _feed_data(self, data):
        """The same without what is to be done with exceptions."""
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        if self.plain:
            self.feed(data)
        else:
            self.settings.parse(self, data)

    # Reads

    cdef int feed(self, bytes data) except -1:
        cdef MessageQueue queue = self.queue
        cdef list held = self.held
        cdef Py_ssize_t offset
        if self.settings.stalls:
            queue.stall(None)
        if self._state != AT_A_HEADER or self._tail:
            # The library's own code is within a frame.
            self.settings.parse(self, data)
            return 0
        if held is None:
            return self.run(queue, data, 0)
        if data:
            held.append(data)
            self.length += PyBytes_GET_SIZE(data)
            if len(held) - self.folded > MAX_READS:
                held[self.folded:] = [b"".join(held[self.folded:])]
                self.folded += 1
        if (self.stalled or data) and self.is_full(queue):
            self.stall(queue)
            return 0
        self.stalled = False
        if self.length < self.wanted:
            return 0
        self.held = None
        offset = self.offset
        if len(held) == 1:
            return self.run(queue, held[0], offset)
        if (
            PyBytes_GET_SIZE(held[0]) - offset >= MAX_HEADER_LENGTH
            and self.length - PyBytes_GET_SIZE(data) < self.wanted
        ):
            return self.gather(queue, held, offset)
        return self.run(queue, b"".join(held), offset)

    cdef int gather(self, MessageQueue queue, list held, Py_ssize_t offset) except -1:
        """Take the frame that begins in the first read and ends in the last."""
        cdef wsf_frame_header header
        cdef wsf_frame_finding finding
        cdef bytes read = held[0], begun
        cdef const uint8_t *at = <const uint8_t *>PyBytes_AS_STRING(read) + offset
        cdef size_t done = 0, some
        cdef uint8_t *payload
        finding = self.read_header(&header, at, PyBytes_GET_SIZE(read) - offset)
        if finding != WSF_FRAME_READ or header.size + header.length != self.wanted:
            # Somebody has changed our attributes since the header came.
            return self.run(queue, b"".join(held), offset)
        begun = at[:header.size]
        gathered = PyBytes_FromStringAndSize(NULL, header.length)
        payload = <uint8_t *>PyBytes_AS_STRING(gathered)
        offset += header.size
        for read in held:
            some = min(<size_t>(PyBytes_GET_SIZE(read) - offset), header.length - done)
            at = <const uint8_t *>PyBytes_AS_STRING(read) + offset
            use.mask.apply(payload + done, at, some, wsf_mask_rotate(header.key, done))
            done += some
            offset += some
            if done < header.length:
                offset = 0
        held.clear()
        if not self.take(queue, &header, payload, 0, gathered):
            masked = PyBytes_FromStringAndSize(NULL, header.length)
            use.mask.apply(
                <uint8_t *>PyBytes_AS_STRING(masked), payload, header.length, header.key
            )
            self.settings.parse(self, begun + masked)
        return self.run(queue, read, offset)

    cdef int run(self, MessageQueue queue, bytes data, Py_ssize_t position) except -1:
        """Take the frames in `data` from `position` on."""
        cdef wsf_frame_header header
        cdef wsf_frame_finding finding
        cdef const uint8_t *at
        cdef Py_ssize_t length = PyBytes_GET_SIZE(data), left
        cdef uint64_t size
        while position < length:
            if self.is_full(queue):
                self.hold(data, position, 0)
                self.stall(queue)
                return 0
            at = <const uint8_t *>PyBytes_AS_STRING(data) + position
            left = length - position
            finding = self.read_header(&header, at, left)
            if finding == WSF_FRAME_INCOMPLETE:
                self.hold(data, position, left + 1)
                return 0
            size = left
            if finding == WSF_FRAME_READ:
                size = header.size + header.length
                if self.is_for_us(&header):
                    if size > <uint64_t>left:
                        self.hold(data, position, size)
                        return 0
                    if self.take(queue, &header, at + header.size, header.key, None):
                        position += size
                        continue
                if size > <uint64_t>left:
                    size = left
            self.settings.parse(self, PyBytes_FromStringAndSize(<const char *>at, size))
            position += size
        return 0

    cdef int hold(self, bytes data, Py_ssize_t position, uint64_t wanted) except -1:
        """Keep what is in `data` from `position` on until there is more."""
        cdef Py_ssize_t left = PyBytes_GET_SIZE(data) - position
        if left < position // MOST_BEFORE:
            data, position = data[position:], 0
        self.held = [data]
        self.offset = position
        self.folded = 0
        self.length = left
        self.wanted = wanted
        return 0

    cdef inline bint is_full(self, MessageQueue queue) noexcept:
        return self.settings.stalls and queue._size > queue._limit

    cdef int stall(self, MessageQueue queue) except -1:
        self.stalled = True
        queue.stall(self._weak_self)
        return 0

    # Frames

    cdef wsf_frame_finding read_header(
        self, wsf_frame_header *header, const uint8_t *at, Py_ssize_t left
    ) noexcept:
        cdef wsf_frame_rules rules
        rules.max_payload = rules.max_data = rules.fragments_left = UNLIMITED
        if self._max_msg_size != 0:
            # A message must be shorter. What is too long is so as soon as its length is there.
            rules.max_payload = max(self.room() - 1, 0)
        # Whether frames must be masked is not looked at by the library, either.
        rules.mask = at[1] & WSF_MASK_BIT if left > 1 else 0
        rules.rsv = WSF_RSV1 if self._compress and self.begins_message() else 0
        rules.in_message = self._opcode != NO_OPCODE
        return wsf_frame_read(header, at, left, &rules)

    cdef inline bint is_for_us(self, const wsf_frame_header *header) noexcept:
        """Whether it is a data frame that is not too long, or a Ping or Pong between messages."""
        if header.first & WSF_CONTROL_BIT:
            if header.first == WSF_FIN | WSF_CLOSE:
                return False
            # Elsewhere, releases differ in what a control frame does to `_compressed`.
            return self._frame_fin and self._opcode == NO_OPCODE
        return self._max_msg_size == 0 or self.room() > 0

    cdef inline bint begins_message(self) noexcept:
        """Whether the next data frame says if its message is compressed."""
        return self._frame_fin or self._compressed == NOT_SET

    cdef inline Py_ssize_t room(self) noexcept:
        """What is left for the message of its octets, if they are limited."""
        if self._opcode == NO_OPCODE:
            return self._max_msg_size
        return self._max_msg_size - PyByteArray_GET_SIZE(self._partial)

    cdef bint take(
        self, MessageQueue queue, const wsf_frame_header *header, const uint8_t *src,
        uint32_t key, bytes payload
    ) except -1:
        """Take a frame, whose payload is at `src` and in `payload` if that isn't None.

        False if there is something wrong with it.
        """
        cdef ReaderSettings settings = self.settings
        if header.first == WSF_FIN | WSF_TEXT and self._decode_text:
            text = decode(src, header.length, key, True)
            if text is None:
                return False
            message = new_record(settings.message, settings.text, text, settings.extra)
        else:
            if payload is None:
                payload = PyBytes_FromStringAndSize(NULL, header.length)
                use.mask.apply(<uint8_t *>PyBytes_AS_STRING(payload), src, header.length, key)
            if header.first & WSF_CONTROL_BIT:
                self.take_control(queue, header, payload)
                return True
            if header.first & ~WSF_OPCODE_BITS != WSF_FIN or self._opcode != NO_OPCODE:
                return self.take_part(queue, header, payload)
            message = self.new_message(header.first & WSF_OPCODE_BITS, payload)
        self._compressed = 0
        self._frame_fin = True
        queue.put(message, header.length)
        return True

    cdef int take_control(
        self, MessageQueue queue, const wsf_frame_header *header, bytes payload
    ) except -1:
        cdef ReaderSettings settings = self.settings
        kind = settings.ping if header.first == WSF_FIN | WSF_PING else settings.pong
        content = bytearray(payload) if header.second & WSF_MASK_BIT else payload
        queue.put(new_record(settings.message, kind, content, settings.extra), header.length)
        return 0

    cdef bint take_part(
        self, MessageQueue queue, const wsf_frame_header *header, bytes payload
    ) except -1:
        """Take a frame of a message that is compressed, or of several frames."""
        cdef bint compressed = header.first & WSF_RSV1 != 0
        cdef int opcode = header.first & WSF_OPCODE_BITS
        if not self.begins_message():
            compressed = self._compressed != 0
        if not header.first & WSF_FIN:
            self._partial += payload
            if opcode != WSF_CONTINUATION:
                self._opcode = opcode
        elif not self.finish(queue, opcode, payload, compressed):
            return False
        self._compressed = compressed
        self._frame_fin = header.first & WSF_FIN != 0
        return True

    cdef bint finish(
        self, MessageQueue queue, int opcode, bytes payload, bint compressed
    ) except -1:
        """Take the last frame of a message; False if there is something wrong with its text."""
        cdef bytes whole = payload
        cdef int kind = self._opcode if opcode == WSF_CONTINUATION else opcode
        if self._partial:
            whole = bytes(self._partial + payload)
        if compressed:
            if self._decompressobj is None or not self.settings.inflates:
                self._handle_frame(True, opcode, payload, <int>compressed)
                return True
            outcome = self.inflate(whole)
            whole = outcome.result
            if whole is None:
                self.repeat(outcome, opcode, payload)
                return True
        message = self.new_message(kind, whole)
        if message is None:
            if not compressed:
                return False
            self.repeat(outcome, opcode, payload)
            return True
        self._partial.clear()
        self._opcode = NO_OPCODE
        queue.put(message, PyBytes_GET_SIZE(whole))
        return True

    cdef Inflated inflate(self, bytes payload):
        cdef Inflated outcome = Inflated.__new__(Inflated)
        cdef Py_ssize_t limit = self._max_msg_size
        try:
            octets = self._decompressobj.decompress_sync(
                payload + TRAILING, limit + 1 if limit else 0
            )
        except Exception as error:
            outcome.error = error
            return outcome
        outcome.octets = octets
        if type(octets) is bytes and (limit == 0 or len(octets) <= limit):
            outcome.result = octets
        return outcome

    cdef int repeat(self, Inflated outcome, int opcode, bytes payload) except -1:
        """Let the library's own code make its error of what went wrong here."""
        inflater = self._decompressobj
        self._decompressobj = outcome
        try:
            self._handle_frame(True, opcode, payload, 1)
        finally:
            self._decompressobj = inflater
        return 0

    cdef object new_message(self, int opcode, bytes payload):
        """None if it is text that is not valid UTF-8."""
        cdef ReaderSettings settings = self.settings
        if opcode != WSF_TEXT:
            return new_record(settings.message, settings.binary, payload, settings.extra)
        if not self._decode_text:
            return new_record(settings.message_of_octets, settings.text, payload, settings.extra)
        text = decode(
            <const uint8_t *>PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload), 0, True
        )
        if text is None:
            return None
        return new_record(settings.message, settings.text, text, settings.extra)
