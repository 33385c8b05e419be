"""connect() where a server leads elsewhere."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from endpoints import (
    HOST,
    Raw,
    RawServer,
    answering,
    each_loop,
    echo,
    uri,
)

from wsfast.aio import connect, serve
from wsfast.events import Request
from wsfast.exceptions import HandshakeError, HandshakeRejected


def redirect(location: str, status: int = 302) -> Callable[[Request], Any]:
    return lambda request: (status, {"Location": location}, b"")


@each_loop
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(status: int) -> None:
    def process_request(request: Request) -> Any:
        if request.path == "/":
            return status, {"Location": "there?x=1"}, b"over there"
        return None

    async with serve(echo, HOST, 0, process_request=process_request) as server:
        async with connect(f"ws://user:word@{HOST}:{server.port}/") as ws:
            assert ws.request is not None
            assert ws.request.target == "/there?x=1"
            # The same origin may know who it is.
            assert "Authorization" in ws.request.headers


@each_loop
async def test_credentials_stay_within_their_origin() -> None:
    headers = {"Authorization": "Bearer a", "Cookie": "b", "X-Other": "c"}
    async with serve(echo, HOST, 0) as there:
        hook = redirect(f"http://{HOST}:{there.port}/new")
        async with serve(echo, HOST, 0, process_request=hook) as server:
            for credentials in ("", "user:word@"):
                start = f"ws://{credentials}{HOST}:{server.port}/"
                async with connect(start, headers=headers) as ws:
                    assert ws.request is not None
                    sent = ws.request.headers
                    assert sent["Host"] == f"{HOST}:{there.port}"
                    assert sent["X-Other"] == "c"
                    assert "Authorization" not in sent
                    assert "Cookie" not in sent


@each_loop
@pytest.mark.parametrize(("limit", "attempts"), [(0, 1), (3, 4)])
async def test_redirects_are_limited(limit: int, attempts: int) -> None:
    requests: list[Request] = []

    def process_request(request: Request) -> Any:
        requests.append(request)
        return 302, {"Location": "/again"}, b""

    async with serve(echo, HOST, 0, process_request=process_request) as server:
        with pytest.raises(HandshakeRejected) as rejected:
            await connect(uri(server), max_redirects=limit)
        assert rejected.value.response.status == 302
    assert len(requests) == attempts


@each_loop
async def test_a_redirect_that_leads_nowhere_is_an_answer() -> None:
    answers = [
        b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 300 Choose\r\nLocation: /a\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
    ]
    for answer in answers:
        async with RawServer(answering(answer)) as server:
            with pytest.raises(HandshakeRejected):
                await connect(uri(server))
            assert server.accepted == 1
    malformed = b"HTTP/1.1 302 Found\r\nLocation: ftp://x/\r\nContent-Length: 0\r\n\r\n"
    async with RawServer(answering(malformed)) as server:
        with pytest.raises(HandshakeError, match="Location"):
            await connect(uri(server))


@each_loop
async def test_a_tunnel_or_unix_socket_leads_nowhere_else(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    async with serve(echo, path=path, process_request=redirect("ws://127.0.0.1:1/")):
        with pytest.raises(HandshakeRejected):
            await connect("ws://localhost/", path=path)
    async with serve(echo, HOST, 0, process_request=redirect("/there")) as server:
        sock = socket.create_connection((HOST, server.port))
        with pytest.raises(HandshakeRejected):
            await connect(uri(server), sock=sock)


@each_loop
async def test_redirects_have_no_time_of_their_own() -> None:
    async def behave(peer: Raw) -> None:
        await peer.head()
        await asyncio.sleep(0.03)
        peer.writer.write(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")

    async with RawServer(behave) as server:
        with pytest.raises(TimeoutError):
            await connect(uri(server), open_timeout=0.1, max_redirects=100)
