# cython: nonecheck=True
"""The sending half of a link: frames, many in one write."""

cimport cython
from cpython.buffer cimport PyObject_CheckBuffer
from cpython.bytes cimport (
    PyBytes_AS_STRING,
    PyBytes_CheckExact,
    PyBytes_FromStringAndSize,
    PyBytes_GET_SIZE,
)
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_Check
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from .decoder cimport WSF_BINARY, WSF_FIN, WSF_MAX_HEADER_LENGTH, WSF_RSV1, WSF_TEXT
from .fresh cimport new_bytes, octets_of, steal
from .mask cimport Octets, draw_key, release, take
from .payload cimport text_length, write_octets, write_text

from ..exceptions import wrong_thread
from ..protocol import FRAMES_A_TURN, MAX_HELD_LENGTH

__all__ = ["SENT", "Outgoing", "Sent"]

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)
    void *PyUnicode_DATA(object text)
    unsigned long PyThread_get_thread_ident()

cdef extern from "frame/frame.h" nogil:
    size_t wsf_frame_header_size(size_t length, bint mask)
    void wsf_frame_write(uint8_t *dst, uint8_t first, size_t length, bint mask, uint32_t key)

cdef extern from "sending.h" nogil:
    enum:
        WSF_CAN_SEND
    Py_ssize_t wsf_send(
        int fd, const void *head, size_t head_length, const void *data, size_t length
    )

cdef enum:
    # A frame of so many octets is made in an object of its own: if no other is held with it, it
    # needn't be copied.
    LONG = 2048

cdef size_t HELD = MAX_HELD_LENGTH
cdef size_t A_TURN = FRAMES_A_TURN


@cython.final
cdef class Sent:
    """An awaitable that is done: what send() returns where there is nothing to wait for.

    It implements the protocol of coroutines, and may be awaited again and again, or never.
    """

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        raise StopIteration

    def send(self, value):
        """Done at once."""
        raise StopIteration

    def throw(self, error, value=None, traceback=None):
        """Raise the error: it was cancelled before it was awaited."""
        if isinstance(error, type):
            error = error() if value is None else value
        raise error

    def close(self):
        """There is nothing to close."""


cdef object sent = Sent()
SENT = sent


cdef inline bint is_octets(object message, bint is_text) noexcept:
    """Whether it is in memory as it goes on the wire, and nobody can change it."""
    return PyUnicode_IS_ASCII(message) if is_text else PyBytes_CheckExact(message)


