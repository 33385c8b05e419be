"""serve(): handlers and callbacks, where it listens, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from endpoints import HOST, each_loop, echo, eventually, uri

from wsfast.aio import ConnectionClosed, WebSocket, connect, serve


async def stuck(ws: WebSocket) -> None:
    await asyncio.Event().wait()


@each_loop
async def test_a_handler_gets_each_connection_and_its_messages() -> None:
    async with serve(echo, HOST, 0) as server:
        async with connect(uri(server)) as one, connect(uri(server)) as other:
            await one.send("text")
            await other.send(b"binary")
            assert (await one.recv(), await other.recv()) == ("text", b"binary")
            assert len(server.connections) == 2
        await eventually(lambda: not server.connections)


@each_loop
async def test_the_request_is_known_to_the_handler() -> None:
    seen: list[WebSocket] = []

    async def handler(ws: WebSocket) -> None:
        seen.append(ws)

    async with serve(handler, HOST, 0) as server, connect(uri(server) + "room?id=1") as ws:
        await ws.wait_closed()
    request = seen[0].request
    assert request is not None
    assert (request.method, request.path, request.query) == ("GET", "/room", "id=1")


@each_loop
async def test_a_handler_that_returns_closes_with_1000() -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.send("bye")

    async with serve(handler, HOST, 0) as server, connect(uri(server)) as ws:
        assert [message async for message in ws] == ["bye"]
        assert ws.close_code == 1000


@each_loop
async def test_a_handler_that_raises_is_logged_and_closes_with_1011(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handler(ws: WebSocket) -> None:
        raise ZeroDivisionError("the handler's own")

    async with serve(handler, HOST, 0) as server, connect(uri(server)) as ws:
        with pytest.raises(ConnectionClosed) as closed:
            await ws.recv()
        assert (closed.value.code, closed.value.reason) == (1011, "")
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.name == "wsfast.aio"
    assert "the handler's own" in (record.exc_text or "")


@each_loop
async def test_a_peer_that_leaves_is_no_error_of_the_handler(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ended = asyncio.Event()

    async def handler(ws: WebSocket) -> None:
        try:
            while True:
                await ws.recv()
        finally:
            ended.set()

    async with serve(handler, HOST, 0) as server:
        ws = await connect(uri(server))
        ws.abort()
        await ended.wait()
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


@each_loop
async def test_a_handler_fails_by_another_connection_that_is_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handler(ws: WebSocket) -> None:
        raise ConnectionClosed(1006)

    async with serve(handler, HOST, 0) as server, connect(uri(server)) as ws:
        await ws.wait_closed()
        assert ws.close_code == 1011
    assert "handler failed" in caplog.text


@each_loop
async def test_a_handler_that_is_cancelled_leaves_no_connection() -> None:
    tasks: list[asyncio.Task[Any] | None] = []

    async def handler(ws: WebSocket) -> None:
        tasks.append(asyncio.current_task())
        await stuck(ws)

    async with serve(handler, HOST, 0) as server, connect(uri(server)) as ws:
        await eventually(lambda: tasks)
        assert tasks[0] is not None
        tasks[0].cancel()
        await ws.wait_closed()
        assert ws.close_code == 1006
        await eventually(lambda: not server.connections)


@each_loop
async def test_callbacks_are_called_as_it_happens() -> None:
    happened: list[Any] = []

    def on_open(ws: WebSocket) -> None:
        happened.append("open")
        ws.write("welcome")

    def on_message(ws: WebSocket, message: Any) -> None:
        happened.append(message)
        ws.write(message)

    def on_close(ws: WebSocket, code: int, reason: str) -> None:
        happened.append((code, reason))

    callbacks: dict[str, Any] = {"on_open": on_open, "on_message": on_message}
    async with serve(None, HOST, 0, **callbacks, on_close=on_close) as server:
        ws = await connect(uri(server))
        assert await ws.recv() == "welcome"
        await ws.send("first")
        await ws.send(b"second")
        assert [await ws.recv(), await ws.recv()] == ["first", b"second"]
        await ws.close(4000, "enough")
        await eventually(lambda: len(happened) == 4)
    assert happened == ["open", "first", b"second", (4000, "enough")]


@each_loop
async def test_a_handler_may_have_callbacks_beside_it() -> None:
    happened: list[str] = []
    async with serve(
        echo,
        HOST,
        0,
        on_open=lambda ws: happened.append("open"),
        on_close=lambda ws, code, reason: happened.append(f"closed with {code}"),
    ) as server:
        async with connect(uri(server)) as ws:
            await ws.send("to the handler")
            assert await ws.recv() == "to the handler"
        await eventually(lambda: len(happened) == 2)
    assert happened == ["open", "closed with 1000"]


async def coroutine(*_: object) -> None: ...


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, TypeError),
        ({"handler": echo, "on_message": print}, TypeError),
        ({"on_message": coroutine}, TypeError),
        ({"on_message": 1}, TypeError),
        ({"handler": echo, "max_connections": -1}, ValueError),
        ({"handler": echo, "max_connections": 1.5}, TypeError),
        ({"handler": echo, "compression": "gzip"}, ValueError),
        ({"handler": echo, "subprotocols": "chat"}, TypeError),
        ({"handler": echo, "subprotocols": ["a b"]}, ValueError),
        ({"handler": echo, "headers": {"X": "a\r\nb"}}, ValueError),
        ({"handler": echo, "headers": {"Upgrade": "h2c"}}, ValueError),
        ({"handler": echo, "open_timeout": 0}, ValueError),
        ({"handler": echo, "path": "/tmp/x"}, ValueError),
        ({"handler": echo, "port": None}, ValueError),
        ({"handler": echo, "process_request": "/"}, TypeError),
        ({"handler": "echo"}, TypeError),
        ({"handler": echo, "ssl": True}, TypeError),
    ],
)
def test_wrong_arguments_are_refused_at_the_call(
    arguments: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        serve(**{"port": 0, **arguments})


@each_loop
async def test_it_can_be_awaited_and_closed() -> None:
    server = await serve(echo, HOST, 0)
    assert [listening.getsockname()[1] for listening in server.sockets] == [server.port]
    async with server, connect(uri(server)) as ws:
        await ws.send("")
        assert await ws.recv() == ""
    assert server.sockets == ()
    with pytest.raises(ValueError, match="no TCP port"):
        server.port  # noqa: B018


@each_loop
async def test_serve_forever_ends_with_the_server_and_closes_it_when_cancelled() -> None:
    server = await serve(echo, HOST, 0)
    forever = asyncio.create_task(server.serve_forever())
    ws = await connect(uri(server))
    forever.cancel()
    with pytest.raises(asyncio.CancelledError):
        await forever
    await ws.wait_closed()
    assert ws.close_code == 1001
    await server.serve_forever()


@each_loop
async def test_a_port_in_use_is_an_os_error() -> None:
    async with serve(echo, HOST, 0) as server:
        with pytest.raises(OSError):
            await serve(echo, HOST, server.port)


@each_loop
async def test_a_unix_socket_is_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    async with serve(echo, path=path) as server:
        assert path.is_socket()
        with pytest.raises(ValueError):
            server.port  # noqa: B018
        async with connect("ws://localhost/", path=path) as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"
    assert not path.exists()


@each_loop
async def test_the_unix_socket_of_a_successor_stays(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    async with serve(echo, path=path):
        path.unlink()
        with socket.socket(socket.AF_UNIX) as successor:
            successor.bind(str(path))
    assert path.is_socket()


@each_loop
@pytest.mark.parametrize("family", ["AF_INET", "AF_UNIX"])
async def test_it_listens_on_a_socket_that_is_bound(tmp_path: Path, family: str) -> None:
    listening = socket.socket(getattr(socket, family))
    path = str(tmp_path / "socket")
    listening.bind((HOST, 0) if family == "AF_INET" else path)
    async with serve(echo, sock=listening) as server:
        there: dict[str, Any] = {} if family == "AF_INET" else {"path": path}
        where = uri(server) if family == "AF_INET" else "ws://localhost/"
        async with connect(where, **there) as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"


@each_loop
async def test_servers_share_a_port() -> None:
    async with serve(echo, HOST, 0, reuse_port=True) as one:
        async with serve(echo, HOST, one.port, reuse_port=True) as other:
            assert one.port == other.port
        async with connect(uri(one)) as ws:
            await ws.send("still there")
            assert await ws.recv() == "still there"


@each_loop
async def test_serve_that_is_cancelled_leaves_nothing() -> None:
    for turns in range(4):
        task = asyncio.create_task(serve(echo, HOST, 0)._start())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await (await task).close()
