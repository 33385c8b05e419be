"""`async for ws in connect(…)`: what is tried again, and how long is waited."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import ssl
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from endpoints import Raw, RawServer, each_loop, eventually

from wsfast.aio import Backoff, ConnectionClosed, Server, WebSocket, connect, serve
from wsfast.aio.reconnecting import is_transient
from wsfast.closing import State
from wsfast.events import Request, Response
from wsfast.exceptions import HandshakeError, HandshakeRejected
from wsfast.handshake import Headers

HOST = "127.0.0.1"
AT_ONCE = Backoff(initial=0)


async def greet(ws: WebSocket) -> None:
    await ws.send("welcome")
    await ws.wait_closed()


def again(server: Server | RawServer, **options: Any) -> Any:
    arguments = {"backoff": AT_ONCE, **options}
    return connect(f"ws://{HOST}:{server.port}/", **arguments)


@each_loop
async def test_one_connection_after_the_other_is_made() -> None:
    made: list[WebSocket] = []
    async with serve(greet, HOST, 0) as server:
        async for ws in again(server):
            assert [other.state for other in made] == [State.CLOSED] * len(made)
            assert await ws.recv() == "welcome"
            made.append(ws)
            if len(made) == 3:
                break
        await eventually(lambda: not server.connections)
    assert [ws.close_code for ws in made] == [1000] * 3


@each_loop
async def test_leaving_the_loop_closes_the_connection() -> None:
    async with serve(greet, HOST, 0) as server:
        opened: list[WebSocket] = []
        async with aclosing(aiter_of(again(server))) as connections:
            async for ws in connections:
                opened.append(ws)
                break
        assert opened[0].state is State.CLOSED
        with pytest.raises(ZeroDivisionError):
            async for _ in again(server):
                raise ZeroDivisionError
        await eventually(lambda: not server.connections)


def aiter_of(connecting: Any) -> Any:
    return connecting.__aiter__()


@each_loop
async def test_a_connection_that_is_lost_is_made_again() -> None:
    async def lose(ws: WebSocket) -> None:
        ws.abort()

    received = 0
    async with serve(lose, HOST, 0) as server:
        async for ws in again(server):
            with pytest.raises(ConnectionClosed):
                await ws.recv()
            received += 1
            if received == 3:
                break


@each_loop
async def test_what_passes_by_itself_is_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    answers = [500, 502, 503, 504]

    def process_request(request: Request) -> Any:
        return (answers.pop(), {}, b"") if answers else None

    async with serve(greet, HOST, 0, process_request=process_request) as server:
        async for ws in again(server):
            assert await ws.recv() == "welcome"
            break
    assert answers == []
    assert caplog.text.count("connecting again") == 4


@each_loop
async def test_a_server_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "socket"

    async def receive() -> None:
        async for ws in connect("ws://localhost/", path=path, backoff=Backoff(initial=0.001)):
            assert await ws.recv() == "welcome"
            break

    receiving = asyncio.create_task(receive())
    await asyncio.sleep(0.02)
    async with serve(greet, path=path):
        await receiving


@each_loop
async def test_silence_and_ends_are_tried_again() -> None:
    async def behave(peer: Raw) -> None:
        if server.accepted == 1:
            await peer.rest()
        elif server.accepted == 2:
            await peer.head()
        else:
            await peer.head()
            peer.writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    async with RawServer(behave) as server:
        with pytest.raises(HandshakeRejected):
            async for _ in again(server, open_timeout=0.05):
                raise AssertionError
        assert server.accepted == 3


@each_loop
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ],
)
async def test_other_errors_are_raised_at_once(answer: bytes) -> None:
    async def behave(peer: Raw) -> None:
        await peer.head()
        peer.writer.write(answer)

    async with RawServer(behave) as server:
        with pytest.raises(HandshakeError):
            async for _ in again(server):
                raise AssertionError
        assert server.accepted == 1


@each_loop
async def test_it_can_be_cancelled_while_it_waits() -> None:
    async def receive() -> None:
        there = f"ws://{HOST}:{free_port()}/"
        async for _ in connect(there, backoff=Backoff(initial=1000, maximum=1000)):
            raise AssertionError

    task = asyncio.create_task(receive())
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def free_port() -> int:
    """One where nobody listens."""
    with socket.create_server((HOST, 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def test_the_limit_grows_until_a_connection_lasts() -> None:
    backoff = Backoff(initial=2, factor=3, maximum=20)
    limits = [0.0]
    for lasted in (0, 0, 0, 0, 20, 21, 1):
        limits.append(backoff.next_limit(limits[-1], lasted))
    assert limits == [0, 2, 6, 18, 20, 20, 2, 6]


@each_loop
async def test_any_time_up_to_the_limit_is_waited() -> None:
    limits: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        limits.append((low, high))
        return 0

    def process_request(request: Request) -> Any:
        return (503, {}, b"") if len(limits) < 4 else (403, {}, b"")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(random, "uniform", uniform)
        async with serve(greet, HOST, 0, process_request=process_request) as server:
            with pytest.raises(HandshakeRejected):
                async for _ in again(server, backoff=Backoff(2, 3, 20)):
                    raise AssertionError
    assert limits == [(0, 2), (0, 6), (0, 18), (0, 20)]


def rejected(status: int) -> HandshakeRejected:
    return HandshakeRejected(Response(status, "", Headers(), b""))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionRefusedError(), True),
        (ConnectionError("the connection was lost"), True),
        (TimeoutError(), True),
        (socket.gaierror(), True),
        (ssl.SSLError(), True),
        (ssl.SSLCertVerificationError(), False),
        (FileNotFoundError(), True),
        (rejected(500), True),
        (rejected(502), True),
        (rejected(503), True),
        (rejected(504), True),
        (rejected(302), False),
        (rejected(401), False),
        (rejected(429), False),
        (HandshakeError("malformed"), False),
        (ValueError(), False),
    ],
)
def test_which_errors_pass(error: Exception, expected: bool) -> None:
    assert is_transient(error) is expected


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"initial": -1}, ValueError),
        ({"factor": 0.5}, ValueError),
        ({"maximum": float("inf")}, ValueError),
        ({"maximum": float("nan")}, ValueError),
        ({"initial": "1"}, TypeError),
        ({"factor": True}, TypeError),
    ],
)
def test_wrong_backoffs_are_refused(arguments: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        Backoff(**arguments)


def test_a_socket_cannot_be_connected_again() -> None:
    with socket.socket() as sock, pytest.raises(ValueError, match="one connection"):
        aiter_of(connect("ws://localhost/", sock=sock))
