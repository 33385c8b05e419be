/* The next step of an awaitable, as the interpreter asks for it: without a Python exception where
 * it is over without a result, and without a traceback where it has one.
 */
#ifndef WSF_AWAITING_H
#define WSF_AWAITING_H

#include <Python.h>

/* What a step came to. */
enum { WSF_FAILED = -1, WSF_RETURNS = 0, WSF_YIELDS = 1 };

/* Takes the step; *outcome is a new reference to what is returned or yielded. */
typedef int wsf_step(PyObject *awaitable, PyObject **outcome);

static inline PyObject *wsf_stop(PyObject *result) {
    if (result == Py_None) {
        Py_DECREF(result);
        return NULL;
    }
    if (PyTuple_Check(result) || PyExceptionInstance_Check(result)) {
        /* To raise these would take them apart. */
        PyObject *stop = PyObject_CallOneArg(PyExc_StopIteration, result);
        Py_DECREF(result);
        if (stop != NULL) {
            PyErr_SetObject(PyExc_StopIteration, stop);
            Py_DECREF(stop);
        }
        return NULL;
    }
    PyErr_SetObject(PyExc_StopIteration, result);
    Py_DECREF(result);
    return NULL;
}

/* Gives the type `name` this way of going on: tp_iternext and am_send. */
#define WSF_AWAITING(name)                                                                        \
    static wsf_step *name##_step;                                                                 \
    static PyObject *name##_next(PyObject *awaitable) {                                           \
        PyObject *outcome = NULL;                                                                 \
        int found = name##_step(awaitable, &outcome);                                             \
        return found == WSF_RETURNS ? wsf_stop(outcome) : outcome;                                \
    }                                                                                             \
    static PySendResult name##_send(PyObject *awaitable, PyObject *value, PyObject **outcome) {   \
        (void)value;                                                                              \
        switch (name##_step(awaitable, outcome)) {                                                \
        case WSF_RETURNS:                                                                         \
            return PYGEN_RETURN;                                                                  \
        case WSF_YIELDS:                                                                          \
            return PYGEN_NEXT;                                                                    \
        default:                                                                                  \
            return PYGEN_ERROR;                                                                   \
        }                                                                                         \
    }                                                                                             \
    static void name##_install(PyTypeObject *type, wsf_step *step) {                              \
        name##_step = step;                                                                       \
        type->tp_iternext = name##_next;                                                          \
        type->tp_as_async->am_send = name##_send;                                                 \
        PyType_Modified(type);                                                                    \
    }

#endif
