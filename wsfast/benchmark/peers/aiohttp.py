"""aiohttp: its Cython reader and mask, its Python writer; without a connection around them."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any

from ..streams import BINARY, TEXT, Stream
from .peer import Peer, Side, private_copy

_NAMES = (
    "aiohttp._websocket.reader",
    "aiohttp._websocket.writer",
    "aiohttp._websocket.helpers",
)

# The queue's messages are let go of as a reading application would; awaiting each costs more. The
# queue goes on counting them, and a full one stops its reader: so it is renewed in time.
_READ_ALL = """\
if reading.queue._size > half_full:
    reading.renew()
for read in reads:
    reading.feed_data(read)
    reading.clear()"""
_LIMIT = 2**30


class _Transport:
    """Takes what is written, and forgets it at the next write."""

    def __init__(self) -> None:
        self.written = b""

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        self.written = data


class _Recorder(_Transport):
    def write(self, data: bytes) -> None:
        self.written += bytes(data)


class _Reading:
    """A reader, and the queue that it fills."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self.renew()

    def renew(self) -> None:
        protocol = SimpleNamespace(_reading_paused=False)
        self.queue = self._module.WebSocketDataQueue(protocol, _LIMIT, loop=None)
        self._reader = self._module.WebSocketReader(self.queue, 0, False, True)
        self.feed_data = self._reader.feed_data
        self.clear = self.queue._buffer.clear


class Aiohttp(Peer):
    name = "aiohttp"
    distribution = "aiohttp"

    def __init__(self, pure: bool = False) -> None:
        super().__init__(pure)
        modules: list[Any]
        if pure:
            modules = private_copy(_NAMES, variables={"AIOHTTP_NO_EXTENSIONS": "1"})
        else:
            modules = [import_module(name) for name in _NAMES]
        self._reader, self._writer, self._helpers = modules

    def mask(self, payload: bytes, key: bytes) -> Side:
        def output() -> bytes:
            buffer = bytearray(payload)
            self._helpers.websocket_mask(key, buffer)
            return bytes(buffer)

        names = {"mask": self._helpers.websocket_mask, "payload": payload, "key": key}
        return Side("mask(key, bytearray(payload))", names, output)

    def mask_inplace(self, buffer: bytearray, key: bytes) -> Side:
        mask = self._helpers.websocket_mask
        return Side(
            "mask(key, buffer)",
            {"mask": mask, "key": key, "buffer": buffer},
            lambda: mask(key, buffer),
        )

    def _reading(self, stream: Stream) -> Side:
        reading = _Reading(self._reader)

        def output() -> list[Any]:
            found: list[Any] = []
            for read in stream.reads:
                failed, _ = reading.feed_data(read)
                if failed:
                    raise reading.queue.exception()
                found += [message.data for message, _ in reading.queue._buffer]
                reading.clear()
            return found

        names = {"reads": stream.reads, "reading": reading, "half_full": _LIMIT // 2}
        return Side(_READ_ALL, names, output)

    def frames(self, stream: Stream) -> Side:
        return self._reading(stream)

    def messages(self, stream: Stream) -> Side:
        return self._reading(stream)

    def fragments(self, stream: Stream) -> Side:
        return self.messages(stream)

    def _write(self, transport: _Transport, mask: bool) -> Any:
        protocol = SimpleNamespace(_paused=False)
        writer = self._writer.WebSocketWriter(protocol, transport, use_mask=mask)
        return writer._write_websocket_frame

    def _writing(self, statement: str, payload: bytes | str, opcode: int, mask: bool) -> Side:
        recorder = _Recorder()
        record = self._write(recorder, mask)

        def output() -> bytes:
            recorder.written = b""
            record(payload.encode() if isinstance(payload, str) else payload, opcode, 0)
            return recorder.written

        names = {"write": self._write(_Transport(), mask), "payload": payload, "opcode": opcode}
        return Side(statement, names, output)

    def encode(self, payload: bytes, mask: bool) -> Side:
        return self._writing("write(payload, opcode, 0)", payload, BINARY, mask)

    def encode_text(self, text: str) -> Side:
        return self._writing("write(payload.encode(), opcode, 0)", text, TEXT, True)
