# cython: nonecheck=True
"""The receiving half of a link: the queue of messages, and those who wait for one."""

cimport cython
from cpython.bytes cimport PyBytes_CheckExact, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from cpython.unicode cimport PyUnicode_Check
from libc.string cimport memcpy

from .fresh cimport steal

from ..exceptions import already_awaited, already_receiving
from ..protocol import QUEUED_MESSAGE_LENGTH

__all__ = ["Incoming", "Receiving", "Waiter"]

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    int PyContext_Enter(object context) except *
    int PyContext_Exit(object context) except -1

cdef extern from *:
    """
    #include "awaiting.h"
    WSF_AWAITING(wsf_receiving)
    """
    enum:
        WSF_RETURNS
        WSF_YIELDS
    ctypedef int wsf_step(PyObject *awaitable, PyObject **outcome) except -1
    void install "wsf_receiving_install"(PyTypeObject *type, wsf_step *step)

cdef enum:
    # Room for so many messages; more is given back when all are received.
    LEAST_ROOM = 8
    MOST_ROOM = 64

cdef size_t OVERHEAD = QUEUED_MESSAGE_LENGTH


@cython.final
@cython.freelist(64)
cdef class Receiving:
    """The next message of a link, with the protocol of coroutines.

    It takes the message when the task that awaits it goes on, not before: whoever is cancelled has
    lost none.
    """

    def __init__(self, Incoming link not None, bint iterates):
        self.link = link
        self.iterates = iterates

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        return self.send(None)

    cdef int step(self, PyObject **outcome) except -1:
        """Go on: return the message, or yield a Waiter if there is none yet."""
        cdef Incoming link = self.link
        if link is None:
            raise already_awaited()
        link.check_thread()
        if not self.waits:
            if link._receiver is not None:
                raise already_receiving()
            if link.waiting != 0:
                self.link = None
                return hand_out(link.take_message(), WSF_RETURNS, outcome)
            link._receiver = self
            self.waits = True
        try:
            waiter = link.wait()
        except BaseException:
            self.finish()
            raise
        if waiter is not None:
            return hand_out(waiter, WSF_YIELDS, outcome)
        self.finish()
        if link.waiting != 0:
            return hand_out(link.take_message(), WSF_RETURNS, outcome)
        raise link._end_of(self.iterates)

    def send(self, value):
        """Go on: StopIteration has the message, else a Waiter says that there is none yet."""
        cdef PyObject *outcome = NULL
        cdef int found = self.step(&outcome)
        result = steal(outcome)
        if found == WSF_YIELDS:
            return result
        raise StopIteration(result)

    def throw(self, error, value=None, traceback=None):
        """Raise the error: it was cancelled."""
        self.finish()
        if isinstance(error, type):
            error = error() if value is None else value
        raise error

    def close(self):
        """Give up waiting."""
        self.finish()

    cdef int finish(self) except -1:
        cdef Incoming link = self.link
        if link is not None and self.waits:
            link.check_thread()
            link._receiver = None
            link.waiter.reset()
        self.link = None
        return 0


cdef inline int hand_out(object result, int how, PyObject **outcome) except -1:
    Py_INCREF(result)
    outcome[0] = <PyObject *>result
    return how


cdef int receiving_step(PyObject *awaitable, PyObject **outcome) except -1:
    return (<Receiving>awaitable).step(outcome)


install(<PyTypeObject *>Receiving, receiving_step)


@cython.final
cdef class Waiter:
    """What a task waits for that awaits a Receiving: to asyncio a Future, one for all messages.

    With `at_once` the task goes on within the call that wakes it, if none is running, where a
    Future would need another turn of the event loop: that takes as long as to read a message.
    """

    def __cinit__(self):
        self._asyncio_future_blocking = False

    cdef int reset(self) except -1:
        """Get ready for the next wait."""
        self._asyncio_future_blocking = False
        self.callback = self.context = self.message = None
        self.is_cancelled = False
        return 0

    def wake(self, at_once):
        """Let the task go on, if it has not been woken."""
        self.wake_up(at_once)

    cdef int wake_up(self, bint at_once) except -1:
        callback = self.callback
        if callback is None:
            return 0
        context = self.context
        self.callback = self.context = None
        if at_once and self.hub.current_task(self.loop) is None and enter(context):
            try:
                callback(self)
            except BaseException as error:
                # SystemExit, say. It is the loop's: a transport would take it for its own failure.
                self.loop.call_soon(rethrow, error)
            finally:
                PyContext_Exit(context)
        else:
            self.loop.call_soon(callback, self, context=context)
        return 0

    # What asyncio asks of a Future

    def get_loop(self):
        return self.loop

    def add_done_callback(self, callback, *, context=None):
        self.callback = callback
        self.context = context

    def remove_done_callback(self, callback):
        if self.callback is None:
            return 0
        self.callback = self.context = None
        return 1

    def cancel(self, msg=None):
        if self.callback is None:
            return False
        self.is_cancelled = True
        self.message = msg
        self.wake_up(False)
        return True

    def cancelled(self):
        return self.is_cancelled

    def done(self):
        return self.callback is None

    def result(self):
        if self.is_cancelled:
            arguments = () if self.message is None else (self.message,)
            raise self.hub.cancelled_error(*arguments)

    def exception(self):
        self.result()


