"""What is measured of each library: one message, in or out, of one length and kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from ..messages import MessageDecoder
from ..protocol import Opcode
from . import streams, texts
from .cases import size

DIRECTIONS = ("in", "out")
SIDES = ("server", "client")

_KIB, _MIB = 2**10, 2**20
SIZES = (16, 125, _KIB, 64 * _KIB, _MIB)

# By name, as in texts.TEXTS; binary has none.
KINDS = ("", "ascii", "mixed")

# Handles one message: what the user gets, or the octets for the wire, in one piece or several.
Handle = Callable[[], Any]


class Cell(NamedTuple):
    """`side` is whose end the library plays."""

    library: str
    side: str
    direction: str
    text: str
    octets: int

    @property
    def row(self) -> str:
        return f"{self.side} {self.direction} {self.text or 'binary'}"

    @property
    def name(self) -> str:
        return f"{self.library} {self.row} {size(self.octets)}"

    def payload(self) -> bytes:
        return _payload(self.text, self.octets)

    def prepare(self, library: Any) -> Handle | None:
        """A connection made anew, by the module of that library; None: it has no such side."""
        handle: Handle | None = library.prepare(
            self.direction, self.side, bool(self.text), self.payload()
        )
        return handle

    def verify(self, result: Any) -> None:
        """Raises ValueError unless `result`, of one message handled, is the right one.

        There are libraries that hand out a text as its octets.
        """
        payload = self.payload()
        if self.direction == "in":
            if result != payload and not (self.text and result == payload.decode()):
                raise ValueError("the user gets another message")
            return
        expected = payload.decode() if self.text else payload
        wire = result if isinstance(result, (bytes, bytearray)) else b"".join(result)
        other: Literal["client", "server"] = "client" if self.side == "server" else "server"
        decoder: Any = MessageDecoder(other, max_message_length=None)
        messages = decoder.feed(wire)
        decoder.finish()
        if messages != [(Opcode.TEXT if self.text else Opcode.BINARY, expected)]:
            raise ValueError("the octets for the wire are those of another message")


@lru_cache(maxsize=64)
def _payload(text: str, octets: int) -> bytes:
    if not text:
        return streams.some_octets(octets)
    if text == "mixed" and octets < _KIB:
        # The mixed text begins in English: a short one would have nothing else.
        text = "chinese"
    return texts.text(text, octets).encode()


def cells_of(
    library: str, kinds: tuple[str, ...] = KINDS, sizes: tuple[int, ...] = SIZES
) -> Iterator[Cell]:
    """All cells of a library's table, row by row."""
    for side in SIDES:
        for direction in DIRECTIONS:
            for kind in kinds:
                for octets in sizes:
                    yield Cell(library, side, direction, kind, octets)
