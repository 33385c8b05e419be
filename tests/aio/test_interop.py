"""serve() and connect() with websockets and aiohttp at the other end, in all pairs."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from endpoints import each_loop

from wsfast.aio import ConnectionClosed, WebSocket
from wsfast.aio import connect as our_connect
from wsfast.aio import serve as our_serve
from wsfast.events import Request

HOST = "127.0.0.1"
LIMIT = 2**24
MESSAGES: list[str | bytes] = [
    "",
    b"",
    "hello",
    "Grüße, 世界 🌍",
    bytes(range(256)),
    "abc" * 42 + "d",
    bytes(70_000),
    "ж" * 300_000,
    bytes(range(256)) * 4096,
]


class Ended(Exception):
    """The connection was closed, by this code and reason."""


class Ours:
    """This library's end, by the few methods that the tests need of each."""

    def __init__(self, ws: WebSocket) -> None:
        self.ws = ws

    async def send(self, message: str | bytes) -> None:
        await self.ws.send(message)

    async def send_parts(self, parts: list[Any]) -> None:
        await self.ws.send(parts)

    async def receive(self) -> str | bytes:
        try:
            message: str | bytes = await self.ws.recv()
            return message
        except ConnectionClosed as closed:
            raise Ended(closed.code, closed.reason) from closed

    async def ping(self) -> None:
        await self.ws.ping()

    async def close(self, code: int, reason: str) -> None:
        await self.ws.close(code, reason)

    @property
    def is_compressed(self) -> bool:
        return self.ws.deflate is not None

    @property
    def subprotocol(self) -> str | None:
        return self.ws.subprotocol


class Websockets(Ours):
    ws: Any

    async def send_parts(self, parts: list[Any]) -> None:
        await self.ws.send(parts)

    async def receive(self) -> str | bytes:
        from websockets.exceptions import ConnectionClosed as Closed

        try:
            message: str | bytes = await self.ws.recv()
            return message
        except Closed as closed:
            assert closed.rcvd is not None
            raise Ended(closed.rcvd.code, closed.rcvd.reason) from closed

    async def ping(self) -> None:
        await (await self.ws.ping())

    @property
    def is_compressed(self) -> bool:
        return bool(self.ws.protocol.extensions)


class Aiohttp(Ours):
    ws: Any

    async def send(self, message: str | bytes) -> None:
        if isinstance(message, str):
            await self.ws.send_str(message)
        else:
            await self.ws.send_bytes(message)

    async def send_parts(self, parts: list[Any]) -> None:
        # It can't.
        await self.send(parts[0][:0].join(parts))

    async def receive(self) -> str | bytes:
        from aiohttp import WSMsgType

        message = await self.ws.receive()
        if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            data: str | bytes = message.data
            return data
        assert message.type is WSMsgType.CLOSE, message
        raise Ended(message.data, message.extra)

    async def ping(self) -> None:
        # Its Pongs are hidden.
        await self.ws.ping()

    async def close(self, code: int, reason: str) -> None:
        await self.ws.close(code=code, message=reason.encode())

    @property
    def is_compressed(self) -> bool:
        return bool(self.ws.compress)

    @property
    def subprotocol(self) -> str | None:
        name: str | None = self.ws._response.headers.get("Sec-WebSocket-Protocol")
        return name


Serving = Callable[[Callable[[Ours], Any], bool], AbstractAsyncContextManager[int]]
Connecting = Callable[[int, bool], AbstractAsyncContextManager[Ours]]


@asynccontextmanager
async def serve_ours(handler: Callable[[Ours], Any], compress: bool) -> AsyncIterator[int]:
    async with our_serve(
        lambda ws: handler(Ours(ws)),
        HOST,
        0,
        compression="deflate" if compress else None,
        subprotocols=["chat"],
        max_message_length=LIMIT,
    ) as server:
        yield server.port


@asynccontextmanager
async def connect_ours(port: int, compress: bool) -> AsyncIterator[Ours]:
    async with our_connect(
        f"ws://{HOST}:{port}/",
        compression="deflate" if compress else None,
        subprotocols=["other", "chat"],
        max_message_length=LIMIT,
    ) as ws:
        yield Ours(ws)


@asynccontextmanager
async def serve_websockets(handler: Callable[[Ours], Any], compress: bool) -> AsyncIterator[int]:
    from websockets.asyncio.server import serve

    compression = "deflate" if compress else None
    async with serve(
        lambda ws: handler(Websockets(ws)),
        HOST,
        0,
        compression=compression,
        subprotocols=["chat"],  # type: ignore[list-item]
        max_size=LIMIT,
    ) as server:
        yield next(iter(server.sockets)).getsockname()[1]