def rethrow(error):
    raise error


cdef bint enter(object context) except -1:
    """Enter a context; False if we have been called from within it, or there is none."""
    if context is None:
        return False
    try:
        PyContext_Enter(context)
    except RuntimeError:
        return False
    return True


cdef class Incoming(Outgoing):
    """Messages that have come, and the one who waits for them.

    The queue is bounded: from `queue_limit` octets on, `_pause` is called, and `_resume` when it is
    half empty. With `in_parts`, recv() and `async for` are the subclass's `_recv_stream`. When a
    receiver comes, nothing is in the queue and `_is_ending` is set, `_consumed()` is called;
    `_end_of(iterates)` gives the error for one to whom nothing will come any more.
    """

    def __dealloc__(self):
        while self.waiting != 0:
            self.waiting -= 1
            Py_XDECREF(self.ring[(self.first + self.waiting) & (self.room - 1)])
        PyMem_Free(self.ring)

    @property
    def _queue(self):
        return self.waiting

    @property
    def _waiter(self):
        return self.waiter

    def _put(self, message):
        self.queue_message(message)

    cdef int queue_message(self, object message) except -1:
        if self._drops:
            return 0
        if self.waiting == self.room:
            self.grow()
        Py_INCREF(message)
        self.ring[(self.first + self.waiting) & (self.room - 1)] = <PyObject *>message
        self.waiting += 1
        self.queued += weight(message)
        if self.queued > self.queue_limit:
            self._pause(QUEUE_FULL)
        return 0

    cdef int grow(self) except -1:
        cdef size_t room = max(self.room * 2, <size_t>LEAST_ROOM)
        cdef PyObject **ring = <PyObject **>PyMem_Realloc(self.ring, room * sizeof(PyObject *))
        if ring == NULL:
            raise MemoryError
        # It was full: what stands before the first message comes behind the last.
        memcpy(ring + self.room, ring, self.first * sizeof(PyObject *))
        self.ring = ring
        self.room = room
        return 0

    cdef object take_message(self):
        cdef PyObject *message = self.ring[self.first]
        self.first = (self.first + 1) & (self.room - 1)
        self.waiting -= 1
        self.queued -= weight(<object>message)
        if self.waiting == 0 and self.room > MOST_ROOM:
            PyMem_Free(self.ring)
            self.ring = NULL
            self.first = self.room = 0
        taken = steal(message)
        if self._pauses & QUEUE_FULL and self.queued <= self.queue_limit >> 1:
            self._resume(QUEUE_FULL)
        return taken

    cdef object wait(self):
        """None if there is a message, or none will come."""
        cdef Waiter waiter
        if self.waiting != 0:
            return None
        self.flush()
        if self._is_ending:
            self._consumed()
        if self._ended:
            return None
        self._turn = self._written
        waiter = self.waiter
        waiter._asyncio_future_blocking = True
        return waiter

    def recv(self):
        """Receive the next message: a str for text, bytes for binary.

        With `streaming`, a MessageStream. The result is to be awaited, once; also in a task of its
        own, or by asyncio.wait_for(): who is cancelled has lost no message. One at a time: a second
        one while the first waits is a RuntimeError. Raises ConnectionClosed when the connection is
        closed, after all messages that came before have been received.
        """
        return self._recv_stream(False) if self._in_parts else receiving(self, False)

    def __aiter__(self):
        return self

    def __anext__(self):
        return self._recv_stream(True) if self._in_parts else receiving(self, True)

    cpdef int _pause(self, int why) except -1:
        raise NotImplementedError

    cpdef int _resume(self, int why) except -1:
        raise NotImplementedError


cdef inline Receiving receiving(Incoming link, bint iterates):
    cdef Receiving made = Receiving.__new__(Receiving)
    made.link = link
    made.iterates = iterates
    return made


cdef inline size_t weight(object message):
    """What a message counts for in the queue: its octets in memory, at most."""
    if PyBytes_CheckExact(message):
        return OVERHEAD + PyBytes_GET_SIZE(message)
    if not PyUnicode_Check(message):
        return weight_of_part(message)
    return OVERHEAD + PyUnicode_GET_LENGTH(message) * (1 if PyUnicode_IS_ASCII(message) else 4)


cdef size_t weight_of_part(object part):
    return weight(part.data)
