"""What waits for messages on the hot path, both twins: order, cancelling, limits."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine
from typing import Any

import pytest
from implementations import Implementation
from links import HELLO, End, feed, looped, make, masked
from streams import KEY, frame

from wsfast.events import MessagePart
from wsfast.protocol import COMPRESSED_PIECE_LENGTH, RSV1, Opcode

KIND = contextvars.ContextVar("KIND", default="none")


def fed_later(link: Any, *reads: bytes) -> None:
    loop = asyncio.get_running_loop()
    for read in reads:
        loop.call_soon(feed, link, read)


@looped
async def test_messages_that_wait_are_received_in_order(implementation: Implementation) -> None:
    link = make(implementation)
    feed(link, masked(*map(str, range(100))))
    assert [await link.recv() for _ in range(50)] == [str(n) for n in range(50)]
    feed(link, masked(*map(str, range(100, 130))))
    assert [await link.recv() for _ in range(80)] == [str(n) for n in range(50, 130)]
    fed_later(link, masked("late", b"later"))
    assert await link.recv() == "late"
    assert await link.recv() == b"later"


@looped
async def test_a_receiver_is_a_coroutine(implementation: Implementation) -> None:
    link = make(implementation)
    assert isinstance(link.recv(), Coroutine)
    assert isinstance(link.send("x"), Coroutine)
    assert asyncio.iscoroutine(link.recv())
    feed(link, masked("a", "b", "c", "d", "e"))
    assert await asyncio.create_task(link.recv()) == "a"
    assert await asyncio.wait_for(link.recv(), 1) == "b"
    assert await asyncio.gather(link.recv()) == ["c"]
    assert await asyncio.shield(link.recv()) == "d"
    assert await asyncio.ensure_future(link.recv()) == "e"
    fed_later(link, masked("f"), masked("g"))
    assert await asyncio.create_task(link.recv()) == "f"
    assert await asyncio.wait_for(link.recv(), 1) == "g"


@looped
async def test_it_is_awaited_once_and_one_at_a_time(implementation: Implementation) -> None:
    link = make(implementation)
    feed(link, masked("a"))
    first = link.recv()
    assert await first == "a"
    with pytest.raises(RuntimeError, match="can be awaited once"):
        await first
    task = asyncio.create_task(link.recv())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="while another one waits"):
        await link.recv()
    feed(link, masked("b"))
    assert await task == "b"


@looped
async def test_who_is_cancelled_has_lost_nothing(implementation: Implementation) -> None:
    link = make(implementation)
    # Before it was begun.
    feed(link, masked("a"))
    task = asyncio.create_task(link.recv())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await link.recv() == "a"
    # While it waited.
    task = asyncio.create_task(link.recv())
    await asyncio.sleep(0)
    task.cancel()
    feed(link, masked("b"))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await link.recv() == "b"
    # When it had been woken, but not gone on: not at once, since a task is running.
    task = asyncio.create_task(link.recv())
    await asyncio.sleep(0)
    feed(link, masked("c"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await link.recv() == "c"
    with pytest.raises((TimeoutError, asyncio.TimeoutError)):
        await asyncio.wait_for(link.recv(), 0.01)
    fed_later(link, masked("d"))
    assert await link.recv() == "d"
    link.recv().close()


@looped
async def test_a_task_goes_on_within_the_read(implementation: Implementation) -> None:
    link = make(implementation)
    order: list[str] = []

    async def handler() -> None:
        KIND.set("handler")
        async for message in link:
            order.append(f"{KIND.get()} {message}")
            await link.send("Hello")

    task = asyncio.create_task(handler())
    await asyncio.sleep(0)

    def read(*messages: str) -> None:
        KIND.set("reader")
        feed(link, masked(*messages))
        order.append(KIND.get())

    loop = asyncio.get_running_loop()
    loop.call_soon(read, "a", "b")
    loop.call_soon(read, "c")
    await asyncio.sleep(0)
    assert order == ["handler a", "handler b", "reader", "handler c", "reader"]
    assert link.transport.written == [HELLO * 2, HELLO]
    # Not while another task runs.
    feed(link, masked("d"))
    assert order[5:] == []
    await asyncio.sleep(0)
    assert order[5:] == ["handler d"]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@looped
async def test_writes_are_held_while_messages_wait(implementation: Implementation) -> None:
    link = make(implementation)
    feed(link, masked("a", "b", "c"))
    for _ in range(3):
        await link.recv()
        link.write("Hello")
    # None is left: what is written now needn't wait, nor what was.
    assert link.transport.written == []
    receiver = asyncio.create_task(link.recv())
    await asyncio.sleep(0)
    assert link.transport.written == [HELLO * 3]
    feed(link, masked("d"))
    assert await receiver == "d"
    feed(link, masked("e", "f"))
    link.write("Hello")
    assert len(link.transport.written) == 1
    await asyncio.sleep(0)
    assert link.transport.written[1:] == [HELLO]
    assert [await link.recv(), await link.recv()] == ["e", "f"]
    link.write("Hello")
    assert link.transport.written[2:] == [HELLO]


@looped
async def test_the_end_comes_behind_the_messages(implementation: Implementation) -> None:
    link = make(implementation)
    feed(link, masked("a"))
    link._ended = True
    assert await link.recv() == "a"
    with pytest.raises(End):
        await link.recv()
    with pytest.raises(StopAsyncIteration):
        await anext(link)
    link = make(implementation)
    feed(link, masked("a"))
    link._is_ending = True
    assert await link.recv() == "a"
    assert link.told == []
    with pytest.raises(End):
        await link.recv()
    assert link.told == ["consumed"]
    link = make(implementation)
    receiver = asyncio.create_task(link.recv())
    await asyncio.sleep(0)
    link._ended = True
    link._waiter.wake(False)
    with pytest.raises(End):
        await receiver
    assert link._receiver is None


@looped
async def test_reading_stops_while_the_queue_is_full(implementation: Implementation) -> None:
    # A message counts for 64 octets more than it has, and text beyond ASCII for four times as much.
    link = make(implementation, queue_limit=3 * 74)
    transport = link.transport
    feed(link, masked("0123456789", b"0123456789", "0123456789"))
    assert transport.reading
    feed(link, masked(""))
    assert not transport.reading
    assert await link.recv() == "0123456789"
    assert not transport.reading
    await link.recv()
    assert not transport.reading
    await link.recv()
    assert transport.reading
    await link.recv()
    feed(link, masked("äääääääääääääääääääääääääääääääääääääää"))
    assert transport.reading
    feed(link, masked("ä"))
    assert not transport.reading
    transport.closing = True
    for _ in range(2):
        await link.recv()
    assert not transport.reading
    link._drops = True
    feed(link, masked("dropped"))
    assert not link._queue


class Inflater:
    """Every octet stands for 1000."""

    def inflate(self, data: bytes, last: bool, max_length: int | None) -> bytes:
        return b"".join(bytes([octet]) * 1000 for octet in data)


@looped
async def test_what_inflates_to_a_lot_is_taken_piece_by_piece(
    implementation: Implementation,
) -> None:
    decoder = implementation.messages.MessageDecoder("server", inflater=Inflater())
    link = make(implementation, decoder=decoder, inflates=True, queue_limit=1)
    message = frame(Opcode.BINARY, bytes(100), key=KEY, rsv=RSV1)
    many = 60000 // len(message)
    per_piece = COMPRESSED_PIECE_LENGTH // len(message)
    feed(link, message * many)
    assert not link.transport.reading
    queued = 0
    while link._queue:
        assert await link.recv() == bytes(100000)
        queued += 1
        if queued == per_piece:
            break
    assert queued == per_piece
    for _ in range(many - queued):
        assert await link.recv() == bytes(100000)
    assert link.transport.reading
    assert not link._queue


@looped
async def test_parts_are_received_as_they_come(implementation: Implementation) -> None:
    decoder = implementation.messages.MessageDecoder("server", partial=True)
    link = make(implementation, decoder=decoder, in_parts=True, queue_limit=200)
    data = frame(Opcode.TEXT, b"Hello", key=KEY)
    feed(link, data[:8])
    assert await link.recv() == MessagePart(Opcode.TEXT, 0, "He", False)
    feed(link, data[8:])
    assert await anext(link) == MessagePart(Opcode.TEXT, 2, "llo", True)
    feed(link, frame(Opcode.BINARY, bytes(200), key=KEY))
    assert not link.transport.reading
    assert (await link.recv()).last
    assert link.transport.reading


@looped
async def test_what_a_callback_writes_stops_the_reading(implementation: Implementation) -> None:
    link = make(implementation, lambda ws, message: message and ws.write(message))
    link._waits = True
    feed(link, masked(""))
    assert link.transport.reading
    feed(link, masked("a"))
    assert not link.transport.reading
    link._resume(1)
    assert not link.transport.reading
    link._resume(2)
    assert link.transport.reading
    client = make(implementation, lambda ws, message: ws.write(message), masks=True)
    client._waits = True
    feed(client, HELLO)
    assert client.transport.reading
