"""tornado's protocol on streams that are fed by hand."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st

NAME = "tornado"

pytest.importorskip("tornado.websocket")
websocket: Any = sys.modules["tornado.websocket"]
iostream: Any = sys.modules["tornado.iostream"]
util: Any = sys.modules["tornado.util"]
web: Any = sys.modules["tornado.web"]

Protocol: Any = websocket.WebSocketProtocol13
StreamClosedError: Any = iostream.StreamClosedError


KEY = bytes.fromhex("37fa213d")
TEXT = "Grüße, 你好, 🌍"


class Handler:
    """Tells all that happens to it. `manner` is how it takes messages."""

    def __init__(self, manner: str = "plain") -> None:
        self.manner = manner
        self.seen: list[Any] = []

    def on_message(self, message: str | bytes) -> Any:
        self.seen.append(message)
        if self.manner == "fails":
            raise LookupError("no such message")
        if self.manner == "awaits":
            return self.later(message)
        return None

    async def later(self, message: str | bytes) -> None:
        await asyncio.sleep(0)
        self.seen.append(("later", message))
        if len(message) == 5:
            raise LookupError("no such message")

    def on_ping(self, data: bytes) -> None:
        self.seen.append(("ping", data))

    def on_pong(self, data: bytes) -> None:
        self.seen.append(("pong", data))

    def on_ws_connection_close(self, code: int | None, reason: str | None) -> None:
        self.seen.append(("closed", code, reason))

    def log_exception(self, kind: type, error: BaseException, traceback: object) -> None:
        self.seen.append((kind, str(error), traceback is not None))


class Library(iostream.BaseIOStream):  # type: ignore[misc]
    """A stream of the library that is fed by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[bytes] = []
        self.written: list[bytes] = []

    def feed(self, data: bytes) -> None:
        self.reads.append(data)
        if self.reading() and not self.closed():
            self._handle_read()

    def read_from_fd(self, buffer: bytearray | memoryview) -> int | None:
        if not self.reads:
            return None
        data = self.reads.pop(0)
        length = min(len(buffer), len(data))
        buffer[:length] = data[:length]
        if data[length:]:
            self.reads.insert(0, data[length:])
        return length

    def write_to_fd(self, data: memoryview) -> int:
        self.written.append(bytes(data))
        return len(data)

    def close_fd(self) -> None:
        pass

    def _add_io_state(self, state: int) -> None:
        pass


class Stub:
    """As little of a stream as will do."""

    def __init__(self) -> None:
        self.data = b""
        self.written: list[bytes] = []
        self.is_closed = False
        self.more = asyncio.Event()
        self.io_loop = iostream.ioloop.IOLoop.current()

    def feed(self, data: bytes) -> None:
        self.data += data
        self.more.set()

    async def read_bytes(self, length: int) -> bytes:
        while len(self.data) < length:
            if self.is_closed:
                raise StreamClosedError
            self.more.clear()
            await self.more.wait()
        data, self.data = self.data[:length], self.data[length:]
        return data

    def write(self, data: bytes) -> asyncio.Future[None]:
        self.written.append(bytes(data))
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    def close(self) -> None:
        self.is_closed = True
        self.more.set()

    def closed(self) -> bool:
        return self.is_closed


STREAMS: dict[str, Callable[[], Any]] = {"library": Library, "stub": Stub}


payloads = st.one_of(
    st.binary(max_size=10),
    st.text(max_size=10).map(str.encode),
    st.sampled_from([b"a" * 125, b"b" * 126, TEXT.encode() * 9, b"c" * 4000, b"d" * 65536]),
    st.sampled_from([b"", b"\xc3", b"\xff", b"\xed\xa0", b"\x03\xe8", b"\x03\xe8ok", b"\x03\xed"]),
)
