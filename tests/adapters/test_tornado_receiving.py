"""tornado, frames in: the same with its codec replaced as without."""

from __future__ import annotations

import asyncio
import sys
import tracemalloc
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from switching import runs, switched
from tornado_streams import (
    KEY,
    NAME,
    STREAMS,
    TEXT,
    Handler,
    Library,
    Protocol,
    Stub,
    payloads,
    websocket,
)

import wsfast
from wsfast.frames import encode_frame


@pytest.fixture
def enabled() -> Iterator[None]:
    with switched(NAME, True):
        yield


def received_by(
    wire: bytes, cuts: list[int], kind: str, manner: str, deflate: bool, most: int, client: bool
) -> list[Any]:
    """All that a protocol shows of itself while it receives these octets."""

    async def receive() -> list[Any]:
        handler = Handler(manner)
        protocol = Protocol(handler, client, websocket._WebSocketParams(max_message_size=most))
        if deflate:
            protocol._create_compressors("server", {})
        protocol.stream = stream = STREAMS[kind]()
        task = asyncio.create_task(protocol._receive_frame_loop())
        start = 0
        for end in sorted({cut % (len(wire) + 1) for cut in cuts} | {len(wire)}):
            stream.feed(wire[start:end])
            start = end
            for _ in range(8):
                await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        seen = [*handler.seen, protocol._message_bytes_in, stream.closed(), task.done()]
        seen += [protocol.close_code, protocol.client_terminated, protocol.server_terminated]
        seen.append([len(data) for data in stream.written] if client else stream.written)
        stream.close()
        try:
            await task
        except zlib.error as error:
            seen.append(str(error))
        if protocol._waiting is not None:
            stream.io_loop.remove_timeout(protocol._waiting)
        return [*seen, handler.seen[-1:]]

    return asyncio.run(receive())


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    opcode = draw(st.sampled_from([1, 1, 1, 2, 2, 0, 8, 9, 10, 3]))
    payload = draw(payloads)
    rsv = draw(st.sampled_from([0, 0, 0, 0x40, 0x40, 0x20]))
    if rsv == 0x40 and draw(st.booleans()):
        deflater = zlib.compressobj(wbits=-15)
        payload = deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH)[:-4]
    first = draw(st.sampled_from([0x80, 0x80, 0x80, 0])) | rsv | opcode
    length = len(payload)
    size = draw(st.sampled_from([0, 0, 0, 2, 8]))
    if length > 65535 or size == 8:
        header = bytes([first, 127]) + length.to_bytes(8, "big")
    elif length > 125 or size == 2:
        header = bytes([first, 126]) + length.to_bytes(2, "big")
    else:
        header = bytes([first, length])
    if draw(st.sampled_from([True, True, False])):
        payload = wsfast.apply_mask(payload, KEY)
        header = header[:1] + bytes([header[1] | 0x80]) + header[2:] + KEY
    return header + payload


@runs(60)
@given(
    received=st.lists(frames(), max_size=6),
    cuts=st.lists(st.integers(0, 70000), max_size=6),
    lost=st.sampled_from([0, 0, 0, 1, 5]),
    kind=st.sampled_from(sorted(STREAMS)),
    manner=st.sampled_from(["plain", "plain", "awaits", "fails"]),
    deflate=st.booleans(),
    most=st.sampled_from([10 << 20, 4000, 100]),
    client=st.booleans(),
)
def test_what_is_received_is_the_same(
    received: list[bytes],
    cuts: list[int],
    lost: int,
    kind: str,
    manner: str,
    deflate: bool,
    most: int,
    client: bool,
) -> None:
    wire = b"".join(received)
    wire = wire[: max(0, len(wire) - lost)]
    found = []
    for on in (False, True):
        with switched(NAME, on):
            found.append(received_by(wire, cuts, kind, manner, deflate, most, client))
    assert found[0] == found[1]


@pytest.mark.parametrize("kind", STREAMS)
def test_octets_are_counted_the_same(kind: str, enabled: None) -> None:
    messages = [b"", b"a" * 125, b"b" * 126, b"c" * 65536]
    wire = b"".join(encode_frame(2, message, mask=True) for message in messages)

    async def receive() -> None:
        handler = Handler()
        protocol = Protocol(handler, False, websocket._WebSocketParams())
        protocol.stream = stream = STREAMS[kind]()
        stream.feed(wire)
        for _ in messages:
            await protocol._receive_frame()
        assert handler.seen == messages
        assert protocol._wire_bytes_in == len(wire)
        assert protocol._message_bytes_in == sum(map(len, messages))

    asyncio.run(receive())


def test_a_message_handled_by_the_instance_goes_there(enabled: None) -> None:
    async def receive() -> None:
        protocol = Protocol(Handler(), False, websocket._WebSocketParams())
        protocol.stream = stream = Stub()
        handled = []
        protocol._handle_message = lambda opcode, data: handled.append((opcode, data))
        stream.feed(encode_frame(1, TEXT, mask=True) + encode_frame(2, b"x", mask=True))
        await protocol._receive_frame()
        await protocol._receive_frame()
        assert handled == [(1, TEXT.encode()), (2, b"x")]

    asyncio.run(receive())


def test_many_frames_at_once_let_others_run() -> None:
    """Whatever the release does about it, it does with its codec replaced, too."""
    wire = encode_frame(2, b"x" * 1000, mask=True) * 2000

    async def receive() -> int:
        handler = Handler()
        protocol = Protocol(handler, False, websocket._WebSocketParams())
        protocol.stream = stream = Library()
        task = asyncio.create_task(protocol._receive_frame_loop())
        stream.feed(wire)
        rounds = 0
        while len(handler.seen) < 2000:
            rounds += 1
            await asyncio.sleep(0)
        stream.close()
        await task
        return rounds

    rounds = []
    for on in (False, True):
        with switched(NAME, on):
            rounds.append(asyncio.run(receive()))
    assert rounds[0] == rounds[1]


@pytest.mark.skipif(wsfast.BACKEND == "python", reason="it unmasks and decodes in two steps")
@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("text", ["x", TEXT, ""], ids=["ascii", "mixed", "binary"])
def test_a_long_message_takes_no_more_memory(kind: str, text: str) -> None:
    length = 4 << 20
    wire = encode_frame(1, text * (length // len(text)), mask=True) if text else b""
    wire = wire or encode_frame(2, bytes(length), mask=True)

    async def receive() -> tuple[int, int]:
        handler = Handler()
        protocol = Protocol(handler, False, websocket._WebSocketParams(max_message_size=1 << 28))
        protocol.stream = stream = STREAMS[kind]()
        # All of it is there at once.
        stream.read_chunk_size = len(wire)
        task = asyncio.create_task(protocol._receive_frame_loop())
        await asyncio.sleep(0)
        tracemalloc.start()
        try:
            stream.feed(wire)
            while not handler.seen:
                await asyncio.sleep(0)
            found = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        stream.close()
        await task
        return found, sys.getsizeof(handler.seen[0])

    plain, _ = asyncio.run(receive())
    with switched(NAME, True):
        found, message = asyncio.run(receive())
    assert found <= 1.05 * plain
    if text and kind == "library":
        # What came, what it says, and no copy of either.
        assert found <= len(wire) + max(message, len(wire)) + (1 << 20)
