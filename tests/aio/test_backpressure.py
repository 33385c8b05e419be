"""Backpressure, both ways: what is bounded, and who waits."""

from __future__ import annotations

import asyncio
import socket
from importlib.util import find_spec
from typing import Any

import pytest
from pairs import pair, raw_end, run
from streams import KEY, frame

from wsfast.aio import ConnectionClosed
from wsfast.aio.settings import Settings
from wsfast.aio.websocket import WebSocket
from wsfast.messages import MessageDecoder
from wsfast.protocol import Opcode

MESSAGE = bytes(10000)
WIRE = frame(Opcode.BINARY, MESSAGE, key=KEY)


async def flood(peer: socket.socket, data: bytes, most: int) -> int:
    """Send so many times, or until nobody takes it any more; return how many octets were taken."""
    loop = asyncio.get_running_loop()
    sent = 0
    try:
        for _ in range(most):
            await asyncio.wait_for(loop.sock_sendall(peer, data), 0.2)
            sent += len(data)
    except (TimeoutError, asyncio.TimeoutError):
        pass
    return sent


async def drained(peer: socket.socket, octets: int) -> list[Any]:
    """What comes, until so many octets of it have."""
    loop = asyncio.get_running_loop()
    decoder: MessageDecoder[Any] = MessageDecoder("client")
    items: list[Any] = []
    while octets > 0:
        data = await loop.sock_recv(peer, 65536)
        assert data
        octets -= len(data)
        items += decoder.feed(data)
    return items


def test_a_handler_that_is_slow_is_not_overrun() -> None:
    async def main() -> None:
        ws, peer = await raw_end(settings=Settings(receive_queue=50000))
        sent = await flood(peer, WIRE, 1000)
        assert sent < 1_000_000
        assert not ws.transport.is_reading()
        for _ in range(sent // len(WIRE)):
            assert await asyncio.wait_for(ws.recv(), 5) == MESSAGE

    run(main())


def test_send_waits_for_a_peer_that_is_slow() -> None:
    async def main() -> None:
        ws, peer = await raw_end(settings=Settings(write_limit=50000))
        sent = 0
        waiting = asyncio.create_task(asyncio.sleep(0))
        while sent < 1000:
            sent += 1
            waiting = asyncio.create_task(ws.send(MESSAGE))
            done, _ = await asyncio.wait({waiting}, timeout=0.1)
            if not done:
                break
        assert sent < 500
        assert 50000 < ws.transport.get_write_buffer_size() < 70000 + 64 * 1024
        # All of it was handed over by the call.
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        drain = asyncio.create_task(ws.drain())
        other = asyncio.create_task(ws.send("last"))
        await asyncio.sleep(0.01)
        assert not drain.done()
        items = await drained(peer, sent * 10004 + 6)
        assert items == [(Opcode.BINARY, MESSAGE)] * sent + [(Opcode.TEXT, "last")]
        assert await asyncio.gather(drain, other) == [None, None]
        await ws.drain()

    run(main())


def test_who_waits_to_send_is_told_of_the_end() -> None:
    async def main() -> None:
        ws, _peer = await raw_end(settings=Settings(write_limit=1000))
        while not ws._waits:
            ws.write(MESSAGE)
        waiting = [asyncio.create_task(ws.send("a")), asyncio.create_task(ws.drain())]
        await asyncio.sleep(0)
        ws.abort()
        for task in waiting:
            with pytest.raises(ConnectionClosed):
                await task

    run(main())


def test_a_server_that_echoes_is_not_overrun() -> None:
    """By a peer that sends and doesn't read: with callbacks, too."""

    async def main() -> None:
        def on_message(ws: WebSocket, message: Any) -> None:
            ws.write(message)

        ws, peer = await raw_end(on_message=on_message)
        sent = await flood(peer, WIRE, 1000)
        assert sent < 2_000_000
        assert ws.transport.get_write_buffer_size() < 300_000
        frames = sent // len(WIRE)
        items = await drained(peer, frames * 10004)
        assert items == [(Opcode.BINARY, MESSAGE)] * frames

    run(main())


def test_two_ends_that_only_answer_don_t_block_each_other() -> None:
    async def main() -> None:
        done = asyncio.Event()
        left = 200

        def answer(ws: WebSocket, message: Any) -> None:
            ws.write(message)

        def count(ws: WebSocket, message: Any) -> None:
            nonlocal left
            left -= 1
            if left > 0:
                ws.write(message)
            else:
                done.set()

        _, client = await pair(server={"on_message": answer}, client={"on_message": count})
        for _ in range(10):
            client.write(bytes(1_000_000))
        await done.wait()

    run(main())


def test_a_flood_of_pings_is_answered_by_the_last() -> None:
    async def main() -> None:
        ws, peer = await raw_end()
        pings = b"".join(
            frame(Opcode.PING, n.to_bytes(2, "big") * 60, key=KEY) for n in range(1000)
        )
        for _ in range(20):
            await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(peer, pings), 5)
        await asyncio.sleep(0.05)
        assert ws.transport.get_write_buffer_size() < 300_000
        assert ws._waits
        loop = asyncio.get_running_loop()
        decoder: MessageDecoder[Any] = MessageDecoder("client")
        pongs = 0
        while True:
            items = decoder.feed(await asyncio.wait_for(loop.sock_recv(peer, 65536), 5))
            pongs += len(items)
            if pongs < 20000 and items[-1] == (Opcode.PONG, b"\x03\xe7" * 60) and not ws._waits:
                break
        assert pongs < 20000
        ws.write("still there")
        assert decoder.feed(await loop.sock_recv(peer, 65536)) == [(Opcode.TEXT, "still there")]

    run(main())


