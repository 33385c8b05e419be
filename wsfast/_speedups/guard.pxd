"""One owner at a time: what a decoder holds while it is at work."""

cdef extern from *:
    """
    #ifdef Py_GIL_DISABLED
    #include <stdatomic.h>
    /* An int and an atomic int have one layout, with every compiler that builds free-threaded
     * Python. */
    static inline int wsf_enter(int *busy) {
        return atomic_exchange((_Atomic(int) *)busy, 1) == 0;
    }
    static inline void wsf_leave(int *busy) { atomic_store((_Atomic(int) *)busy, 0); }
    #else
    static inline int wsf_enter(int *busy) {
        int free = *busy == 0;
        *busy = 1;
        return free;
    }
    static inline void wsf_leave(int *busy) { *busy = 0; }
    #endif
    """
    bint enter "wsf_enter"(int *busy) nogil
    void leave "wsf_leave"(int *busy) nogil
