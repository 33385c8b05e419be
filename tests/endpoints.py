"""Event loops to test endpoints on, and peers that say just what a test wants them to."""

from __future__ import annotations

import asyncio
import functools
import gc
import importlib.util
import inspect
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from wsfast.aio import Server, WebSocket
from wsfast.handshake import accept_key

LOOPS = ["asyncio", *(["uvloop"] if importlib.util.find_spec("uvloop") else [])]

HOST = "127.0.0.1"

# The handshake of RFC 6455 section 1.2.
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
REQUEST = (
    "GET /chat?room=1 HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n"
    f"Connection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
).encode()


_freeze = getattr(gc, "freeze", lambda: None)
_unfreeze = getattr(gc, "unfreeze", lambda: None)


def new_loop(name: str) -> asyncio.AbstractEventLoop:
    if name == "uvloop":
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.SelectorEventLoop()


def run(name: str, test: Coroutine[Any, Any, None], deadline: float = 10) -> None:
    """Runs `test`, and fails where it leaves a task, a transport, or an error for the loop."""
    # What was there before needn't be gone through when this is collected.
    _freeze()
    loop = new_loop(name)
    reported: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: reported.append(context))
    try:
        loop.run_until_complete(asyncio.wait_for(test, deadline))
        # What was closed in the last moment ends in the next turns of the loop.
        loop.run_until_complete(_turns(3))
        assert [task for task in asyncio.all_tasks(loop) if not task.done()] == []
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(_turns(3))
        loop.close()
    # Whatever is still open warns when it is collected, and a warning is a failure.
    gc.collect()
    _unfreeze()
    assert reported == [], "\n".join(map(repr, reported))


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def each_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Any:
    """Makes a test of a coroutine function: one on each event loop that is installed."""

    @pytest.mark.parametrize("loop", LOOPS)
    @functools.wraps(test)
    def on_loop(loop: str, **arguments: Any) -> None:
        run(loop, test(**arguments))

    own = inspect.signature(test)
    loop = inspect.Parameter("loop", inspect.Parameter.KEYWORD_ONLY)
    on_loop.__signature__ = own.replace(  # type: ignore[attr-defined]
        parameters=[*own.parameters.values(), loop]
    )
    return on_loop


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


def uri(server: Server | RawServer, more: str = "/") -> str:
    return f"ws://{HOST}:{server.port}{more}"


class Raw:
    """A peer that sends and reads octets."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, port: int, data: bytes = b"") -> Raw:
        peer = cls(*await asyncio.open_connection(HOST, port))
        peer.writer.write(data)
        return peer

    @classmethod
    async def upgraded(cls, port: int, request: bytes = REQUEST) -> Raw:
        """A peer whose opening handshake is complete."""
        peer = await cls.connect(port, request)
        assert status(await peer.head()) == 101
        return peer

    async def head(self) -> bytes:
        """The next message head."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def rest(self) -> bytes:
        """All that comes until the other end closes, however it does."""
        octets = b""
        try:
            while data := await self.reader.read(65536):
                octets += data
        except ConnectionError:
            pass
        return octets

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            pass

    async def __aenter__(self) -> Raw:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class RawServer:
    """A server that does with each connection what `behave(peer)` says; closes it at the end."""

    def __init__(self, behave: Callable[[Raw], Coroutine[Any, Any, None]], **where: Any) -> None:
        self._behave = behave
        self._where = where
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.accepted = 0

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.get_running_loop().create_task(self._serve(Raw(reader, writer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, peer: Raw) -> None:
        try:
            await self._behave(peer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            await peer.close()

    async def __aenter__(self) -> RawServer:
        if "path" in self._where:
            self._server = await asyncio.start_unix_server(self._accept, **self._where)
        else:
            self._server = await asyncio.start_server(self._accept, HOST, 0, **self._where)
            self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def status(answer: bytes) -> int:
    """The status code of an HTTP response."""
    version, code, _ = answer.split(b" ", 2)
    assert version == b"HTTP/1.1"
    return int(code)


def fields(answer: bytes) -> dict[str, str]:
    """The header fields of a message head, names in lower case."""
    lines = answer.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}


def body(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


async def accept(peer: Raw) -> dict[str, str]:
    """Upgrades, and returns the request's header fields."""
    request = fields(await peer.head())
    key = accept_key(request["sec-websocket-key"])
    peer.writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + key.encode() + b"\r\n\r\n"
    )
    return request


def answering(answer: bytes) -> Callable[[Raw], Coroutine[Any, Any, None]]:
    async def behave(peer: Raw) -> None:
        await peer.head()
        peer.writer.write(answer)

    return behave


async def silent(peer: Raw) -> None:
    await peer.rest()


async def eventually(condition: Callable[[], object]) -> None:
    """Waits until the condition holds; the test's deadline is the limit."""
    while not condition():
        await asyncio.sleep(0.001)
