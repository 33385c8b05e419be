"""A library's reader and its queue of messages: their plain case, by the C kernels."""

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize
from cpython.bytes cimport PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint64_t

from .decoder cimport (
    UNLIMITED,
    WSF_BINARY,
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
from .kernels cimport use
from .utf8 cimport decode

cdef extern from *:
    """
    /* A new tuple of three, of a subclass of tuple that adds no fields. */
    static PyObject *wsf_new_record(PyObject *cls, PyObject *a, PyObject *b, PyObject *c) {
        PyTypeObject *type = (PyTypeObject *)cls;
        PyObject *record = type->tp_alloc(type, 3);
        if (record != NULL) {
            PyTuple_SET_ITEM(record, 0, Py_NewRef(a));
            PyTuple_SET_ITEM(record, 1, Py_NewRef(b));
            PyTuple_SET_ITEM(record, 2, Py_NewRef(c));
        }
        return record;
    }
    """
    object new_record "wsf_new_record"(object cls, object a, object b, object c)

cdef extern from "Python.h":
    bytearray PyByteArray_FromStringAndSize(const char *octets, Py_ssize_t size)

cdef extern from "frame/frame.h" nogil:
    wsf_frame_finding wsf_frame_read(
        wsf_frame_header *header, const uint8_t *src, size_t length, const wsf_frame_rules *rules
    )

__all__ = ["MessageQueue", "MessageReader", "ReaderSettings"]

cdef enum:
    # `_state` between two frames, `_opcode` between two messages, `_compressed` before the first.
    AT_A_HEADER = 1
    NO_OPCODE = -1
    NOT_SET = -1


cdef class ReaderSettings:
    """What is the same for all readers and queues of a library.

    A message is a tuple of its type, its payload and `extra`, of the subclass of tuple `message`,
    or of `message_of_octets` where it is text that is not decoded. `overhead` is what a message
    counts besides its octets; `stalls` says whether a reader whose queue is full stops in the midst
    of a read. The last three are the library's own methods.
    """

    cdef object message
    cdef object message_of_octets
    cdef object text
    cdef object binary
    cdef object extra
    cdef Py_ssize_t overhead
    cdef bint stalls
    cdef object feed_data
    cdef object parse
    cdef object read

    def __init__(
        self,
        *,
        message,
        message_of_octets,
        text,
        binary,
        extra,
        overhead,
        stalls,
        feed_data,
        parse,
        read,
    ):
        for cls in (message, message_of_octets):
            if not issubclass(cls, tuple) or cls.__itemsize__ != tuple.__itemsize__:
                raise TypeError(f"not a tuple of fields: {cls!r}")
            if cls.__basicsize__ != tuple.__basicsize__:
                raise TypeError(f"a tuple with more than fields: {cls!r}")
        self.message = message
        self.message_of_octets = message_of_octets
        self.text = text
        self.binary = binary
        self.extra = extra
        self.overhead = overhead
        self.stalls = stalls
        self.feed_data = feed_data
        self.parse = parse
        self.read = read


cdef class MessageQueue:
    """The first base of a queue of messages; the library's own queue is the second.

    Both work on the same attributes. This one does nothing until it has got its settings.
    """

    cdef public ReaderSettings settings
    cdef public object _protocol
    cdef public object _buffer
    cdef public object _get_buffer
    cdef public object _put_buffer
    cdef public object _waiter
    cdef public object _stalled_reader
    cdef public Py_ssize_t _size
    cdef public Py_ssize_t _limit

    def feed_data(self, data, size):
        """Put a message into the queue that counts for so many octets."""
        self.put(data, size)

    def _read_from_buffer(self):
        """Take a message out, by the library's own code where there is more to do than that."""
        if (
            not self._buffer
            or self._stalled_reader is not None
            or self._protocol._reading_paused
        ):
            return self.settings.read(self)
        message, size = self._get_buffer()
        self._size -= <Py_ssize_t>size + self.settings.overhead
        return message

    cdef int put(self, object message, Py_ssize_t size) except -1:
        self._size += size + self.settings.overhead
        self._put_buffer((message, size))
        if self._waiter is not None:
            waiter = self._waiter
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)
        if self._size > self._limit and not self._protocol._reading_paused:
            self._protocol.pause_reading()
        return 0


