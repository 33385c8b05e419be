"""Who is cancelled: in recv() loses nothing, in send() has sent all of a message or nothing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import BINARY, CLOSE, TEXT, read_messages
from pairs import pair, run
from siege import masked
from wires import Wire, lost, open_on

from wsfast.aio import ConnectionClosed, Settings, WebSocket

# Turns of the event loop.
turns = st.integers(0, 4)


async def pass_turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


receivings = st.lists(
    st.one_of(
        st.tuples(st.just("bring"), st.integers(1, 3)),
        st.tuples(st.just("receive"), turns),
        st.tuples(st.just("receive by a task"), turns),
        st.tuples(st.just("bring and cancel"), turns),
        st.tuples(st.just("cancel and bring"), turns),
        st.tuples(st.just("time out"), turns),
    ),
    max_size=12,
)


async def begun(ws: WebSocket, after: int) -> asyncio.Task[Any]:
    task: asyncio.Task[Any] = asyncio.ensure_future(ws.recv())
    await pass_turns(after)
    return task


async def outcome(task: asyncio.Task[Any]) -> list[Any]:
    """What it has received, if it has."""
    await asyncio.wait({task})
    return [] if task.cancelled() else [task.result()]


@given(steps=receivings, queue=st.sampled_from([0, 100, 10_000]))
@settings(max_examples=150)
def test_a_cancelled_recv_loses_nothing(steps: list[tuple[str, int]], queue: int) -> None:
    async def test() -> None:
        wire = Wire()
        ws = open_on(wire, "server", {"receive_queue": queue})
        sent: list[Any] = []
        got: list[Any] = []

        def bring(count: int) -> None:
            for _ in range(count):
                sent.append(f"message {len(sent)}")
                wire.bring(masked(TEXT, sent[-1].encode()))

        for step, count in steps:
            if step == "bring":
                bring(count)
            elif step == "receive":
                if len(sent) > len(got):
                    got.append(await ws.recv())
            elif step == "time out":
                try:
                    got.append(await asyncio.wait_for(ws.recv(), 0 if count % 2 else 0.0001))
                except asyncio.TimeoutError:
                    pass
            else:
                task = await begun(ws, count)
                if step == "bring and cancel":
                    bring(1)
                    await pass_turns(count)
                    task.cancel()
                elif step == "cancel and bring":
                    task.cancel()
                    bring(1)
                else:
                    task.cancel()
                got += await outcome(task)
        while len(got) < len(sent):
            got.append(await ws.recv())
        assert got == sent
        wire.bring(b"")
        await lost(ws)

    run(asyncio.wait_for(test(), 5))


class Sending:
    """A message of its own, sent as some kind, begun and cancelled at some turn of the loop."""

    def __init__(self, number: int, kind: str, begins: int, cancelled: int | None) -> None:
        self.kind = kind
        self.begins = begins
        self.cancelled = cancelled
        pieces = [f"{number}:{n}," for n in range(3)]
        self.pieces = pieces
        self.whole: Any = "".join(pieces)
        if kind == "binary":
            self.whole = self.whole.encode()
        self.task: asyncio.Task[Any] | None = None
        self.was_refused = False
        #: Pieces that were asked for.
        self.asked = 0

    def message(self) -> Any:
        if self.kind == "iterable":
            return iter(self.pieces)
        return self.slowly() if self.kind == "stream" else self.whole

    async def slowly(self) -> AsyncIterator[str]:
        for piece in self.pieces:
            await asyncio.sleep(0)
            self.asked += 1
            yield piece
        await asyncio.sleep(0)

    def begin(self, ws: WebSocket) -> None:
        try:
            if self.kind == "write":
                ws.write(self.whole)
            else:
                self.task = asyncio.ensure_future(ws.send(self.message()))
        except ConnectionClosed:
            self.was_refused = True


sendings = st.lists(
    st.tuples(
        st.sampled_from(["text", "binary", "iterable", "stream", "stream", "write"]),
        st.integers(0, 8),
        st.one_of(st.none(), st.integers(0, 12)),
    ),
    min_size=1,
    max_size=8,
)


@given(plan=sendings, pauses=st.lists(st.integers(0, 12), max_size=3))
@settings(max_examples=200)
def test_a_cancelled_send_has_sent_all_or_nothing(
    plan: list[tuple[str, int, int | None]], pauses: list[int]
) -> None:
    async def test() -> None:
        wire = Wire()
        ws = open_on(wire, "server", {})
        made = [Sending(number, *row) for number, row in enumerate(plan)]
        for turn in range(14):
            if turn in pauses:
                ws.pause_writing()
            if turn - 1 in pauses:
                ws.resume_writing()
            for sending in made:
                if sending.begins == turn:
                    sending.begin(ws)
                if sending.cancelled == turn and sending.task is not None:
                    sending.task.cancel()
            await asyncio.sleep(0)
        ws.resume_writing()
        tasks = [sending.task for sending in made if sending.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=5)
        failures = [task.exception() for task in tasks if not task.cancelled()]
        assert {type(failure) for failure in failures} <= {type(None), ConnectionClosed}
        if ws.is_open:
            ws.close()
        reading = read_messages(bytes(wire.written), "client")
        assert reading.fault is None
        assert reading.end != "frame"
        opcode, (code, _) = reading.items[-1][1]
        assert opcode == CLOSE
        arrived = [payload for _, (opcode, payload) in reading.items if opcode in (TEXT, BINARY)]
        assert len(set(arrived)) == len(arrived)
        for sending in made:
            task = sending.task
            is_there = sending.whole in arrived
            if sending.was_refused:
                assert not is_there
            elif sending.kind in ("text", "binary", "write"):
                # Handed over by the call; behind a message that was broken off nothing can go.
                assert is_there or code == 1011
            elif task is not None and not task.cancelled() and task.exception() is None:
                assert is_there
            elif task is not None and task.cancelled() and not is_there and code == 1000:
                # Not begun, so that the next may follow.
                assert b"".join(p.encode() for p in sending.pieces[:1]) not in wire.written
        if code == 1011:
            assert any(sending.task and sending.task.cancelled() for sending in made)
        wire.bring(b"")
        await lost(ws)

    run(asyncio.wait_for(test(), 5))


def test_receivers_that_give_up_over_sockets() -> None:
    """Both ends at work at once, and receivers cancelled at any time."""

    async def test() -> None:
        chance = random.Random(1)
        count = 1000
        server, client = await pair(Settings(receive_queue=500))

        async def send() -> None:
            for n in range(count):
                await server.send(f"{n}")
                if chance.random() < 0.1:
                    await asyncio.sleep(0)

        sending = asyncio.ensure_future(send())
        got: list[str] = []
        while len(got) < count:
            receiver: asyncio.Task[Any] = asyncio.ensure_future(client.recv())
            await pass_turns(chance.randrange(4))
            if chance.random() < 0.5:
                receiver.cancel()
            got += await outcome(receiver)
        assert got == [f"{n}" for n in range(count)]
        await sending
        await asyncio.gather(server.close(), client.close())

    run(test())


@pytest.mark.parametrize("pieces", [1, 5])
def test_a_streamed_message_that_is_broken_off_fails_the_connection(pieces: int) -> None:
    async def test() -> None:
        server, client = await pair()

        async def endless() -> AsyncIterator[bytes]:
            for _ in range(pieces):
                yield b"piece"
            await asyncio.Event().wait()

        sending = asyncio.ensure_future(server.send(endless()))
        await pass_turns(pieces + 5)
        waiting = asyncio.ensure_future(server.send(iter([b"the", b"next"])))
        server.write("behind both")
        await pass_turns(2)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        with pytest.raises(ConnectionClosed):
            await waiting
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.code == 1011
        await asyncio.gather(server.wait_closed(), client.wait_closed())

    run(test())


def test_a_stream_that_raises_fails_the_connection_too() -> None:
    async def test() -> None:
        server, client = await pair()

        async def broken() -> AsyncIterator[str]:
            yield "piece"
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await server.send(broken())
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.code == 1011
        await asyncio.gather(server.wait_closed(), client.wait_closed())

    run(test())


def test_a_stream_that_raises_before_its_first_piece_does_no_harm() -> None:
    async def test() -> None:
        server, client = await pair()

        async def broken() -> AsyncIterator[str]:
            raise ZeroDivisionError
            yield "never"

        with pytest.raises(ZeroDivisionError):
            await server.send(broken())
        await server.send("fine")
        assert await client.recv() == "fine"
        await asyncio.gather(server.close(), client.close())

    run(test())
