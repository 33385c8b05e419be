"""UTF-8, RFC 3629, by the C kernels."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from libc.stdint cimport uint16_t
from libc.string cimport memcpy

from .guard cimport enter, leave
from .kernels cimport NOGIL_LENGTH, use, wsf_mask_rotate, wsf_text
from .mask cimport Octets, release, take, take_key

from ..exceptions import in_use, invalid_utf8, truncated_utf8

__all__ = ["Utf8Validator", "decode_text", "is_utf8"]

cdef extern from "Python.h":
    object PyUnicode_DecodeUTF8(const char *text, Py_ssize_t size, const char *errors)

cdef extern from *:
    """
    #include "direct.h"
    WSF_DIRECT_WITH_KEY(wsf_decode_text, PyBytes_CheckExact)
    """
    ctypedef object keyed(object payload, uint32_t key)
    object direct_decode_text "wsf_decode_text_install"(object general, keyed *run)

cdef enum:
    # The longest character that UTF-8 has.
    CHARACTER = 4
    # Text that does not begin with so many octets of ASCII is not taken for ASCII.
    PROBE = 64


def is_utf8(data):
    """Tell whether `data`, a C-contiguous bytes-like object, is valid UTF-8: RFC 3629.

    Overlong forms, surrogates, code points above U+10FFFF and a truncated end are not.
    """
    cdef Octets octets
    cdef size_t length
    cdef bint valid
    take(&octets, data, "data")
    length = octets.length
    if length < NOGIL_LENGTH:
        valid = use.utf8.valid_prefix(octets.at, length) == length
    else:
        with nogil:
            valid = use.utf8.valid_prefix(octets.at, length) == length
    release(&octets)
    return valid


def decode_text(payload, masking_key=None):
    """Return the text of `payload`, unmasked with `masking_key` where one is given.

    In as few passes over the octets as there can be. `payload` is any C-contiguous bytes-like
    object, `masking_key` one of 4 octets. Raises the UnicodeDecodeError that bytes.decode() raises
    for the unmasked payload.
    """
    cdef Octets octets
    cdef uint32_t key = 0
    take(&octets, payload, "payload")
    try:
        if masking_key is not None:
            take_key(&key, masking_key)
        return decode_or_refuse(octets.at, octets.length, key, octets.fixed)
    finally:
        release(&octets)


cdef object decode_bytes(object payload, uint32_t key):
    return decode_or_refuse(
        <const uint8_t *>PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload), key, True
    )


decode_text = direct_decode_text(decode_text, decode_bytes)


cdef inline object decode_or_refuse(const uint8_t *src, size_t length, uint32_t key, bint fixed):
    text = decode(src, length, key, fixed)
    return text if text is not None else refuse(src, length, key)


cdef object refuse(const uint8_t *src, size_t length, uint32_t key):
    """Leave it to Python to say what is wrong."""
    unmasked = PyBytes_FromStringAndSize(NULL, length)
    use.mask.apply(<uint8_t *>PyBytes_AS_STRING(unmasked), src, length, key)
    return unmasked.decode()


cdef object decode(const uint8_t *src, size_t length, uint32_t key, bint fixed):
    if length <= PROBE:
        text = PyUnicode_New(length, 0x7F)
        if use.text.ascii(new_text_data(text, True), src, length, key) == length:
            return text
        return decode_wide(src, length, key, fixed)
    return decode_long(src, length, key, fixed)


cdef object decode_long(const uint8_t *src, size_t length, uint32_t key, bint fixed):
    cdef uint8_t probe[PROBE]
    if use.text.ascii(probe, src, PROBE, key) == PROBE:
        text = PyUnicode_New(length, 0x7F)
        if ascii(new_text_data(text, True), src, length, key) == length:
            return text
        del text
    return decode_wide(src, length, key, fixed)


cdef object decode_wide(const uint8_t *src, size_t length, uint32_t key, bint fixed):
    cdef uint8_t *copy
    if fixed:
        return decode_fixed(NULL, src, length, key)
    # What was validated must be what is transcoded: so of a buffer that may change, a copy is.
    copy = <uint8_t *>PyMem_RawMalloc(length)
    if copy == NULL:
        raise MemoryError
    try:
        return decode_fixed(copy, src, length, key)
    finally:
        PyMem_RawFree(copy)


cdef inline size_t ascii(uint8_t *dst, const uint8_t *src, size_t length, uint32_t key) noexcept:
    if length < NOGIL_LENGTH:
        return use.text.ascii(dst, src, length, key)
    with nogil:
        return use.text.ascii(dst, src, length, key)


cdef object decode_fixed(uint8_t *copy, const uint8_t *src, size_t length, uint32_t key):
    cdef wsf_text found
    if length < NOGIL_LENGTH:
        found = use.text.scan(copy, src, length, key)
    else:
        with nogil:
            found = use.text.scan(copy, src, length, key)
    if found.octets != length:
        return None
    if copy != NULL:
        src = copy
        key = 0
    return transcode(src, length, key, found.characters, found.top)


cdef object transcode(
    const uint8_t *src, size_t length, uint32_t key, size_t characters, uint8_t top
):
    cdef Py_UCS4 widest
    cdef size_t written
    cdef void *dst
    widest = 0x7F if top < 0x80 else 0xFF if top < 0xC4 else 0xFFFF if top < 0xF0 else 0x10FFFF
    text = PyUnicode_New(characters, widest)
    dst = new_text_data(text, widest == 0x7F)
    if length < NOGIL_LENGTH:
        written = transcode_to(dst, widest, src, length, key, characters)
    else:
        with nogil:
            written = transcode_to(dst, widest, src, length, key, characters)
    assert written == characters
    return text


cdef inline size_t transcode_to(
    void *dst, Py_UCS4 widest, const uint8_t *src, size_t length, uint32_t key, size_t characters
) noexcept nogil:
    if widest == 0x7F:
        return use.text.ascii(<uint8_t *>dst, src, length, key)
    if widest == 0xFF:
        return use.text.to_latin1(<uint8_t *>dst, characters, src, length, key)
    if widest == 0xFFFF:
        return use.text.to_ucs2(<uint16_t *>dst, characters, src, length, key)
    return use.text.to_ucs4(<uint32_t *>dst, characters, src, length, key)


cdef object find_error(const uint8_t *src, size_t length, uint32_t key, size_t position):
    cdef size_t prefix = use.text.scan(NULL, src, length, key).octets
    cdef size_t left = length - prefix, begun
    cdef uint8_t octets[CHARACTER]
    if left > CHARACTER:
        left = CHARACTER
    use.mask.apply(octets, src + prefix, left, wsf_mask_rotate(key, prefix))
    begun = use.utf8_begun(octets, left)
    if begun == left:
        return truncated_utf8(position + length)
    return invalid_utf8(position + prefix + begun, octets[begun])


cdef class Utf8Validator:
    """Validates one text that comes in parts, cut anywhere: RFC 3629.

    It fails at the first octet that can't be continued to valid UTF-8, not at the text's end.
    After an error, every call but reset() raises it again. Not for use by two threads at once.
    """

    cdef uint8_t begun[CHARACTER]   # the octets of a character that is not complete yet
    cdef size_t begun_length
    cdef size_t taken
    cdef object error
    cdef int busy

    @property
    def position(self):
        """How many octets have been taken; after an error, where the octet at fault is."""
        return self.taken

    def reset(self):
        """Begin a new text."""
        self.begun_length = 0
        self.taken = 0
        self.error = None

    def feed(self, data):
        """Take the next octets of the text: a C-contiguous bytes-like object.

        Raises RemoteProtocolError (close code 1007), whose `position` counts from the text's start.
        """
        cdef Octets octets
        if self.error is not None:
            raise self.error.again()
        take(&octets, data, "data")
        if not enter(&self.busy):
            release(&octets)
            raise in_use("Utf8Validator")
        try:
            self.advance(octets.at, octets.length)
        finally:
            leave(&self.busy)
            release(&octets)

    cdef int advance(self, const uint8_t *src, size_t length) except -1:
        cdef size_t prefix, begun
        while self.begun_length != 0 and length != 0:
            self.begun[self.begun_length] = src[0]
            begun = self.begun_length + 1
            if use.utf8_few(self.begun, begun) == begun:
                self.begun_length = 0
            elif use.utf8_begun(self.begun, begun) == begun:
                self.begun_length = begun
            else:
                self.fail(src[0])
            src += 1
            length -= 1
            self.taken += 1
        if length == 0:
            return 0
        if length < NOGIL_LENGTH:
            prefix = use.utf8.valid_prefix(src, length)
        else:
            with nogil:
                prefix = use.utf8.valid_prefix(src, length)
        self.taken += prefix
        if prefix != length:
            begun = use.utf8_begun(src + prefix, length - prefix)
            self.taken += begun
            if begun != length - prefix:
                self.fail(src[prefix + begun])
            memcpy(self.begun, src + prefix, begun)
            self.begun_length = begun
        return 0

    cdef int fail(self, uint8_t octet) except -1:
        self.error = invalid_utf8(self.taken, octet)
        raise self.error

    def finish(self):
        """End the text, and get ready for the next one.

        Raises RemoteProtocolError (close code 1007) where the text ends inside a character.
        """
        if self.error is None and self.begun_length != 0:
            self.error = truncated_utf8(self.taken)
            raise self.error
        if self.error is not None:
            raise self.error.again()
        self.reset()
