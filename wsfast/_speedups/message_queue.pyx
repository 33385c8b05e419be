# cython: nonecheck=True
"""A library's queue of messages, and what its readers need besides."""

cimport cython

__all__ = ["MessageQueue", "ReaderSettings"]

cdef enum:
    # CO_GENERATOR, CO_COROUTINE and CO_ASYNC_GENERATOR of a code object.
    NOT_A_FUNCTION = 0x20 | 0x80 | 0x200


cdef class ReaderSettings:
    """What is the same for all readers and queues of a library.

    A message is a tuple of its type (`text`, `binary`, `ping`, `pong`), its payload and `extra`, of
    the subclass of tuple `message`, or of `message_of_octets` where it is text that is not decoded.
    `overhead` is what a message counts besides its octets; `stalls` says whether a reader whose
    queue is full stops in the midst of a read; `inflates` whether an inflater's result says all
    that the library looks at. The last three are the library's own methods.
    """

    def __init__(
        self,
        *,
        message,
        message_of_octets,
        text,
        binary,
        ping,
        pong,
        extra,
        overhead,
        stalls,
        inflates,
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
        self.ping = ping
        self.pong = pong
        self.extra = extra
        self.overhead = overhead
        self.stalls = stalls
        self.inflates = inflates
        self.feed_data = feed_data
        self.parse = parse
        self.read = read


cdef class MessageQueue:
    """The first base of a queue of messages; the library's own queue is the second.

    Both work on the same attributes. This one does nothing until it has got its settings. What it
    does, it does with the queue locked, for threads without a GIL.
    """

    def feed_data(self, data, size):
        """Put a message into the queue that counts for so many octets."""
        self.put(data, size)

    @cython.critical_section
    def _read_from_buffer(self):
        """Take a message out, by the library's own code where there is more to do than that."""
        return self.get()

    cdef object get(self):
        if not self._buffer or self.makes_room():
            return self.settings.read(self)
        message, size = self._get_buffer()
        self._size -= <Py_ssize_t>size + self.settings.overhead
        return message

    cdef bint makes_room(self) except -1:
        """Whether the next message leaves room that somebody waits for."""
        cdef Py_ssize_t enough
        if self._stalled_reader is not None:
            enough = self._limit // 2 + 1
        elif self._protocol._reading_paused:
            enough = self._limit
        else:
            return False
        _, size = self._buffer[0]
        return self._size - <Py_ssize_t>size - self.settings.overhead < enough

    @cython.critical_section
    cdef int put(self, object message, Py_ssize_t size) except -1:
        return self.add(message, size)

    cdef int add(self, object message, Py_ssize_t size) except -1:
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

    @cython.critical_section
    cdef int stall(self, object reader) except -1:
        """Let `reader`, a weak reference, be asked for more; or none."""
        self._stalled_reader = reader
        return 0


cdef class Inflated:
    """What inflating a payload came to; stands for the inflater to do so once more."""

    def decompress_sync(self, data, max_length=0):
        if self.error is not None:
            raise self.error
        return self.octets


cdef int let_go(object error) except -1:
    """Break the cycle of an error that a reader keeps with the frames where the reader is at work.

    A library that is compiled has no such frames. Those of coroutines and generators stay: they
    may be waiting, and would be closed.
    """
    traceback = error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        if not frame.f_code.co_flags & NOT_A_FUNCTION:
            try:
                frame.clear()
            except RuntimeError:
                pass  # still at work
        traceback = traceback.tb_next
    return 0
