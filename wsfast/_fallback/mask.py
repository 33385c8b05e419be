"""Masking of payload data, RFC 6455 section 5.3."""

from __future__ import annotations

import io
import os
import struct
import sys
import threading
from functools import cache
from typing import TYPE_CHECKING, SupportsIndex

from ..exceptions import not_writable
from ..protocol import MASKING_KEY_LENGTH
from .arguments import key_octets, natural, octets, view_of

if TYPE_CHECKING:
    from typing_extensions import Buffer

# Where Python is interpreted, up to this many octets one XOR of two big integers is the fastest, at
# 0.2 µs and then 2.1 ns an octet; beyond it four translated slices of a bytearray, at 0.8 µs and
# then 1.0 ns. Where it is compiled while it runs, as by PyPy, a loop is, at 0.1 µs and then 1.0 ns.
_INTERPRETED = sys.implementation.name == "cpython"
_LONGEST_INTEGER = 640 if _INTERPRETED else 0

from_bytes = int.from_bytes


def masked(payload: bytes | bytearray, key: bytes, head: bytes = b"") -> bytes:
    """`head` as it is, then `payload` masked; `key` is four octets long."""
    length = len(payload)
    if not length:
        return head
    if length <= _LONGEST_INTEGER:
        size = len(head) + length
        mask = (head + key * (length + 3 >> 2))[:size]
        return (from_bytes(mask, "big") ^ from_bytes(payload, "big")).to_bytes(size, "big")
    buffer = bytearray(payload)
    _mask_long(buffer, key)
    return head + buffer


def masked_buffer(payload: bytes, key: bytes) -> bytes | bytearray:
    """`payload` masked, for those who only read it: where it's long, a copy less."""
    length = len(payload)
    if length > _LONGEST_INTEGER:
        buffer = bytearray(payload)
        _mask_long(buffer, key)
        return buffer
    mask = (key * (length + 3 >> 2))[:length]
    return (from_bytes(mask, "big") ^ from_bytes(payload, "big")).to_bytes(length, "big")


def _translate(buffer: bytearray, key: bytes) -> None:
    tables = _tables()
    octet0, octet1, octet2, octet3 = key
    buffer[::4] = buffer[::4].translate(tables[octet0])
    buffer[1::4] = buffer[1::4].translate(tables[octet1])
    buffer[2::4] = buffer[2::4].translate(tables[octet2])
    buffer[3::4] = buffer[3::4].translate(tables[octet3])


@cache
def _tables() -> list[bytes]:
    """By their numbers, tables that translate an octet into the octet XOR the number: 75 KiB."""
    identity = from_bytes(range(256), "big")
    ones = from_bytes(b"\1" * 256, "big")
    return [(identity ^ number * ones).to_bytes(256, "big") for number in range(256)]


def _loop(buffer: bytearray, key: bytes) -> None:
    for i in range(len(buffer)):
        buffer[i] ^= key[i & 3]


_mask_long = _translate if _INTERPRETED else _loop


def rotated(key: bytes, offset: int) -> bytes:
    """The key for a payload from its octet `offset` on."""
    shift = offset & 3
    return key[shift:] + key[:shift] if shift else key


def _key_at(masking_key: Buffer, offset: SupportsIndex) -> bytes:
    if type(masking_key) is not bytes or len(masking_key) != MASKING_KEY_LENGTH:
        masking_key = key_octets(masking_key)
    if type(offset) is int and offset == 0:
        return masking_key
    return rotated(masking_key, natural("offset", offset))


def apply_mask(payload: Buffer, masking_key: Buffer, offset: SupportsIndex = 0) -> bytes:
    """Mask or unmask a payload: octet i is XORed with octet `(offset + i) % 4` of the key.

    `payload` is any C-contiguous buffer, taken as its octets in memory order. `masking_key` has 4
    octets (else ValueError). `offset`, 0 or more, is where in the frame's payload `payload`
    begins, in octets. Masking is its own inverse. RFC 6455 section 5.3.
    """
    if type(payload) is not bytes:
        payload = octets("payload", payload)
    return masked(payload, _key_at(masking_key, offset))


def apply_mask_inplace(buffer: Buffer, masking_key: Buffer, offset: SupportsIndex = 0) -> None:
    """Mask or unmask a writable buffer, such as a `bytearray`, where it is.

    As `apply_mask` otherwise; a read-only `buffer` is a TypeError. RFC 6455 section 5.3.
    """
    if type(buffer) is bytearray:
        key = _key_at(masking_key, offset)
        view = memoryview(buffer)  # no other thread resizes it meanwhile
        try:
            if len(buffer) > _LONGEST_INTEGER:
                _mask_long(buffer, key)
            else:
                buffer[:] = masked(buffer, key)
        finally:
            view.release()
        return
    with view_of("buffer", buffer) as view:
        if view.readonly:
            raise not_writable("buffer", buffer)
        key = _key_at(masking_key, offset)
        # readinto() takes buffers of any item and any number of dimensions.
        io.BytesIO(masked(view.tobytes(), key)).readinto(view)


# One refill of a pool: so few keys wait in memory, and the system call's share of each is 30 ns.
_refill = struct.Struct(f"{MASKING_KEY_LENGTH}s" * 32)


class _Pool(threading.local):
    """Each thread's keys still to be used. list.pop() is one step, whatever interrupts the thread:
    no key is handed out twice."""

    def __init__(self) -> None:
        self.keys: list[bytes] = []


_pool = _Pool()


def _forget_pools() -> None:
    """In a forked child: the keys of all threads (and greenlets) are the parent's to use."""
    global _pool
    _pool.keys.clear()
    _pool = _Pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pools)


def masking_key() -> bytes:
    """Make a masking key: 4 octets that nobody can predict.

    They come from the operating system's CSPRNG, `os.urandom`, by way of a pool: one for each
    thread, emptied in a forked child; what was drawn is no longer in it. RFC 6455 sections 5.3
    and 10.3.
    """
    while True:
        pool = _pool
        try:
            key = pool.keys.pop()
        except IndexError:
            pool.keys.extend(_refill.unpack(os.urandom(_refill.size)))
            continue
        # A fork meanwhile, by a signal handler, has left the same key to both processes.
        if pool is _pool:
            return key
