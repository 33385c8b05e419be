"""broadcast(): one frame for all, compressed once, and nobody waits for the slow."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from endpoints import HOST, REQUEST, Raw, each_loop, echo, eventually, uri

from wsfast.aio import ConnectionClosed, Server, WebSocket, broadcast, connect, serve
from wsfast.permessage_deflate import Agreement, PermessageDeflate

TEXT = "the quick brown fox jumps over the lazy dog " * 5


@asynccontextmanager
async def clients(server: Server, *compressions: Any) -> AsyncIterator[list[WebSocket]]:
    opened = [await connect(uri(server), compression=each) for each in compressions]
    await eventually(lambda: len(server.connections) == len(opened))
    try:
        yield opened
    finally:
        for ws in opened:
            await ws.close()


@each_loop
@pytest.mark.parametrize(
    "message",
    ["", "text", "Grüße, 世界", TEXT, b"", b"binary", bytearray(b"a"), memoryview(bytes(70000))],
)
async def test_all_get_the_message(message: Any) -> None:
    options = (
        None,
        "deflate",
        PermessageDeflate(client_max_window_bits=9, server_max_window_bits=9),
        PermessageDeflate(server_no_context_takeover=True, client_no_context_takeover=True),
    )
    async with serve(echo, HOST, 0, compression="deflate") as server:
        async with clients(server, *options) as opened:
            for _ in range(3):
                assert broadcast(server.connections, message) == len(opened)
                expected = message if isinstance(message, str) else bytes(message)
                assert [await ws.recv() for ws in opened] == [expected] * len(opened)


@each_loop
async def test_it_keeps_its_place_among_other_messages() -> None:
    async with serve(echo, HOST, 0, compression="deflate") as server:
        async with clients(server, None, "deflate") as opened:
            # Each may refer to what went before; the one for all must not, nor the next after it.
            for ws in opened:
                for number in range(20):
                    await ws.send(f"{TEXT} {number}")
                    assert await ws.recv() == f"{TEXT} {number}"
                    (its,) = [end for end in server.connections if is_pair(end, ws)]
                    its.write(TEXT)
                    broadcast([its], f"{TEXT} to all {number}")
                    its.write(TEXT)
                    assert [await ws.recv() for _ in range(3)] == [
                        TEXT,
                        f"{TEXT} to all {number}",
                        TEXT,
                    ]


def is_pair(one: WebSocket, other: WebSocket) -> bool:
    return bool(one.remote_address == other.local_address)


@each_loop
async def test_it_is_compressed_once_for_the_same_parameters() -> None:
    compressed: list[int] = []
    compress_alone = Agreement.compress_alone

    def counting(agreement: Agreement, side: Any, data: bytes) -> bytes:
        compressed.append(len(data))
        return compress_alone(agreement, side, data)

    small = PermessageDeflate(server_max_window_bits=10)
    async with serve(echo, HOST, 0, compression="deflate") as server:
        async with clients(server, "deflate", small, "deflate", None, small, None) as opened:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Agreement, "compress_alone", counting)
                broadcast(server.connections, TEXT)
                assert compressed == [len(TEXT)] * 2
                broadcast(server.connections, "too short for that")
                assert compressed == [len(TEXT)] * 2
            for ws in opened:
                assert [await ws.recv(), await ws.recv()] == [TEXT, "too short for that"]


@each_loop
async def test_what_goes_over_the_wire_can_be_inflated_alone() -> None:
    request = REQUEST[:-2] + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    async with serve(echo, HOST, 0, compression="deflate") as server:
        async with await Raw.upgraded(server.port, request) as peer:
            await eventually(lambda: server.connections)
            for _ in range(2):
                broadcast(server.connections, TEXT)
                first, length = await peer.reader.readexactly(2)
                assert (first, length < 126) == (0xC1, True)
                payload = await peer.reader.readexactly(length) + b"\x00\x00\xff\xff"
                assert zlib.decompressobj(-15).decompress(payload) == TEXT.encode()
            peer.writer.transport.abort()


@each_loop
async def test_clients_broadcast_with_keys_of_their_own() -> None:
    async with serve(echo, HOST, 0, compression="deflate") as server:
        async with clients(server, None, "deflate", None) as opened:
            assert broadcast(opened, TEXT) == 3
            assert [await ws.recv() for ws in opened] == [TEXT] * 3


@each_loop
async def test_closed_and_closing_connections_are_passed_over() -> None:
    async with serve(echo, HOST, 0) as server:
        async with clients(server, None, None, None) as opened:
            ends = list(server.connections)
            await opened[0].close()
            closing = next(end for end in ends if is_pair(end, opened[1]))
            closing.close()
            await eventually(lambda: len(server.connections) <= 2)
            assert broadcast(ends, "to the third") == 1
            assert await opened[2].recv() == "to the third"
    assert broadcast(ends, "nobody is left") == 0
    assert broadcast([], "nobody is there") == 0


@each_loop
async def test_it_comes_behind_a_message_that_is_being_sent_in_parts() -> None:
    more = asyncio.Event()

    async def parts() -> AsyncIterator[str]:
        yield TEXT
        await more.wait()
        yield TEXT

    async def handler(ws: WebSocket) -> None:
        await ws.send(parts())
        await ws.wait_closed()

    async with serve(handler, HOST, 0, compression="deflate") as server:
        async with clients(server, "deflate", None) as opened:
            await asyncio.sleep(0.01)
            assert broadcast(server.connections, "behind it") == 2
            more.set()
            for ws in opened:
                assert [await ws.recv(), await ws.recv()] == [TEXT * 2, "behind it"]


@each_loop
@pytest.mark.parametrize("slow", ["close", "skip"])
async def test_memory_for_those_who_do_not_read_is_limited(slow: Any) -> None:
    limit = 2_000_000
    async with serve(echo, HOST, 0, close_timeout=0.1) as server:
        async with await Raw.upgraded(server.port) as deaf:
            deaf.writer.transport.pause_reading()
            await eventually(lambda: server.connections)
            (end,) = server.connections
            ws = await connect(uri(server))
            await eventually(lambda: len(server.connections) == 2)
            message = bytes(1_000_000)
            counts = []
            for _ in range(20):
                counts.append(broadcast(server.connections, message, limit=limit, slow=slow))
                assert await ws.recv() == message
                # One message may go beyond the limit.
                assert end.transport.get_write_buffer_size() <= limit + len(message) + 100
            assert counts[0] == 2
            assert counts[-1] == 1
            assert counts == sorted(counts, reverse=True)
            if slow == "close":
                await end.wait_closed()
                assert (end.close_code, len(server.connections)) == (1006, 1)
            else:
                assert end in server.connections
                deaf.writer.transport.resume_reading()
                reading = asyncio.create_task(deaf.rest())
                await eventually(lambda: end.transport.get_write_buffer_size() == 0)
                assert broadcast(server.connections, message, limit=limit, slow=slow) == 2
                await ws.close()
                await server.close()
                assert await reading
            await ws.close()
            deaf.writer.transport.abort()


@each_loop
async def test_a_slow_peer_that_reads_in_the_end_sees_why() -> None:
    async with serve(echo, HOST, 0) as server, connect(uri(server)) as ws:
        ws.transport.pause_reading()
        await eventually(lambda: server.connections)
        while broadcast(server.connections, bytes(1_000_000)):
            await asyncio.sleep(0)
        ws.transport.resume_reading()
        with pytest.raises(ConnectionClosed) as closed:
            async for message in ws:
                assert message == bytes(1_000_000)
        assert closed.value.code == 1013
        assert (ws.close_code, ws.close_reason) == (1013, "too slow")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"message": 1}, TypeError),
        ({"message": None}, TypeError),
        ({"message": "half a pair \ud800"}, UnicodeEncodeError),
        ({"slow": "wait"}, ValueError),
        ({"limit": -1}, ValueError),
        ({"limit": None}, TypeError),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        broadcast([], **{"message": "", **arguments})