def test_two_gibibytes_promised_take_no_memory() -> None:
    async def main() -> None:
        ws, peer = await raw_end(settings=Settings(max_message_length=None))
        peer.send(b"\x82\xff\x00\x00\x00\x00\x80\x00\x00\x00" + KEY + b"octets")
        await asyncio.sleep(0.02)
        assert ws.close_code is None
        peer.close()
        with pytest.raises(ConnectionClosed):
            await ws.recv()

    run(main())


@pytest.mark.parametrize("loops", ["asyncio", "uvloop"])
def test_who_sends_in_a_loop_lets_others_work(loops: str) -> None:
    if find_spec(loops) is None:
        pytest.skip(f"{loops} is not installed")

    async def main() -> None:
        server, client = await pair()

        async def sends() -> None:
            while True:
                await server.send("again")

        task = asyncio.create_task(sends())
        for _ in range(1000):
            assert await client.recv() == "again"
        client.abort()
        with pytest.raises(ConnectionClosed):
            await task
        server, client = await pair()
        task = asyncio.create_task(sends())
        await asyncio.sleep(0.01)
        await client.close()
        with pytest.raises(ConnectionClosed):
            await task

    run(main(), loops)


def test_a_peer_that_does_not_read_is_given_up() -> None:
    async def main() -> None:
        settings = Settings(
            write_limit=1000, ping_interval=0.05, ping_timeout=0.05, close_timeout=0.1
        )
        ws, peer = await raw_end(settings=settings)

        async def talk() -> None:
            while True:
                await asyncio.get_running_loop().sock_sendall(peer, frame(Opcode.PONG, key=KEY))
                await asyncio.sleep(0.01)

        task = asyncio.create_task(talk())
        with pytest.raises(ConnectionClosed) as caught:
            while True:
                await ws.send(MESSAGE)
        assert isinstance(caught.value.__cause__, TimeoutError)
        await ws.wait_closed()
        task.cancel()
        # Half-closed, it isn't waited for any longer, either.
        ws, peer = await raw_end(settings=Settings(close_timeout=0.1))
        while not ws._waits:
            ws.write(MESSAGE)
        peer.shutdown(socket.SHUT_WR)
        await ws.wait_closed()

    run(main())


def test_who_gives_up_waiting_leaves_nothing_behind() -> None:
    async def main() -> None:
        ws, _peer = await raw_end(settings=Settings(write_limit=1000))
        while not ws._waits:
            ws.write(MESSAGE)
        for waiting in (ws.drain, ws.wait_closed, lambda: ws.send("a")):
            task = asyncio.ensure_future(waiting())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert not ws._drains
        assert not ws._farewells

    run(main())


def test_nothing_is_given_out_after_an_abort() -> None:
    async def main() -> None:
        got: list[Any] = []

        def on_message(ws: WebSocket, message: Any) -> None:
            got.append(message)
            ws.write(message)
            ws.abort()
            with pytest.raises(ConnectionClosed):
                ws.write(message)

        ws, peer = await raw_end(on_message=on_message)
        peer.send(frame(Opcode.TEXT, b"a", key=KEY) * 3)
        await ws.wait_closed()
        assert got == ["a"]
        assert ws.close_code == 1006

    run(main())
