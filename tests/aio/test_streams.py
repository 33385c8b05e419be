"""Messages piece by piece, in and out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from pairs import pair, raw_end, run
from streams import KEY, frame

from wsfast.aio import ConnectionClosed
from wsfast.aio.settings import Settings
from wsfast.closing import State
from wsfast.frames import FrameDecoder
from wsfast.permessage_deflate import PermessageDeflate
from wsfast.protocol import Opcode

STREAMING = Settings(streaming=True)


def deflate() -> dict[str, Any]:
    agreed = PermessageDeflate().accept("permessage-deflate; client_max_window_bits")
    assert agreed is not None
    return {"deflate": agreed[1]}


async def slowly(*pieces: Any) -> AsyncIterator[Any]:
    for piece in pieces:
        await asyncio.sleep(0)
        yield piece


@pytest.mark.parametrize("compressed", [False, True])
def test_an_iterable_is_sent_as_one_message(compressed: bool) -> None:
    async def main() -> None:
        options = deflate() if compressed else {}
        server, client = await pair(server=options, client=options)
        cases: list[tuple[Any, str | bytes]] = [
            (["a", "", "ä€🚀"], "aä€🚀"),
            ((b"a", bytearray(b"b"), memoryview(b"c")), b"abc"),
            (slowly("x" * 100, "y" * 100000), "x" * 100 + "y" * 100000),
            (slowly(b"x"), b"x"),
            ([""], ""),
            ([b""], b""),
            (iter(["one"]), "one"),
        ]
        for pieces, message in cases:
            await client.send(pieces)
            await client.send("whole" * 30)
            assert await server.recv() == message
            assert await server.recv() == "whole" * 30
        # Of nothing it isn't known what it is.
        await client.send([])
        await client.send(slowly())
        await client.send("next")
        assert await server.recv() == "next"

    run(main())


def test_the_fragments_go_out_as_the_pieces_come() -> None:
    async def main() -> None:
        ws, peer = await raw_end()
        go_on = asyncio.Event()

        async def pieces() -> AsyncIterator[str]:
            yield "Hel"
            await go_on.wait()
            yield "lo"

        task = asyncio.create_task(ws.send(pieces()))
        await asyncio.sleep(0.02)
        decoder: FrameDecoder[Any] = FrameDecoder("client")
        first = decoder.feed(peer.recv(100))
        assert [(f.opcode, f.payload, f.fin) for f in first] == [(1, b"Hel", False)]
        # A Ping may go between them, and be answered; a message has to wait.
        ws.ping(b"p")
        ws.write("between")
        whole = asyncio.create_task(ws.send(bytearray(b"whole")))
        await asyncio.sleep(0.02)
        assert not whole.done()
        assert [f.opcode for f in decoder.feed(peer.recv(100))] == [9]
        go_on.set()
        await asyncio.gather(task, whole)
        rest = decoder.feed(peer.recv(100))
        assert [(f.opcode, f.payload, f.fin) for f in rest] == [
            (0, b"lo", False),
            (0, b"", True),
            (1, b"between", True),
            (2, b"whole", True),
        ]

    run(main())


def test_streams_take_turns() -> None:
    async def main() -> None:
        server, client = await pair()
        first = asyncio.create_task(client.send(slowly("a", "b", "c")))
        second = asyncio.create_task(client.send(slowly(b"d", b"e")))
        gone = asyncio.create_task(client.send(slowly("never")))
        last = asyncio.create_task(client.send(["f"]))
        await asyncio.sleep(0)
        client.write("g")
        gone.cancel()
        await asyncio.gather(first, second, last)
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert [await server.recv() for _ in range(4)] == ["abc", b"de", "f", "g"]

    run(main())


@pytest.mark.parametrize("how", ["cancelled", "raises", "mixed"])
def test_what_breaks_a_stream_off_fails_the_connection(how: str) -> None:
    async def main() -> None:
        server, client = await pair()

        async def pieces() -> AsyncIterator[str | bytes]:
            yield "a"
            await asyncio.sleep(0.01)
            if how == "raises":
                raise ZeroDivisionError
            if how == "mixed":
                yield b"b"
            await asyncio.sleep(10)

        task = asyncio.create_task(client.send(pieces()))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(client.send("whole"))
        await asyncio.sleep(0.02)
        if how == "cancelled":
            task.cancel()
        error: Any = {"cancelled": asyncio.CancelledError, "raises": ZeroDivisionError}
        with pytest.raises(error.get(how, TypeError)):
            await task
        assert client.state in (State.FAILED, State.CLOSED)
        with pytest.raises(ConnectionClosed):
            await server.recv()
        assert server.close_code == 1011
        await client.wait_closed()
        with pytest.raises(ConnectionClosed):
            await waiting
        with pytest.raises(ConnectionClosed):
            client.send(["late"])

    run(main())


def test_a_stream_that_was_not_begun_does_no_harm() -> None:
    async def main() -> None:
        server, client = await pair()

        async def fails() -> AsyncIterator[str]:
            raise ZeroDivisionError
            yield "never"

        with pytest.raises(ZeroDivisionError):
            await client.send(fails())
        task = asyncio.create_task(client.send(slowly("a")))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for wrong in (1, None, {"a": 1}, object()):
            with pytest.raises(TypeError, match="or an iterable of either"):
                client.send(wrong)
        with pytest.raises(TypeError, match="must be a bytes-like object or str"):
            await client.send([1])
        await client.send("fine")
        assert await server.recv() == "fine"

    run(main())


def test_a_close_ends_a_stream() -> None:
    async def main() -> None:
        server, client = await pair()

        async def pieces() -> AsyncIterator[str]:
            while True:
                yield "a"
                await asyncio.sleep(0)

        task = asyncio.create_task(client.send(pieces()))
        await asyncio.sleep(0.02)
        await client.close(1000)
        with pytest.raises(ConnectionClosed) as caught:
            await task
        assert caught.value.code == 1000
        assert server.close_code == 1000

    run(main())


@pytest.mark.parametrize("compressed", [False, True])
def test_a_message_is_received_while_it_comes(compressed: bool) -> None:
    async def main() -> None:
        options = deflate() if compressed else {}
        server, client = await pair(STREAMING, Settings(), options, options)
        client.write("whole ä")
        stream = await server.recv()
        assert stream.text
        assert await stream.read() == "whole ä"
        go_on = asyncio.Event()

        async def pieces() -> AsyncIterator[bytes]:
            yield b"a" * 100000
            await go_on.wait()
            yield b"b" * 100000

        task = asyncio.create_task(client.send(pieces()))
        stream = await anext(server)
        assert not stream.text
        got = 0
        async for piece in stream:
            assert type(piece) is bytes
            got += len(piece)
            if got == 100000:
                go_on.set()
        assert got == 200000
        await task
        client.write("")
        client.write(b"")
        assert await (await server.recv()).read() == ""
        assert await (await server.recv()).read() == b""
        client.write("end")
        client.close()
        assert [await stream.read() async for stream in server] == ["end"]

    run(main())


def test_what_is_left_of_a_message_is_dropped_by_the_next_recv() -> None:
    async def main() -> None:
        ws, peer = await raw_end(settings=STREAMING)
        peer.send(frame(Opcode.TEXT, b"aaaa", key=KEY, fin=False))
        stream = await ws.recv()
        assert await anext(stream) == "aaaa"
        following = asyncio.create_task(ws.recv())
        await asyncio.sleep(0.01)
        following.cancel()
        with pytest.raises(asyncio.CancelledError):
            await following
        following = asyncio.create_task(ws.recv())
        peer.send(frame(Opcode.CONTINUATION, b"bbbb", key=KEY))
        peer.send(frame(Opcode.BINARY, b"next", key=KEY))
        assert await (await following).read() == b"next"

    run(main())


def test_a_message_that_never_ends() -> None:
    async def main() -> None:
        settings = Settings(streaming=True, max_message_length=None, receive_queue=1000)
        server, client = await pair(settings, Settings())

        def pieces() -> Iterator[bytes]:
            for _ in range(1000):
                yield bytes(10000)

        task = asyncio.create_task(client.send(pieces()))
        stream = await server.recv()
        await asyncio.sleep(0.05)
        # It is not read further than the queue has room for.
        assert not task.done()
        assert not server.transport.is_reading()
        assert len(await stream.read()) == 10_000_000
        await task
        go_on = asyncio.Event()

        async def more() -> AsyncIterator[bytes]:
            yield b"a"
            await go_on.wait()
            yield b"b"

        task = asyncio.create_task(client.send(more()))
        stream = await server.recv()
        client.abort()
        with pytest.raises(ConnectionClosed):
            await stream.read()
        go_on.set()
        with pytest.raises(ConnectionClosed):
            await task

    run(main())


def test_limits_hold_while_a_message_comes() -> None:
    async def main() -> None:
        ws, peer = await raw_end(settings=Settings(streaming=True, max_message_length=10))
        peer.send(frame(Opcode.TEXT, b"12345", key=KEY, fin=False))
        peer.send(frame(Opcode.CONTINUATION, b"123456", key=KEY))
        stream = await ws.recv()
        with pytest.raises(ConnectionClosed) as caught:
            await stream.read()
        assert caught.value.sent is not None
        assert caught.value.sent.code == 1009

    run(main())
