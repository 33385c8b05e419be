/* A shorter way into the functions that are called once a frame.
 *
 * To take arguments apart for any kind of call costs as much as the work on a short payload. The
 * call that nearly all programs make goes straight to `run`; every other one to the general
 * function, whose name, signature and documentation the result has.
 */
#ifndef WSF_DIRECT_H
#define WSF_DIRECT_H

#include <Python.h>
#include <stdint.h>

typedef struct {
    PyObject *general;
    PyMethodDef method;
} wsf_direct;

/* `direct` lives as long as the module. */
static inline PyObject *wsf_make_direct(wsf_direct *direct, PyObject *general,
                                        _PyCFunctionFastWithKeywords way_in) {
    PyObject *module = PyObject_GetAttrString(general, "__module__"), *function;
    if (module == NULL)
        return NULL;
    Py_INCREF(general);
    direct->general = general;
    direct->method = *((PyCFunctionObject *)general)->m_ml;
    direct->method.ml_meth = (PyCFunction)(void (*)(void))way_in;
    direct->method.ml_flags = METH_FASTCALL | METH_KEYWORDS;
    function = PyCFunction_NewEx(&direct->method, NULL, module);
    Py_DECREF(module);
    return function;
}

static inline int wsf_is_key(PyObject *value) {
    return PyBytes_CheckExact(value) && PyBytes_GET_SIZE(value) == sizeof(uint32_t);
}

static inline uint32_t wsf_key(PyObject *value) {
    uint32_t key;
    memcpy(&key, PyBytes_AS_STRING(value), sizeof key);
    return key;
}

/* While the GIL is held, nobody can resize a bytearray; without one, it has to be exported. */
static inline int wsf_is_steady_bytearray(PyObject *value) {
#ifdef Py_GIL_DISABLED
    (void)value;
    return 0;
#else
    return PyByteArray_CheckExact(value);
#endif
}

/* function(payload, masking_key), where `payload` passes `is_fit` and the key is bytes. */
#define WSF_DIRECT_WITH_KEY(name, is_fit)                                                         \
    static wsf_direct name##_direct;                                                              \
    static PyObject *(*name##_run)(PyObject *, uint32_t);                                         \
    static PyObject *name(PyObject *self, PyObject *const *args, Py_ssize_t nargs,                \
                          PyObject *names) {                                                      \
        (void)self;                                                                               \
        if (nargs == 2 && names == NULL && is_fit(args[0]) && wsf_is_key(args[1]))                \
            return name##_run(args[0], wsf_key(args[1]));                                         \
        return PyObject_Vectorcall(name##_direct.general, args, (size_t)nargs, names);            \
    }                                                                                             \
    static PyObject *name##_install(PyObject *general, PyObject *(*run)(PyObject *, uint32_t)) {  \
        name##_run = run;                                                                         \
        return wsf_make_direct(&name##_direct, general, name);                                    \
    }

/* function(opcode, payload, mask=True or False). `mask_name` is the interned name. */
#define WSF_DIRECT_FRAME(name)                                                                    \
    static wsf_direct name##_direct;                                                              \
    static PyObject *name##_mask;                                                                 \
    static PyObject *(*name##_run)(PyObject *, PyObject *, int);                                  \
    static PyObject *name(PyObject *self, PyObject *const *args, Py_ssize_t nargs,                \
                          PyObject *names) {                                                      \
        (void)self;                                                                               \
        if (nargs == 2 && names != NULL && PyTuple_GET_SIZE(names) == 1 &&                        \
            PyTuple_GET_ITEM(names, 0) == name##_mask && PyBool_Check(args[2]))                   \
            return name##_run(args[0], args[1], args[2] == Py_True);                              \
        return PyObject_Vectorcall(name##_direct.general, args, (size_t)nargs, names);            \
    }                                                                                             \
    static PyObject *name##_install(PyObject *general,                                            \
                                    PyObject *(*run)(PyObject *, PyObject *, int)) {              \
        name##_mask = PyUnicode_InternFromString("mask");                                         \
        if (name##_mask == NULL)                                                                  \
            return NULL;                                                                          \
        name##_run = run;                                                                         \
        return wsf_make_direct(&name##_direct, general, name);                                    \
    }

#endif
