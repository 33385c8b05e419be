"""connect(): the ways to a server, what is sent to it, and what comes back."""

from __future__ import annotations

import asyncio
import base64
import socket
from pathlib import Path
from typing import Any

import pytest
from endpoints import (
    HOST,
    Raw,
    RawServer,
    accept,
    each_loop,
    echo,
    eventually,
    uri,
)

from wsfast.aio import WebSocket, connect, serve
from wsfast.closing import State
from wsfast.handshake import URI


async def has_ipv6() -> bool:
    try:
        async with serve(echo, "::1", 0):
            return True
    except OSError:
        return False


@each_loop
async def test_it_is_awaited_or_entered() -> None:
    async with serve(echo, HOST, 0) as server:
        ws = await connect(uri(server, "/path?query"))
        assert ws.request is not None
        assert ws.request.target == "/path?query"
        assert ws.request.headers["Host"] == f"{HOST}:{server.port}"
        assert ws.request.headers["User-Agent"].startswith("wsfast/")
        assert ws.response is not None
        assert ws.response.status == 101
        await ws.close()
        async with connect(URI.parse(uri(server))) as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"
        assert (ws.state, ws.close_code) == (State.CLOSED, 1000)


@each_loop
@pytest.mark.parametrize(
    ("error", "code"), [(ZeroDivisionError, 1011), (asyncio.CancelledError, 1001)]
)
async def test_leaving_by_an_error_is_told_the_server(
    error: type[BaseException], code: int
) -> None:
    closed: list[int | None] = []

    async def handler(ws: WebSocket) -> None:
        await ws.wait_closed()
        closed.append(ws.close_code)

    async with serve(handler, HOST, 0) as server:
        with pytest.raises(error):
            async with connect(uri(server)):
                raise error
        await eventually(lambda: closed)
    assert closed == [code]


@each_loop
async def test_names_are_looked_up() -> None:
    async with serve(echo, HOST, 0) as server:
        async with connect(f"ws://localhost:{server.port}/") as ws:
            assert ws.remote_address[1] == server.port


@each_loop
async def test_an_address_of_ipv6_is_reached() -> None:
    if not await has_ipv6():
        pytest.skip("no IPv6 on this machine")
    async with serve(echo, "::1", 0) as server:
        async with connect(f"ws://[::1]:{server.port}/") as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"


@each_loop
async def test_it_goes_through_a_unix_socket(tmp_path: Path) -> None:
    async with serve(echo, path=tmp_path / "socket"):
        async with connect("ws://anything/", path=tmp_path / "socket") as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"


@each_loop
async def test_it_goes_through_a_tunnel() -> None:
    async def tunnel(peer: Raw) -> None:
        line, _, _ = (await peer.head()).partition(b"\r\n")
        assert line == f"CONNECT {HOST}:{server.port} HTTP/1.1".encode()
        beyond = await Raw.connect(server.port)
        peer.writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

        async def forward(source: Raw, sink: Raw) -> None:
            while data := await source.reader.read(65536):
                sink.writer.write(data)
            sink.writer.close()

        await asyncio.gather(forward(peer, beyond), forward(beyond, peer))

    async with serve(echo, HOST, 0) as server, RawServer(tunnel) as proxy:
        loop = asyncio.get_running_loop()
        sock = socket.socket()
        sock.setblocking(False)
        await loop.sock_connect(sock, (HOST, proxy.port))
        request = f"CONNECT {HOST}:{server.port} HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
        await loop.sock_sendall(sock, request.encode())
        assert await loop.sock_recv(sock, 1000) == b"HTTP/1.1 200 OK\r\n\r\n"
        async with connect(uri(server), sock=sock) as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"


@each_loop
async def test_the_local_address_is_chosen() -> None:
    async with serve(echo, HOST, 0) as server:
        async with connect(uri(server), local_addr=("127.0.0.2", 0)) as ws:
            assert ws.local_address[0] == "127.0.0.2"


