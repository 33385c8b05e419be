"""aiohttp on this codec: the same messages, errors, pauses and logs."""

from __future__ import annotations

import asyncio
import gc
import threading
import tracemalloc
import weakref
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

pytest.importorskip("aiohttp._websocket.reader_py")

from aiohttp._websocket import reader as reader_module
from aiohttp._websocket import reader_py
from aiohttp.http_websocket import WebSocketError
from aiohttp.streams import EofStream
from aiohttp_traffic import (
    DECODE_TEXT,
    MAX,
    OURS,
    PLAIN,
    Classes,
    Protocol,
    described,
    frame,
    in_pieces,
    needs_stalls,
    read_now,
    received,
)
from hypothesis import given, settings
from hypothesis import strategies as st

import wsfast
from wsfast import _backend


@pytest.fixture
def enabled() -> Iterator[None]:
    wsfast.enable("aiohttp", strict=True)
    yield
    wsfast.disable("aiohttp")


@settings(max_examples=200, deadline=None)
@given(
    traffic=in_pieces(),
    compress=st.booleans(),
    decode_text=st.booleans(),
    max_msg_size=st.sampled_from([0, 64, MAX]),
    limit=st.sampled_from([0, 150, 2**16]),
)
def test_what_is_received_is_the_same(
    traffic: tuple[list[bytes], list[int]], **options: Any
) -> None:
    assert received(OURS, *traffic, **options) == received(PLAIN, *traffic, **options)


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("size", [1, 7, 1000, 4096])
def test_long_messages_in_small_reads(masked: bool, size: int) -> None:
    payload = ("Grüße, 你好, 🌍 " * 300).encode()[:7001]
    text = payload.decode(errors="ignore").encode()
    stream = b"".join(
        (
            frame(2, payload, masked),
            frame(1, text, masked),
            frame(1, b"a" * 5000, masked),
            frame(1, text[:-1] + b"\xff", masked),
        )
    )
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    seen = [
        received(
            classes,
            pieces,
            [1] * len(pieces),
            compress=False,
            decode_text=True,
            max_msg_size=0,
            limit=2**16,
        )
        for classes in (PLAIN, OURS)
    ]
    assert seen[0] == seen[1]


@pytest.mark.parametrize("data", [bytearray(b"\x81\x01a"), memoryview(b"\x81\x01a")])
def test_any_buffer_is_read(data: Any) -> None:
    options: dict[str, Any] = {"compress": False, "decode_text": True}
    seen = [
        received(classes, [data, data], [0, 0], max_msg_size=0, limit=9, **options)
        for classes in (PLAIN, OURS)
    ]
    assert seen[0] == seen[1]


def test_an_inflater_that_fails_or_gives_too_much() -> None:
    deflate = zlib.compressobj(wbits=-15)
    bomb = (deflate.compress(bytes(9000)) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]
    deflate = zlib.compressobj(wbits=-15)
    good = (deflate.compress(b"hello") + deflate.flush())[:-1]
    for payload in (bomb, b"\xff\xff", bytes(50), good):
        stream = frame(2, good, True, rsv1=True) + frame(1, payload, True, rsv1=True)
        seen = [
            received(
                classes,
                [stream, b"\x81\x00"],
                [1, 1],
                compress=True,
                decode_text=True,
                max_msg_size=1000,
                limit=2**16,
            )
            for classes in (PLAIN, OURS)
        ]
        assert seen[0] == seen[1]


