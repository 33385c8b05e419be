"""How connections end: closing handshakes, failures, peers that vanish; each within its timeout."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from typing import Any

import pytest
from pairs import pair, raw_end, run
from streams import KEY, frame

from wsfast.aio import ConnectionClosed
from wsfast.aio.settings import Settings
from wsfast.aio.websocket import WebSocket
from wsfast.closing import State
from wsfast.events import Close
from wsfast.exceptions import LocalProtocolError
from wsfast.messages import MessageDecoder
from wsfast.protocol import Opcode

SOON = Settings(close_timeout=0.1)
BAD = b"\x83\x80" + KEY
TEXT = frame(Opcode.TEXT, b"Hello", key=KEY)


def closing(code: int | None, reason: str = "", key: bytes | None = KEY) -> bytes:
    payload = b"" if code is None else struct.pack("!H", code) + reason.encode()
    return frame(Opcode.CLOSE, payload, key=key)


async def received(peer: socket.socket, side: Any = "client") -> list[Any]:
    """All that comes until the end of TCP; an exception says that it was reset."""
    loop = asyncio.get_running_loop()
    decoder: MessageDecoder[Any] = MessageDecoder(side)
    items: list[Any] = []
    while data := await asyncio.wait_for(loop.sock_recv(peer, 65536), 5):
        items += decoder.feed(data)
    return items


def test_who_waits_for_the_end_answers_the_close() -> None:
    async def main() -> None:
        server, client = await pair(Settings(close_timeout=None))
        client.write("last")
        client.close()
        assert await server.recv() == "last"
        await asyncio.gather(server.wait_closed(), client.wait_closed())
        assert server.close_code == client.close_code == 1000

    run(main())


@pytest.mark.parametrize(
    ("code", "reason", "ends"),
    [
        (1000, "", True),
        (1001, "bye", True),
        (1005, "", True),
        (1011, "oops", False),
        (4000, "ä€🚀", False),
    ],
)
@pytest.mark.parametrize("closer", ["server", "client"])
def test_either_side_may_close(code: int, reason: str, ends: bool, closer: str) -> None:
    async def main() -> None:
        server, client = await pair()
        one, other = (server, client) if closer == "server" else (client, server)
        one.write("last")
        waiting = asyncio.ensure_future(one.close(code, reason))
        assert one.state is State.CLOSING
        got = []
        try:
            async for message in other:
                got.append(message)  # noqa: PERF401 -- what came before an error counts
            assert ends
        except ConnectionClosed as error:
            assert not ends
            assert (error.code, error.reason, error.clean) == (code, reason, True)
        assert got == ["last"]
        await waiting
        await other.wait_closed()
        for ws in (one, other):
            assert ws.state is State.CLOSED
            # The answer repeats it; RFC 6455 section 5.5.1.
            assert (ws.close_code, ws.close_reason) == (code, reason)
            with pytest.raises(ConnectionClosed) as caught:
                await ws.recv()
            assert caught.value.clean
            for call in (ws.write, ws.send):
                with pytest.raises(ConnectionClosed):
                    call("late")
            for call in (ws.ping, ws.pong):
                with pytest.raises(ConnectionClosed):
                    call()
            await ws.close()
            await ws.close(1011)

    run(main())


def test_both_may_close_at_once() -> None:
    async def main() -> None:
        server, client = await pair()
        await asyncio.gather(server.close(4001, "server"), client.close(4002, "client"))
        assert (server.close_code, server.close_reason) == (4002, "client")
        assert (client.close_code, client.close_reason) == (4001, "server")

    run(main())


def test_what_cannot_be_sent_as_a_close_changes_nothing() -> None:
    async def main() -> None:
        server, client = await pair()
        for code, reason in ((1006, ""), (999, ""), (1000, "x" * 124), (1005, "x")):
            with pytest.raises(LocalProtocolError):
                server.close(code, reason)
        server.write("fine")
        assert await client.recv() == "fine"

    run(main())


def test_the_server_closes_tcp_first() -> None:
    async def main() -> None:
        ws, peer = await raw_end()
        peer.send(closing(1000))
        assert await received(peer) == [(Opcode.CLOSE, Close(1000, ""))]
        peer.close()
        await ws.wait_closed()
        client, peer = await raw_end("client", SOON)
        waiting = asyncio.ensure_future(client.close())
        await asyncio.sleep(0)
        peer.send(closing(1000, key=None))
        await asyncio.sleep(0.03)
        assert client.state is State.CLOSE_COMPLETE
        peer.shutdown(socket.SHUT_WR)
        await waiting
        assert (client.state, client.close_code) == (State.CLOSED, 1000)

    run(main())


@pytest.mark.parametrize("side", ["server", "client"])
def test_a_peer_that_never_answers_a_close(side: str) -> None:
    async def main() -> None:
        ws, peer = await raw_end(side, SOON)
        await ws.close(1000)
        assert (ws.state, ws.close_code) == (State.CLOSED, 1006)
        assert (await received(peer, "client" if side == "server" else "server"))[0][0] == 8

    run(main())


def test_a_server_that_never_closes_tcp() -> None:
    async def main() -> None:
        ws, peer = await raw_end("client", SOON)
        peer.send(closing(1001, "bye", key=None))
        await ws.wait_closed()
        assert (ws.close_code, ws.close_reason) == (1001, "bye")

    run(main())


def test_a_close_waits_until_the_messages_before_it_are_answered() -> None:
    async def main() -> None:
        ws, peer = await raw_end()
        peer.send(TEXT * 3 + closing(1000, "done"))
        await asyncio.sleep(0.02)
        assert ws.state is State.CLOSE_RECEIVED
        async for message in ws:
            await asyncio.sleep(0.01)
            await ws.send(message)
        assert ws.state is State.CLOSE_COMPLETE
        assert await received(peer) == [
            *[(Opcode.TEXT, "Hello")] * 3,
            (Opcode.CLOSE, Close(1000, "done")),
        ]

    run(main())


def test_a_close_does_not_wait_for_ever() -> None:
    async def main() -> None:
        ws, peer = await raw_end(settings=SOON)
        peer.send(TEXT + closing(1000))
        assert await received(peer) == [(Opcode.CLOSE, Close(1000, ""))]
        await ws.wait_closed()
        assert await ws.recv() == "Hello"
        # Who only sends is not waited for.
        ws, peer = await raw_end()
        peer.send(closing(1000))
        assert await received(peer) == [(Opcode.CLOSE, Close(1000, ""))]

    run(main())


@pytest.mark.parametrize("way", ["handler", "callback"])
def test_what_came_before_a_broken_rule_is_answered(way: str) -> None:
    async def main() -> None:
        told: list[Any] = []

        def note(ws: WebSocket, *arguments: Any) -> None:
            told.append(arguments)

        callbacks: dict[str, Any] = {"on_error": note, "on_close": note}
        if way == "callback":
            callbacks["on_message"] = lambda ws, message: ws.write(message)
        ws, peer = await raw_end(**callbacks)
        peer.send(TEXT * 3 + BAD + TEXT)
        if way == "handler":
            with pytest.raises(ConnectionClosed) as caught:
                async for message in ws:
                    await asyncio.sleep(0.01)
                    await ws.send(message)
            error = caught.value
            assert (error.code, error.clean, error.received) == (1006, False, None)
            assert error.sent is not None
            assert error.sent.code == 1002
            assert "reserved opcode 3" in str(error.__cause__)
        items = await received(peer)
        assert items[:3] == [(Opcode.TEXT, "Hello")] * 3
        assert items[3][1].code == 1002
        peer.close()
        await ws.wait_closed()
        assert [type(arguments[0]).__name__ for arguments in told] == [
            "RemoteProtocolError",
            "int",
        ]
        assert told[1] == (1006, "")

    run(main())


def test_reading_stops_at_once_and_failing_does_not_wait_for_ever() -> None:
    async def main() -> None:
        ws, peer = await raw_end(settings=SOON)
        peer.send(TEXT + BAD)
        await asyncio.sleep(0.03)
        assert ws.state is State.FAILING
        assert not ws.transport.is_reading()
        ws.write("still")
        items = await received(peer)
        assert items[0] == (Opcode.TEXT, "still")
        assert items[1][1].code == 1002
        # It doesn't read what we go on to send, but lets it be, for a while.
        with contextlib.suppress(OSError):
            for _ in range(10):
                peer.send(bytes(10000))
                await asyncio.sleep(0.02)
        await ws.wait_closed()
        assert await ws.recv() == "Hello"

    run(main())


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(Opcode.TEXT, b"\xff", key=KEY), 1007),
        (b"\x82\xff\x00\x00\x00\x01\x00\x00\x00\x00", 1009),
        (TEXT[:1] + b"\x05Hello", 1002),
        (frame(Opcode.CLOSE, b"\x00", key=KEY), 1002),
        (closing(1006), 1002),
        (b"\x82\xff\xff\x00\x00\x00\x00\x00\x00\x00", 1002),
    ],
)
def test_each_failure_has_its_code(data: bytes, code: int) -> None:
    async def main() -> None:
        ws, peer = await raw_end(on_message=lambda ws, message: None)
        peer.send(data)
        assert [item[1].code for item in await received(peer)] == [code]
        peer.close()
        await ws.wait_closed()
        assert ws.close_code == 1006

    run(main())


@pytest.mark.parametrize("how", ["eof", "inside a frame", "reset", "abort"])
def test_a_connection_that_is_lost(how: str) -> None:
    async def main() -> None:
        told: list[Any] = []

        def note(ws: WebSocket, *arguments: Any) -> None:
            told.append(arguments)

        ws, peer = await raw_end(on_error=note, on_close=note, on_lost=note)
        ping = ws.ping()
        receiver = asyncio.create_task(ws.recv())
        await asyncio.sleep(0)
        if how == "inside a frame":
            peer.send(TEXT[:3])
        if how == "abort":
            ws.abort()
        elif how == "reset":
            # Octets that we have not read.
            peer.close()
        else:
            peer.shutdown(socket.SHUT_WR)
        with pytest.raises(ConnectionClosed) as caught:
            await receiver
        assert (caught.value.code, caught.value.clean) == (1006, False)
        with pytest.raises(ConnectionClosed):
            await ping
        await ws.wait_closed()
        assert ws.state is State.CLOSED
        assert isinstance(told[0][0], (ConnectionClosed, OSError))
        assert told[1:] == [(1006, ""), ()]
        with pytest.raises(ConnectionClosed):
            async for _ in ws:
                pass

    run(main())


def test_a_half_closed_connection_is_answered() -> None:
    async def main() -> None:
        ws, peer = await raw_end()
        peer.send(TEXT + closing(1000))
        peer.shutdown(socket.SHUT_WR)
        await asyncio.sleep(0.02)
        async for message in ws:
            await asyncio.sleep(0.01)
            await ws.send(message)
        assert await received(peer) == [(Opcode.TEXT, "Hello"), (Opcode.CLOSE, Close(1000, ""))]
        await ws.wait_closed()

    run(main())


def test_what_comes_after_our_close_is_dropped() -> None:
    async def main() -> None:
        told: list[Any] = []
        ws, peer = await raw_end(on_message=lambda ws, message: told.append(message))
        ws.close()
        peer.send(TEXT * 2 + closing(1000))
        await ws.wait_closed()
        assert told == []
        # In the same read, too.
        ws, peer = await raw_end(on_message=lambda ws, message: told.append(ws.close()))
        peer.send(TEXT * 2 + closing(1000))
        await ws.wait_closed()
        assert len(told) == 1
        # A full queue doesn't hold up the peer's answer; what is in it can still be received.
        ws, peer = await raw_end(settings=Settings(receive_queue=1))
        peer.send(TEXT)
        await asyncio.sleep(0.02)
        ws.close()
        peer.send(TEXT * 2 + closing(1000))
        await ws.wait_closed()
        assert [message async for message in ws] == ["Hello"]

    run(main())


def test_a_close_may_be_left_alone_or_be_a_task() -> None:
    async def main() -> None:
        server, client = await pair()
        done = asyncio.create_task(client.close())
        done.cancel()
        with pytest.raises(asyncio.CancelledError):
            await done
        await client.close()
        await asyncio.wait_for(server.close(), 5)

    run(main())


@pytest.mark.skipif(sys.platform == "win32", reason="no such sockets")
def test_closing_waits_for_what_was_written() -> None:
    async def main() -> None:
        server, client = await pair(Settings(max_message_length=None))
        data = bytes(5_000_000)
        server.write(data)
        server.close()
        assert await client.recv() == data
        with pytest.raises(StopAsyncIteration):
            await anext(client)
        await server.wait_closed()
        assert server.close_code == 1000

    run(main())
