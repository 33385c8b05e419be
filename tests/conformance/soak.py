"""Thousands of short connections of every kind, one after the other: nothing of them may be left.

    python tests/conformance/soak.py [--seconds N] [--loop …] [--at-once N] [--keep-cycles]

Server and clients run in one process, on 127.0.0.1: some by a handler, some by callbacks, some
streaming; plain, compressed; ended by either side, torn down, failed by what they send,
half-closed, left in the opening handshake. Memory, that of the process and as tracemalloc counts
it, must have reached in the second quarter of the time what it stays at; in the end no task, file
descriptor or connection may be left, and no warning have been given. With --keep-cycles the garbage
collector is off, so that what only it can free shows.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import random
import socket
import struct
import sys
import tracemalloc
import warnings
from collections import Counter
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, NamedTuple

from wsfast import BACKEND
from wsfast.aio import ConnectionClosed, Server, WebSocket, connect, serve

HOST = "127.0.0.1"
MIB = 1024 * 1024

# Of what was measured after the warm-up: so much more may be in use at the end. The allocator of
# the process gives pages back late, and what a page holds is by chance.
MORE_TRACED = 200_000
MORE_RESIDENT = 4 * MIB
SAMPLES = 40

LEFT_OUT = 77  # the exit code where a tool isn't there

REQUEST = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
LIMITS: dict[str, Any] = {"close_timeout": 2.0, "open_timeout": 2.0}

# In turn from all of these: what goes through the connections.
MESSAGES: list[Any] = [
    "text",
    "ä€🚀" * 100,
    b"",
    bytes(200),
    bytes(range(256)) * 40,
    bytes(100_000),
]


class Servers(NamedTuple):
    """One for each way to use a connection; compressed or not is for the clients to ask for."""

    handler: Server
    callbacks: Server
    streaming: Server


class Sample(NamedTuple):
    connections: int
    resident: int
    traced: int
    descriptors: int
    tasks: int


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)
        if message == "leave":
            return
        if message == "fail":
            raise ZeroDivisionError


def echo_at_once(ws: WebSocket, message: Any) -> None:
    ws.write(message)
    if message == "leave":
        ws.close()
    if message == "fail":
        raise ZeroDivisionError


async def echo_pieces(ws: WebSocket) -> None:
    async for message in ws:
        pieces = [piece async for piece in message]
        await ws.send(iter(pieces or ["" if message.text else b""]))
        if pieces == ["leave"]:
            return
        if pieces == ["fail"]:
            raise ZeroDivisionError


def options(chance: random.Random) -> dict[str, Any]:
    return {**LIMITS, "compression": chance.choice([None, None, "deflate"])}


def uri(server: Server) -> str:
    return f"ws://{HOST}:{server.port}/"


# What the short connections do


async def talks(server: Server, chance: random.Random) -> None:
    async with connect(uri(server), **options(chance)) as ws:
        for message in chance.sample(MESSAGES, 3):
            await ws.send(message)
            assert await ws.recv() == message


async def pings(server: Server, chance: random.Random) -> None:
    async with connect(uri(server), **options(chance)) as ws:
        await asyncio.gather(*(ws.ping() for _ in range(5)))


async def calls_back(server: Server, chance: random.Random) -> None:
    got: list[Any] = []
    messages = chance.sample(MESSAGES, 3)

    def on_message(ws: WebSocket, message: Any) -> None:
        got.append(message)
        if len(got) == len(messages):
            ws.close(4000, "enough")

    ws = await connect(uri(server), on_message=on_message, **options(chance))
    for message in messages:
        ws.write(message)
    await ws.wait_closed()
    assert got == messages


async def is_left(server: Server, chance: random.Random) -> None:
    ws = await connect(uri(server), **options(chance))
    await ws.send(chance.choice(["leave", "fail"]))
    try:
        while True:
            await ws.recv()
    except ConnectionClosed as closed:
        assert closed.code in (1000, 1011), closed
    await ws.wait_closed()


async def streams(server: Server, chance: random.Random) -> None:
    async with connect(uri(server), streaming=True, **options(chance)) as ws:
        await ws.send(iter(["one", "two"]))
        message = await ws.recv()
        assert await message.read() == "onetwo"


async def is_torn_down(server: Server, chance: random.Random) -> None:
    ws = await connect(uri(server), **options(chance))
    for _ in range(chance.randrange(20)):
        ws.write(bytes(50_000))
    if chance.random() < 0.5:
        await asyncio.sleep(0)
    ws.abort()
    await ws.wait_closed()


async def gives_up(server: Server, chance: random.Random) -> None:
    attempt = asyncio.ensure_future(_use(server, chance))
    await asyncio.sleep(chance.random() * 0.005)
    attempt.cancel()
    await asyncio.wait({attempt})


async def _use(server: Server, chance: random.Random) -> None:
    async with connect(uri(server), **options(chance)) as ws:
        while True:
            await ws.send("x" * 1000)
            await ws.recv()


async def breaks_the_protocol(server: Server, chance: random.Random) -> None:
    wrong = [b"\xff" * 100, b"\x81\x05Hello", struct.pack("!BBQ", 0x82, 0xFF, 2**31) + bytes(4)]
    reader, writer = await asyncio.open_connection(HOST, server.port)
    writer.write(REQUEST + b"\x81\x85\0\0\0\0Hello" + chance.choice(wrong))
    answer = await reader.read()
    assert b"Hello" in answer
    assert b"\x88" in answer
    await _close(writer)


async def vanishes(server: Server, chance: random.Random) -> None:
    reader, writer = await asyncio.open_connection(HOST, server.port)
    writer.write((REQUEST + b"\x81\x85\0\0\0\0Hello")[: chance.randrange(1, len(REQUEST) + 12)])
    if chance.random() < 0.5:
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    elif chance.random() < 0.5:
        writer.write_eof()
        await reader.read()
    await _close(writer)


async def asks_for_something_else(server: Server, chance: random.Random) -> None:
    reader, writer = await asyncio.open_connection(HOST, server.port)
    writer.write(
        chance.choice([b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01garbage\r\n\r\n"])
    )
    assert (await reader.read()).startswith(b"HTTP/1.1 4")
    await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await writer.wait_closed()
    except ConnectionError:
        pass


Kind = Callable[[Server, random.Random], Awaitable[None]]
KINDS: list[Kind] = [
    *(talks, talks, talks, pings, calls_back, streams, is_left, is_torn_down, gives_up),
    *(breaks_the_protocol, vanishes, asks_for_something_else),
]


class Soak:
    """Connections one after the other, several at once, and what is in use meanwhile."""

    def __init__(self, seconds: float, at_once: int, collects: bool) -> None:
        self._seconds = seconds
        self._at_once = at_once
        self._collects = collects
        self._chance = random.Random(seconds)
        self._end = 0.0
        self.made: Counter[str] = Counter()
        self.samples: list[Sample] = []
        self.found: list[str] = []

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.found.append(f"the loop: {context}"))
        where: dict[str, Any] = {"host": HOST, "port": 0, "compression": "deflate", **LIMITS}
        async with (
            serve(echo, **where) as handler,
            serve(on_message=echo_at_once, **where) as callbacks,
            serve(echo_pieces, streaming=True, **where) as streaming,
        ):
            servers = Servers(handler, callbacks, streaming)
            # What loop and libraries make at first use is no leak.
            for kind in dict.fromkeys(KINDS):
                await self._do(kind, servers)
            before = await self._settled(servers, None)
            self._end = loop.time() + self._seconds
            users = [asyncio.ensure_future(self._use(servers)) for _ in range(self._at_once)]
            while loop.time() < self._end:
                await asyncio.sleep(self._seconds / SAMPLES)
                self.samples.append(self._sample())
                show(self.samples[-1])
            await asyncio.gather(*users)
            after = await self._settled(servers, before)
            self.found += self._left(after, before)
            for name, server in zip(Servers._fields, servers, strict=True):
                if server.connections:
                    self.found.append(f"{name}: {len(server.connections)} connections are left")
        self._compare()

    async def _use(self, servers: Servers) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < self._end:
            await self._do(self._chance.choice(KINDS), servers)

    async def _do(self, kind: Kind, servers: Servers) -> None:
        try:
            await asyncio.wait_for(kind(self._chance.choice(servers), self._chance), 20)
        except Exception as error:
            self.found.append(f"{kind.__name__}: {error!r}")
            if len(self.found) > 20:
                self._end = 0.0
        self.made[kind.__name__] += 1

    async def _settled(self, servers: Servers, before: Sample | None) -> Sample:
        """What there is when all have left, or should have."""
        for _ in range(1000):
            await asyncio.sleep(0.01)
            sample = self._sample(collects=False)
            if any(server.connections for server in servers):
                continue
            if before is None or not self._left(sample, before):
                break
        return self._sample()

    def _left(self, after: Sample, before: Sample) -> list[str]:
        more = {
            "descriptors": after.descriptors - before.descriptors,
            "tasks": after.tasks - before.tasks,
        }
        return [f"{count} {what} are left" for what, count in more.items() if count > 0]

    def _sample(self, collects: bool = True) -> Sample:
        if collects and self._collects:
            gc.collect()
        with open("/proc/self/statm") as file:
            resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        traced = tracemalloc.get_traced_memory()[0]
        descriptors = len(os.listdir("/proc/self/fd"))
        return Sample(self.made.total(), resident, traced, descriptors, len(asyncio.all_tasks()))

    def _compare(self) -> None:
        """The least in the second quarter, by which all has been used, with that in the last."""
        quarter = len(self.samples) // 4
        early, late = self.samples[quarter : 2 * quarter], self.samples[-quarter:]
        for what, more in (("traced", MORE_TRACED), ("resident", MORE_RESIDENT)):
            first = min(getattr(sample, what) for sample in early)
            last = min(getattr(sample, what) for sample in late)
            if last > first + more:
                connections = late[0].connections - early[0].connections
                self.found.append(
                    f"{what} memory grew from {first:,} to {last:,} octets in {connections:,} "
                    "connections"
                )


def show(sample: Sample) -> None:
    print(
        f"{sample.connections:>8,} connections   resident {sample.resident / MIB:6.1f} MiB   "
        f"traced {sample.traced / MIB:6.2f} MiB   {sample.descriptors:>4} descriptors   "
        f"{sample.tasks:>4} tasks",
        flush=True,
    )


def new_loop(name: str) -> asyncio.AbstractEventLoop:
    if name == "uvloop":
        try:
            import uvloop
        except ImportError as error:
            print(f"left out: {error}", file=sys.stderr)
            sys.exit(LEFT_OUT)
        return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def main() -> int:
    parser = argparse.ArgumentParser(description="Short connections, and whether they leak.")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--at-once", type=int, default=20, help="connections at a time")
    parser.add_argument("--keep-cycles", action="store_true", help="no garbage collector")
    arguments = parser.parse_args()
    warned: list[str] = []
    warnings.simplefilter("always")
    warnings.showwarning = lambda message, *_, **__: warned.append(str(message))  # type: ignore[assignment]
    # Handlers that fail are part of it.
    logging.getLogger("wsfast.aio").setLevel(logging.CRITICAL)
    if arguments.keep_cycles:
        gc.collect()
        gc.disable()
    tracemalloc.start()
    soak = Soak(arguments.seconds, arguments.at_once, not arguments.keep_cycles)
    began = monotonic()
    loop = new_loop(arguments.loop)
    try:
        loop.run_until_complete(soak.run())
    finally:
        loop.close()
    gc.collect()
    soak.found += [f"warning: {warning}" for warning in warned]
    print(f"{BACKEND}, {arguments.loop}: {soak.made.total():,} connections in ", end="")
    print(f"{monotonic() - began:.0f} s: {dict(soak.made)}")
    for found in soak.found:
        print(f"  {found}", file=sys.stderr)
    print("failed" if soak.found else "nothing is left of them")
    return 1 if soak.found else 0


if __name__ == "__main__":
    sys.exit(main())
