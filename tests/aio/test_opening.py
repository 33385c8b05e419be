"""The opening handshake of serve(): process_request, refusals, subprotocols, time and memory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from endpoints import (
    ACCEPT,
    HOST,
    KEY,
    REQUEST,
    Raw,
    body,
    each_loop,
    echo,
    eventually,
    fields,
    status,
    uri,
)

from wsfast.aio import Server, WebSocket, connect, serve
from wsfast.events import Request, Response
from wsfast.exceptions import HandshakeRejected
from wsfast.handshake import Headers

# A text frame "hi", masked by the key 0.
HI = bytes([0x81, 0x82, 0, 0, 0, 0]) + b"hi"
HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


def with_fields(*lines: str) -> bytes:
    """The request with more header fields."""
    return REQUEST[:-2] + "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"


async def exchange(server: Server, data: bytes) -> bytes:
    """All that the server answers, up to its end of the connection."""
    async with await Raw.connect(server.port, data) as peer:
        return await peer.rest()


@each_loop
async def test_the_answer_is_that_of_the_rfc() -> None:
    async with serve(echo, HOST, 0) as server:
        async with await Raw.connect(server.port, REQUEST) as peer:
            answer = await peer.head()
    assert answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert fields(answer) == {
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-accept": ACCEPT,
    }


@each_loop
async def test_a_request_may_come_octet_by_octet() -> None:
    async with serve(echo, HOST, 0) as server:
        async with await Raw.connect(server.port) as peer:
            for start in range(len(REQUEST)):
                peer.writer.write(REQUEST[start : start + 1])
                await asyncio.sleep(0)
            assert status(await peer.head()) == 101


@each_loop
@pytest.mark.parametrize("is_async", [False, True])
async def test_frames_may_come_with_the_request(is_async: bool) -> None:
    async def process_request(request: Request) -> None:
        await asyncio.sleep(0.01)

    hook = process_request if is_async else None
    async with serve(echo, HOST, 0, process_request=hook) as server:
        async with await Raw.connect(server.port, REQUEST + HI + HI[:3]) as peer:
            assert status(await peer.head()) == 101
            peer.writer.write(HI[3:])
            assert await peer.reader.readexactly(8) == b"\x81\x02hi\x81\x02hi"


def asynchronous(hook: Callable[[Request], Any]) -> Callable[[Request], Awaitable[Any]]:
    async def process_request(request: Request) -> Any:
        await asyncio.sleep(0)
        return hook(request)

    return process_request


def route(request: Request) -> Any:
    if request.path == "/health":
        return 200, {"Cache-Control": "no-store"}, b"OK\n"
    if request.headers.get("Authorization") != "Bearer let me in":
        return Response(401, "", Headers({"WWW-Authenticate": "Bearer"}), b"who are you?\n")
    return None


@each_loop
@pytest.mark.parametrize("hook", [route, asynchronous(route)], ids=["sync", "async"])
async def test_process_request_answers_plain_http_and_lets_in(hook: Any) -> None:
    async with serve(echo, HOST, 0, process_request=hook) as server:
        health = await exchange(server, HEALTH)
        assert (status(health), body(health)) == (200, b"OK\n")
        assert fields(health)["cache-control"] == "no-store"
        assert fields(health)["content-length"] == "3"
        assert fields(health)["connection"] == "close"

        unknown = await exchange(server, REQUEST)
        assert (status(unknown), body(unknown)) == (401, b"who are you?\n")
        assert fields(unknown)["www-authenticate"] == "Bearer"

        headers = {"Authorization": "Bearer let me in"}
        async with connect(uri(server), headers=headers) as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"

        # It lets it in, but that is no request to upgrade.
        plain = HEALTH.replace(b"/health", b"/").replace(
            b"\r\n\r\n", b"\r\nAuthorization: Bearer let me in\r\n\r\n"
        )
        assert status(await exchange(server, plain)) == 426


@each_loop
async def test_a_head_request_gets_no_body() -> None:
    async with serve(echo, HOST, 0, process_request=route) as server:
        answer = await exchange(server, HEALTH.replace(b"GET", b"HEAD"))
        assert (status(answer), body(answer)) == (200, b"")


def fails(request: Request) -> Any:
    raise ZeroDivisionError("the hook's own")


@each_loop
@pytest.mark.parametrize(
    "hook",
    [
        fails,
        asynchronous(fails),
        lambda request: "OK",
        asynchronous(lambda request: (200, {})),
        lambda request: (200, {"X": "a\r\nb"}, b""),
        lambda request: (101, {}, b""),
        lambda request: (200, {}, "str"),
    ],
)
async def test_a_hook_that_fails_is_logged_and_answered_by_500(
    caplog: pytest.LogCaptureFixture, hook: Any
) -> None:
    async with serve(echo, HOST, 0, process_request=hook) as server:
        answer = await exchange(server, REQUEST)
        assert (status(answer), body(answer)) == (500, b"")
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "process_request failed" in record.message
    assert record.exc_info is not None


@each_loop
@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"hello\r\n\r\n", 400),
        (b"\r\n\r\n\r\n", 400),
        (HEALTH, 426),
        (REQUEST.replace(b"Version: 13", b"Version: 8"), 426),
        (REQUEST.replace(b"GET", b"POST"), 405),
        (REQUEST.replace(KEY.encode(), b"c2hvcnQ="), 400),
        (REQUEST.replace(b"Host: server.example.com\r\n", b""), 400),
        (with_fields("Host: another"), 400),
        (with_fields("Content-Length: 5"), 413),
        (with_fields("Transfer-Encoding: chunked"), 501),
        (with_fields("X:" + "x" * 9000), 431),
        (with_fields(*["X: x"] * 200), 431),
        (b"GET /" + b"x" * 9000, 414),
    ],
)
async def test_what_breaks_the_rules_is_told_so(request_: bytes, expected: int) -> None:
    async with serve(echo, HOST, 0) as server:
        # More comes after it: to close at once would reset the connection, and lose the answer.
        answer = await exchange(server, request_ + b"x" * 100_000)
        assert status(answer) == expected
        assert int(fields(answer)["content-length"]) == len(body(answer)) > 0
        assert fields(answer)["connection"].startswith("close")
        assert fields(answer)["date"].endswith(" GMT")
        if expected == 426:
            assert fields(answer)["sec-websocket-version"] == "13"
        async with connect(uri(server)) as ws:
            await ws.send("the others are served")
            assert await ws.recv() == "the others are served"


@each_loop
async def test_a_peer_that_leaves_before_its_request_is_complete_is_forgotten() -> None:
    async with serve(echo, HOST, 0) as server:
        async with await Raw.connect(server.port, REQUEST[:50]) as peer:
            await eventually(lambda: server._registry._opening)
            peer.writer.write_eof()
            assert await peer.rest() == b""
        await eventually(lambda: not server._registry._opening)


@each_loop
async def test_a_peer_that_leaves_while_it_is_decided_ends_that() -> None:
    cancelled = asyncio.Event()

    async def process_request(request: Request) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with serve(echo, HOST, 0, process_request=process_request, open_timeout=0.1) as server:
        peer = await Raw.connect(server.port, REQUEST)
        await eventually(lambda: server._registry._opening)
        await peer.close()
        await cancelled.wait()


@each_loop
async def test_a_hook_that_is_cancelled_by_others_ends_the_connection() -> None:
    async def process_request(request: Request) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    async with serve(echo, HOST, 0, process_request=process_request) as server:
        assert await exchange(server, REQUEST) == b""


@each_loop
@pytest.mark.parametrize(
    ("offered", "expected"),
    [("soap, wamp", "wamp"), ("wamp, mqtt", "mqtt"), ("soap", None), (None, None)],
)
async def test_the_servers_preference_decides(offered: str | None, expected: str | None) -> None:
    request = REQUEST if offered is None else with_fields(f"Sec-WebSocket-Protocol: {offered}")
    chosen: list[str | None] = []

    async def handler(ws: WebSocket) -> None:
        chosen.append(ws.subprotocol)

    async with serve(handler, HOST, 0, subprotocols=["mqtt", "wamp"]) as server:
        async with await Raw.connect(server.port, request) as peer:
            assert fields(await peer.head()).get("sec-websocket-protocol") == expected
            await eventually(lambda: chosen)
    assert chosen == [expected]


@each_loop
async def test_a_hook_may_choose_the_subprotocol() -> None:
    def select(request: Request, offered: Any) -> str | None:
        return offered[-1] if request.path == "/chat" and offered else None

    async with serve(echo, HOST, 0, select_subprotocol=select) as server:
        async with connect(uri(server) + "chat", subprotocols=["a", "b", "c"]) as ws:
            assert ws.subprotocol == "c"
        async with connect(uri(server), subprotocols=["a"]) as ws:
            assert ws.subprotocol is None
        async with connect(uri(server) + "chat") as ws:
            assert ws.subprotocol is None


@each_loop
async def test_a_subprotocol_that_was_not_offered_is_answered_by_500(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def select(request: Request, offered: Any) -> str:
        return "other"

    async with serve(echo, HOST, 0, select_subprotocol=select) as server:
        with pytest.raises(HandshakeRejected) as rejected:
            await connect(uri(server), subprotocols=["a"])
        assert rejected.value.response.status == 500
    assert "select_subprotocol failed" in caplog.text


@each_loop
async def test_only_origins_that_are_named_are_let_in() -> None:
    async with serve(echo, HOST, 0, origins=["https://example.com", None]) as server:
        async with connect(uri(server)), connect(uri(server), origin="https://example.com"):
            pass
        with pytest.raises(HandshakeRejected) as rejected:
            await connect(uri(server), origin="https://example.org")
        assert rejected.value.response.status == 403


@each_loop
async def test_headers_go_with_the_answer() -> None:
    headers = [("Server", "ours"), ("X-Twice", "1"), ("X-Twice", "2")]
    async with serve(echo, HOST, 0, headers=headers) as server, connect(uri(server)) as ws:
        assert ws.response is not None
        assert ws.response.headers["server"] == "ours"
        assert ws.response.headers.get_all("x-twice") == ["1", "2"]


@each_loop
@pytest.mark.parametrize("sent", [b"", REQUEST[:30], REQUEST[:-1]])
async def test_a_request_that_never_ends_is_cut_off_in_time(sent: bytes) -> None:
    async with serve(echo, HOST, 0, open_timeout=0.05, close_timeout=0.1) as server:
        async with await Raw.connect(server.port, sent) as slow:
            assert status(await slow.rest()) == 408


@each_loop
async def test_octets_that_drip_in_do_not_buy_time() -> None:
    async with serve(echo, HOST, 0, open_timeout=0.05, close_timeout=0.1) as server:
        async with await Raw.connect(server.port, REQUEST[:-2]) as slow:
            answer = asyncio.create_task(slow.rest())
            while not answer.done():
                slow.writer.write(b"X: y\r\n")
                await asyncio.sleep(0.005)
            assert status(await answer) == 408


@each_loop
async def test_a_hook_that_never_ends_is_cut_off_in_time() -> None:
    async def process_request(request: Request) -> None:
        await asyncio.Event().wait()

    async with serve(echo, HOST, 0, process_request=process_request, open_timeout=0.05) as server:
        assert status(await exchange(server, REQUEST)) == 503


@each_loop
async def test_what_comes_before_the_answer_is_not_read() -> None:
    decide = asyncio.Event()

    async def process_request(request: Request) -> None:
        await decide.wait()

    async with serve(echo, HOST, 0, process_request=process_request) as server:
        async with await Raw.connect(server.port, REQUEST) as peer:
            peer.writer.transport.set_write_buffer_limits(0)
            frames = HI * 2_000_000
            peer.writer.write(frames)
            await asyncio.sleep(0.05)
            # The sockets hold some; what this end still has, nobody has read.
            assert peer.writer.transport.get_write_buffer_size() > len(frames) // 2
            (opening,) = server._registry._opening
            assert len(opening._handshake.excess) <= 16384
            peer.writer.transport.abort()
        decide.set()


@each_loop
async def test_a_rejection_may_be_long() -> None:
    def process_request(request: Request) -> Any:
        return 403, {}, bytes(3_000_000)

    async with serve(echo, HOST, 0, process_request=process_request) as server:
        assert len(body(await exchange(server, REQUEST))) == 3_000_000


@each_loop
async def test_a_peer_that_does_not_read_its_rejection_is_cut_off() -> None:
    def process_request(request: Request) -> Any:
        return 403, {}, bytes(30_000_000)

    from wsfast.aio import server_opening

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server_opening, "_LINGER", 0.02)
        async with serve(
            echo, HOST, 0, process_request=process_request, close_timeout=0.1
        ) as server:
            peer = await Raw.connect(server.port, REQUEST)
            peer.writer.transport.pause_reading()
            await eventually(lambda: server._registry._leaving)
            await eventually(lambda: not server._registry._leaving)
            await peer.close()