@needs_stalls
def test_many_messages_that_wait_in_a_full_queue() -> None:
    stream = b"".join(frame(2, bytes(number % 300), True) for number in range(2000))
    options: dict[str, Any] = {"compress": False, "decode_text": True, "max_msg_size": 0}
    for reads in ([0], [0, 40, 700]):
        size = -(-len(stream) // len(reads))
        pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
        seen = [
            received(classes, pieces, reads, limit=2**12, **options) for classes in (PLAIN, OURS)
        ]
        assert seen[0] == seen[1]


# Memory


def test_a_small_rest_does_not_keep_what_was_read_with_it() -> None:
    message = frame(2, bytes(100), True)
    queue = OURS.queue(Protocol(), 2**20, loop=None)
    reader = OURS.reader(queue, 0, False, *DECODE_TEXT)
    tracemalloc.start()
    try:
        reader.feed_data(message * 1000 + message[:50])
        while queue._buffer:
            read_now(queue)
        assert tracemalloc.get_traced_memory()[0] < 20_000
    finally:
        tracemalloc.stop()
    reader.feed_data(message[50:])
    assert read_now(queue)[1][1] == (bytes, bytes(100))


@pytest.mark.skipif(_backend.BACKEND == "python", reason="its frames know the reader")
@pytest.mark.parametrize("kind", [bytes, bytearray])
@pytest.mark.parametrize(
    "stream",
    [
        b"\xff\xff\xff",
        frame(1, b"\xff", True),
        frame(1, b"a", True, False) + frame(0, b"\xff", True),
        frame(2, bytes(2000), True),
    ],
)
def test_an_error_does_not_keep_its_reader(kind: Any, stream: bytes) -> None:
    queue = OURS.queue(Protocol(), 9, loop=None)
    reader = OURS.reader(queue, 1000, False, *DECODE_TEXT)
    gc.disable()
    try:
        reader.feed_data(kind(stream))
        assert isinstance(queue.exception(), WebSocketError)
        alive = weakref.ref(reader)
        del reader
        assert alive() is None
    finally:
        gc.enable()


# Many at once


def test_attributes_that_change_within_a_frame() -> None:
    message = frame(2, bytes(500), True)
    for name, value in (("_opcode", 1), ("_max_msg_size", 9), ("_compress", True)):
        queue = OURS.queue(Protocol(), 2**16, loop=None)
        reader = OURS.reader(queue, 0, False, *DECODE_TEXT)
        reader.feed_data(message[:50])
        setattr(reader, name, value)
        reader.feed_data(message[50:])
        assert (queue.exception() is None) is (name != "_max_msg_size")


def test_threads_with_one_reader() -> None:
    """Octets that come in any order are nonsense; but nothing else goes wrong."""
    queue = OURS.queue(Protocol(), 2**9, loop=None)
    reader = OURS.reader(queue, 0, False, *DECODE_TEXT)
    stream = b"".join(frame(2, bytes(size), True) for size in (0, 5, 300, 3000)) * 50
    barrier = threading.Barrier(4)

    def feed(size: int) -> None:
        barrier.wait()
        for start in range(0, len(stream), size):
            reader.feed_data(stream[start : start + size])

    def take() -> None:
        barrier.wait()
        for _ in range(5000):
            # Between a look and the step behind it the queue may be emptied.
            with suppress(EofStream, IndexError, WebSocketError):
                queue._read_from_buffer()

    threads = [threading.Thread(target=feed, args=(size,)) for size in (1, 50, 700)]
    threads.append(threading.Thread(target=take))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert queue.exception() is None or isinstance(queue.exception(), WebSocketError)


# The queue and its waiter


async def awaited(classes: Classes, act: Callable[[Any, Any, asyncio.Task[Any]], None]) -> Any:
    queue = classes.queue(Protocol(), 2**16, loop=asyncio.get_running_loop())
    reader = classes.reader(queue, 0, False, *DECODE_TEXT)
    task = asyncio.ensure_future(queue.read())
    await asyncio.sleep(0)
    act(queue, reader, task)
    (result,) = await asyncio.gather(task, return_exceptions=True)
    reader.feed_data(frame(1, b"after", True))
    outcome = described(result) if isinstance(result, tuple) else repr(result)
    return outcome, len(queue._buffer), queue.is_eof(), repr(queue.exception())


@pytest.mark.parametrize(
    "act",
    [
        lambda queue, reader, task: reader.feed_data(frame(1, b"text", True)),
        lambda queue, reader, task: reader.feed_data(frame(9, b"ping", False) * 2),
        lambda queue, reader, task: reader.feed_data(b"\xff\xff\xff"),
        lambda queue, reader, task: reader.feed_eof(),
        lambda queue, reader, task: queue.set_exception(ConnectionResetError("lost")),
        lambda queue, reader, task: queue.feed_data(reader_py.WSMessage(1, "direct", ""), 6),
        lambda queue, reader, task: task.cancel(),
    ],
)
def test_what_waits_for_a_message(act: Any) -> None:
    assert asyncio.run(awaited(OURS, act)) == asyncio.run(awaited(PLAIN, act))


@needs_stalls
def test_a_stalled_reader_that_is_collected(caplog: pytest.LogCaptureFixture) -> None:
    seen = []
    for classes in (PLAIN, OURS):
        caplog.clear()
        queue = classes.queue(Protocol(), 64, loop=None)
        reader = classes.reader(queue, 0, False, True)
        reader.feed_data(frame(2, b"x", True) * 9)
        assert queue._stalled_reader() is reader
        del reader
        gc.collect()
        found = [read_now(queue) for _ in range(len(queue._buffer) + 1)]
        seen.append((found, [record.getMessage() for record in caplog.records]))
    assert seen[0] == seen[1]
    assert len(seen[0][1]) == 1


def test_subclasses_may_replace_any_step(enabled: None) -> None:
    frames: list[Any] = []

    class Reader(reader_module.WebSocketReader):  # type: ignore[misc,valid-type]
        def _handle_frame(self, fin: bool, opcode: int, payload: Any, compressed: int) -> None:
            frames.append((fin, opcode, bytes(payload), compressed))

    queue: Any = reader_module.WebSocketDataQueue(Protocol(), 9, loop=None)  # type: ignore[arg-type]
    reader = Reader(queue, 0, False, *DECODE_TEXT)
    assert reader.feed_data(frame(1, b"text", True)) == (False, b"")
    assert frames == [(True, 1, b"text", 0)]


def test_a_queue_that_was_there_before_gets_a_reader_of_its_kind(enabled: None) -> None:
    queue = PLAIN.queue(Protocol(), 9, loop=None)
    if PLAIN.queue is reader_py.WebSocketDataQueue:
        pytest.skip("one kind only")
    reader = reader_module.WebSocketReader(queue, 0, False, *DECODE_TEXT)
    assert type(reader) is PLAIN.reader
    reader.feed_data(frame(1, b"text", True))
    assert read_now(queue)[1][1] == (str, "text")
