"""Messages to frames, RFC 6455 sections 5.4 to 5.6: what one end of a connection sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from .exceptions import LocalProtocolError, not_bytes_like, not_contiguous
from .frames import encode_frame
from .protocol import Opcode
from .utf8 import is_utf8

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .permessage_deflate import Deflater

_TEXT = Opcode.TEXT
_BINARY = Opcode.BINARY


def text_not_utf8() -> LocalProtocolError:
    return LocalProtocolError(
        "text that isn't UTF-8 in whole characters (RFC 6455 sections 5.6 and 8.1)"
    )


def message_not_finished(opcode: Opcode) -> LocalProtocolError:
    return LocalProtocolError(
        f"a fragmented {opcode.name} message isn't finished: expected its next fragment "
        "(RFC 6455 section 5.4)"
    )


class Sender:
    """The frames of one end, in order, until they are taken.

    `side` says whose end this is: a client masks. Nothing changes by a call that raises.
    """

    __slots__ = ("_compressed", "_deflater", "_mask", "_out", "_unfinished")

    def __init__(self, side: Literal["server", "client"]) -> None:
        self._mask = side == "client"
        self._deflater: Deflater | None = None
        self._out: list[bytes] = []
        # The message that was begun and isn't finished, and whether it is compressed.
        self._unfinished: Opcode | None = None
        self._compressed = False

    def compress_by(self, deflater: Deflater) -> None:
        """Compress messages from now on, those that aren't below its `min_length`."""
        self._deflater = deflater

    def take(self) -> bytes:
        """All octets that were queued and not taken yet."""
        out = self._out
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        return data

    def octets(self, data: bytes) -> None:
        """Queue octets that are no frame: those of the opening handshake."""
        self._out.append(data)

    def text(self, data: str | Buffer, fin: bool) -> None:
        """Queue a text message, or the next fragment of one: `str`, or UTF-8, whole characters."""
        self._check_order(_TEXT)
        if not isinstance(data, str):
            data = self._buffer(data)
            if not is_utf8(data):
                raise text_not_utf8()
        elif self._deflater is not None:
            data = str.encode(data)
        self._message(_TEXT, data, fin)

    def binary(self, data: Buffer, fin: bool) -> None:
        """Queue a binary message, or the next fragment of one."""
        self._check_order(_BINARY)
        self._message(_BINARY, self._buffer(data), fin)

    def control(self, opcode: Opcode, data: Buffer) -> None:
        """Queue a control frame, which may stand between the fragments of a message."""
        self._out.append(encode_frame(opcode, self._buffer(data), mask=self._mask))

    def _check_order(self, opcode: Opcode) -> None:
        if self._unfinished is not None and self._unfinished is not opcode:
            raise message_not_finished(self._unfinished)

    def _buffer(self, data: Buffer) -> bytes | memoryview:
        if type(data) is bytes:
            return data
        try:
            view = memoryview(data)
        except TypeError:
            raise not_bytes_like("data", data) from None
        if not view.c_contiguous:
            raise not_contiguous("data", data)
        # Its length has to be known in octets.
        return view if self._deflater is None else view.tobytes()

    def _message(self, opcode: Opcode, data: str | Buffer, fin: bool) -> None:
        first = self._unfinished is None
        compressed = self._compressed and not first
        if self._deflater is not None:
            assert isinstance(data, bytes)
            if first:
                # How long a fragmented message will be isn't known.
                compressed = not fin or len(data) >= self._deflater.min_length
            if compressed:
                data = self._deflater.deflate(data, fin)
        frame = encode_frame(
            opcode if first else Opcode.CONTINUATION,
            data,
            mask=self._mask,
            fin=fin,
            # Of the first fragment only, RFC 7692 section 6.
            rsv1=first and compressed,
        )
        self._out.append(frame)
        self._unfinished = None if fin else opcode
        self._compressed = compressed
