"""A shorter way in, for functions of a payload and a masking key.

To take arguments apart for any kind of call costs as much as the work on a short payload. A call with
two exact bytes, the second of 4 octets, as nearly all are, goes straight to `run`; every other one
to `general`, whose name, signature and documentation the result has.
"""

from libc.stdint cimport uint32_t

cdef extern from *:
    """
    typedef PyObject *wsf_run_fn(PyObject *payload, uint32_t key);

    static PyObject *wsf_general;
    static wsf_run_fn *wsf_run;

    static PyObject *wsf_direct(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                                PyObject *names) {
        uint32_t key;
        (void)self;
        if (nargs == 2 && names == NULL && PyBytes_CheckExact(args[0]) &&
            PyBytes_CheckExact(args[1]) && PyBytes_GET_SIZE(args[1]) == sizeof key) {
            memcpy(&key, PyBytes_AS_STRING(args[1]), sizeof key);
            return wsf_run(args[0], key);
        }
        return PyObject_Vectorcall(wsf_general, args, (size_t)nargs, names);
    }

    /* Once a module. */
    static PyObject *wsf_make_direct(PyObject *general, wsf_run_fn *run) {
        static PyMethodDef method;
        PyObject *module = PyObject_GetAttrString(general, "__module__"), *function;
        if (module == NULL)
            return NULL;
        method = *((PyCFunctionObject *)general)->m_ml;
        method.ml_meth = (PyCFunction)(void (*)(void))wsf_direct;
        method.ml_flags = METH_FASTCALL | METH_KEYWORDS;
        Py_INCREF(general);
        wsf_general = general;
        wsf_run = run;
        function = PyCFunction_NewEx(&method, NULL, module);
        Py_DECREF(module);
        return function;
    }
    """
    ctypedef object wsf_run_fn(object payload, uint32_t key)
    object direct "wsf_make_direct"(object general, wsf_run_fn *run)
