"""The queue, the settings of its reader, and what makes a message."""

cdef extern from *:
    """
    /* A new tuple of three, of a subclass of tuple that adds no fields. */
    static inline PyObject *wsf_new_record(
        PyObject *cls, PyObject *a, PyObject *b, PyObject *c
    ) {
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


cdef class ReaderSettings:
    cdef object message
    cdef object message_of_octets
    cdef object text
    cdef object binary
    cdef object ping
    cdef object pong
    cdef object extra
    cdef Py_ssize_t overhead
    cdef bint stalls
    cdef bint inflates
    cdef object feed_data
    cdef object parse
    cdef object read


cdef class MessageQueue:
    cdef public ReaderSettings settings
    cdef public object _protocol
    cdef public object _buffer
    cdef public object _get_buffer
    cdef public object _put_buffer
    cdef public object _waiter
    cdef public object _stalled_reader
    cdef public Py_ssize_t _size
    cdef public Py_ssize_t _limit

    cdef object get(self)
    cdef bint makes_room(self) except -1
    cdef int put(self, object message, Py_ssize_t size) except -1
    cdef int add(self, object message, Py_ssize_t size) except -1
    cdef int stall(self, object reader) except -1


cdef class Inflated:
    cdef object octets
    cdef object error
    cdef bytes result  # None: an error, or too long


cdef int let_go(object error) except -1
