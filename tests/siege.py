"""A server under attack, which has to go on serving the others."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from endpoints import REQUEST, Raw, eventually
from oracle import CLOSE, read_frames
from streams import KEY, frame

from wsfast.aio import Server, WebSocket, connect, serve

HOST = "127.0.0.1"

#: Of the connections under attack; those of the others have no part in it.
CLOSE_TIMEOUT = 0.2

Handler = Callable[[WebSocket], Awaitable[object]]


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


def echo_back(ws: WebSocket, message: Any) -> None:
    ws.write(message)


def masked(opcode: int, payload: bytes = b"", **more: Any) -> bytes:
    return frame(opcode, payload, key=KEY, **more)


def close_frame(code: int, reason: bytes = b"") -> bytes:
    return masked(CLOSE, struct.pack("!H", code) + reason)


class Victim:
    """The server, and what has become of those of its connections that are attacked."""

    def __init__(self, server: Server) -> None:
        self.server = server
        #: By connection: what on_error and on_close were told.
        self.errors: list[BaseException] = []
        self.closes: list[tuple[int, str]] = []

    @property
    def port(self) -> int:
        return self.server.port

    async def peer(self, data: bytes = b"") -> Raw:
        """A peer whose opening handshake is complete, and which goes on with `data`."""
        peer = await Raw.upgraded(self.port)
        peer.writer.write(data)
        return peer


@asynccontextmanager
async def besieged(
    handler: Handler | None = echo, on_message: Any = None, **options: Any
) -> AsyncIterator[Victim]:
    """A server; at the end, only those who did nothing wrong are left, and are still served.

    Handlers are for those who ask for /chat, as the attackers do.
    """
    victim: Victim

    async def serve_it(ws: WebSocket) -> None:
        await (echo if ws.request.path == "/other" or handler is None else handler)(ws)

    def on_error(ws: WebSocket, error: BaseException) -> None:
        if ws.request.path != "/other":
            victim.errors.append(error)

    def on_close(ws: WebSocket, code: int, reason: str) -> None:
        if ws.request.path != "/other":
            victim.closes.append((code, reason))

    received: Any = {"on_message": on_message} if on_message is not None else {"handler": serve_it}
    options = {"close_timeout": CLOSE_TIMEOUT, **options}
    callbacks: Any = {"on_error": on_error, "on_close": on_close}
    async with serve(host=HOST, port=0, **received, **callbacks, **options) as server:
        victim = Victim(server)
        uri = f"ws://{HOST}:{server.port}/other"
        async with connect(uri) as early:
            yield victim
            async with connect(uri) as late:
                for ws in (early, late):
                    await ws.send("still there?")
                    assert await ws.recv() == "still there?"
                await eventually(lambda: len(server.connections) == 2)
        await eventually(lambda: not server.connections)
        registry = server._registry
        await eventually(lambda: not (registry._opening or registry._leaving or registry._tasks))


def closes(answer: bytes) -> list[int]:
    """The codes of all Close frames among the frames of a server; it must end by the first."""
    reading = read_frames(answer, "client", max_payload_length=None)
    assert reading.fault is None
    assert reading.end == ""
    payloads = [item[5] for _, item in reading.items if item[0] == CLOSE]
    if payloads:
        assert reading.closed == len(answer)
    return [int.from_bytes(payload[:2], "big") if payload else 1005 for payload in payloads]


def payloads(answer: bytes, *opcodes: int) -> list[bytes]:
    """What frames of these opcodes carried, of those that a server sent."""
    reading = read_frames(answer, "client", max_payload_length=None)
    return [item[5] for _, item in reading.items if item[0] in opcodes]


def raw_socket(port: int, receive_buffer: int | None = None) -> socket.socket:
    """A peer that completed its opening handshake, and whose socket nothing reads from."""
    peer = socket.socket()
    if receive_buffer is not None:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    peer.settimeout(5)
    peer.connect((HOST, port))
    peer.sendall(REQUEST)
    peer.setblocking(False)
    return peer


def reset(peer: Raw | socket.socket) -> None:
    """Closes its socket by RST, as the end of a process or a machine that comes back does."""
    sock = peer if isinstance(peer, socket.socket) else peer.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if isinstance(peer, socket.socket):
        peer.close()
    else:
        peer.writer.transport.abort()


async def no_longer_than(seconds: float, ends: Awaitable[Any]) -> Any:
    """A limit that is far above what it should take: the machine may be busy."""
    return await asyncio.wait_for(ends, seconds)
