"""Text, for the other modules."""

from libc.stdint cimport uint8_t, uint32_t

cdef extern from "Python.h":
    object PyUnicode_New(Py_ssize_t size, Py_UCS4 maxchar)
    void *PyUnicode_DATA(object text)

cdef extern from *:
    """
    /* PyUnicode_DATA of a str that PyUnicode_New has just made, without reading back the flags
     * that it wrote: they are bits in a word, and waiting for them costs more than all the rest. */
    static inline uint8_t *wsf_new_text_data(PyObject *text, int is_ascii) {
        return is_ascii ? (uint8_t *)((PyASCIIObject *)text + 1)
                        : (uint8_t *)((PyCompactUnicodeObject *)text + 1);
    }
    """
    uint8_t *new_text_data "wsf_new_text_data"(object text, bint is_ascii)

# The str of valid UTF-8, or None where it is not valid. `fixed`: nobody changes it meanwhile.
cdef object decode(const uint8_t *src, size_t length, uint32_t key, bint fixed)

# The same where the octets are known to be valid: `characters` of them, none above `top`'s class.
cdef object transcode(
    const uint8_t *src, size_t length, uint32_t key, size_t characters, uint8_t top
)

# The error of octets that are not valid UTF-8 (or are cut), at `position` of their text.
cdef object find_error(const uint8_t *src, size_t length, uint32_t key, size_t position)
