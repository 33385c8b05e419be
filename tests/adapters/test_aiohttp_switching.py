"""aiohttp switched to this codec and back, and left alone where it is not known."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp._websocket.reader_py")

from aiohttp import ClientSession, web
from aiohttp._websocket import reader as reader_module
from aiohttp._websocket import reader_py, writer
from aiohttp_traffic import (
    DECODE_TEXT,
    OURS,
    PLAIN,
    Classes,
    Protocol,
    frame,
    needs_write,
    read_now,
)

import wsfast
from wsfast.adapters import _patch
from wsfast.adapters import aiohttp as adapter


@pytest.fixture
def enabled() -> Iterator[None]:
    wsfast.enable("aiohttp", strict=True)
    yield
    wsfast.disable("aiohttp")


async def echo(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(max_msg_size=2**22)
    await socket.prepare(request)
    async for message in socket:
        if message.data == "switch":
            wsfast.disable("aiohttp")
        if isinstance(message.data, str):
            await socket.send_str(message.data)
        else:
            await socket.send_bytes(message.data)
    return socket


async def talk(compress: int, sent: list[Any]) -> list[Any]:
    app = web.Application()
    app.router.add_get("/", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    found = []
    try:
        async with (
            ClientSession() as session,
            session.ws_connect(f"http://127.0.0.1:{port}/", compress=compress) as socket,
        ):
            for message in sent:
                if isinstance(message, str):
                    await socket.send_str(message)
                else:
                    await socket.send_bytes(message)
                found.append((await socket.receive()).data)
            assert await socket.close()
            assert socket.close_code == 1000
    finally:
        await runner.cleanup()
    return found


@pytest.mark.parametrize("compress", [0, 15])
@pytest.mark.parametrize("switches", [False, True])
def test_an_echo_over_loopback(enabled: None, compress: int, switches: bool) -> None:
    sent = ["hello", b"", bytes(range(256)) * 4000, "Grüße, 你好, 🌍 " * 20000]
    if switches:
        sent = ["switch", *sent]
    assert asyncio.run(talk(compress, sent)) == sent


def test_an_idle_connection_costs_little() -> None:
    def cost(classes: Classes) -> float:
        protocol = Protocol()

        def pair() -> tuple[Any, Any]:
            queue = classes.queue(protocol, 2**16, loop=None)
            reader = classes.reader(queue, 2**22, True, *DECODE_TEXT)
            reader.feed_data(frame(1, b"hello", True))
            read_now(queue)
            return queue, reader

        kept = [pair()]
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        kept += [pair() for _ in range(100)]
        after = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return (after - before) / 100

    assert cost(OURS) <= cost(PLAIN) + 512


def test_every_name_is_replaced_and_put_back() -> None:
    modules = [
        sys.modules[f"aiohttp.{name}"]
        for name in ("http_websocket", "http", "client", "client_ws", "web_ws", "web_protocol")
    ]

    def bound(name: str) -> set[Any]:
        return {vars(module)[name] for module in modules if name in vars(module)}

    wsfast.enable("aiohttp", strict=True)
    try:
        now = Classes.in_place()
        assert bound("WebSocketReader") == {now.reader}
        assert bound("WebSocketDataQueue") == {now.queue}
        assert now.reader is not PLAIN.reader
        assert now.reader.__name__ == "WebSocketReader"
    finally:
        assert wsfast.disable("aiohttp") == []
    assert Classes.in_place() == PLAIN
    assert bound("WebSocketReader") == {PLAIN.reader}
    assert bound("WebSocketDataQueue") == {PLAIN.queue}


@pytest.mark.parametrize("first", ["wsfast", "aiohttp"])
def test_enabled_before_and_after_the_import(first: str) -> None:
    steps = ["import wsfast; wsfast.enable('aiohttp')", "import aiohttp"]
    steps = steps if first == "wsfast" else steps[::-1]
    code = "\n".join(
        (
            *steps,
            "import aiohttp.web_ws as a, aiohttp.client as b, aiohttp._websocket.reader as r",
            "assert a.WebSocketReader is b.WebSocketReader is r.WebSocketReader",
            "assert r.WebSocketReader.__mro__[1].__module__.startswith('wsfast')",
        )
    )
    env = {"PYTHONPATH": str(Path(wsfast.__file__).parents[1]), "WSFAST_ADAPTERS_FORCE": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, env=env)


def tamper_reader(patch: pytest.MonkeyPatch) -> None:
    wrapper = type("WebSocketReader", (reader_module.WebSocketReader,), {})
    patch.setattr(reader_module, "WebSocketReader", wrapper)


def tamper_source(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reader_py, "WebSocketReader", type("WebSocketReader", (), {}))


def tamper_constant(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reader_py, "READ_HEADER", 2)


def tamper_writer(patch: pytest.MonkeyPatch) -> None:
    source = "def _write_websocket_frame(self, message, opcode, rsv): ..."
    names: dict[str, Any] = {}
    exec(source, names)
    patch.setattr(writer.WebSocketWriter, "_write_websocket_frame", names["_write_websocket_frame"])


@pytest.mark.parametrize(
    "tamper",
    [
        tamper_reader,
        tamper_source,
        tamper_constant,
        pytest.param(tamper_writer, marks=needs_write),
    ],
)
def test_code_that_is_not_known_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tamper: Any,
) -> None:
    tamper(monkeypatch)
    before = Classes.in_place()
    caplog.set_level(logging.WARNING, "wsfast")
    wsfast.enable("aiohttp")
    try:
        parts = {part.name: part for part in wsfast.status()["aiohttp"].parts}
        after = Classes.in_place()
        left = "frames out" if tamper is tamper_writer else "messages in"
        states = {part.state for name, part in parts.items() if name.startswith(left)}
        assert "left alone" in states
        assert "replaced" not in states
        if tamper is tamper_writer:
            assert after.write is before.write
        else:
            assert after[:2] == before[:2]
        assert sum("left alone" in record.getMessage() for record in caplog.records) == 1
    finally:
        wsfast.disable("aiohttp")
    assert Classes.in_place() == before


def test_a_compiled_release_that_is_not_known_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if PLAIN.reader is reader_py.WebSocketReader:
        pytest.skip("not compiled")
    monkeypatch.setattr(_patch.Library, "version", "3.14.99")
    wsfast.enable("aiohttp")
    try:
        (part,) = (
            part for part in wsfast.status()["aiohttp"].parts if part.name.endswith("compiled")
        )
        assert part.state == "left alone"
        assert "3.14.99" in str(part.reason)
    finally:
        wsfast.disable("aiohttp")


def test_a_check_that_fails_leaves_all_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    originals = {adapter._READER: PLAIN.reader, adapter._QUEUE: PLAIN.queue}
    wrong = {adapter._READER: OURS.reader, adapter._QUEUE: OURS.queue}
    adapter._check_reading(originals, wrong)
    monkeypatch.setattr(
        adapter,
        "_read",
        lambda members, stream, *options: [id(members), stream],
    )
    with pytest.raises(adapter.SelfCheckFailed):
        adapter._check_reading(originals, wrong)
