"""Who doesn't read, and who sends more than anybody asked for: memory stays within the limits."""

from __future__ import annotations

import asyncio
import socket
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from endpoints import each_loop, eventually
from oracle import BINARY, CONTINUATION, PING, PONG, TEXT
from pairs import pair, raw_end
from streams import KEY, frame

from wsfast.aio import ConnectionClosed, MessageStream, Settings, WebSocket, broadcast
from wsfast.permessage_deflate import PermessageDeflate
from wsfast.protocol import COMPRESSED_PIECE_LENGTH, SHARED_BUFFER_LENGTH

KIB = 1024
MIB = 1024 * KIB

QUEUE = Settings().receive_queue
WRITES = Settings().write_limit
READ = SHARED_BUFFER_LENGTH

# What tracing, tasks and Futures take beside what a test is about.
SLACK = 48 * KIB

LIMITS = Settings(ping_interval=None)


@contextmanager
def growth() -> Iterator[Callable[[], int]]:
    """How many octets more than before were in use at once."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        yield lambda: tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def masked(opcode: int, payload: bytes = b"", **more: Any) -> bytes:
    return frame(opcode, payload, key=KEY, **more)


async def flood(peer: socket.socket, data: bytes, at_most: int) -> int:
    """Sends it again and again, until nobody takes any more of it; returns how much went out."""
    view, went, idle = memoryview(data), 0, 0
    at = 0
    while idle < 20 and went < at_most:
        try:
            some = peer.send(view[at:])
        except BlockingIOError:
            idle += 1
            await asyncio.sleep(0.001)
        except OSError:
            break
        else:
            idle = 0
            went += some
            at = (at + some) % len(data)
            await asyncio.sleep(0)
    return went


@asynccontextmanager
async def served(settings: Settings = LIMITS, **options: Any) -> AsyncIterator[Any]:
    ws, peer = await raw_end("server", settings, **options)
    try:
        yield ws, peer
    finally:
        peer.close()
        ws.abort()
        await ws.wait_closed()


# Messages, how often, and what they may take above the queue's limit: those of one read, as wide as
# they get.
FLOODS = {
    "empty": (masked(BINARY), 1000, 0),
    "2 octets": (masked(BINARY, b"ab"), 1000, 50 * READ // 8),
    "text of 2 octets": (masked(TEXT, b"ab"), 1000, 60 * READ // 8),
    "1 KiB": (masked(BINARY, bytes(KIB)), 64, 2 * READ),
    "wide text": (masked(TEXT, b"a" * 40 + "🚀".encode()), 100, 6 * READ),
    "1 MiB": (masked(BINARY, bytes(MIB)), 1, 3 * MIB),
    "fragments": (
        masked(BINARY, b"a", fin=False)
        + masked(CONTINUATION, b"b", fin=False) * 20_000
        + masked(CONTINUATION, b"c"),
        1,
        3 * READ,
    ),
}


@pytest.mark.parametrize("kind", FLOODS)
@each_loop
async def test_a_handler_that_does_not_receive(kind: str) -> None:
    message, count, above = FLOODS[kind]
    async with served() as (ws, peer):
        with growth() as grown:
            went = await flood(peer, message * count, 64 * MIB)
            assert went < 8 * MIB
            assert grown() <= QUEUE * 4 + above + SLACK + READ * 2
        # All of it comes when the handler is back.
        for _ in range(went // len(message)):
            await ws.recv()
        assert ws.state.name == "OPEN"


@each_loop
async def test_a_queue_of_nothing_holds_one_message() -> None:
    async with served(Settings(receive_queue=0, ping_interval=None)) as (ws, peer):
        await flood(peer, masked(BINARY, bytes(100 * KIB)), 64 * MIB)
        assert ws._queue in (1, 2) or len(ws._queue) in (1, 2)
        for _ in range(2):
            assert len(await ws.recv()) == 100 * KIB


@each_loop
async def test_a_peer_that_does_not_read() -> None:
    message = bytes(16 * KIB)
    async with served() as (ws, peer):
        sent = 0

        async def handler() -> None:
            nonlocal sent
            while True:
                await ws.send(message)
                sent += 1

        with growth() as grown:
            task = asyncio.ensure_future(handler())
            await asyncio.sleep(0.05)
            before = sent
            await asyncio.sleep(0.05)
            assert sent == before
            assert grown() <= WRITES + 2 * len(message) + SLACK
        loop = asyncio.get_running_loop()
        buffer = bytearray(MIB)
        while sent < before + 100:
            await loop.sock_recv_into(peer, buffer)
        task.cancel()


@each_loop
async def test_callbacks_whose_answers_are_not_read() -> None:
    data = masked(BINARY, bytes(KIB)) * 64
    got = 0

    def echo(ws: WebSocket, message: bytes) -> None:
        nonlocal got
        got += 1
        ws.write(message)

    async with served(on_message=echo) as (ws, peer):
        with growth() as grown:
            went = await flood(peer, data, 64 * MIB)
            assert went < 8 * MIB
            assert grown() <= WRITES + 6 * READ + SLACK
        before = got
        # Every message that was sent is answered as soon as somebody reads.
        loop = asyncio.get_running_loop()
        read = 0
        buffer = bytearray(MIB)
        while read < (went // (KIB + 8)) * (KIB + 4):
            read += await asyncio.wait_for(loop.sock_recv_into(peer, buffer), 5)
        assert got > before
        assert ws.state.name == "OPEN"


@pytest.mark.parametrize("with_handler", [True, False])
@each_loop
async def test_pings_whose_pongs_are_not_read(with_handler: bool) -> None:
    data = masked(PING, bytes(125)) * 500
    options = {} if with_handler else {"on_message": lambda ws, message: None}
    async with served(**options) as (ws, peer):
        receiver = asyncio.ensure_future(ws.recv()) if with_handler else None
        with growth() as grown:
            went = await flood(peer, data, 8 * MIB)
            assert grown() <= WRITES + 8 * READ + SLACK
        # The very last of them is answered; others needn't be (RFC 6455 section 5.5.3).
        loop = asyncio.get_running_loop()
        rest = (masked(PING, bytes(125)) * 2)[went % 131 :] if went % 131 else b""
        sending = asyncio.ensure_future(loop.sock_sendall(peer, rest + masked(PING, b"last")))
        answers = b""
        while not answers.endswith(frame(PONG, b"last")):
            answers = answers[-100:] + await asyncio.wait_for(loop.sock_recv(peer, MIB), 5)
        await sending
        assert ws.state.name == "OPEN"
        if receiver is not None:
            receiver.cancel()


def bomb(length: int, opcode: int = BINARY) -> bytes:
    """A message of so many zeros in about a thousandth of them."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    pieces = [compressor.compress(bytes(MIB)) for _ in range(length // MIB)]
    deflated = b"".join([*pieces, compressor.flush(zlib.Z_SYNC_FLUSH)])[:-4]
    assert len(deflated) * 950 < length
    return masked(opcode, deflated, rsv=0x40)


