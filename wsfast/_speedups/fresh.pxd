"""New objects, handed over without their references being counted up and down again.

CPython writes half of the word that counts them, and reads the whole: to do one right after the
other holds up the processor for longer than it takes to mask a short payload.
"""

from cpython.object cimport PyObject

cdef extern from "Python.h":
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *octets, Py_ssize_t size) except NULL
    char *octets_of "PyBytes_AS_STRING"(PyObject *octets)

cdef extern from *:
    """
    /* Hands over a reference of our own. */
    #define wsf_steal(object) (object)
    """
    object steal "wsf_steal"(PyObject *object)