@each_loop
async def test_user_name_and_password_are_sent_by_basic_authentication() -> None:
    async with serve(echo, HOST, 0) as server:
        async with connect(f"ws://Aladdin:open%20sesame@{HOST}:{server.port}/") as ws:
            assert ws.request is not None
            # RFC 7617 section 2.
            expected = "Basic " + base64.b64encode(b"Aladdin:open sesame").decode()
            assert ws.request.headers["Authorization"] == expected
            assert "sesame" not in repr(connect) + str(ws)


@each_loop
async def test_headers_origin_and_subprotocols_are_sent() -> None:
    async with serve(echo, HOST, 0, subprotocols=["wamp"]) as server:
        async with connect(
            uri(server),
            headers={"X-Api-Key": "secret", "User-Agent": "mine"},
            origin="https://example.com",
            subprotocols=["mqtt", "wamp"],
        ) as ws:
            assert ws.subprotocol == "wamp"
            assert ws.request is not None
            headers = ws.request.headers
            assert headers["X-Api-Key"] == "secret"
            assert headers["User-Agent"] == "mine"
            assert headers["Origin"] == "https://example.com"
            assert headers["Sec-WebSocket-Protocol"] == "mqtt, wamp"


@each_loop
async def test_callbacks_are_called_as_it_happens() -> None:
    happened: list[Any] = []

    async def greet(ws: WebSocket) -> None:
        await ws.send("welcome")
        await ws.send(await ws.recv())

    def on_message(ws: WebSocket, message: Any) -> None:
        happened.append(message)
        if message == "welcome":
            ws.write(b"thanks")

    async with serve(greet, HOST, 0) as server:
        ws = await connect(
            uri(server),
            on_open=lambda ws: happened.append(ws.state),
            on_message=on_message,
            on_close=lambda ws, code, reason: happened.append(code),
        )
        await ws.wait_closed()
    assert happened == [State.OPEN, "welcome", b"thanks", 1000]


@each_loop
async def test_frames_may_come_with_the_answer() -> None:
    async def greet(peer: Raw) -> None:
        await accept(peer)
        peer.writer.write(b"\x81\x07welcome" + b"\x88\x02\x03\xe8")
        # The answer: 2 octets, masked.
        await peer.reader.readexactly(8)

    async with RawServer(greet) as server, connect(uri(server)) as ws:
        assert [message async for message in ws] == ["welcome"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"uri": "http://localhost/"}, ValueError),
        ({"uri": "ws://localhost/#fragment"}, ValueError),
        ({"uri": 1}, TypeError),
        ({"headers": {"a b": "c"}}, ValueError),
        ({"compression": True}, ValueError),
        ({"ssl": False}, TypeError),
        ({"max_redirects": -1}, ValueError),
        ({"max_redirects": None}, TypeError),
        ({"on_message": echo}, TypeError),
        ({"close_timeout": -1}, ValueError),
        ({"path": "/a", "sock": socket}, ValueError),
    ],
)
def test_wrong_arguments_are_refused_at_the_call(
    arguments: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        connect(**{"uri": "ws://localhost/", **arguments})


@each_loop
@pytest.mark.parametrize(
    ("arguments", "error"),
    [({"headers": {"Upgrade": "h2c"}}, ValueError), ({"subprotocols": "chat"}, TypeError)],
)
async def test_wrong_arguments_are_refused_when_it_is_awaited(
    arguments: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await connect("ws://127.0.0.1:1/", **arguments)


@each_loop
async def test_small_messages_are_not_held_back() -> None:
    listening = socket.create_server((HOST, 0))
    async with serve(echo, sock=listening) as server:
        sock = socket.create_connection((HOST, server.port))
        async with connect(uri(server), sock=sock) as ws:
            await eventually(lambda: server.connections)
            for end in (ws, *server.connections):
                option = end.transport.get_extra_info("socket").getsockopt
                assert option(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
