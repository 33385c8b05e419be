"""autobahn's asyncio protocols over a transport that keeps what is written."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import importlib
from collections import deque
from collections.abc import Callable
from typing import Any

from ...frames import encode_frame
from ...protocol import Opcode

NAME = "autobahn"

_KEY = bytes.fromhex("37fa213d")
_READ = 256 << 10
# RFC 6455 section 1.3.
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def prepare(direction: str, side: str, text: bool, payload: bytes) -> Callable[[], Any] | None:
    """A function that handles one message on a new connection."""
    protocol, transport = _open(side)
    loop = _loop
    if direction == "in":
        opcode = Opcode.TEXT if text else Opcode.BINARY
        mask = side == "server"
        wire = encode_frame(opcode, payload, mask=mask, masking_key=_KEY if mask else None)
        reads = [wire[start : start + _READ] for start in range(0, len(wire), _READ)]

        def receive() -> Any:
            for read in reads:
                protocol.data_received(read)
                loop.run()
            # Of text, too, it gives the octets.
            return protocol.message

        return receive

    def send() -> list[bytes]:
        transport.written = []
        protocol.sendMessage(payload, not text)
        return transport.written

    return send


def _open(side: str) -> tuple[Any, _Transport]:
    txaio: Any = importlib.import_module("txaio")
    websocket: Any = importlib.import_module("autobahn.asyncio.websocket")
    role = side.capitalize()
    base = getattr(websocket, f"WebSocket{role}Protocol")
    make = getattr(websocket, f"WebSocket{role}Factory")

    def on_message(self: Any, payload: bytes, isBinary: bool) -> None:
        self.message = payload

    loop = txaio.config.loop = _loop
    factory = make("ws://127.0.0.1:9000", loop=loop)
    factory.setProtocolOptions(openHandshakeTimeout=0)
    factory.protocol = type("Protocol", (base,), {"onMessage": on_message})
    protocol = factory()
    transport = _Transport()
    protocol.connection_made(transport)
    loop.run()
    protocol.data_received(_request() if side == "server" else _response(transport.written))
    loop.run()
    return protocol, transport


def _request() -> bytes:
    lines = (
        "GET / HTTP/1.1",
        "Host: 127.0.0.1:9000",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    )
    return "\r\n".join((*lines, "", "")).encode()


def _response(request: list[bytes]) -> bytes:
    lines = b"".join(request).decode().split("\r\n")
    key = next(line.split()[1] for line in lines if line.startswith("Sec-WebSocket-Key:"))
    accept = base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()
    answer = (
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept}",
    )
    return "\r\n".join((*answer, "", "")).encode()


class _Loop:
    """What asyncio's futures, and the library's timers, need of a loop."""

    def __init__(self) -> None:
        self.ready: deque[tuple[Any, Any, Any]] = deque()

    def call_soon(self, callback: Any, *arguments: Any, context: Any = None) -> None:
        self.ready.append((context, callback, arguments))

    def call_later(self, delay: float, callback: Any, *arguments: Any) -> _Timer:
        return _Timer()

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)  # type: ignore[arg-type]

    def time(self) -> float:
        return 0.0

    def get_debug(self) -> bool:
        return False

    def run(self) -> None:
        while self.ready:
            context, callback, arguments = self.ready.popleft()
            if context is None:
                callback(*arguments)
            else:
                context.run(callback, *arguments)


# The library's own, of which there is one.
_loop = _Loop()


class _Timer:
    def cancel(self) -> None:
        """It never fires."""


class _Transport:
    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 9000) if name in ("peername", "sockname") else default

    def close(self) -> None:
        """Nothing is open."""

    abort = close
