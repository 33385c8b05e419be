"""Masking of payload data, RFC 6455 section 5.3."""

from __future__ import annotations

import io
import os
import struct
import threading
from typing import TYPE_CHECKING, SupportsIndex

from ..exceptions import not_writable
from ..protocol import MASKING_KEY_LENGTH
from .arguments import key_octets, natural, octets, view_of

if TYPE_CHECKING:
    from typing_extensions import Buffer

# Up to this many octets one XOR of two big integers is faster than four translated slices, whose
# cost is a fixed 1.1 µs and then 1.3 ns an octet instead of 2.1.
LONGEST_INTEGER = 1024

# _tables[k] translates an octet into the octet XOR k. Made when first needed: 75 KiB.
_tables: list[bytes] = []


def _make_tables() -> list[bytes]:
    octets_0_to_255 = int.from_bytes(range(256), "big")
    repeated = int.from_bytes(bytes([1]) * 256, "big")
    _tables[:] = [(octets_0_to_255 ^ k * repeated).to_bytes(256, "big") for k in range(256)]
    return _tables


def masked(payload: bytes | bytearray, key: bytes, head: bytes = b"") -> bytes:
    """`head` as it is, then `payload` masked; `key` is four octets long."""
    start = len(head)
    size = start + len(payload)
    if size <= LONGEST_INTEGER:
        mask = (head + key * (len(payload) + 3 >> 2))[:size]
        return (int.from_bytes(mask, "big") ^ int.from_bytes(payload, "big")).to_bytes(size, "big")
    tables = _tables or _make_tables()
    k0, k1, k2, k3 = key
    frame = bytearray(size)
    frame[:start] = head
    frame[start::4] = payload[::4].translate(tables[k0])
    frame[start + 1 :: 4] = payload[1::4].translate(tables[k1])
    frame[start + 2 :: 4] = payload[2::4].translate(tables[k2])
    frame[start + 3 :: 4] = payload[3::4].translate(tables[k3])
    return bytes(frame)


def rotated(key: bytes, offset: int) -> bytes:
    """The key for a payload from its octet `offset` on."""
    shift = offset & 3
    return key[shift:] + key[:shift] if shift else key


def apply_mask(payload: Buffer, masking_key: Buffer, offset: SupportsIndex = 0) -> bytes:
    """Mask or unmask a payload: octet i is XORed with octet `(offset + i) % 4` of the key.

    `payload` is any C-contiguous buffer, taken as its octets in memory order. `masking_key` has 4
    octets (else ValueError). `offset`, 0 or more, is where in the frame's payload `payload`
    begins, in octets. Masking is its own inverse. RFC 6455 section 5.3.
    """
    if type(payload) is not bytes:
        payload = octets("payload", payload)
    key = key_octets(masking_key)
    return masked(payload, rotated(key, natural("offset", offset)))


def apply_mask_inplace(buffer: Buffer, masking_key: Buffer, offset: SupportsIndex = 0) -> None:
    """Mask or unmask a writable buffer, such as a `bytearray`, where it is.

    As `apply_mask` otherwise; a read-only `buffer` is a TypeError. RFC 6455 section 5.3.
    """
    with view_of("buffer", buffer) as view:
        if view.readonly:
            raise not_writable("buffer", buffer)
        key = key_octets(masking_key)
        key = rotated(key, natural("offset", offset))
        # readinto() takes buffers of any item and any number of dimensions.
        io.BytesIO(masked(view.tobytes(), key)).readinto(view)


# One refill's keys, as the operating system's CSPRNG gives them.
_pool_keys = struct.Struct(f"{MASKING_KEY_LENGTH}s" * 256)


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
        keys = pool.keys
        if not keys:
            keys.extend(_pool_keys.unpack(os.urandom(_pool_keys.size)))
        key = keys.pop()
        # A fork meanwhile, by a signal handler, has left the same key to both processes.
        if pool is _pool:
            return key