@asynccontextmanager
async def connect_websockets(port: int, compress: bool) -> AsyncIterator[Ours]:
    from websockets.asyncio.client import connect

    compression = "deflate" if compress else None
    async with connect(
        f"ws://{HOST}:{port}/",
        compression=compression,
        subprotocols=["other", "chat"],  # type: ignore[list-item]
        max_size=LIMIT,
        proxy=None,
    ) as ws:
        yield Websockets(ws)


@asynccontextmanager
async def serve_aiohttp(handler: Callable[[Ours], Any], compress: bool) -> AsyncIterator[int]:
    from aiohttp import web

    async def handle(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(compress=compress, protocols=["chat"], max_msg_size=LIMIT)
        await ws.prepare(request)
        await handler(Aiohttp(ws))
        return ws

    application = web.Application()
    application.router.add_get("/", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def connect_aiohttp(port: int, compress: bool) -> AsyncIterator[Ours]:
    from aiohttp import ClientSession

    async with ClientSession() as session:
        async with session.ws_connect(
            f"http://{HOST}:{port}/",
            compress=15 if compress else 0,
            protocols=["other", "chat"],
            max_msg_size=LIMIT,
        ) as ws:
            yield Aiohttp(ws)


SERVERS: dict[str, Serving] = {
    "ours": serve_ours,
    "websockets": serve_websockets,
    "aiohttp": serve_aiohttp,
}
CLIENTS: dict[str, Connecting] = {
    "ours": connect_ours,
    "websockets": connect_websockets,
    "aiohttp": connect_aiohttp,
}
PAIRS = [(server, client) for server in SERVERS for client in CLIENTS if "ours" in (server, client)]


@pytest.fixture(params=PAIRS, ids="-".join)
def pair(request: pytest.FixtureRequest) -> tuple[Serving, Connecting]:
    server, client = request.param
    for name in (server, client):
        if name != "ours" and importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} isn't installed")
    return SERVERS[server], CLIENTS[client]


Pair = tuple[Serving, Connecting]
compressed = pytest.mark.parametrize("compress", [False, True], ids=["plain", "deflate"])


async def echo(end: Ours) -> None:
    try:
        while True:
            await end.send(await end.receive())
    except Ended:
        pass


@each_loop
@compressed
async def test_messages_of_all_sizes_go_both_ways(pair: Pair, compress: bool) -> None:
    serve, connect = pair
    async with serve(echo, compress) as port, connect(port, compress) as end:
        assert end.is_compressed is compress
        assert end.subprotocol == "chat"
        for message in MESSAGES:
            await end.send(message)
            assert await end.receive() == message
        await end.ping()
        # Many that nobody waits for.
        for number in range(200):
            await end.send(f"number {number} " * 10)
        for number in range(200):
            assert await end.receive() == f"number {number} " * 10


@each_loop
@compressed
async def test_fragmented_messages_go_both_ways(pair: Pair, compress: bool) -> None:
    serve, connect = pair
    texts = ["Gr", "üße", "", " 世界" * 1000, "!"]
    octets = [bytes(10), b"", bytes(range(256)) * 300]

    async def fragments(end: Ours) -> None:
        await end.send_parts(texts)
        await end.send_parts(octets)
        await echo(end)

    async with serve(fragments, compress) as port, connect(port, compress) as end:
        assert [await end.receive(), await end.receive()] == ["".join(texts), b"".join(octets)]
        await end.send_parts(octets)
        await end.send_parts(texts)
        assert [await end.receive(), await end.receive()] == [b"".join(octets), "".join(texts)]


@each_loop
@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (4321, "genug, ça suffit")])
async def test_either_side_closes_with_code_and_reason(pair: Pair, code: int, reason: str) -> None:
    serve, connect = pair
    ended: list[Any] = []
    done = asyncio.Event()

    async def closing(end: Ours) -> None:
        if await end.receive() == "close":
            await end.close(code, reason)
        else:
            with pytest.raises(Ended) as closed:
                await end.receive()
            ended.append(closed.value.args)
            done.set()

    async with serve(closing, False) as port:
        async with connect(port, False) as end:
            await end.send("close")
            with pytest.raises(Ended) as closed:
                await end.receive()
            assert closed.value.args == (code, reason)
        async with connect(port, False) as end:
            await end.send("wait")
            await end.close(code, reason)
            await done.wait()
        assert ended == [(code, reason)]


@each_loop
async def test_a_rejection_is_seen_by_the_other(pair: Pair) -> None:
    _, connect = pair

    def process_request(request: Request) -> Any:
        return 403, {}, b"not you"

    async with our_serve(echo, HOST, 0, process_request=process_request) as server:  # type: ignore[arg-type]
        with pytest.raises(Exception, match="403"):
            async with connect(server.port, False):
                raise AssertionError
