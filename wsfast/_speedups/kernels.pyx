"""Which kernels there are, which run on this machine, and which are in use."""

import os

from ..exceptions import unknown_isa, unsupported_isa

__all__ = ["active", "available", "compiled", "cpu", "select"]

cdef struct Operation:
    const char *name
    const wsf_kernel *kernels

cdef Operation OPERATIONS[4]
OPERATIONS[0] = Operation(b"mask", wsf_mask_kernels)
OPERATIONS[1] = Operation(b"utf8", wsf_utf8_kernels)
OPERATIONS[2] = Operation(b"text", wsf_text_kernels)
OPERATIONS[3] = Operation(b"encode", wsf_encode_kernels)

cdef uint32_t have = wsf_cpu_detect()
cdef const wsf_kernel *chosen[4]


cdef list isas(const wsf_kernel *kernel, uint32_t features):
    cdef list names = []
    while kernel.isa != NULL:
        if kernel.needs & ~features == 0:
            names.append(kernel.isa.decode())
        kernel += 1
    return names


cdef list isa_names(uint32_t features):
    cdef const wsf_isa *row = wsf_isas
    cdef list names = []
    while row.name != NULL:
        if row.needs & ~features == 0:
            names.append(row.name.decode())
        row += 1
    return names


def compiled():
    """The kernels that this build has, best first, by operation."""
    return {
        operation.name.decode(): isas(operation.kernels, <uint32_t>-1) for operation in OPERATIONS
    }


def available():
    """The kernels that this CPU and operating system can run, best first, by operation."""
    return {operation.name.decode(): isas(operation.kernels, have) for operation in OPERATIONS}


def active():
    """The kernel in use, by operation."""
    return {OPERATIONS[i].name.decode(): chosen[i].isa.decode() for i in range(4)}


def cpu():
    """The instruction sets of this CPU and operating system, as far as a kernel asks for them."""
    cdef unsigned int bit = 0
    cdef list names = []
    while wsf_cpu_name(bit) != NULL:
        if have >> bit & 1:
            names.append(wsf_cpu_name(bit).decode())
        bit += 1
    return names


def select(isa):
    """Use the best kernels not above the instruction set `isa`, or the best ones (None).

    For tests and measurements: not while another thread is using the codec.
    """
    cdef const wsf_isa *row = wsf_isas
    cdef const char *ceiling = NULL
    if isa is not None:
        while row.name != NULL and row.name.decode() != isa:
            row += 1
        if row.name == NULL:
            raise unknown_isa(isa, isa_names(<uint32_t>-1))
        if row.needs & ~have:
            raise unsupported_isa(isa, isa_names(have))
        ceiling = row.name
    for i in range(4):
        chosen[i] = wsf_kernel_choose(OPERATIONS[i].kernels, have, ceiling)
    use.mask = <const wsf_mask_functions *>chosen[0].functions
    use.utf8 = <const wsf_utf8_functions *>chosen[1].functions
    use.text = <const wsf_text_functions *>chosen[2].functions
    use.encode = <const wsf_encode_functions *>chosen[3].functions


use.utf8_begun = &wsf_utf8_begun
use.utf8_few = wsf_utf8_scalar.valid_prefix
select(os.environ.get("WSFAST_ISA") or None)
