"""The kernels in use, for the other modules: one table of functions, filled at import."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

cdef extern from "cpu.h" nogil:
    ctypedef struct wsf_isa:
        const char *name
        uint32_t needs

    ctypedef struct wsf_kernel:
        const char *isa
        uint32_t needs
        const void *functions

    const wsf_isa *wsf_isas
    uint32_t wsf_cpu_detect()
    const char *wsf_cpu_name(unsigned int bit)
    const wsf_kernel *wsf_kernel_choose(
        const wsf_kernel *kernels, uint32_t have, const char *ceiling
    )

cdef extern from "mask/mask.h" nogil:
    ctypedef struct wsf_mask_functions:
        void (*apply)(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key) noexcept nogil

    const wsf_kernel *wsf_mask_kernels
    uint32_t wsf_mask_rotate(uint32_t key, size_t offset)

cdef extern from "utf8/utf8.h" nogil:
    ctypedef struct wsf_utf8_functions:
        size_t (*valid_prefix)(const uint8_t *src, size_t len) noexcept nogil

    const wsf_kernel *wsf_utf8_kernels
    const wsf_utf8_functions wsf_utf8_scalar
    size_t wsf_utf8_begun(const uint8_t *src, size_t len)
    size_t wsf_utf8_cut(const uint8_t *src, size_t len)

cdef extern from "text/text.h" nogil:
    ctypedef struct wsf_text:
        size_t octets
        size_t characters
        uint8_t top

    ctypedef struct wsf_text_functions:
        size_t (*ascii)(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key) noexcept nogil
        wsf_text (*scan)(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key) noexcept nogil
        size_t (*to_latin1)(
            uint8_t *dst, size_t room, const uint8_t *src, size_t len, uint32_t key
        ) noexcept nogil
        size_t (*to_ucs2)(
            uint16_t *dst, size_t room, const uint8_t *src, size_t len, uint32_t key
        ) noexcept nogil
        size_t (*to_ucs4)(
            uint32_t *dst, size_t room, const uint8_t *src, size_t len, uint32_t key
        ) noexcept nogil

    const wsf_kernel *wsf_text_kernels

cdef extern from "encode/encode.h" nogil:
    ctypedef struct wsf_encode_functions:
        size_t (*length_latin1)(const uint8_t *src, size_t len) noexcept nogil
        size_t (*length_ucs2)(const uint16_t *src, size_t len) noexcept nogil
        size_t (*length_ucs4)(const uint32_t *src, size_t len) noexcept nogil
        void (*from_latin1)(
            uint8_t *dst, size_t dst_len, const uint8_t *src, size_t len, uint32_t key
        ) noexcept nogil
        void (*from_ucs2)(
            uint8_t *dst, size_t dst_len, const uint16_t *src, size_t len, uint32_t key
        ) noexcept nogil
        void (*from_ucs4)(
            uint8_t *dst, size_t dst_len, const uint32_t *src, size_t len, uint32_t key
        ) noexcept nogil

    const wsf_kernel *wsf_encode_kernels

ctypedef struct Kernels:
    const wsf_mask_functions *mask
    const wsf_utf8_functions *utf8
    const wsf_text_functions *text
    const wsf_encode_functions *encode
    # For the few octets after a valid prefix, whatever the kernel.
    size_t (*utf8_begun)(const uint8_t *src, size_t len) noexcept nogil
    size_t (*utf8_few)(const uint8_t *src, size_t len) noexcept nogil

cdef Kernels use

# From this many octets on, the GIL is released: below it, the work takes a few microseconds.
cdef enum:
    NOGIL_LENGTH = 1 << 18