def agreement() -> Any:
    settings = PermessageDeflate(client_max_window_bits=15, server_max_window_bits=15)
    accepted = settings.accept("permessage-deflate; client_no_context_takeover")
    assert accepted is not None
    return accepted[1]


# zlib's own memory, and what 4 KiB, which are taken at once, may inflate to.
ZLIB = 64 * KIB
PIECE = COMPRESSED_PIECE_LENGTH * 1032


@pytest.mark.parametrize("opcode", [BINARY, TEXT])
@each_loop
async def test_a_bomb_of_a_thousand_to_one(opcode: int) -> None:
    data = bomb(64 * MIB, opcode)
    async with served(deflate=agreement()) as (ws, peer):
        with growth() as grown:
            await asyncio.get_running_loop().sock_sendall(peer, data)
            with pytest.raises(ConnectionClosed) as closed:
                await ws.recv()
            assert closed.value.sent is not None
            assert closed.value.sent.code == 1009
            assert grown() <= 3 * MIB + READ + ZLIB + SLACK


@each_loop
async def test_many_bombs_within_the_limit_one_behind_the_other() -> None:
    data = bomb(MIB) * 64
    async with served(deflate=agreement()) as (ws, peer):
        with growth() as grown:
            await flood(peer, data, 2 * MIB)
            assert grown() <= PIECE + 4 * MIB + 2 * READ + ZLIB + SLACK
            for _ in range(100):
                assert len(await ws.recv()) == MIB
            assert grown() <= PIECE + 4 * MIB + 2 * READ + ZLIB + SLACK