cdef class MessageReader:
    """The first base of a reader that fills such a queue; the library's own reader is the second.

    Both work on the same attributes. Frames that are whole and break no rule are taken here, what
    else there is goes to the library's own code: control frames, and errors. `plain` says whether
    anything is taken here. Octets are held back only at the beginning of a frame.
    """

    cdef public ReaderSettings settings
    cdef public bint plain
    cdef public object queue
    cdef public object _exc
    cdef public object _weak_self
    cdef public object _tail
    cdef public object _partial
    cdef public int _state
    cdef public int _opcode
    cdef public int _compressed
    cdef public bint _frame_fin
    cdef public bint _compress
    cdef public bint _decode_text
    cdef public Py_ssize_t _max_msg_size
    cdef bytearray held     # octets of frames that are not complete yet, or wait for room
    cdef uint64_t wanted    # so many must be held before it is worth a look
    cdef bint stalled       # held because the queue was full
    cdef object failure     # on its way into the library's own code

    def __cinit__(self):
        self._decode_text = True

    def feed_data(self, data):
        """Take in what was read; returns what the library's own method does."""
        if not self.plain or not PyBytes_CheckExact(data) or self._exc is not None:
            return self.settings.feed_data(self, data)
        try:
            self.feed(data)
        except Exception as error:
            # It comes back as _feed_data(b"").
            self.failure = error
            return self.settings.feed_data(self, b"")
        return (False, b"")

    def _feed_data(self, data):
        """The same without what is to be done with exceptions."""
        if self.failure is not None:
            failure = self.failure
            self.failure = None
            raise failure
        if self.plain:
            self.feed(data)
        else:
            self.settings.parse(self, data)

    cdef int feed(self, bytes data) except -1:
        cdef MessageQueue queue = <MessageQueue>self.queue
        cdef bytearray held = self.held
        if self.settings.stalls:
            queue._stalled_reader = None
        if self._state != AT_A_HEADER or self._tail:
            # The library's own code is within a frame.
            self.settings.parse(self, data)
            return 0
        if held is None:
            return self.run(
                queue, None, <const uint8_t *>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data)
            )
        held += data
        if (self.stalled or data) and self.is_full(queue):
            self.stall(queue)
            return 0
        self.stalled = False
        if <uint64_t>PyByteArray_GET_SIZE(held) < self.wanted:
            return 0
        self.held = None
        return self.run(
            queue, held, <const uint8_t *>PyByteArray_AS_STRING(held), PyByteArray_GET_SIZE(held)
        )

    cdef int run(
        self, MessageQueue queue, bytearray owner, const uint8_t *src, Py_ssize_t length
    ) except -1:
        """Take the frames at `src`, which is the memory of `owner` if that isn't None."""
        cdef wsf_frame_header header
        cdef wsf_frame_finding finding
        cdef const uint8_t *at
        cdef Py_ssize_t position = 0, left
        cdef uint64_t size
        while position < length:
            if self.is_full(queue):
                self.hold(owner, src, position, length, 0)
                self.stall(queue)
                return 0
            at = src + position
            left = length - position
            finding = self.read_header(&header, at, left)
            if finding == WSF_FRAME_INCOMPLETE:
                self.hold(owner, src, position, length, left + 1)
                return 0
            size = left
            if finding == WSF_FRAME_READ:
                size = header.size + header.length
                if self.is_for_us(&header):
                    if size > <uint64_t>left:
                        self.hold(owner, src, position, length, size)
                        return 0
                    if self.take(queue, &header, at + header.size):
                        position += size
                        continue
                if size > <uint64_t>left:
                    size = left
            self.settings.parse(self, PyBytes_FromStringAndSize(<const char *>at, size))
            position += size
        return 0

    cdef inline bint is_full(self, MessageQueue queue) noexcept:
        return self.settings.stalls and queue._size > queue._limit

    cdef int stall(self, MessageQueue queue) except -1:
        self.stalled = True
        queue._stalled_reader = self._weak_self
        return 0

    cdef int hold(
        self,
        bytearray owner,
        const uint8_t *src,
        Py_ssize_t position,
        Py_ssize_t length,
        uint64_t wanted,
    ) except -1:
        if owner is None:
            owner = PyByteArray_FromStringAndSize(<const char *>src + position, length - position)
        elif position:
            del owner[:position]
        self.held = owner
        self.wanted = wanted
        return 0

    cdef wsf_frame_finding read_header(
        self, wsf_frame_header *header, const uint8_t *at, Py_ssize_t left
    ) noexcept:
        cdef wsf_frame_rules rules
        rules.max_payload = rules.max_data = rules.fragments_left = UNLIMITED
        # Whether frames must be masked is not looked at by the library, either.
        rules.mask = at[1] & WSF_MASK_BIT if left > 1 else 0
        rules.rsv = WSF_RSV1 if self._compress else 0
        rules.in_message = self._opcode != NO_OPCODE
        return wsf_frame_read(header, at, left, &rules)

    cdef inline bint is_for_us(self, const wsf_frame_header *header) except -1:
        """Whether it is a data frame, and not too long."""
        cdef Py_ssize_t room
        if header.first & WSF_CONTROL_BIT:
            return False
        if self._max_msg_size == 0:
            return True
        room = self._max_msg_size
        if self._opcode != NO_OPCODE:
            room -= len(self._partial)
        return room > 0 and header.length < <uint64_t>room

    cdef bint take(
        self, MessageQueue queue, const wsf_frame_header *header, const uint8_t *src
    ) except -1:
        """Take a frame; False if there is something wrong with it."""
        cdef ReaderSettings settings = self.settings
        cdef bint compressed = header.first & WSF_RSV1 != 0
        if header.first == WSF_FIN | WSF_TEXT and self._decode_text:
            text = decode(src, header.length, header.key, True)
            if text is None:
                return False
            message = new_record(settings.message, settings.text, text, settings.extra)
        else:
            payload = PyBytes_FromStringAndSize(NULL, header.length)
            use.mask.apply(
                <uint8_t *>PyBytes_AS_STRING(payload), src, header.length, header.key
            )
            if header.first == WSF_FIN | WSF_BINARY:
                message = new_record(settings.message, settings.binary, payload, settings.extra)
            elif header.first == WSF_FIN | WSF_TEXT:
                message = new_record(
                    settings.message_of_octets, settings.text, payload, settings.extra
                )
            else:
                if not self._frame_fin and self._compressed != NOT_SET:
                    if compressed:
                        return False
                    compressed = self._compressed != 0
                self._compressed = compressed
                self._frame_fin = header.first & WSF_FIN != 0
                self._handle_frame(
                    self._frame_fin, header.first & WSF_OPCODE_BITS, payload, <int>compressed
                )
                return True
        self._compressed = 0
        self._frame_fin = True
        queue.put(message, header.length)
        return True
