"""A payload on its way, and memory that is lent out."""

from cpython.buffer cimport PyBuffer_FillInfo
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.string cimport memcpy

from .fresh cimport steal
from .utf8 cimport PyUnicode_New

cdef extern from "Python.h":
    int _PyBytes_Resize(PyObject **octets, Py_ssize_t size) except -1
    int PyUnicode_Resize(PyObject **text, Py_ssize_t size) except -1
    char *PyBytes_AS_STRING(PyObject *octets)
    void *PyUnicode_DATA(PyObject *text)

cdef enum:
    # The least room, in octets.
    LEAST = 256


cdef class Region:
    def __getbuffer__(self, Py_buffer *buffer, int flags):
        PyBuffer_FillInfo(buffer, self, self.at, self.length, 0, flags)
        self.exports += 1

    def __releasebuffer__(self, Py_buffer *buffer):
        self.exports -= 1

    def __dealloc__(self):
        if self.owner == NULL:
            PyMem_RawFree(self.at)
        else:
            Py_XDECREF(self.owner)


cdef Region new_region(size_t length):
    cdef Region region = Region.__new__(Region)
    region.at = <uint8_t *>PyMem_RawMalloc(length)
    if region.at == NULL:
        raise MemoryError
    region.length = length
    return region


cdef class Gathering:
    def __dealloc__(self):
        Py_XDECREF(self.object)

    cdef uint8_t *at(self):
        if self.is_str:
            return <uint8_t *>PyUnicode_DATA(self.object)
        return <uint8_t *>PyBytes_AS_STRING(self.object)

    cdef uint8_t *reserve(self, size_t more, uint64_t left) except NULL:
        """Make room for `more` of the `left` octets that are to come, and return where.

        Room doubles as octets come: it never grows by what was only promised, nor past the end.
        """
        cdef size_t needed = self.length + more
        cdef size_t room = self.room * 2
        if self.object == NULL or needed > self.room:
            room = max(room, needed, <size_t>LEAST)
            if left < room - self.length:
                room = self.length + left
            if self.object == NULL:
                self.begin(room)
            else:
                self.resize(room)
        return self.at() + self.length

    cdef object take(self):
        """Hand out what was gathered, and begin anew."""
        cdef PyObject *gathered
        if self.object == NULL:
            return "" if self.is_str else b""
        if self.length != self.room:
            self.resize(self.length)
        gathered = self.object
        self.object = NULL
        self.length = self.room = 0
        return steal(gathered)

    cdef int drop(self) except -1:
        """Forget what was gathered, and begin anew."""
        Py_XDECREF(self.object)
        self.object = NULL
        self.length = self.room = 0
        return 0

    cdef Region lend(self, uint64_t most):
        """The room that there is, or `most` octets of it. It must not be resized meanwhile."""
        cdef Region region = Region.__new__(Region)
        region.at = self.at() + self.length
        region.length = min(most, <uint64_t>(self.room - self.length))
        Py_INCREF(<object>self.object)
        region.owner = self.object
        return region

    cdef int leave_behind(self, size_t more) except -1:
        """Leave the memory to its holders; go on with a copy, with `more` octets of the room."""
        cdef PyObject *old = self.object
        cdef const uint8_t *octets = self.at()
        self.begin(self.room)
        memcpy(self.at(), octets, self.length + more)
        Py_XDECREF(old)
        return 0

    cdef int begin(self, size_t room) except -1:
        if self.is_str:
            gathered = PyUnicode_New(room, 0x7F)
        else:
            gathered = PyBytes_FromStringAndSize(NULL, room)
        Py_INCREF(gathered)
        self.object = <PyObject *>gathered
        self.room = room
        return 0

    cdef int resize(self, size_t room) except -1:
        if self.is_str:
            PyUnicode_Resize(&self.object, room)
        else:
            _PyBytes_Resize(&self.object, room)
        self.room = room
        return 0
