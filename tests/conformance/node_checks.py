"""What has to hold between wsfast.aio's client and a server of Node's ws, node_server.mjs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import quote

from wsfast.aio import ConnectionClosed, WebSocket, connect
from wsfast.exceptions import HandshakeRejected

MIB = 1024 * 1024
SIZES = (0, 1, 125, 126, 65535, 65536, 70_000, MIB, 16 * MIB)


class Node:
    """The server, and how to reach it."""

    def __init__(self, port: int, deflates: bool) -> None:
        self.port = port
        self.deflates = deflates

    def connect(self, target: str, **settings: Any) -> AbstractAsyncContextManager[WebSocket]:
        settings = {"compression": "deflate", "max_message_length": 16 * MIB, **settings}
        return connect(f"ws://127.0.0.1:{self.port}{target}", **settings)

    async def last_end(self) -> tuple[str, int, str]:
        """Path, code and reason of the connection that it saw end last, asked for by HTTP."""
        await asyncio.sleep(0.05)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        ends = json.loads(answer[answer.index(b"[") : answer.rindex(b"]") + 1])
        path, code, reason = ends[-1]
        return path, code, reason


def equal(seen: object, wanted: object) -> None:
    if seen != wanted:
        raise AssertionError(f"{str(seen)[:80]!r}, expected {str(wanted)[:80]!r}")


async def agrees(node: Node) -> None:
    """permessage-deflate is agreed on where both want it"""
    async with node.connect("/echo") as ws:
        equal(ws.deflate is not None, node.deflates)
    async with node.connect("/echo", compression=None) as ws:
        equal(ws.deflate, None)


async def texts(node: Node) -> None:
    """texts of 0 octets to 16 MiB"""
    async with node.connect("/echo") as ws:
        for size in SIZES:
            text = "é漢😀x"[:4] * (size // 10) + "x" * (size % 10)
            await ws.send(text)
            equal(await ws.recv() == text, True)


async def octets(node: Node) -> None:
    """bytes of 0 octets to 16 MiB"""
    async with node.connect("/echo") as ws:
        for size in SIZES:
            data = bytes(i * i >> 3 & 255 for i in range(1024)) * (size // 1024 + 1)
            await ws.send(data[:size])
            equal(await ws.recv() == data[:size], True)


async def in_order(node: Node) -> None:
    """1,000 messages in order"""
    async with node.connect("/echo") as ws:
        for i in range(1000):
            ws.write(f"message {i}")
        for i in range(1000):
            equal(await ws.recv(), f"message {i}")


async def callbacks(node: Node) -> None:
    """callbacks"""
    seen: list[Any] = []

    def on_message(ws: WebSocket, message: str | bytes) -> None:
        seen.append(message)
        if len(seen) == 3:
            ws.abort()

    async with node.connect(
        "/echo",
        on_open=lambda ws: [ws.write(message) for message in ("one", b"two", "three")],
        on_message=on_message,
        on_close=lambda ws, code, reason: seen.append(code),
    ) as ws:
        await ws.wait_closed()
    equal(seen, ["one", b"two", "three", 1006])


async def sends_fragments(node: Node) -> None:
    """fragments from us, with a Ping between them"""

    async def parts(ws: WebSocket) -> AsyncIterator[str]:
        yield "one, "
        yield ""
        await ws.ping()
        yield "2" * 70_000

    async with node.connect("/echo") as ws:
        await ws.send(parts(ws))
        equal(await ws.recv(), "one, " + "2" * 70_000)
        await ws.send(bytes([i]) * 65_536 for i in range(256))
        equal(await ws.recv() == b"".join(bytes([i]) * 65_536 for i in range(256)), True)


async def receives_fragments(node: Node) -> None:
    """fragments from ws, with a Ping between them"""
    async with node.connect("/fragments") as ws:
        equal(await ws.recv(), "one, " + "2" * 70_000)
        equal(await ws.recv() == b"".join(bytes([i]) * 65_536 for i in range(256)), True)
        await ws.send("more")
        equal(await ws.recv(), "more")


async def streams(node: Node) -> None:
    """fragments from ws, as they come"""
    async with node.connect("/fragments", streaming=True) as ws:
        message = await ws.recv()
        equal([message.text, await message.read()], [True, "one, " + "2" * 70_000])
        length = 0
        async for part in await ws.recv():
            length += len(part)
        equal(length, 16 * MIB)


async def pings(node: Node) -> None:
    """Pings both ways"""
    async with node.connect("/ping") as ws:
        equal(await ws.recv(), "pong well?")
        equal(await ws.ping() > 0, True)
        equal(await ws.ping(b"x" * 125) > 0, True)


async def chooses(node: Node) -> None:
    """subprotocol"""
    async with node.connect("/echo", subprotocols=["chat.v1", "chat.v2"]) as ws:
        equal(ws.subprotocol, "chat.v2")
    async with node.connect("/echo") as ws:
        equal(ws.subprotocol, None)


async def we_close(node: Node) -> None:
    """we close, with a code and a reason"""
    for code, reason in ((1000, ""), (1001, "away"), (4999, "ü" * 61 + "!")):
        async with node.connect("/echo") as ws:
            await ws.close(code, reason)
            await ws.wait_closed()
            equal((ws.close_code, ws.close_reason), (code, reason))
        equal(await node.last_end(), ("/echo", code, reason))


async def ws_closes(node: Node) -> None:
    """ws closes, with a code and a reason, and without"""
    for code, reason in ((1000, "fin"), (3000, ""), (4000, "ü" * 61 + "!")):
        async with node.connect(f"/close?code={code}&reason={quote(reason)}") as ws:
            await closed(ws, code, reason)
        equal(await node.last_end(), ("/close", code, reason))
    async with node.connect("/close") as ws:
        await closed(ws, 1005)


async def closed(ws: WebSocket, code: int, reason: str = "") -> None:
    try:
        message = await ws.recv()
    except ConnectionClosed as error:
        equal((error.code, error.reason), (code, reason))
        await ws.wait_closed()
        equal((ws.close_code, ws.close_reason), (code, reason))
    else:
        raise AssertionError(f"a message instead of a close: {str(message)[:80]}")


async def last_words(node: Node) -> None:
    """ws closes behind a message"""
    async with node.connect("/last-words") as ws:
        messages = [message async for message in ws]
        equal(messages == [bytes(4 * MIB)], True)


async def vanishes(node: Node) -> None:
    """ws vanishes"""
    async with node.connect("/vanish") as ws:
        await closed(ws, 1006)


async def breaks(node: Node) -> None:
    """ws breaks the protocol"""
    async with node.connect("/masked") as ws:
        try:
            await ws.recv()
        except ConnectionClosed as error:
            assert error.sent is not None
            equal(error.sent.code, 1002)
    path, code, _ = await node.last_end()
    equal((path, code), ("/masked", 1002))


async def too_long(node: Node) -> None:
    """a message above either limit"""
    async with node.connect("/echo") as ws:
        try:
            # It may come while we still send.
            await ws.send(bytes(16 * MIB + 1))
            await ws.recv()
        except ConnectionClosed as error:
            equal(error.code, 1009)
    async with node.connect("/echo", max_message_length=1000) as ws:
        await ws.send(bytes(1001))
        try:
            await ws.recv()
        except ConnectionClosed as error:
            assert error.sent is not None
            equal(error.sent.code, 1009)
    path, code, _ = await node.last_end()
    equal((path, code), ("/echo", 1009))


async def refused(node: Node) -> None:
    """ws refuses the handshake"""
    try:
        async with node.connect("/forbidden"):
            raise AssertionError("no refusal")
    except HandshakeRejected as error:
        equal((error.response.status, error.response.body), (403, b"not for you"))


async def redirected(node: Node) -> None:
    """ws redirects"""
    async with node.connect("/moved") as ws:
        await ws.send("here")
        equal(await ws.recv(), "here")


CHECKS = (
    agrees,
    texts,
    octets,
    in_order,
    callbacks,
    sends_fragments,
    receives_fragments,
    streams,
    pings,
    chooses,
    we_close,
    ws_closes,
    last_words,
    vanishes,
    breaks,
    too_long,
    refused,
    redirected,
)
