"""Peers that speak permessage-deflate, made of raw zlib alone, RFC 7692 section 7.2."""

from __future__ import annotations

import random
import zlib
from importlib import import_module
from typing import Any

TAIL = b"\x00\x00\xff\xff"
MODULES = {"zlib": "zlib", "isal": "isal.isal_zlib", "zlib-ng": "zlib_ng.zlib_ng"}


def _is_installed(module: str) -> bool:
    try:
        import_module(module)
    except ImportError:
        return False
    return True


# Those that are installed; test_every_library_is_here says which aren't.
LIBRARIES: Any = tuple(name for name, module in MODULES.items() if _is_installed(module))


class Sender:
    """A peer that compresses, by zlib whatever this side uses."""

    def __init__(self, window_bits: int = 15, takeover: bool = True, level: int = 6) -> None:
        self._new = lambda: zlib.compressobj(level, zlib.DEFLATED, -window_bits)
        self._takeover = takeover
        self._stream = self._new()

    def message(self, data: bytes) -> bytes:
        deflated = self._stream.compress(data) + self._stream.flush(zlib.Z_SYNC_FLUSH)
        assert deflated.endswith(TAIL)
        if not self._takeover:
            self._stream = self._new()
        return deflated[:-4]


class Receiver:
    """A peer that inflates with a window of exactly so many bits.

    zlib finds what lies farther back as long as it is still in the output of the same call: so
    that nothing does, each call gives one octet.
    """

    def __init__(self, window_bits: int, takeover: bool = True) -> None:
        self._new = lambda: zlib.decompressobj(-window_bits)
        self._takeover = takeover
        self._stream = self._new()

    def message(self, payload: bytes) -> bytes:
        stream, inflated, rest = self._stream, bytearray(), payload + TAIL
        while octet := stream.decompress(rest, 1):
            inflated += octet
            rest = stream.unconsumed_tail
        assert not stream.unconsumed_tail
        assert not stream.eof
        if not self._takeover:
            self._stream = self._new()
        return bytes(inflated)


def with_final_block(data: bytes) -> bytes:
    """Raw DEFLATE whose last block has BFINAL set, ended on an octet boundary."""
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


def bomb(length: int) -> bytes:
    return Sender().message(bytes(length))


_random = random.Random(7692)
# What refers far back: pieces that come again, and others between them.
PIECES = [_random.randbytes(length) for length in (3, 40, 250, 300, 700)] + [b"a" * 300, b"Hello"]