cdef class Outgoing:
    """What is sent on one connection.

    Frames written while messages are dispatched, or while others wait to be received, are held
    and go out in one write: when `_holds` ends, when no message waits any more, from 64 KiB on,
    and in the loop's next turn at the latest. `_write_otherwise(message)`,
    `_send_otherwise(message)` and `_wait_to_send()` are the subclass's: what is done where data
    can't be sent, where a message is neither str nor bytes-like, and where send() has to wait.
    """

    def __cinit__(self):
        self._sends = True

    cdef int set_up(self, Hub hub, object loop, object transport, bint masks) except -1:
        self._hub = hub
        self._loop = loop
        self.transport = transport
        self._masks = masks
        return 0

    def _check_thread(self):
        """Raise RuntimeError in another thread than the event loop's."""
        self.check_thread()

    cdef int check_thread(self) except -1:
        cdef Hub hub = self._hub
        cdef unsigned long thread = PyThread_get_thread_ident()
        if thread != hub.thread:
            try:
                running = hub.get_running_loop()
            except RuntimeError:
                running = None
            if running is None or running is not self._loop:
                raise wrong_thread()
            hub.thread = thread
        return 0

    def write(self, message):
        """Send a message, without waiting: a str as text, a bytes-like object as binary.

        What the transport can't take at once it holds: see `drain()` and `send()`. Raises
        ConnectionClosed if the connection isn't open.
        """
        self.write_message(message)

    cdef inline int write_message(self, object message) except -1:
        self.check_thread()
        if not self._sends:
            self._write_otherwise(message)
        elif self._deflate is not None:
            self.put_deflated(message)
        else:
            self.put(WSF_FIN | (WSF_TEXT if PyUnicode_Check(message) else WSF_BINARY), message)
        return 0

    def send(self, message):
        """Send a message, and wait as long as more than `write_limit` octets wait to be sent.

        A str is sent as text, a bytes-like object as binary; an iterable or async iterable of
        either as one fragmented message, as its items come. A str or bytes-like object is handed
        over by the call: who cancels the awaiting has sent all of it. An iterable is gone through
        while it is awaited; to cancel that fails the connection with close code 1011. Raises
        ConnectionClosed if the connection isn't open.
        """
        if not (PyUnicode_Check(message) or PyObject_CheckBuffer(message)):
            return self._send_otherwise(message)
        self.write_message(message)
        return self._wait_to_send() if self.has_to_wait() else sent

    def _has_to_wait(self):
        """Whether more is sent than the transport takes, than may be, or than is fair to others."""
        return self.has_to_wait()

    cdef inline bint has_to_wait(self) noexcept:
        return self._waits or not self._sends or self.is_turn_due()

    def _is_turn_due(self):
        return self.is_turn_due()

    cdef inline bint is_turn_due(self) noexcept:
        if self._written - self._turn < A_TURN:
            return False
        self._turn = self._written
        return True

    cdef int put_deflated(self, object message) except -1:
        cdef bint is_text = PyUnicode_Check(message)
        cdef uint8_t first = WSF_FIN | (WSF_TEXT if is_text else WSF_BINARY)
        data = str.encode(message) if is_text else message
        if len(data) >= self._min_length:
            data = self._deflate(data)
            first |= WSF_RSV1
        return self.put(first, data)

    cdef int put(self, uint8_t first, object message) except -1:
        """Send a frame."""
        cdef Octets octets
        cdef uint32_t key = 0
        cdef uint8_t *dst
        cdef size_t size
        cdef int fd
        cdef PyObject *frame = NULL
        cdef bint is_text = PyUnicode_Check(message), masks = self._masks
        if is_text:
            octets.at = <const uint8_t *>PyUnicode_DATA(message)
            octets.length = text_length(message)
            octets.fixed = True
        else:
            take(&octets, message, "payload", " or str")
        try:
            if masks:
                key = draw_key()
            size = wsf_frame_header_size(octets.length, masks) + octets.length
            self._written += 1
            if size > HELD and not masks and is_octets(message, is_text):
                fd = self.socket()
                if fd >= 0:
                    self.send_apart(fd, first, message, octets.at, octets.length)
                    return 0
            dst = self.hold(size) if self.is_held() else NULL
            if dst == NULL:
                frame = new_bytes(NULL, size)
                dst = <uint8_t *>octets_of(frame)
            wsf_frame_write(dst, first, octets.length, masks, key)
            dst += wsf_frame_header_size(octets.length, masks)
            if is_text:
                write_text(dst, octets.length, message, masks, key)
            else:
                write_octets(dst, octets.at, octets.length, masks, key)
        finally:
            release(&octets)
        if frame != NULL:
            self.write_out(<bytes>steal(frame))
        return 0

    def _write_frame(self, bytes frame not None):
        """Send a frame, or several, as they go on the wire."""
        cdef size_t size = PyBytes_GET_SIZE(frame)
        cdef uint8_t *dst
        self.check_thread()
        self._written += 1
        dst = self.hold(size) if self.is_held() else NULL
        if dst == NULL:
            self.write_out(frame)
        else:
            memcpy(dst, PyBytes_AS_STRING(frame), size)

    cdef inline bint is_held(self) noexcept:
        return self._holds or self.waiting != 0 or self._hub.writer is self

    cdef uint8_t *hold(self, size_t size) except? NULL:
        """Make room for a frame among those that are held; NULL if it is to be written at once."""
        cdef Hub hub = self._hub
        cdef uint8_t *at
        if size <= HELD and not (self._holds or self._scheduled):
            self._loop.call_soon(self._flush_in_time)
            self._scheduled = True
        # More than once, if a transport logs, and the log is written to a connection.
        while hub.writer is not None and (hub.writer is not self or hub.held + size > HELD):
            (<Outgoing>hub.writer).flush()
        if size > HELD:
            return NULL
        if hub.writer is None and size >= LONG:
            hub.whole = PyBytes_FromStringAndSize(NULL, size)
            hub.held = size
            hub.writer = self
            return <uint8_t *>PyBytes_AS_STRING(hub.whole)
        at = hub.reserve()
        hub.writer = self
        if hub.whole is not None:
            memcpy(at, PyBytes_AS_STRING(hub.whole), hub.held)
            hub.whole = None
        at += hub.held
        hub.held += size
        return at

    def _flush(self):
        """Write what is held."""
        self.check_thread()
        self.flush()

    cdef int flush(self) except -1:
        cdef Hub hub = self._hub
        if hub.writer is self:
            frames = hub.whole
            if frames is None:
                frames = PyBytes_FromStringAndSize(<char *>hub.frames, hub.held)
            hub.whole = None
            hub.writer = None
            hub.held = 0
            self.write_out(frames)
        return 0

    cdef int socket(self) except -2:
        """The socket's number, if nothing is in the way of a frame from here to it; else -1.

        It is asked for each time: a socket may be closed beneath its transport, by its owner or
        with the event loop, and the number be another's.
        """
        self.flush()
        if self.fileno is None:
            return -1
        if self.is_behind:
            # The transport has octets that come first; or it had, and has dropped them.
            transport = self.transport
            if transport.get_write_buffer_size() != 0 or transport.is_closing():
                return -1
            self.is_behind = False
        return self.fileno()

    cdef int write_out(self, bytes data) except -1:
        cdef size_t length = PyBytes_GET_SIZE(data)
        cdef Py_ssize_t sent
        cdef int fd = -1 if self.fileno is None else self.socket()
        if fd >= 0:
            sent = wsf_send(fd, NULL, 0, PyBytes_AS_STRING(data), length)
            if sent == <Py_ssize_t>length:
                return 0
            self.is_behind = True
            if sent > 0:
                data = data[sent:]
        self.transport.write(data)
        return 0

    cdef int send_apart(
        self, int fd, uint8_t first, object message, const uint8_t *at, size_t length
    ) except -1:
        """Send a long frame whose payload needn't be copied, as far as the kernel takes it."""
        cdef uint8_t head[WSF_MAX_HEADER_LENGTH]
        cdef size_t size = wsf_frame_header_size(length, False), done
        cdef Py_ssize_t sent
        wsf_frame_write(head, first, length, False, 0)
        sent = wsf_send(fd, head, size, at, length)
        if sent == <Py_ssize_t>(size + length):
            return 0
        self.is_behind = True
        done = max(sent, <Py_ssize_t>0)
        if done < size:
            self.transport.write(PyBytes_FromStringAndSize(<char *>head + done, size - done))
            done = size
        done -= size
        if PyBytes_CheckExact(message):
            self.transport.write(memoryview(message)[done:])
        else:
            self.transport.write(PyBytes_FromStringAndSize(<char *>at + done, length - done))
        return 0

    def _write_to(self, sock):
        """Write to this socket, where the transport would; None: leave it to the transport.

        It saves what a call of transport.write() costs, which takes as long as all else that is
        done here with a short message. What the kernel doesn't take, errors included, is the
        transport's.
        """
        self.fileno = sock.fileno if WSF_CAN_SEND and sock is not None else None
        self.is_behind = True

    def _forget(self):
        """Drop what is held."""
        cdef Hub hub = self._hub
        if hub.writer is self:
            hub.whole = None
            hub.writer = None
            hub.held = 0

    def _flush_in_time(self):
        self._scheduled = False
        self.flush()
