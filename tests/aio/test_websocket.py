"""An open WebSocket: both ways to use it, Pings, what there is to know of it."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import socket
import weakref
from collections.abc import AsyncIterator
from importlib.util import find_spec
from typing import Any

import pytest
from pairs import open_end, pair, raw_end, run
from streams import KEY, frame

from wsfast.aio import ConnectionClosed
from wsfast.aio.settings import Settings
from wsfast.aio.websocket import WebSocket, check_callbacks
from wsfast.closing import State
from wsfast.exceptions import LocalProtocolError
from wsfast.messages import MessageDecoder
from wsfast.permessage_deflate import PermessageDeflate
from wsfast.protocol import Opcode

MESSAGES: list[str | bytes] = [
    "",
    b"",
    "Hello",
    b"\x00\xff",
    "ä€🚀" * 100,
    "a" * 65536,
    bytes(range(256)) * 4000,
    "🚀" * 60000,
]


@pytest.fixture(params=["asyncio", "uvloop"])
def loops(request: pytest.FixtureRequest) -> str:
    if find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return str(request.param)


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


def deflate() -> Any:
    agreed = PermessageDeflate().accept("permessage-deflate; client_max_window_bits")
    assert agreed is not None
    return {"deflate": agreed[1]}


@pytest.mark.parametrize("compressed", [False, True])
def test_a_handler_answers(loops: str, compressed: bool) -> None:
    async def main() -> None:
        options = deflate() if compressed else {}
        server, client = await pair(server=options, client=options)
        task = asyncio.create_task(echo(server))
        for message in MESSAGES:
            await client.send(message)
            assert await client.recv() == message
        # Without waiting for the answers.
        for message in MESSAGES * 3:
            client.write(message)
        assert [await client.recv() for _ in MESSAGES * 3] == MESSAGES * 3
        await client.close()
        await task
        assert server.state is State.CLOSED
        assert (server.close_code, client.close_code) == (1000, 1000)

    run(main(), loops)


@pytest.mark.parametrize("compressed", [False, True])
def test_callbacks_are_called_as_messages_come(loops: str, compressed: bool) -> None:
    async def main() -> None:
        told: list[Any] = []
        answers: asyncio.Queue[Any] = asyncio.Queue()
        options = deflate() if compressed else {}

        def on_message(ws: WebSocket, message: str | bytes) -> None:
            told.append(message)
            ws.write(message)

        server, client = await pair(
            server={
                "on_open": lambda ws: told.append("open"),
                "on_message": on_message,
                "on_error": lambda ws, error: told.append(error),
                "on_close": lambda *arguments: told.append(arguments),
                **options,
            },
            client={"on_message": lambda ws, message: answers.put_nowait(message), **options},
        )
        for message in MESSAGES:
            client.write(message)
        for message in MESSAGES:
            assert await answers.get() == message
        await client.close(1001, "going")
        await server.wait_closed()
        assert told == ["open", *MESSAGES, (server, 1001, "going")]

    run(main(), loops)


def test_text_as_bytes() -> None:
    async def main() -> None:
        server, client = await pair(Settings(text="bytes"), Settings())
        client.write("ä")
        client.write(b"b")
        assert await server.recv() == "ä".encode()
        assert await server.recv() == b"b"

    run(main())


def test_a_ping_tells_how_far_the_peer_is(loops: str) -> None:
    async def main() -> None:
        server, client = await pair()
        assert client.latency is None
        seconds = await client.ping()
        assert 0 < seconds < 10
        assert client.latency == seconds
        first, second = client.ping(b"one"), client.ping("two")
        with pytest.raises(ValueError, match="waits for its Pong"):
            client.ping(b"two")
        await second
        assert first.done()
        client.ping(b"one").cancel()
        await client.ping(b"two")
        server.pong(b"two")
        server.pong()
        await client.ping()
        with pytest.raises(LocalProtocolError, match="at most 125"):
            client.ping(bytes(126))

    run(main(), loops)


def test_a_pong_answers_the_pings_before_it() -> None:
    async def main() -> None:
        ws, peer = await raw_end()
        pings = [ws.ping(payload) for payload in (b"a", b"b", b"c")]
        peer.send(frame(Opcode.PONG, b"?", key=KEY) + frame(Opcode.PONG, b"b", key=KEY))
        await pings[1]
        assert [ping.done() for ping in pings] == [True, True, False]
        ws.abort()
        with pytest.raises(ConnectionClosed):
            await pings[2]

    run(main())


def test_every_ping_is_answered_in_order(loops: str) -> None:
    async def main() -> None:
        ws, peer = await raw_end()
        peer.send(b"".join(frame(Opcode.PING, bytes([n]), key=KEY) for n in range(100)))
        await asyncio.sleep(0.05)
        pongs = MessageDecoder("client").feed(peer.recv(10000))
        assert pongs == [(Opcode.PONG, bytes([n])) for n in range(100)]
        ws.abort()

    run(main(), loops)


def test_an_idle_connection_is_pinged() -> None:
    async def main() -> None:
        settings = Settings(ping_interval=0.02, ping_timeout=5)
        server, client = await pair(settings, Settings(ping_interval=None))
        while server.latency is None:
            await asyncio.sleep(0.01)
        first, server.latency = server.latency, None
        assert 0 < first < 5
        assert client.latency is None

    run(main())


def test_pings_go_on_while_pongs_come_whatever_their_timeout() -> None:
    async def main() -> None:
        told: list[Any] = []
        ws, peer = await raw_end("client", Settings(ping_interval=0.02, ping_timeout=1000))
        loop, decoder = asyncio.get_running_loop(), MessageDecoder("server")
        while len(told) < 4:
            for opcode, payload in decoder.feed(await loop.sock_recv(peer, 1000)):
                told.append(opcode)
                peer.send(frame(Opcode.PONG, payload))
        assert told == [Opcode.PING] * 4
        ws.abort()

    run(main())


def test_a_peer_that_does_not_answer_pings_is_given_up() -> None:
    async def main() -> None:
        told: list[Any] = []
        settings = Settings(ping_interval=0.02, ping_timeout=0.05, close_timeout=0.05)
        ws, peer = await raw_end(
            settings=settings,
            on_error=lambda ws, error: told.append(type(error)),
            on_close=lambda ws, code, reason: told.append(code),
        )
        with pytest.raises(ConnectionClosed) as caught:
            await ws.recv()
        assert caught.value.code == 1006
        assert caught.value.sent == (1011, "keepalive ping timeout")
        assert isinstance(caught.value.__cause__, TimeoutError)
        await ws.wait_closed()
        assert told == [TimeoutError, 1006]
        sent = MessageDecoder("client").feed(peer.recv(10000))
        assert sent[0][0] == Opcode.PING
        assert sent[1] == (Opcode.CLOSE, (1011, "keepalive ping timeout"))

    run(main())


def test_a_peer_that_sends_is_there() -> None:
    async def main() -> None:
        settings = Settings(ping_interval=0.05, ping_timeout=0.05)
        ws, peer = await raw_end(settings=settings, on_message=lambda ws, message: None)
        for _ in range(30):
            # Octets of a message that takes its time.
            peer.send(frame(Opcode.TEXT, b"a", key=KEY, fin=False, declared=None))
            peer.send(frame(Opcode.CONTINUATION, b"a", key=KEY))
            await asyncio.sleep(0.01)
        assert ws.state is State.OPEN
        ws.abort()

    run(main())


def test_what_there_is_to_know() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            here = listening.getsockname()
            peer = socket.create_connection(here)
            one, address = listening.accept()
        ws = await open_end("server", one, subprotocol="chat")
        assert (ws.local_address, ws.remote_address) == (here, address)
        assert (ws.side, ws.state, ws.close_code, ws.close_reason) == (
            "server",
            State.OPEN,
            None,
            "",
        )
        assert (ws.subprotocol, ws.deflate, ws.request, ws.response) == ("chat", None, None, None)
        assert repr(ws) == f"<WebSocket server OPEN {address!r}>"
        ws.context = {"anything"}
        assert {ws: 1}[ws] == 1
        assert weakref.ref(ws)() is ws
        with pytest.raises(AttributeError):
            ws.anything = 1  # type: ignore[attr-defined]
        peer.close()

    run(main())


def test_callbacks_are_functions() -> None:
    async def coroutine(*arguments: object) -> None:
        pass

    callbacks: dict[str, Any] = dict.fromkeys(("on_open", "on_message", "on_error", "on_close"))
    check_callbacks(**callbacks, settings=Settings())
    for name in callbacks:
        wrong: tuple[tuple[Any, str], ...] = (
            (coroutine, "must not be a coroutine function"),
            (functools.partial(coroutine, 1), "must not be a coroutine function"),
            (1, "must be a function, not int"),
        )
        for value, message in wrong:
            with pytest.raises(TypeError, match=message):
                check_callbacks(**{**callbacks, name: value}, settings=Settings())
    with pytest.raises(TypeError, match="use a handler for streaming"):
        callbacks["on_message"] = lambda ws, message: None
        check_callbacks(**callbacks, settings=Settings(streaming=True))


def test_an_end_is_a_servers_or_a_clients() -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="side must be"):
            await raw_end("both")

    run(main())


def test_a_callback_that_raises_fails_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        told: list[Any] = []

        def on_message(ws: WebSocket, message: Any) -> None:
            told.append(message)
            raise ZeroDivisionError("in the callback")

        def on_error(ws: WebSocket, error: BaseException) -> None:
            told.append(type(error))
            raise KeyError("in another")

        server, client = await pair(
            server={"on_message": on_message, "on_error": on_error},
        )
        client.write("a")
        client.write("b")
        with pytest.raises(ConnectionClosed) as caught:
            await client.recv()
        assert caught.value.received == (1011, "")
        await server.wait_closed()
        assert told == ["a", ZeroDivisionError]
        assert [record.message for record in caplog.records] == [
            "on_message failed",
            "on_error failed",
        ]

    with caplog.at_level(logging.ERROR, "wsfast.aio"):
        run(main())


def test_a_closed_connection_leaves_no_cycle() -> None:
    async def main() -> None:
        gc.collect()
        gc.disable()
        try:
            server, client = await pair(server={"on_message": lambda ws, m: ws.write(m)})
            client.write("a")
            assert await client.recv() == "a"
            await client.close()
            await server.wait_closed()
            await asyncio.sleep(0)
            gone = [weakref.ref(server), weakref.ref(client)]
            del server, client
            await asyncio.sleep(0)
            assert [reference() for reference in gone] == [None, None]
        finally:
            gc.enable()

    run(main())


def test_a_send_in_a_callback_needs_no_await() -> None:
    async def main() -> None:
        _, client = await pair(server={"on_message": lambda ws, m: ws.send(m)})

        async def pieces() -> AsyncIterator[str]:
            yield "a"
            yield "b"

        await client.send(pieces())
        assert await client.recv() == "ab"

    run(main())
