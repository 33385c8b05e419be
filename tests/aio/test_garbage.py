"""Connections that have ended are freed at once: none waits for the garbage collector."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from endpoints import REQUEST, Raw, each_loop, eventually
from siege import HOST, echo, echo_back

from wsfast.aio import ConnectionClosed, Server, WebSocket, connect, serve


def uri(server: Server) -> str:
    return f"ws://{HOST}:{server.port}/"


async def leaves(server: Server) -> None:
    async with connect(uri(server), compression="deflate") as ws:
        await ws.send("x" * 200)
        assert await ws.recv() == "x" * 200


async def is_left(server: Server) -> None:
    ws = await connect(uri(server))
    await ws.send("leave")
    with pytest.raises(ConnectionClosed):
        while True:
            await ws.recv()
    await ws.wait_closed()


async def is_torn_down(server: Server) -> None:
    ws = await connect(uri(server))
    await ws.send(b"x")
    await ws.recv()
    ws.abort()
    await ws.wait_closed()


async def breaks_the_protocol(server: Server) -> None:
    async with await Raw.upgraded(server.port, REQUEST) as peer:
        peer.writer.write(b"\xff" * 10)
        await peer.rest()


async def has_callbacks(server: Server) -> None:
    ws = await connect(uri(server), on_message=lambda ws, message: ws.close())
    ws.write("x")
    await ws.wait_closed()


async def sends_a_stream(server: Server) -> None:
    async with connect(uri(server)) as ws:
        await ws.send(iter(["one", "two"]))
        assert await ws.recv() == "onetwo"


async def handles(ws: WebSocket) -> None:
    async for message in ws:
        if message == "leave":
            return
        await ws.send(message)


async def streams(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(iter([await message.read()]))


SERVERS: dict[str, dict[str, Any]] = {
    "handler": {"handler": handles},
    "callbacks": {"on_message": echo_back},
    "compressed": {"handler": echo, "compression": "deflate"},
    "streaming": {"handler": streams, "streaming": True},
}
CLIENTS: dict[str, Callable[[Server], Awaitable[None]]] = {
    "leaves": leaves,
    "is torn down": is_torn_down,
    "breaks the protocol": breaks_the_protocol,
    "has callbacks": has_callbacks,
    "sends a stream": sends_a_stream,
}


def is_ours(found: object) -> bool:
    # asyncio's transport keeps itself where it is aborted.
    return type(found).__module__.startswith("wsfast")


async def garbage_of(server: Server, client: Callable[[Server], Awaitable[None]]) -> list[Any]:
    """Our objects that only the collector finds, of some connections."""
    await client(server)
    await eventually(lambda: not server.connections)
    await asyncio.sleep(0.01)
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for _ in range(3):
            await client(server)
        await eventually(lambda: not server.connections)
        await asyncio.sleep(0.01)
        gc.collect()
        return [found for found in gc.garbage if is_ours(found)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


@pytest.mark.skipif(not hasattr(gc, "set_debug"), reason="CPython's collector")
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("kind", SERVERS)
@each_loop
async def test_no_connection_waits_for_the_collector(kind: str, client: str) -> None:
    async with serve(host=HOST, port=0, **SERVERS[kind]) as server:
        assert await garbage_of(server, CLIENTS[client]) == []


@each_loop
async def test_a_connection_whose_error_was_caught_does_not_either() -> None:
    async with serve(handles, HOST, 0) as server:
        assert await garbage_of(server, is_left) == []
