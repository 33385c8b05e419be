"""Wire octets for the adapters' self-checks: what is plain, and what breaks a rule."""

from __future__ import annotations

import logging
from functools import cache
from itertools import pairwise

from ..frames import encode_frame
from ..protocol import FIN, MASK_BIT, Opcode

KEY = bytes.fromhex("37fa213d")
TEXT = "Grüße, 你好, 🌍"

# A logger that says nothing, for libraries that want one.
SILENT = logging.Logger("wsfast.selfcheck", logging.CRITICAL + 1)

# Where a stream is cut: whole, in odd places, and in its first payload.
CUTS: tuple[tuple[int, ...], ...] = ((), (1, 2, 9, 31), (7,))


@cache
def streams(mask: bool) -> tuple[bytes, ...]:
    """Streams of frames, masked or not. All but the first end in something that breaks a rule."""

    def frame(opcode: int, payload: bytes | str, fin: bool = True) -> bytes:
        key = KEY if mask else None
        return encode_frame(opcode, payload, mask=mask, fin=fin, masking_key=key)

    plain = b"".join(
        (
            frame(Opcode.TEXT, TEXT),
            frame(Opcode.BINARY, bytes(range(126))),
            frame(Opcode.TEXT, TEXT.encode()[:9], fin=False),
            frame(Opcode.PING, b"between"),
            frame(Opcode.CONTINUATION, b"", fin=False),
            frame(Opcode.CONTINUATION, TEXT.encode()[9:]),
            frame(Opcode.PONG, b""),
            frame(Opcode.TEXT, "a" * 65536),
            frame(Opcode.BINARY, b""),
        )
    )
    bit = MASK_BIT if mask else 0
    return (
        plain + frame(Opcode.CLOSE, b"\x03\xe8bye") + frame(Opcode.TEXT, "behind it"),
        frame(Opcode.TEXT, "before") + frame(Opcode.CONTINUATION, b"unexpected"),
        frame(Opcode.TEXT, "first", fin=False) + frame(Opcode.TEXT, "second"),
        frame(Opcode.BINARY, b"before") + bytes((FIN | 3, bit)) + KEY,
        bytes((FIN | Opcode.TEXT | 0x40, bit | 1)) + KEY + b"x",
        bytes((FIN | Opcode.TEXT, (bit ^ MASK_BIT) | 1)) + KEY + b"x",
        bytes((Opcode.PING, bit)) + KEY,
        bytes((FIN | Opcode.BINARY, bit | 127)) + (2**40).to_bytes(8, "big") + KEY,
        frame(Opcode.CLOSE, b"\x03"),
        frame(Opcode.CLOSE, b"\x03\xee"),
    )


def pieces(stream: bytes, cuts: tuple[int, ...]) -> list[bytes]:
    inner = [cut for cut in cuts if cut < len(stream)]
    return [stream[start:end] for start, end in pairwise((0, *inner, len(stream)))]
