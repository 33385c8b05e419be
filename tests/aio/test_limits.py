"""Limits of serve() and connect(): connections, messages, time; and the others are served on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from endpoints import (
    HOST,
    REQUEST,
    Raw,
    RawServer,
    each_loop,
    echo,
    eventually,
    fields,
    status,
    uri,
)

from wsfast.aio import ConnectionClosed, MessageStream, Server, WebSocket, connect, registry, serve
from wsfast.exceptions import HandshakeRejected
from wsfast.handshake import accept_key


@asynccontextmanager
async def serving_others(**options: Any) -> AsyncIterator[Server]:
    """A server that goes on serving somebody, whatever the others do."""
    async with serve(echo, HOST, 0, **options) as server, connect(uri(server)) as other:
        yield server
        await other.send("still there")
        assert await other.recv() == "still there"


@each_loop
async def test_above_max_connections_peers_are_turned_away_at_once() -> None:
    async with serving_others(max_connections=2) as server:
        async with connect(uri(server)):
            # Not a word was said, and there is the answer.
            async with await Raw.connect(server.port) as peer:
                answer = await peer.rest()
                assert status(answer) == 503
                assert fields(answer)["connection"] == "close"
            with pytest.raises(HandshakeRejected) as rejected:
                await connect(uri(server))
            assert rejected.value.response.status == 503
        await eventually(lambda: len(server.connections) == 1)
        async with connect(uri(server)):
            pass


@each_loop
async def test_those_who_are_opening_count() -> None:
    async with serving_others(max_connections=2) as server:
        async with await Raw.connect(server.port, REQUEST[:9]) as slow:
            await eventually(lambda: server._registry._opening)
            async with await Raw.connect(server.port, REQUEST) as peer:
                assert status(await peer.rest()) == 503
            slow.writer.write(REQUEST[9:])
            assert status(await slow.head()) == 101


@each_loop
async def test_those_who_are_turned_away_do_not_count() -> None:
    async with serving_others(max_connections=2) as server:
        async with await Raw.connect(server.port, b"garbage\r\n\r\n") as peer:
            assert status(await peer.head()) == 400
            assert server._registry._leaving
            async with connect(uri(server)):
                pass


@each_loop
async def test_a_crowd_is_not_told_why() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "_MAX_LEAVING", 2)
        async with serving_others(max_connections=1) as server:
            peers = [await Raw.connect(server.port) for _ in range(5)]
            answers = [peer.head() for peer in peers[:2]]
            assert [status(await answer) for answer in answers] == [503, 503]
            assert [await peer.rest() for peer in peers[2:]] == [b"", b"", b""]
            for peer in peers:
                await peer.close()
            await eventually(lambda: not server._registry._leaving)


@each_loop
async def test_nobody_may_be_let_in() -> None:
    async with serve(echo, HOST, 0, max_connections=0) as server:
        with pytest.raises(HandshakeRejected):
            await connect(uri(server))


def frame(first: int, length: int) -> bytes:
    """The header of a masked frame of so many octets, with the key 0."""
    return bytes([first, 0xFF]) + length.to_bytes(8, "big") + bytes(4)


@each_loop
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        # 2 GiB declared, and nothing of it sent.
        (frame(0x82, 2**31), 1009),
        (frame(0x82, 2**63 - 1), 1009),
        (frame(0x82, 2**64 - 1), 1002),
        (b"\x82\xfe" + (1001).to_bytes(2, "big") + bytes(1005), 1009),
        ((bytes([0x02, 0x80]) + bytes(4)) * 3, 1002),
        (bytes([0x02, 0x80, 0, 0, 0, 0]) + bytes([0x00, 0x80, 0, 0, 0, 0]) * 100, 1009),
        (b"\x81\x82\0\0\0\0\xff\xff", 1007),
        (b"\x83\x80\0\0\0\0", 1002),
        (b"\x82\x01x", 1002),
    ],
)
async def test_who_breaks_the_rules_is_told_and_closed(sent: bytes, code: int) -> None:
    async with serving_others(max_message_length=1000, max_fragments=50) as server:
        async with await Raw.upgraded(server.port) as peer:
            peer.writer.write(sent)
            answer = await peer.rest()
            assert answer[0] == 0x88
            assert int.from_bytes(answer[2:4], "big") == code
        await eventually(lambda: len(server.connections) == 1)


@each_loop
async def test_a_client_has_limits_of_its_own() -> None:
    async def big(ws: WebSocket) -> None:
        await ws.send(bytes(1001))
        await ws.wait_closed()

    async with serve(big, HOST, 0) as server:
        async with connect(uri(server), max_message_length=1000) as ws:
            with pytest.raises(ConnectionClosed):
                await ws.recv()
        async with connect(uri(server), max_message_length=1001) as ws:
            assert await ws.recv() == bytes(1001)


@each_loop
async def test_text_and_streaming_are_chosen_on_either_side() -> None:
    received: list[Any] = []

    async def handler(ws: WebSocket) -> None:
        async for stream in ws:
            assert isinstance(stream, MessageStream)
            received.append(await stream.read())
            await ws.send("Grüße")

    async with serve(handler, HOST, 0, text="bytes", streaming=True) as server:
        async with connect(uri(server), text="bytes") as ws:
            await ws.send("Grüße")
            assert await ws.recv() == "Grüße".encode()
        async with connect(uri(server), streaming=True) as ws:
            await ws.send(b"Gr\xfc\xdfe")
            stream = await ws.recv()
            assert isinstance(stream, MessageStream)
            assert [part async for part in stream] == ["Grüße"]
    assert received == ["Grüße".encode(), b"Gr\xfc\xdfe"]


@each_loop
async def test_a_peer_that_has_vanished_is_noticed() -> None:
    async with serving_others(ping_interval=0.02, ping_timeout=0.02, close_timeout=0.02) as server:
        async with await Raw.upgraded(server.port) as mute:
            await eventually(lambda: len(server.connections) == 2)
            await eventually(lambda: len(server.connections) == 1)
            octets = await mute.rest()
            # A Ping that was not answered, and the Close frame that says so.
            assert octets[0] == 0x89
            assert b"\x88" + octets[7:8] + b"\x03\xf3" in octets


@each_loop
async def test_a_client_notices_a_server_that_has_vanished() -> None:
    async def mute(peer: Raw) -> None:
        key = fields(await peer.head())["sec-websocket-key"]
        peer.writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept_key(key).encode() + b"\r\n\r\n"
        )
        await peer.rest()

    timeouts = {"ping_interval": 0.02, "ping_timeout": 0.02, "close_timeout": 0.02}
    async with RawServer(mute) as server, connect(uri(server), **timeouts) as ws:
        with pytest.raises(ConnectionClosed) as closed:
            await ws.recv()
        assert not closed.value.clean
        await ws.wait_closed()
        assert ws.close_code == 1006


@each_loop
async def test_a_peer_that_never_answers_a_close_is_cut_off() -> None:
    async with serving_others(close_timeout=0.02) as server:
        async with await Raw.upgraded(server.port) as deaf:
            await eventually(lambda: len(server.connections) == 2)
            closing = [ws for ws in server.connections if ws.remote_address == deaf_address(deaf)]
            await closing[0].close(4000)
            assert await deaf.rest() == b"\x88\x02\x0f\xa0"


def deaf_address(peer: Raw) -> Any:
    return peer.writer.get_extra_info("sockname")


@each_loop
async def test_many_short_connections_leave_nothing() -> None:
    async def visit(server: Server) -> None:
        async with connect(uri(server)) as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"

    async with serve(echo, HOST, 0, max_connections=50) as server:
        for _ in range(4):
            await asyncio.gather(*(visit(server) for _ in range(50)))
            await eventually(lambda: not server.connections)
        left = server._registry
        assert not (left._opening or left._leaving or left._tasks)
