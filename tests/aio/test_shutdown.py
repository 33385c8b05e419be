"""Server.close(): who is told what, and how long it takes."""

from __future__ import annotations

import asyncio

import pytest
from endpoints import (
    HOST,
    REQUEST,
    Raw,
    each_loop,
    echo,
    eventually,
    status,
    uri,
)

from wsfast.aio import WebSocket, connect, serve


async def stuck(ws: WebSocket) -> None:
    await asyncio.Event().wait()


@each_loop
async def test_closing_says_1001_to_all() -> None:
    async with serve(echo, HOST, 0) as server:
        clients = [await connect(uri(server)) for _ in range(3)]
        await server.close(reason="back soon")
        assert server.connections == frozenset()
        with pytest.raises(OSError):
            await connect(f"ws://{HOST}:{(clients[0].remote_address)[1]}/")
    for ws in clients:
        await ws.wait_closed()
        assert (ws.close_code, ws.close_reason) == (1001, "back soon")


@each_loop
async def test_closing_with_a_code_that_cannot_be_sent_is_refused() -> None:
    async with serve(echo, HOST, 0) as server:
        with pytest.raises(Exception, match="1006"):
            await server.close(1006)
        async with connect(uri(server)) as ws:
            await ws.send("still there")
            assert await ws.recv() == "still there"


@each_loop
async def test_handlers_may_end_what_they_do() -> None:
    done: list[str] = []

    async def handler(ws: WebSocket) -> None:
        async for _ in ws:
            pass
        await asyncio.sleep(0.01)
        done.append("saved")

    async with serve(handler, HOST, 0) as server:
        ws = await connect(uri(server))
        await server.close()
        assert done == ["saved"]
        await ws.wait_closed()


@each_loop
async def test_after_the_deadline_peers_are_cut_off_and_handlers_cancelled() -> None:
    cancelled: list[bool] = []

    async def handler(ws: WebSocket) -> None:
        try:
            await stuck(ws)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async with serve(handler, HOST, 0, close_timeout=0.05) as server:
        async with await Raw.upgraded(server.port) as deaf:
            await eventually(lambda: server.connections)
            await server.close()
            # Its Close frame of 1001 has come, and no answer went back.
            assert await deaf.rest() == bytes([0x88, 2, 0x03, 0xE9])
    assert cancelled == [True]


@each_loop
async def test_those_who_are_still_opening_get_a_503() -> None:
    cancelled: list[bool] = []

    async def process_request(request: object) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async with serve(echo, HOST, 0, process_request=process_request) as server:
        async with await Raw.connect(server.port, REQUEST) as decided:
            async with await Raw.connect(server.port, REQUEST[:40]) as silent:
                await eventually(lambda: len(server._registry._opening) == 2)
                await asyncio.sleep(0.01)
                closing = asyncio.create_task(server.close())
                answers = [await decided.rest(), await silent.rest()]
                await silent.close()
                await decided.close()
                await closing
    assert [status(answer) for answer in answers] == [503, 503]
    assert cancelled == [True]


@each_loop
async def test_a_second_close_waits_for_the_first() -> None:
    async with serve(stuck, HOST, 0) as server:
        ws = await connect(uri(server))
        first = asyncio.create_task(server.close(timeout=0.05))
        await asyncio.sleep(0)
        await server.close(timeout=60)
        assert first.done() or server._registry.closed.done()
        await first
        await server.wait_closed()
        await ws.wait_closed()


@each_loop
async def test_closing_that_is_cancelled_cuts_all_off() -> None:
    server = await serve(stuck, HOST, 0)
    ws = await connect(uri(server))
    closing = asyncio.create_task(server.close())
    await asyncio.sleep(0.01)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await server.wait_closed()
    await ws.wait_closed()


@each_loop
@pytest.mark.parametrize("at_once", [False, True])
async def test_a_handler_may_close_its_server(at_once: bool) -> None:
    async def handler(ws: WebSocket) -> None:
        if not at_once:
            await ws.recv()
        await server.close()

    async with serve(handler, HOST, 0) as server, connect(uri(server)) as ws:
        if not at_once:
            await ws.send("shut down")
        await ws.wait_closed()
        assert ws.close_code == 1001
