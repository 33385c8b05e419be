"""The programs in examples/, each run as its comment says, and talked to."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from subprocess import Popen
from typing import Any
from urllib.parse import urlsplit

import pytest
from processes import running

from wsfast.aio import ConnectionClosed, WebSocket, connect, serve
from wsfast.exceptions import HandshakeRejected

EXAMPLES = Path(__file__).parent.parent / "examples"
if not EXAMPLES.is_dir():
    pytest.skip("a wheel is tested, away from the sources", allow_module_level=True)

DEADLINE = 30.0


@contextmanager
def example(name: str | Path, port: int = 0) -> Iterator[tuple[Popen[str], str]]:
    """One of the servers, and its URI for WebSockets. It has to end well when it is interrupted."""
    with running(str(EXAMPLES / name if isinstance(name, str) else name), str(port)) as process:
        assert process.stdout is not None
        found = re.search(r"(ws|http)(://127\.0\.0\.1:\d+/)", process.stdout.readline())
        assert found is not None, process.communicate()[1]
        yield process, f"ws{found[2]}"
        if sys.platform != "win32":
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=DEADLINE)
            assert process.returncode == 0, err
            # Before 3.11, KeyboardInterrupt comes up wherever asyncio happens to be.
            assert err == "" or sys.version_info < (3, 11)


def run(test: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any) -> Any:
    return asyncio.run(asyncio.wait_for(test(*arguments), DEADLINE))


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


async def texts(ws: WebSocket, count: int) -> list[Any]:
    return [await ws.recv() for _ in range(count)]


def test_all_of_them_are_tested() -> None:
    names = {path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".html")}
    assert names == {"browser.html", "chat.py", "client.py", "feed.py", "page.py", "server.py"}


def test_client_and_server() -> None:
    with example("server.py") as (server, uri):
        with running(str(EXAMPLES / "client.py"), uri) as client:
            out, err = client.communicate(timeout=DEADLINE)
        server.send_signal(signal.SIGINT)
        assert server.stdout is not None
        seen = server.stdout.read().splitlines()
    assert err == ""
    assert client.returncode == 0
    assert out.splitlines()[:-1] == ["open /", "message 'Grüße'", r"message b'\x00\x01\x02'"]
    assert out.splitlines()[-1].startswith("close 1000")
    assert seen[0].startswith("open ('127.0.0.1', ")
    assert seen[1:] == ["message 'Grüße'", r"message b'\x00\x01\x02'", "close 1000 that's all"]


def test_the_servers_and_the_clients_errors() -> None:
    async def lose(uri: str) -> None:
        async with connect(uri) as ws:
            await ws.send("hello")
            await ws.recv()
            ws.abort()

    async def break_off(ws: WebSocket) -> None:
        ws.abort()

    async def lost() -> str:
        async with serve(break_off, "127.0.0.1", 0) as server:
            return await asyncio.to_thread(client, f"ws://127.0.0.1:{server.port}/")

    def client(uri: str) -> str:
        with running(str(EXAMPLES / "client.py"), uri) as process:
            return process.communicate(timeout=DEADLINE)[0]

    with example("server.py") as (process, uri):
        run(lose, uri)
        assert process.stdout is not None
        seen = [process.stdout.readline() for _ in range(4)]
    assert seen[2].startswith("error ")
    assert seen[3] == "close 1006 \n"
    printed = run(lost).splitlines()
    assert printed[0] == "open /"
    assert printed[-2].startswith("error ")
    assert printed[-1] == "close 1006 "


def test_the_page_and_what_it_talks_to() -> None:
    async def talk(uri: str, port: int) -> tuple[list[Any], tuple[int, str]]:
        async with connect(uri, origin=f"http://localhost:{port}", compression="deflate") as ws:
            assert ws.deflate is not None
            for message in ("Grüße", b"\x00\x01", "bye"):
                await ws.send(message)
            echoes = await texts(ws, 2)
            with pytest.raises(ConnectionClosed) as closed:
                await ws.recv()
            return echoes, (closed.value.code, closed.value.reason)

    async def from_elsewhere(uri: str) -> int:
        with pytest.raises(HandshakeRejected) as rejected:
            await connect(uri, origin="http://elsewhere.example")
        return rejected.value.response.status

    port = free_port()
    with example("page.py", port) as (_, uri):
        http = HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        for path, status, begins in (("/", 200, b"<!doctype html>"), ("/other", 404, b"There")):
            http.request("GET", path)
            response = http.getresponse()
            assert response.status == status
            assert response.read().startswith(begins)
            http.close()
        assert run(talk, uri, port) == (["Grüße", b"\x00\x01"], (1000, "as you wish"))
        assert run(from_elsewhere, uri) == 403


def test_chat() -> None:
    async def talk(uri: str) -> None:
        async with connect(f"{uri}tea?Ada", compression="deflate") as ada:
            assert await ada.recv() == "Ada is here: 1 in the room"
            async with connect(f"{uri}tea?J%C3%BCrgen") as other, connect(f"{uri}beer") as alone:
                assert await alone.recv() == "somebody is here: 1 in the room"
                for ws in (ada, other):
                    assert await ws.recv() == "Jürgen is here: 2 in the room"
                for _ in range(3):
                    await ada.send("hello")
                    await other.send("good evening")
                for ws in (ada, other):
                    said = await texts(ws, 6)
                    assert said.count("Ada: hello") == said.count("Jürgen: good evening") == 3
            assert await ada.recv() == "Jürgen has left"
            await ada.send("x" * 4097)
            with pytest.raises(ConnectionClosed) as closed:
                await ada.recv()
            assert closed.value.code == 1009

    with example("chat.py") as (_, uri):
        http = HTTPConnection("127.0.0.1", urlsplit(uri).port, timeout=DEADLINE)
        http.request("GET", "/tea?Ada")
        assert http.getresponse().read().startswith(b"<!doctype html>")
        http.close()
        run(talk, uri)


def test_feed() -> None:
    async def follow(ws: WebSocket, prices: dict[str, float], messages: int) -> list[int]:
        lengths = []
        for _ in range(messages):
            update = json.loads(await ws.recv())
            lengths.append(len(update))
            prices |= update
        return lengths

    async def subscribe(uri: str) -> None:
        first: dict[str, float] = {}
        second: dict[str, float] = {}
        async with connect(uri) as one:
            assert await follow(one, first, 2) == [500, 100]
            async with connect(uri) as other:
                assert await follow(other, second, 2) == [500, 100]
            await one.send("I buy!")
            with pytest.raises(ConnectionClosed) as closed:
                await follow(one, first, 100)
            assert (closed.value.code, closed.value.reason) == (1003, "this feed doesn't listen")
        assert first.keys() == second.keys()

    with example("feed.py") as (_, uri):
        run(subscribe, uri)


@pytest.mark.parametrize(("patience", "ends"), [(30.0, False), (0.2, True)])
def test_slow_subscribers_hold_up_nobody(patience: float, ends: bool, tmp_path: Path) -> None:
    # So often, and names so long, that the kernel's buffers are full after a moment.
    source = (EXAMPLES / "feed.py").read_text(encoding="utf-8")
    for usual, here in (
        (
            "INTERVAL, PATIENCE, LIMIT = 0.1, 10.0,",
            f"INTERVAL, PATIENCE, LIMIT = 0.001, {patience},",
        ),
        ('f"S{number:03}"', 'f"{number:01000}"'),
    ):
        assert usual in source
        source = source.replace(usual, here)
    (tmp_path / "feed.py").write_text(source, encoding="utf-8")

    async def until_all_prices(ws: WebSocket) -> None:
        while len(json.loads(await ws.recv())) < 500:
            pass

    async def subscribe(uri: str) -> None:
        # The kernel shall not take much of what isn't read.
        small = socket.socket()
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        small.setblocking(False)
        port = urlsplit(uri).port
        await asyncio.get_running_loop().sock_connect(small, ("127.0.0.1", port))
        async with connect(uri, sock=small, receive_queue=4096) as slow, connect(uri) as good:
            await until_all_prices(slow)
            await until_all_prices(good)
            # More than the kernel takes of it, and then longer than the server's patience.
            for _ in range(150):
                assert len(json.loads(await good.recv())) == 100
            until = asyncio.get_running_loop().time() + 0.5
            while asyncio.get_running_loop().time() < until:
                assert len(json.loads(await good.recv())) == 100
            if ends:
                with pytest.raises(ConnectionClosed) as closed:
                    await until_all_prices(slow)
                assert (closed.value.code, closed.value.reason) == (1013, "too slow")
            else:
                await until_all_prices(slow)
            assert len(json.loads(await good.recv())) == 100

    with example(tmp_path / "feed.py") as (_, uri):
        run(subscribe, uri)
