"""Peers that vanish, fall silent or stop half-way, and handlers that fail: each ends in time."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
from endpoints import REQUEST, Raw, RawServer, each_loop, eventually, fields, status
from oracle import BINARY, CLOSE, PING, TEXT
from siege import (
    HOST,
    besieged,
    close_frame,
    closes,
    echo,
    echo_back,
    masked,
    no_longer_than,
    payloads,
    raw_socket,
    reset,
)
from streams import frame

from wsfast.aio import ConnectionClosed, WebSocket, connect, serve
from wsfast.handshake import accept_key

MODES: dict[str, Any] = {"handler": {}, "callbacks": {"on_message": echo_back}}
each_mode = pytest.mark.parametrize("mode", MODES)

# Seconds between a peer's falling silent and the end of it.
SILENCE = {"ping_interval": 0.1, "ping_timeout": 0.1}

BACK = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


async def sender(ws: WebSocket) -> None:
    """Sends whether anybody reads it or not."""
    while True:
        await ws.send(bytes(10_000))


@pytest.mark.parametrize("at", ["open", "inside a frame", "inside a message", "while we send"])
@each_mode
@each_loop
async def test_a_peer_that_is_reset(mode: str, at: str) -> None:
    data = {
        "open": b"",
        "inside a frame": masked(BINARY, bytes(1000), declared=5000),
        "inside a message": masked(TEXT, b"x", fin=False),
        "while we send": masked(BINARY, bytes(100_000)) * 20,
    }[at]
    async with besieged(**MODES[mode]) as victim:
        peer = raw_socket(victim.port)
        await eventually(lambda: len(victim.server.connections) == 2)
        sending = asyncio.ensure_future(asyncio.get_running_loop().sock_sendall(peer, data))
        await asyncio.wait({sending}, timeout=0.05)
        sending.cancel()
        await asyncio.wait({sending})
        reset(peer)
        await eventually(lambda: victim.closes)
        assert victim.closes == [(1006, "")]
        assert len(victim.errors) == 1


@each_mode
@each_loop
async def test_a_peer_that_falls_silent(mode: str) -> None:
    async with besieged(**SILENCE, **MODES[mode]) as victim:
        async with await victim.peer() as peer:
            answer = await no_longer_than(5, peer.rest())
            assert len(payloads(answer, PING)) == 1
            assert closes(answer) == [1011]
        await eventually(lambda: victim.closes == [(1006, "")])
        assert isinstance(victim.errors[0], TimeoutError)


@each_mode
@each_loop
async def test_a_peer_that_sends_and_does_not_read(mode: str) -> None:
    # Pongs wouldn't come from it, either; what it sends is no sign of life.
    async with besieged(**SILENCE, **MODES[mode]) as victim:
        peer = raw_socket(victim.port, receive_buffer=4096)
        try:
            flood = masked(BINARY, bytes(1000)) * 100
            with pytest.raises(OSError):
                while True:
                    await no_longer_than(5, asyncio.get_running_loop().sock_sendall(peer, flood))
            await eventually(lambda: victim.closes == [(1006, "")])
        finally:
            peer.close()


@each_loop
async def test_a_peer_that_is_sent_to_and_does_not_read() -> None:
    async with besieged(sender, **SILENCE) as victim:
        peer = raw_socket(victim.port, receive_buffer=4096)
        try:
            await eventually(lambda: victim.closes == [(1006, "")])
        finally:
            peer.close()


@each_mode
@each_loop
async def test_a_peer_that_half_closes(mode: str) -> None:
    async with besieged(**MODES[mode]) as victim:
        async with await victim.peer(masked(TEXT, b"last")) as peer:
            assert await peer.reader.readexactly(6) == frame(TEXT, b"last")
            peer.writer.write_eof()
            assert await peer.rest() == b""
        await eventually(lambda: victim.closes == [(1006, "")])


@pytest.mark.parametrize("closing", [b"", close_frame(1000)], ids=["open", "closing"])
@each_loop
async def test_a_peer_that_half_closes_and_does_not_read(closing: bytes) -> None:
    async with besieged(sender) as victim:
        peer = raw_socket(victim.port, receive_buffer=4096)
        try:
            await eventually(lambda: any(ws._waits for ws in victim.server.connections))
            peer.send(closing)
            peer.shutdown(1)
            await eventually(lambda: victim.closes)
        finally:
            peer.close()


@each_loop
async def test_a_peer_that_half_closes_behind_its_close_frame_is_answered() -> None:
    async with besieged() as victim:
        wire = masked(TEXT, b"x") * 100 + close_frame(1000)
        async with await victim.peer(wire) as peer:
            peer.writer.write_eof()
            answer = await peer.rest()
            assert payloads(answer, TEXT) == [b"x"] * 100
            assert closes(answer) == [1000]
        await eventually(lambda: victim.closes == [(1000, "")])


@each_loop
async def test_a_peer_that_never_answers_a_close_frame() -> None:
    async def leaves(ws: WebSocket) -> None:
        await ws.recv()

    async with besieged(leaves) as victim:
        async with await victim.peer(masked(TEXT, b"go")) as peer:
            peer.writer.write(masked(PING, b"?") * 3)
            assert closes(await no_longer_than(5, peer.rest())) == [1000]
        await eventually(lambda: victim.closes == [(1006, "")])


@each_loop
async def test_a_peer_that_never_closes_its_end_after_a_failure() -> None:
    async with besieged() as victim:
        peer = raw_socket(victim.port)
        peer.send(b"\xff")
        await eventually(lambda: victim.closes == [(1006, "")])
        peer.close()


@pytest.mark.parametrize("does", ["answers", "nothing", "fails"])
@each_loop
async def test_a_server_that_never_closes_its_end(does: str) -> None:
    async def keeps(peer: Raw) -> None:
        key = fields(await peer.head())["sec-websocket-key"]
        peer.writer.write(BACK + f"Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n".encode())
        peer.writer.write(b"\xff" if does == "fails" else b"")
        # Nothing more than its side of the closing handshake; TCP stays open.
        while data := await peer.reader.read(1000):
            if does == "answers" and data[0] == 0x88:
                peer.writer.write(frame(CLOSE, b"\x03\xe8"))
        await asyncio.Event().wait()

    async with RawServer(keeps) as server:
        uri = f"ws://{HOST}:{server.port}/"
        ws = await connect(uri, close_timeout=0.2)
        await no_longer_than(5, ws.close())
        assert ws.close_code == (1000 if does == "answers" else 1006)


@each_loop
async def test_peers_that_never_finish_their_opening_handshake() -> None:
    async with besieged(open_timeout=0.5) as victim:
        silent = [await Raw.connect(victim.port) for _ in range(20)]
        halfway = [await Raw.connect(victim.port, REQUEST[:n]) for n in range(1, 100, 7)]
        answers = await asyncio.gather(
            *(no_longer_than(5, peer.rest()) for peer in [*silent, *halfway])
        )
        assert {status(answer) for answer in answers} == {408}
        for peer in [*silent, *halfway]:
            await peer.close()


@each_loop
async def test_peers_that_never_finish_their_tls_handshake() -> None:
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)

    hello = bytes.fromhex("16030100a5010000a10303")
    async with serve(echo, HOST, 0, ssl=context, open_timeout=0.5) as server:
        peers = [await Raw.connect(server.port, hello[:n]) for n in range(len(hello))]
        uri = f"wss://localhost:{server.port}/"
        async with connect(uri, ssl=trust) as ws:
            for peer in peers:
                assert await no_longer_than(5, peer.rest()) == b""
                await peer.close()
            await ws.send("still there?")
            assert await ws.recv() == "still there?"


# Handlers


@each_loop
async def test_a_handler_that_raises_in_the_middle(caplog: pytest.LogCaptureFixture) -> None:
    async def raises(ws: WebSocket) -> None:
        await ws.recv()
        await ws.send("first")
        raise ZeroDivisionError

    async with besieged(raises) as victim:
        wire = masked(TEXT, b"x") * 50 + masked(BINARY, bytes(100), fin=False)
        async with await victim.peer(wire) as peer:
            head = await peer.reader.readexactly(7)
            assert head == frame(TEXT, b"first")
            code = await peer.reader.readexactly(4)
            assert closes(code) == [1011]
            peer.writer.write(close_frame(1011))
            assert await peer.rest() == b""
        await eventually(lambda: victim.closes == [(1011, "")])
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.message for record in errors] == ["handler failed"]


@each_loop
async def test_a_callback_that_raises_in_the_middle(caplog: pytest.LogCaptureFixture) -> None:
    def on_message(ws: WebSocket, message: str) -> None:
        if ws.request.path == "/chat" and message == "3":
            raise ZeroDivisionError
        ws.write(message)

    async with besieged(None, on_message) as victim:
        wire = b"".join(masked(TEXT, b"%d" % n) for n in range(100))
        async with await victim.peer(wire) as peer:
            answer = await no_longer_than(5, peer.rest())
            assert payloads(answer, TEXT) == [b"0", b"1", b"2"]
            assert closes(answer) == [1011]
        await eventually(lambda: victim.closes == [(1006, "")])
        assert [type(error) for error in victim.errors] == [ZeroDivisionError]


@each_loop
async def test_a_handler_that_returns_in_the_middle_of_everything() -> None:
    async def returns(ws: WebSocket) -> None:
        await ws.recv()

    async with besieged(returns) as victim:
        # A whole queue, a message that isn't whole, and a frame that isn't.
        wire = masked(TEXT, b"x") * 3000 + masked(BINARY, bytes(100), fin=False)
        async with await victim.peer(wire + masked(0, bytes(100))[:50]) as peer:
            assert closes(await peer.reader.readexactly(4)) == [1000]
            peer.writer.write(masked(0, bytes(100))[50:] + close_frame(1000))
            assert await peer.rest() == b""
        await eventually(lambda: victim.closes == [(1000, "")])


@each_loop
async def test_a_handler_that_is_cancelled() -> None:
    tasks: list[Any] = []

    async def waits(ws: WebSocket) -> None:
        tasks.append(asyncio.current_task())
        async for _ in ws:
            pass

    async with besieged(waits) as victim:
        async with await victim.peer(masked(TEXT, b"x", fin=False)) as peer:
            await eventually(lambda: tasks)
            tasks[0].cancel()
            await no_longer_than(5, peer.rest())
        await eventually(lambda: victim.closes == [(1006, "")])


@each_loop
async def test_a_streaming_handler_that_is_cancelled_fails_with_1011() -> None:
    async def endless() -> AsyncIterator[str]:
        yield "begun"
        await asyncio.Event().wait()

    async def streams(ws: WebSocket) -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(ws.send(endless()), 0.05)
        with pytest.raises(ConnectionClosed) as closed:
            await ws.send("behind it")
        assert closed.value.sent is not None
        assert closed.value.sent.code == 1011

    async with besieged(streams) as victim:
        async with await victim.peer() as peer:
            begun = frame(TEXT, b"begun", fin=False)
            assert await peer.reader.readexactly(len(begun)) == begun
            assert closes(await peer.rest()) == [1011]
        await eventually(lambda: victim.closes == [(1006, "")])


@each_mode
@each_loop
async def test_both_sides_close_at_once(mode: str) -> None:
    async with besieged(**MODES[mode]) as victim:
        ours = [await connect(f"ws://{HOST}:{victim.port}/chat") for _ in range(20)]
        async with await victim.peer() as peer:
            await eventually(lambda: len(victim.server.connections) == 22)
            theirs = [ws for ws in victim.server.connections if ws.request.path == "/chat"]
            ends = [ws.close(4001, "server") for ws in theirs]
            ends += [ws.close(4002, "client") for ws in ours]
            peer.writer.write(close_frame(4002, b"client"))
            await asyncio.gather(*ends)
            assert closes(await peer.rest()) == [4001]
        # Each has the other's code.
        assert {(ws.close_code, ws.close_reason) for ws in ours} == {(4001, "server")}
        assert victim.closes == [(4002, "client")] * 21
        assert victim.errors == []
