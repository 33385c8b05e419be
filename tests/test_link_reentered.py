"""The hot path, both twins, entered again while it is at work, or by another thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from implementations import Implementation
from links import HELLO, Transport, feed, looped, make, masked


def another(implementation: Implementation, link: Any, transport: Any = None) -> Any:
    """A link of the same event loop."""
    made = type(link)(
        link._hub,
        asyncio.get_running_loop(),
        transport or Transport(),
        implementation.messages.MessageDecoder("server"),
        False,
        None,
        1000,
        False,
        False,
    )
    made.told = []
    return made


@looped
async def test_another_link_reads_in_the_midst_of_a_read(implementation: Implementation) -> None:
    got: list[Any] = []

    def answer(ws: Any, message: Any) -> None:
        got.append(message)
        view = other.get_buffer(-1)
        view[:] = b"\xff" * len(view)
        del view
        other.buffer_updated(0)

    link = make(implementation, answer, inflates=True)
    other = another(implementation, link)
    messages = [f"{number:04}" for number in range(5000)]
    view = link.get_buffer(-1)
    data = masked(*messages)
    view[: len(data)] = data
    # As an event loop would be allowed to, that has no more use for it.
    del view
    link.buffer_updated(len(data))
    assert got == messages
    assert link.told == other.told == []


class LoggingTransport(Transport):
    """One that has something to say when it is written to."""

    def __init__(self, log: Callable[[], object]) -> None:
        super().__init__()
        self.log = log

    def write(self, data: bytes) -> None:
        super().write(data)
        self.log()


@pytest.mark.parametrize("length", [5, 3000])
def test_a_log_may_be_written_to_a_connection(implementation: Implementation, length: int) -> None:
    async def main() -> None:
        link = make(implementation)
        to = another(implementation, link)
        logging = another(implementation, link, LoggingTransport(lambda: to.write("Hello")))
        for ws in (link, to, logging):
            # From now on frames are held.
            feed(ws, masked("a"))
        logging.write("Hello")
        link.write(bytes(length))
        logging.write("Hello")
        link.write("Hello")
        for ws in (link, to, logging):
            ws._flush()
        header = b"\x82\x05" if length == 5 else b"\x82\x7e\x0b\xb8"
        assert b"".join(link.transport.written) == header + bytes(length) + HELLO
        assert b"".join(logging.transport.written) == HELLO * 2
        to._flush()
        assert b"".join(to.transport.written) == HELLO * len(logging.transport.written)

    asyncio.run(main())


def elsewhere(work: Callable[[], object]) -> list[BaseException | None]:
    """What it raises in another thread."""
    outcome: list[BaseException | None] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            outcome.append(error)
        else:
            outcome.append(None)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return outcome


@looped
async def test_only_the_thread_of_the_event_loop(implementation: Implementation) -> None:
    link = make(implementation)
    feed(link, masked("a", "b"))

    async def received() -> Any:
        return await link.recv()

    for work in (
        lambda: link.write("Hello"),
        lambda: link.send(b"Hello"),
        lambda: link._write_frame(HELLO),
        lambda: link.recv().send(None),
        lambda: link.get_buffer(-1),
        lambda: link._flush(),
        lambda: link._receive(masked("c")),
        lambda: link._check_thread(),
        # In another event loop, too.
        lambda: asyncio.run(received()),
    ):
        (error,) = elsewhere(work)
        assert type(error) is RuntimeError, error
        assert str(error) == "a connection may be used by its event loop's thread only"
    assert link.transport.written == []
    assert [await link.recv(), await link.recv()] == ["a", "b"]
    waiting = asyncio.create_task(received())
    await asyncio.sleep(0)
    (error,) = elsewhere(link._receiver.close)
    assert type(error) is RuntimeError
    feed(link, masked("c"))
    assert await waiting == "c"


def test_an_event_loop_may_move_to_another_thread(implementation: Implementation) -> None:
    loop = asyncio.new_event_loop()

    async def begin() -> Any:
        return make(implementation)

    async def go_on(link: Any) -> None:
        link.write("Hello")
        feed(link, masked("a"))
        assert await link.recv() == "a"

    try:
        link = loop.run_until_complete(begin())
        assert elsewhere(lambda: loop.run_until_complete(go_on(link))) == [None]
        loop.run_until_complete(go_on(link))
    finally:
        loop.close()
    assert link.transport.written == [HELLO] * 2


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_a_task_that_ends_the_program_ends_the_loop(
    implementation: Implementation, error: type[BaseException]
) -> None:
    """And not the transport that happens to read."""
    loop = asyncio.new_event_loop()
    fed: list[str] = []

    async def handler(link: Any) -> None:
        await link.recv()
        raise error

    def read(link: Any) -> None:
        feed(link, masked("a"))
        fed.append("done")

    async def main() -> None:
        link = make(implementation)
        task = loop.create_task(handler(link))
        loop.call_soon(loop.call_soon, read, link)
        try:
            await asyncio.sleep(5)
        finally:
            assert isinstance(task.exception(), error)

    try:
        with pytest.raises(error):
            loop.run_until_complete(main())
        assert fed == ["done"]
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
    finally:
        loop.close()
