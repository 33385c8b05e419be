"""tornado: a protocol without a network, driven through both codes."""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import Callable, Generator
from typing import Any

from ...mask import apply_mask
from ...protocol import MASKING_KEY_LENGTH, RSV1
from .._patch import Members, SelfCheckFailed
from .._samples import streams
from .receiving import RECEIVE_FRAME, STREAM_READ_BYTES


class _Stream:
    """A stream that holds what there is to read, and what was written."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = data
        self.written: list[bytes] = []
        self.is_closed = False
        self.io_loop = self

    async def read_bytes(self, length: int) -> bytes:
        if len(self.data) < length:
            raise EOFError
        data, self.data = self.data[:length], self.data[length:]
        return data

    def write(self, data: bytes) -> _Stream:
        self.written.append(bytes(data))
        return self

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """It is a future of its own, too, never done."""

    def done(self) -> bool:
        return False

    def close(self) -> None:
        self.is_closed = True

    def closed(self) -> bool:
        return self.is_closed

    def time(self) -> float:
        return 0.0

    def add_timeout(self, deadline: float, callback: Callable[[], None]) -> object:
        return self

    def remove_timeout(self, timeout: object) -> None:
        pass


class _Handler:
    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_message(self, message: str | bytes) -> None:
        self.seen.append(message)

    on_ping = on_pong = on_message

    def log_exception(self, *error: object) -> None:
        self.seen.append(error[0])


class _BufferedStream(_Stream):
    """The same, with a buffer as the library's streams have it."""

    _consume: Any

    def __init__(self, data: bytes) -> None:
        _Stream.__init__(self)
        self._read_future = None
        self._read_buffer = bytearray(data)
        self._read_buffer_size = len(data)
        self._read_buffer_pos = 0
        self._read_bytes = 0

    def _start_read(self) -> _BufferedStream:
        return self

    def _try_inline_read(self) -> None:
        if self._read_buffer_size < self._read_bytes:
            raise EOFError

    def _maybe_add_error_listener(self) -> None:
        pass

    def __await__(self) -> Generator[None, None, bytes]:
        yield from ()
        data: bytes = self._consume(self._read_bytes)
        return data


def check_receiving(originals: Members, replacements: Members) -> None:
    plain = sys.modules["tornado.websocket"].WebSocketProtocol13
    ours = type("Protocol", (plain,), {"_receive_frame": replacements[RECEIVE_FRAME]})
    buffered = type(
        "Stream",
        (_BufferedStream, sys.modules["tornado.iostream"].BaseIOStream),
        {"read_bytes": originals[STREAM_READ_BYTES]},
    )
    for stream in (*streams(True), *streams(False)):
        expected = _receive(plain, _Stream(stream))
        if _receive(ours, _Stream(stream)) != expected:
            raise SelfCheckFailed("frames received differ")
        if _receive(ours, buffered(stream)) != expected:
            raise SelfCheckFailed("frames received from a stream's buffer differ")


def _receive(cls: Any, stream: _Stream) -> list[Any]:
    """All that a protocol shows of itself while it receives what a stream has."""
    protocol = _protocol(cls, stream, mask_outgoing=False)
    try:
        while not protocol.client_terminated:
            try:
                protocol._receive_frame().send(None)
            except StopIteration:
                continue
            raise SelfCheckFailed("a frame that is there is waited for")
    except EOFError:
        pass
    counts = (protocol._wire_bytes_in, protocol._message_bytes_in)
    closing = (protocol.close_code, protocol.close_reason, protocol.server_terminated)
    return [protocol.handler.seen, stream.written, stream.is_closed, counts, closing]


def _protocol(cls: Any, stream: _Stream, mask_outgoing: bool) -> Any:
    params = sys.modules["tornado.websocket"]._WebSocketParams(max_message_size=2**17)
    protocol = cls(_Handler(), mask_outgoing, params)
    protocol.stream = stream
    return protocol


class _FailingStream(_Stream):
    """What is written to it is kept, and then it fails: nobody makes a future."""

    def write(self, data: bytes) -> _Stream:
        super().write(data)
        raise EOFError


def check_sending(originals: Members, replacements: Members) -> None:
    plain = sys.modules["tornado.websocket"].WebSocketProtocol13
    members = {place.rpartition(".")[2]: ours for place, ours in replacements.items()}
    ours = type("Protocol", (plain,), members)
    for mask, length in itertools.product((False, True), (0, 125, 126, 2**16)):
        if _send(ours, mask, length) != _send(plain, mask, length):
            raise SelfCheckFailed(f"frames of {length} octets differ")


def _send(cls: Any, mask: bool, length: int) -> list[Any]:
    """All that a protocol shows of itself while it sends frames and messages."""
    stream = _FailingStream()
    protocol = _protocol(cls, stream, mask)
    for opcode, (fin, flags) in itertools.product((0, 1, 2), ((True, 0), (False, 0), (True, RSV1))):
        with contextlib.suppress(EOFError):
            protocol._write_frame(fin, opcode, bytes(length), flags)
    for message, binary in ((bytes(length), True), (bytes(length), False), (length * "\0", False)):
        with contextlib.suppress(EOFError):
            protocol.write_message(message, binary)
    written = stream.written
    if mask:
        # What a key makes of zeros is the key, and nobody knows it.
        written = [frame[:2] + _unmask(frame, length) for frame in written]
    return [written, protocol._wire_bytes_out, protocol._message_bytes_out]


def _unmask(frame: bytes, length: int) -> bytes:
    """The extended length of a frame, and its payload."""
    start = len(frame) - length
    key = frame[start - MASKING_KEY_LENGTH : start]
    return frame[2 : start - MASKING_KEY_LENGTH] + apply_mask(frame[start:], key)
