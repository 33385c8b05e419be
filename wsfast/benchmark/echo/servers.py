"""Echo servers, each as its library's users write them; permessage-deflate where a client asks.

Not by picows, which has none, and not by the plain TCP echo, which is no WebSocket server: it is
the most that an event loop allows.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any, NamedTuple

# Octets of a message that a server takes.
MOST = 2**21


def _websockets(package: str) -> Callable[[socket.socket], Awaitable[None]]:
    async def handler(connection: Any) -> None:
        async for message in connection:
            await connection.send(message)

    async def run(listening: socket.socket) -> None:
        serve: Any = import_module(package).serve
        async with serve(handler, sock=listening, max_size=MOST):
            await asyncio.get_running_loop().create_future()

    return run


async def _application(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        text = event.get("text")
        if text is not None:
            await send({"type": "websocket.send", "text": text})
        else:
            await send({"type": "websocket.send", "bytes": event["bytes"]})


def _uvicorn(protocol: str) -> Callable[[socket.socket], Awaitable[None]]:
    async def serve(listening: socket.socket) -> None:
        uvicorn: Any = import_module("uvicorn")
        config = uvicorn.Config(
            _application,
            http="h11",
            ws=protocol,
            ws_max_size=MOST,
            lifespan="off",
            log_level="warning",
        )
        await uvicorn.Server(config).serve(sockets=[listening])

    return serve


async def _aiohttp(listening: socket.socket) -> None:
    web: Any = import_module("aiohttp.web")

    async def handler(request: Any) -> Any:
        response = web.WebSocketResponse(compress=True, max_msg_size=MOST)
        await response.prepare(request)
        async for message in response:
            if message.type == web.WSMsgType.TEXT:
                await response.send_str(message.data)
            elif message.type == web.WSMsgType.BINARY:
                await response.send_bytes(message.data)
        return response

    application = web.Application()
    application.router.add_get("/", handler)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    await asyncio.get_running_loop().create_future()


async def _tornado(listening: socket.socket) -> None:
    web: Any = import_module("tornado.web")
    handler: Any = import_module("tornado.websocket").WebSocketHandler

    class Handler(handler):  # type: ignore[misc]
        def get_compression_options(self) -> dict[str, Any]:
            return {}

        def open(self) -> None:
            # Otherwise replies wait for the client's delayed acknowledgements.
            self.set_nodelay(True)

        async def on_message(self, message: str | bytes) -> None:
            await self.write_message(message, isinstance(message, bytes))

    listening.setblocking(False)
    application = web.Application([("/", Handler)], websocket_max_message_size=MOST)
    import_module("tornado.httpserver").HTTPServer(application).add_socket(listening)
    await asyncio.get_running_loop().create_future()


def _wsfast(callbacks: bool) -> Callable[[socket.socket], Awaitable[None]]:
    async def handler(ws: Any) -> None:
        async for message in ws:
            await ws.send(message)

    def on_message(ws: Any, message: str | bytes) -> None:
        ws.write(message)

    async def run(listening: socket.socket) -> None:
        serve: Any = import_module("wsfast.aio").serve
        how = {"on_message": on_message} if callbacks else {"handler": handler}
        async with serve(**how, sock=listening, max_message_length=MOST, compression="deflate"):
            await asyncio.get_running_loop().create_future()

    return run


def _picows(is_copied: bool) -> Callable[[socket.socket], Awaitable[None]]:
    """`is_copied`: a binary message is taken as bytes, which the callback could keep."""

    async def run(listening: socket.socket) -> None:
        picows: Any = import_module("picows")
        base: Any = picows.WSListener
        text, binary = picows.WSMsgType.TEXT, picows.WSMsgType.BINARY

        # A frame is taken for a message in both: the clients send no fragments.
        class Listener(base):  # type: ignore[misc]
            def on_ws_frame(self, transport: Any, frame: Any) -> None:
                if frame.msg_type is binary:
                    transport.send(binary, frame.get_payload_as_bytes())
                elif frame.msg_type is text:
                    transport.send(text, frame.get_payload_as_utf8_text().encode())
                elif frame.msg_type is picows.WSMsgType.CLOSE:
                    transport.send_close()
                    transport.disconnect()

        class Lender(Listener):
            def on_ws_frame(self, transport: Any, frame: Any) -> None:
                if frame.msg_type is binary:
                    transport.send(binary, frame.get_payload_as_memoryview())
                else:
                    super().on_ws_frame(transport, frame)

        listener = Listener if is_copied else Lender
        server = await picows.ws_create_server(
            lambda request: listener(), sock=listening, max_frame_size=MOST
        )
        await server.serve_forever()

    return run


class _Tcp(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        self._write = transport.write

    def data_received(self, data: bytes) -> None:
        self._write(data)


async def _tcp(listening: socket.socket) -> None:
    server = await asyncio.get_running_loop().create_server(_Tcp, sock=listening)
    await server.serve_forever()


class Server(NamedTuple):
    """`needs` are distributions; `library` is the one that is enabled, None: there is none."""

    needs: tuple[str, ...]
    library: str | None
    serve: Callable[[socket.socket], Awaitable[None]]


SERVERS = {
    "websockets": Server(("websockets",), "websockets", _websockets("websockets.asyncio.server")),
    "uvicorn websockets-sansio": Server(
        ("uvicorn", "websockets"), "websockets", _uvicorn("websockets-sansio")
    ),
    "uvicorn wsproto": Server(("uvicorn", "wsproto"), "wsproto", _uvicorn("wsproto")),
    "aiohttp": Server(("aiohttp",), "aiohttp", _aiohttp),
    "tornado": Server(("tornado",), "tornado", _tornado),
    "picows.websockets": Server(("picows",), None, _websockets("picows.websockets")),
    "picows": Server(("picows",), None, _picows(is_copied=True)),
    # Nothing is copied, and nothing is there any more after the callback.
    "picows memoryview": Server(("picows",), None, _picows(is_copied=False)),
    "wsfast.aio": Server((), None, _wsfast(callbacks=False)),
    "wsfast.aio callbacks": Server((), None, _wsfast(callbacks=True)),
    "plain TCP": Server((), None, _tcp),
}
# Measured in turns with another server, to be seen beside it.
RIVALS = {"websockets": "picows.websockets"}
# This project's own, and what it can't be faster than.
OWN, CEILING = "wsfast.aio", "plain TCP"
