"""serve() and connect() over TLS."""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from endpoints import REQUEST, Raw, RawServer, body, each_loop, eventually, status

from wsfast.aio import Server, WebSocket, connect, serve
from wsfast.aio.reconnecting import is_transient
from wsfast.events import Request
from wsfast.exceptions import HandshakeError, HandshakeRejected

trustme = pytest.importorskip("trustme")

# Python 3.10 warns of every transport of TLS that this end has not closed itself.
pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed transport <asyncio.sslproto:ResourceWarning"
    if sys.version_info < (3, 11)
    else "error"
)

HOST = "127.0.0.1"


@functools.cache
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The server's, with a certificate for localhost, and the client's, which trusts it."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


def listen(**options: Any) -> Any:
    return serve(echo, HOST, 0, ssl=contexts()[0], **options)


def secure(server: Server, **options: Any) -> Any:
    arguments = {"ssl": contexts()[1], "server_hostname": "localhost", **options}
    return connect(f"wss://{HOST}:{server.port}/", **arguments)


@each_loop
async def test_messages_go_both_ways() -> None:
    async with listen() as server, secure(server) as ws:
        for message in ("text", b"", bytes(1_000_000)):
            await ws.send(message)
            assert await ws.recv() == message
    assert ws.close_code == 1000


@each_loop
async def test_the_name_of_the_uri_is_that_of_the_certificate() -> None:
    async with listen() as server:
        async with connect(f"wss://localhost:{server.port}/", ssl=contexts()[1]) as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"
        with pytest.raises(ssl.SSLCertVerificationError):
            await secure(server, server_hostname="example.com")


@each_loop
async def test_by_default_only_known_authorities_are_trusted() -> None:
    async with listen() as server:
        with pytest.raises(ssl.SSLCertVerificationError) as error:
            await connect(f"wss://localhost:{server.port}/")
        assert not is_transient(error.value)
        async with secure(server) as ws:
            await ws.send("the others are served")
            assert await ws.recv() == "the others are served"


@each_loop
async def test_unix_sockets_and_tunnels_carry_it(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    async with serve(echo, path=path, ssl=contexts()[0]):
        async with connect("wss://localhost/", path=path, ssl=contexts()[1]) as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"
    async with listen() as server:
        sock = socket.create_connection((HOST, server.port))
        async with secure(server, sock=sock) as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"


@each_loop
async def test_callbacks_and_hooks_are_the_same() -> None:
    async def process_request(request: Request) -> Any:
        await asyncio.sleep(0)
        return (200, {}, b"OK") if request.path == "/health" else None

    def on_message(ws: WebSocket, message: Any) -> None:
        ws.write(message)

    async with serve(
        host=HOST,
        port=0,
        ssl=contexts()[0],
        process_request=process_request,
        on_message=on_message,
        compression="deflate",
    ) as server:
        async with secure(server, compression="deflate") as ws:
            await ws.send("hello " * 100)
            assert await ws.recv() == "hello " * 100
        async with await tls(server) as peer:
            peer.writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = await peer.rest()
            assert (status(answer), body(answer)) == (200, b"OK")


async def tls(server: Server) -> Raw:
    return Raw(
        *await asyncio.open_connection(
            HOST, server.port, ssl=contexts()[1], server_hostname="localhost"
        )
    )


@each_loop
@pytest.mark.parametrize("sent", [b"hello\r\n\r\n", b"x" * 1_000_000])
async def test_garbage_is_told_so(sent: bytes) -> None:
    async with listen() as server, await tls(server) as peer:
        peer.writer.write(sent)
        assert status(await peer.head()) == (400 if len(sent) < 8192 else 414)


@each_loop
@pytest.mark.parametrize("sent", [REQUEST, b"x" * 1000, b"\x16\x03\x01\x00\x05hello"])
async def test_what_is_no_tls_ends_at_once(sent: bytes) -> None:
    async with listen() as server:
        async with await Raw.connect(server.port, sent) as peer:
            # An alert of TLS, at most.
            assert len(await peer.rest()) < 20
        await eventually(lambda: not server._registry._opening)


@each_loop
@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02\x00\x01\x00"])
async def test_a_tls_handshake_that_never_ends_is_cut_off_in_time(sent: bytes) -> None:
    async with listen(open_timeout=0.05) as server:
        async with await Raw.connect(server.port, sent) as peer:
            assert await peer.rest() == b""
        await eventually(lambda: not server._registry._opening)


@each_loop
async def test_a_request_that_never_ends_is_cut_off_in_time() -> None:
    async with listen(open_timeout=0.2) as server:
        async with await tls(server) as peer:
            peer.writer.write(REQUEST[:-1])
            assert status(await peer.head()) == 408


@each_loop
async def test_peers_in_the_tls_handshake_count() -> None:
    async with listen(max_connections=1) as server:
        async with await Raw.connect(server.port):
            await eventually(lambda: server._registry._opening)
            with pytest.raises(HandshakeRejected) as rejected:
                await secure(server)
            assert rejected.value.response.status == 503
        await eventually(lambda: not server._registry._opening)
        async with secure(server):
            pass


@each_loop
@pytest.mark.parametrize("turns", [0, 1, 2, 3, 4, 5, 20])
async def test_a_peer_that_leaves_as_it_is_let_in_is_forgotten(turns: int) -> None:
    async def process_request(request: Request) -> None:
        peer.writer.transport.abort()
        for _ in range(turns):
            await asyncio.sleep(0)

    async with listen(process_request=process_request) as server:
        peer = await tls(server)
        peer.writer.write(REQUEST)
        await eventually(lambda: server._registry._opening)
        await eventually(lambda: not server._registry._opening)
        await eventually(lambda: not server.connections)


@each_loop
async def test_closing_does_not_wait_for_tls_handshakes() -> None:
    async with listen() as server, secure(server) as ws:
        async with await Raw.connect(server.port) as peer:
            await eventually(lambda: server._registry._opening)
            await server.close()
            assert await peer.rest() == b""
        await ws.wait_closed()
        assert ws.close_code == 1001


@each_loop
async def test_connect_that_is_cancelled_leaves_nothing() -> None:
    async with listen() as server:
        for turns in range(0, 40, 3):
            task = asyncio.create_task(secure(server)._open())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            try:
                (await task).abort()
            except asyncio.CancelledError:
                pass
        await eventually(lambda: not server._registry._opening)


@each_loop
async def test_a_server_that_never_ends_the_tls_handshake_is_a_timeout() -> None:
    async def silent(peer: Raw) -> None:
        await peer.rest()

    async with RawServer(silent) as server:
        with pytest.raises(TimeoutError):
            await connect(f"wss://{HOST}:{server.port}/", open_timeout=0.05)


def to(there: Server, scheme: str) -> Callable[[Request], Any]:
    return lambda request: (307, {"Location": f"{scheme}://localhost:{there.port}/"}, b"")


@each_loop
async def test_redirects_lead_to_tls_and_never_from_it() -> None:
    async with listen() as there:
        async with serve(echo, HOST, 0, process_request=to(there, "https")) as server:
            async with connect(f"ws://{HOST}:{server.port}/", ssl=contexts()[1]) as ws:
                await ws.send("hello")
                assert await ws.recv() == "hello"
    async with serve(echo, HOST, 0) as there:
        for scheme in ("http", "ws"):
            async with listen(process_request=to(there, scheme)) as server:
                with pytest.raises(HandshakeError, match="wss to ws"):
                    await secure(server)
