"""Two ends of one connection, both ours, over a pair of sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from importlib import import_module
from typing import Any, TypeVar

from wsfast.aio.settings import Settings
from wsfast.aio.websocket import WebSocket

_Result = TypeVar("_Result")

# What a run leaves open.
_opened: list[Any] = []

# Seconds that any test here may take.
DEADLINE = 20.0


class _Opening(asyncio.BufferedProtocol):
    """In place of an opening handshake."""

    def get_buffer(self, sizehint: int) -> bytearray:
        return bytearray(1)


def run(main: Coroutine[Any, Any, _Result], loops: str = "asyncio") -> _Result:
    """As asyncio.run(), with a deadline; what the event loop has to complain of is an error."""
    complaints: list[dict[str, Any]] = []
    loop: asyncio.AbstractEventLoop = import_module(loops).new_event_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    asyncio.set_event_loop(loop)
    try:
        result = loop.run_until_complete(asyncio.wait_for(main, DEADLINE))
    finally:
        for opened in _opened:
            if isinstance(opened, socket.socket):
                opened.close()
            elif not opened.is_closing():
                opened.abort()
        _opened.clear()
        # They end in turns of their own.
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()
    assert not complaints, complaints
    return result


async def transport_of(end: socket.socket) -> asyncio.Transport:
    end.setblocking(False)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(_Opening, sock=end)
    _opened.append(transport)
    return transport


async def open_end(
    side: Any, end: socket.socket, settings: Settings | None = None, **options: Any
) -> WebSocket:
    """An open WebSocket on that socket."""
    transport = await transport_of(end)
    ws = WebSocket(side, transport, settings or Settings(), **options)
    transport.set_protocol(ws)
    ws.start()
    return ws


async def raw_end(
    side: Any = "server", settings: Settings | None = None, **options: Any
) -> tuple[WebSocket, socket.socket]:
    """An open WebSocket, and the other end's socket, for what no peer of ours would send."""
    one, other = socket.socketpair()
    other.setblocking(False)
    _opened.append(other)
    return await open_end(side, one, settings, **options), other


async def pair(
    settings: Settings | None = None,
    client_settings: Settings | None = None,
    server: dict[str, Any] | None = None,
    client: dict[str, Any] | None = None,
) -> tuple[WebSocket, WebSocket]:
    """A server's and a client's end."""
    one, other = socket.socketpair()
    return (
        await open_end("server", one, settings, **(server or {})),
        await open_end("client", other, client_settings or settings, **(client or {})),
    )
