"""Streams of client frames (RFC 6455 section 5.2), as they come off a socket: in reads."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

# Octets of one read from a socket.
READ = 65536

CONTINUATION, TEXT, BINARY = 0x0, 0x1, 0x2
_FIN = 0x80
_MASK = 0x80


class Stream(NamedTuple):
    reads: list[bytes]
    payloads: Sequence[bytes]  # of whole messages


def masked(payload: bytes, key: bytes) -> bytes:
    """RFC 6455 section 5.3, as one XOR of two integers."""
    repeated = (key * (len(payload) // 4 + 1))[: len(payload)]
    both = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return both.to_bytes(len(payload), "big")


def _header(first: int, length: int) -> bytes:
    if length < 126:
        return bytes((first, _MASK | length))
    if length < 65536:
        return struct.pack("!BBH", first, _MASK | 126, length)
    return struct.pack("!BBQ", first, _MASK | 127, length)


def _frames(opcode: int, payload: bytes, fragment: int, keys: random.Random) -> Iterator[bytes]:
    for start in range(0, len(payload), fragment):
        piece = payload[start : start + fragment]
        fin = _FIN if start + fragment >= len(payload) else 0
        key = keys.randbytes(4)
        yield _header(fin | (CONTINUATION if start else opcode), len(piece)) + key
        yield masked(piece, key)


def cut(data: bytes, octets: int) -> list[bytes]:
    """`data` in pieces of so many octets."""
    return [data[start : start + octets] for start in range(0, len(data), octets)]


def stream(opcode: int, payloads: Iterable[bytes], fragment: int | None = None) -> Stream:
    """Messages of these payloads, each one frame, or in fragments of so many octets."""
    payloads = list(payloads)
    keys = random.Random(6455)
    parts: list[bytes] = []
    for payload in payloads:
        parts += _frames(opcode, payload, fragment or max(len(payload), 1), keys)
    return Stream(cut(b"".join(parts), READ), payloads)


def read_frame(frame: bytes) -> tuple[int, bool, bytes]:
    """The first octet, whether masked, and the payload of what must be exactly one frame."""
    first, second = frame[:2]
    length, start = second & 0x7F, 2
    if length == 126:
        (length,), start = struct.unpack_from("!H", frame, 2), 4
    elif length == 127:
        (length,), start = struct.unpack_from("!Q", frame, 2), 10
    if not second & _MASK:
        payload = frame[start:]
    else:
        payload = masked(frame[start + 4 :], frame[start : start + 4])
    if len(payload) != length:
        raise ValueError(f"a frame of {length} octets has {len(payload)}")
    return first, bool(second & _MASK), payload


@lru_cache(maxsize=16)
def some_octets(count: int) -> bytes:
    """Binary payload: the same octets in every run."""
    return random.Random(count).randbytes(count)
