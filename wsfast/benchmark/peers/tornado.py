"""tornado: its C function, and its protocol class over a stream in memory."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from io import BytesIO
from types import SimpleNamespace
from typing import Any

from ..streams import BINARY, TEXT, Stream
from .peer import Peer, Side, expression, private_copy

# Each frame is a coroutine, which never has to wait here.
_READ_ALL = """\
rewind(0)
for payload in payloads:
    try:
        receive_frame().send(None)
    except StopIteration:
        pass"""


class _MemoryStream:
    """The part of an IOStream that the protocol uses, with everything there already."""

    def __init__(self, data: bytes) -> None:
        io = BytesIO(data)
        self._read = io.read
        self.rewind = io.seek
        self.written = b""

    async def read_bytes(self, count: int) -> bytes:
        return self._read(count)

    def write(self, data: bytes) -> bytes:
        return data


class Tornado(Peer):
    name = "tornado"
    distribution = "tornado"

    def __init__(self, pure: bool = False) -> None:
        super().__init__(pure)
        if pure:
            variables = {"TORNADO_EXTENSION": "0"}
            (self._websocket,) = private_copy(["tornado.websocket"], variables=variables)
        else:
            self._websocket = import_module("tornado.websocket")

    def mask(self, payload: bytes, key: bytes) -> Side:
        mask = self._websocket._websocket_mask
        return expression("mask(key, payload)", mask=mask, payload=payload, key=key)

    def decode(self, masked: bytes, key: bytes) -> Side:
        mask = self._websocket._websocket_mask
        return expression("mask(key, masked).decode()", mask=mask, masked=masked, key=key)

    def _protocol(self, data: bytes, take: Any, mask: bool) -> Any:
        def log_exception(kind: Any, error: BaseException, traceback: Any) -> None:
            raise error

        handler = SimpleNamespace(on_message=take, log_exception=log_exception)
        params = self._websocket._WebSocketParams(max_message_size=2**30)
        protocol = self._websocket.WebSocketProtocol13(handler, mask, params)
        protocol.stream = _MemoryStream(data)
        return protocol

    def _reading(self, stream: Stream) -> Side:
        data = b"".join(stream.reads)
        found: list[Any] = []
        recording = self._protocol(data, found.append, False)

        def output() -> list[Any]:
            found.clear()
            recording.stream.rewind(0)
            for _ in stream.payloads:
                with suppress(StopIteration):
                    recording._receive_frame().send(None)
            return found

        protocol = self._protocol(data, lambda message: None, False)
        names = {
            "payloads": stream.payloads,
            "receive_frame": protocol._receive_frame,
            "rewind": protocol.stream.rewind,
        }
        return Side(_READ_ALL, names, output)

    def frames(self, stream: Stream) -> Side:
        return self._reading(stream)

    def messages(self, stream: Stream) -> Side:
        return self._reading(stream)

    def _writing(self, source: str, payload: bytes | str, opcode: int, mask: bool) -> Side:
        protocol = self._protocol(b"", None, mask)
        return expression(source, write=protocol._write_frame, payload=payload, opcode=opcode)

    def encode(self, payload: bytes, mask: bool) -> Side:
        return self._writing("write(True, opcode, payload)", payload, BINARY, mask)

    def encode_text(self, text: str) -> Side:
        return self._writing("write(True, opcode, payload.encode())", text, TEXT, True)
