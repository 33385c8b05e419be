"""connect() where it fails: refusals, silence, ends, and cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from endpoints import (
    HOST,
    Raw,
    RawServer,
    accept,
    answering,
    each_loop,
    echo,
    silent,
    uri,
)

from wsfast.aio import ConnectionClosed, connect, serve
from wsfast.events import Request
from wsfast.exceptions import HandshakeError, HandshakeRejected


@each_loop
async def test_a_rejection_tells_all_of_the_answer() -> None:
    def process_request(request: Request) -> Any:
        return 403, {"X-Why": "not today"}, b"go away"

    async with serve(echo, HOST, 0, process_request=process_request) as server:
        with pytest.raises(HandshakeRejected, match="403 Forbidden") as rejected:
            await connect(uri(server))
    response = rejected.value.response
    assert (response.status, response.body) == (403, b"go away")
    assert response.headers["X-Why"] == "not today"


@each_loop
async def test_a_body_may_end_with_the_connection() -> None:
    answer = b"HTTP/1.1 404 Not Found\r\n\r\nnothing here"
    async with RawServer(answering(answer)) as server:
        with pytest.raises(HandshakeRejected) as rejected:
            await connect(uri(server))
    assert rejected.value.response.body == b"nothing here"


@each_loop
@pytest.mark.parametrize(
    "answer",
    [
        b"220 smtp.example.com ESMTP\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ],
)
async def test_a_malformed_answer_is_a_handshake_error(answer: bytes) -> None:
    async with RawServer(answering(answer)) as server:
        with pytest.raises(HandshakeError):
            await connect(uri(server))


@each_loop
@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 101 Swit"])
async def test_an_end_within_the_answer_is_a_connection_error(answer: bytes) -> None:
    async with RawServer(answering(answer)) as server:
        with pytest.raises(ConnectionError):
            await connect(uri(server))


@each_loop
async def test_a_port_where_nobody_listens_is_an_os_error() -> None:
    async with serve(echo, HOST, 0) as server:
        there = uri(server)
    with pytest.raises(OSError):
        await connect(there)


async def dripping(peer: Raw) -> None:
    peer.writer.write(b"HTTP/1.1 404 Not Found\r\n")
    while True:
        peer.writer.write(b"X: y\r\n")
        await asyncio.sleep(0.005)


async def endless_body(peer: Raw) -> None:
    peer.writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nx")
    await peer.rest()


@each_loop
@pytest.mark.parametrize("behave", [silent, dripping, endless_body])
async def test_an_answer_that_does_not_come_is_a_timeout(
    behave: Callable[[Raw], Coroutine[Any, Any, None]],
) -> None:
    async with RawServer(behave) as server:
        with pytest.raises(TimeoutError, match=r"within 0\.05 s"):
            await connect(uri(server), open_timeout=0.05)


@each_loop
@pytest.mark.parametrize("behave", [silent, accept])
async def test_connect_that_is_cancelled_leaves_nothing(
    behave: Callable[[Raw], Coroutine[Any, Any, Any]],
) -> None:
    async with RawServer(behave) as server:
        for turns in range(12):
            task = asyncio.create_task(connect(uri(server))._open())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            try:
                (await task).abort()
            except asyncio.CancelledError:
                pass


@each_loop
async def test_connect_that_is_cancelled_with_its_outcome_leaves_nothing() -> None:
    async with RawServer(accept) as server:
        before = asyncio.all_tasks()
        outer = asyncio.create_task(connect(uri(server))._open())
        while len(asyncio.all_tasks() - before) < 2:
            await asyncio.sleep(0)
        inner = (asyncio.all_tasks() - before - {outer}).pop()
        # Both are done, but nobody has been told.
        inner.add_done_callback(lambda _: outer.cancel())
        with pytest.raises(asyncio.CancelledError):
            await outer
        ws = inner.result()
        await ws.wait_closed()
        assert ws.close_code == 1006


@each_loop
async def test_a_server_that_is_gone_ends_the_connection() -> None:
    async def behave(peer: Raw) -> None:
        await accept(peer)
        peer.writer.transport.abort()

    async with RawServer(behave) as server, connect(uri(server)) as ws:
        with pytest.raises(ConnectionClosed) as closed:
            await ws.recv()
        assert closed.value.code == 1006