@each_loop
async def test_a_streamed_bomb_without_a_limit() -> None:
    settings = Settings(streaming=True, max_message_length=None, ping_interval=None)
    data = bomb(48 * MIB)
    async with served(settings, deflate=agreement()) as (ws, peer):
        with growth() as grown:
            sending = asyncio.ensure_future(asyncio.get_running_loop().sock_sendall(peer, data))
            stream: MessageStream = await ws.recv()
            length = 0
            async for piece in stream:
                length += len(piece)
                await asyncio.sleep(0)
            assert length == 48 * MIB
            # What has been inflated, what is being joined, and what the handler has in hand.
            assert grown() <= 5 * PIECE + 2 * READ + ZLIB + SLACK
            await sending


@each_loop
async def test_a_message_that_comes_octet_by_octet() -> None:
    data = masked(BINARY, bytes(20 * KIB))
    async with served() as (ws, peer):
        receiver = asyncio.ensure_future(ws.recv())
        with growth() as grown:
            for octet in data:
                peer.send(bytes([octet]))
                await asyncio.sleep(0)
            assert len(await receiver) == 20 * KIB
            assert grown() <= 4 * 20 * KIB + 2 * READ + SLACK


@each_loop
async def test_a_long_message_goes_out_piece_by_piece() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield bytes(16 * KIB)

    async with served() as (ws, peer):
        with growth() as grown:
            sending = asyncio.ensure_future(ws.send(pieces()))
            await asyncio.sleep(0.02)
            read = 0
            buffer = bytearray(128 * KIB)
            loop = asyncio.get_running_loop()
            while not sending.done():
                read += await asyncio.wait_for(loop.sock_recv_into(peer, buffer), 5)
            assert grown() <= WRITES + 2 * 16 * KIB + 128 * KIB + SLACK + READ
        assert read > 15 * MIB


@each_loop
async def test_a_broadcast_does_not_wait_for_the_slow() -> None:
    message = bytes(64 * KIB)
    got = 0

    async def read(ws: WebSocket) -> None:
        nonlocal got
        async for _ in ws:
            got += 1

    async with served() as (slow, _):
        quick, reader = await pair(LIMITS)
        reading = asyncio.ensure_future(read(reader))
        with growth() as grown:
            for n in range(1, 101):
                broadcast([slow, quick], message, limit=MIB)
                await eventually(lambda n=n: got == n)
            most = grown()
        await quick.close()
        await reading
        assert slow.state.name == "CLOSING"
        # What the slow one was sent, and what the quick one reads at once.
        assert most <= MIB + 4 * READ + 4 * len(message) + SLACK


def waits(call: Callable[[], Awaitable[Any]]) -> Any:
    async def again() -> None:
        for _ in range(300):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(call(), 0)
            await asyncio.sleep(0)

    return again()


@each_loop
async def test_who_gives_up_waiting_leaves_nothing() -> None:
    async with served() as (ws, _):
        ws.write(bytes(8 * MIB))
        for call in (ws.drain, ws.wait_closed, ws.recv):
            await waits(call)
            with growth() as grown:
                await waits(call)
                left = tracemalloc.get_traced_memory()[0]
                assert grown() < SLACK, call
                assert left < SLACK, call
