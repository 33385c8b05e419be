"""tornado's protocol over a stream that holds octets in memory."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Generator
from typing import Any

from ...frames import encode_frame
from ...protocol import Opcode

NAME = "tornado"

_KEY = bytes.fromhex("37fa213d")


def prepare(direction: str, side: str, text: bool, payload: bytes) -> Callable[[], Any] | None:
    """A function that handles one message on a new connection."""
    import tornado.websocket

    handler: Any = _Handler()
    params = tornado.websocket._WebSocketParams(max_message_size=2**30)
    protocol: Any = tornado.websocket.WebSocketProtocol13(handler, side == "client", params)
    stream = _Stream()
    protocol.stream = stream
    if direction == "in":
        opcode = Opcode.TEXT if text else Opcode.BINARY
        mask = side == "server"
        wire = encode_frame(opcode, payload, mask=mask, masking_key=_KEY if mask else None)
        stream.data, stream.offset = wire, len(wire)
        receiving = protocol._receive_frame_loop()
        receiving.send(None)

        def receive() -> Any:
            handler.message = None
            stream.offset = 0
            # It stops where there is nothing left to read, and at times to let others run.
            while handler.message is None:
                receiving.send(None)
            return handler.message

        return receive

    message: str | bytes = payload.decode() if text else payload
    binary = not text
    loop = stream.loop

    def send() -> list[bytes]:
        stream.wrote = []
        asyncio._set_running_loop(loop)  # type: ignore[arg-type]
        protocol.write_message(message, binary)
        loop.run()
        asyncio._set_running_loop(None)
        return stream.wrote

    return send


class _Handler:
    message: str | bytes | None = None

    def on_message(self, message: str | bytes) -> None:
        self.message = message

    def on_ws_connection_close(self, code: int | None, reason: str | None) -> None:
        """Its loop ends with this."""


class _Loop:
    """What asyncio's tasks need of a loop."""

    def __init__(self) -> None:
        self.ready: deque[tuple[Any, Any, Any]] = deque()

    def call_soon(self, callback: Any, *arguments: Any, context: Any = None) -> None:
        self.ready.append((context, callback, arguments))

    def create_task(self, coroutine: Any) -> asyncio.Task[Any]:
        return asyncio.Task(coroutine, loop=self)  # type: ignore[arg-type]

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)  # type: ignore[arg-type]

    def get_debug(self) -> bool:
        return False

    def run(self) -> None:
        while self.ready:
            context, callback, arguments = self.ready.popleft()
            if context is None:
                callback(*arguments)
            else:
                context.run(callback, *arguments)


class _Pause:
    def __await__(self) -> Generator[None, None, None]:
        yield


class _Stream:
    """Reads come out of `data`; writes are done at once."""

    def __init__(self) -> None:
        self.data = b""
        self.offset = 0
        self.wrote: list[bytes] = []
        self.loop = _Loop()
        self.done: asyncio.Future[None] = asyncio.Future(loop=self.loop)  # type: ignore[arg-type]
        self.done.set_result(None)

    async def read_bytes(self, length: int) -> bytes:
        start = self.offset
        self.offset = end = start + length
        data = self.data[start:end]
        if not data and length:
            await _Pause()
            self.offset = length
            data = self.data[:length]
        return data

    def write(self, data: bytes) -> asyncio.Future[None]:
        self.wrote.append(data)
        return self.done

    def closed(self) -> bool:
        return False
