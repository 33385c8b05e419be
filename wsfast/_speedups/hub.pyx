"""What the connections of one event loop share."""

from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from cpython.object cimport PyObject

from .gathering cimport new_region
from .mask cimport take_index

from ..exceptions import no_buffer, wrong_update
from ..protocol import MAX_HELD_LENGTH, SHARED_BUFFER_LENGTH

__all__ = ["Hub"]

cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(PyObject *object)
    unsigned long PyThread_get_thread_ident()

cdef size_t RECEIVE = SHARED_BUFFER_LENGTH
cdef size_t HELD = MAX_HELD_LENGTH


cdef inline bint is_ours(Hub hub) noexcept:
    """Whether nobody else has the view, and nobody has released it."""
    return Py_REFCNT(<PyObject *>hub.view) == 1 and hub.region.exports == 1


cdef class Hub:
    """What the links of one event loop share: the memory that they read into, one after another.

    So a connection that is idle holds none. `current_task`, `cancelled_error` and
    `get_running_loop` are asyncio's, which is not imported below the endpoints. The loop itself is
    not held.
    """

    def __init__(self, current_task, cancelled_error, get_running_loop):
        self.current_task = current_task
        self.cancelled_error = cancelled_error
        self.get_running_loop = get_running_loop
        self.thread = PyThread_get_thread_ident()

    def __dealloc__(self):
        PyMem_RawFree(self.frames)

    cdef object lend(self, object reader):
        """Lend the memory to a link, which takes back at once what was read into it."""
        if self.view is None or self.is_taken or not is_ours(self):
            # There is none yet, or an event loop still reads into it.
            self.region = new_region(RECEIVE)
            self.view = memoryview(self.region)
            self.is_taken = False
        self.reader = <PyObject *>reader
        return self.view

    cdef Py_ssize_t take(self, object reader, object length) except -1:
        """How much was read into `region`; to be given back by setting `is_taken` to false."""
        if self.reader != <PyObject *>reader:
            raise no_buffer()
        length = take_index(length, "nbytes")
        if not 0 <= length <= self.region.length:
            raise wrong_update(length, self.region.length)
        self.reader = NULL
        self.is_taken = True
        return length

    cdef uint8_t *reserve(self) except NULL:
        """The memory for frames that are held."""
        if self.frames == NULL:
            self.frames = <uint8_t *>PyMem_RawMalloc(HELD)
            if self.frames == NULL:
                raise MemoryError
        return self.frames
