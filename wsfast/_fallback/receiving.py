"""The receiving half of a link: the queue of messages, and those who wait for one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from ..events import MessagePart
from ..exceptions import already_awaited, already_receiving
from ..protocol import QUEUED_MESSAGE_LENGTH
from .hub import Hub
from .outgoing import Outgoing

__all__ = ["QUEUE_IS_FULL", "Incoming", "Receiving", "Waiter"]

# A reason to stop reading, see `link`.
QUEUE_IS_FULL = 1


class Receiving:
    """The next message of a link, with the protocol of coroutines.

    It takes the message when the task that awaits it goes on, not before: whoever is cancelled has
    lost none.
    """

    __slots__ = ("_iterates", "_link", "_waits")

    def __init__(self, link: Incoming, iterates: bool) -> None:
        # None once it is over.
        self._link: Incoming | None = link
        # The end is a StopAsyncIteration, if there was no error.
        self._iterates = iterates
        self._waits = False

    def __await__(self) -> Receiving:
        return self

    def __iter__(self) -> Receiving:
        return self

    def __next__(self) -> Waiter:
        return self.send(None)

    def send(self, value: object) -> Waiter:
        """Go on: StopIteration has the message, else a Waiter says that there is none yet."""
        link = self._link
        if link is None:
            raise already_awaited()
        link._check_thread()
        if not self._waits:
            if link._receiver is not None:
                raise already_receiving()
            link._receiver = self
            self._waits = True
        try:
            waiter = link._wait()
        except BaseException:
            self._finish()
            raise
        if waiter is not None:
            return waiter
        if link._queue:
            self._finish()
            raise StopIteration(link._take())
        self._finish()
        raise link._end_of(self._iterates)

    def throw(self, error: Any, value: Any = None, traceback: Any = None) -> Waiter:
        """Raise the error: it was cancelled."""
        self._finish()
        if isinstance(error, type):
            error = error() if value is None else value
        try:
            raise error
        finally:
            # Its traceback holds this frame.
            del error, value

    def close(self) -> None:
        """Give up waiting."""
        self._finish()

    def _finish(self) -> None:
        link = self._link
        if link is not None and self._waits:
            link._check_thread()
            link._receiver = None
            link._waiter.reset()
        self._link = None


class Waiter:
    """What a task waits for that awaits a Receiving: to asyncio a Future, one for all messages.

    With `at_once` the task goes on within the call that wakes it, if none is running, where a
    Future would need another turn of the event loop: that takes as long as to read a message.
    """

    __slots__ = (
        "_asyncio_future_blocking",
        "_callback",
        "_cancelled",
        "_context",
        "_hub",
        "_loop",
        "_message",
    )

    def __init__(self, hub: Hub, loop: Any) -> None:
        self._hub = hub
        self._loop = loop
        self._asyncio_future_blocking = False
        self._callback: Callable[[Any], None] | None = None
        self._context: Any = None
        self._cancelled = False
        self._message: Any = None

    def reset(self) -> None:
        """Get ready for the next wait."""
        self._asyncio_future_blocking = self._cancelled = False
        self._callback = self._context = self._message = None

    def wake(self, at_once: bool) -> None:
        """Let the task go on, if it has not been woken."""
        callback = self._callback
        if callback is None:
            return
        context = self._context
        if at_once and self._hub.current_task(self._loop) is None:
            try:
                context.run(self._go_on)
                return
            except RuntimeError:
                # We have been called from within that context.
                if self._callback is not callback:
                    raise
        self._callback = self._context = None
        self._loop.call_soon(callback, self, context=context)

    def _go_on(self) -> None:
        callback = self._callback
        self._callback = self._context = None
        if callback is not None:
            try:
                callback(self)
            except BaseException as error:
                # SystemExit, say. It is the loop's: a transport would take it for its own failure.
                self._loop.call_soon(_rethrow, error)

    # What asyncio asks of a Future

    def get_loop(self) -> Any:
        return self._loop

    def add_done_callback(self, callback: Callable[[Any], None], *, context: Any = None) -> None:
        self._callback = callback
        self._context = context

    def remove_done_callback(self, callback: Callable[[Any], None]) -> int:
        if self._callback is None:
            return 0
        self._callback = self._context = None
        return 1

    def cancel(self, msg: Any = None) -> bool:
        if self._callback is None:
            return False
        self._cancelled = True
        self._message = msg
        self.wake(False)
        return True

    def cancelled(self) -> bool:
        return self._cancelled

    def done(self) -> bool:
        return self._callback is None

    def result(self) -> None:
        if self._cancelled:
            arguments = () if self._message is None else (self._message,)
            raise self._hub.cancelled_error(*arguments)

    def exception(self) -> None:
        self.result()


def _rethrow(error: BaseException) -> None:
    raise error


class Incoming(Outgoing):
    """Messages that have come, and the one who waits for them.

    The queue is bounded: from `queue_limit` octets on, `_pause` is called, and `_resume` when it is
    half empty. With `in_parts`, recv() and `async for` are the subclass's `_recv_stream`. When a
    receiver comes, nothing is in the queue and `_is_ending` is set, `_consumed()` is called;
    `_end_of(iterates)` gives the error for one to whom nothing will come any more.
    """

    __slots__ = (
        "_drops",
        "_ended",
        "_in_parts",
        "_is_ending",
        "_pauses",
        "_queue",
        "_queue_limit",
        "_queued",
        "_receiver",
        "_waiter",
    )

    def __init__(
        self, hub: Hub, loop: Any, transport: Any, masks: bool, queue_limit: int, in_parts: bool
    ) -> None:
        super().__init__(hub, loop, transport, masks)
        self._in_parts = in_parts
        self._queue: deque[Any] = deque()
        # What the messages in the queue count for, and may count for before reading stops.
        self._queued = 0
        self._queue_limit = queue_limit
        # Why the transport is not read from.
        self._pauses = 0
        self._receiver: Receiving | None = None
        self._waiter = Waiter(hub, loop)
        # Messages that come are dropped.
        self._drops = False
        # Nothing will be put into the queue any more.
        self._ended = False
        # The connection is to be ended when the queue is consumed.
        self._is_ending = False

    def _put(self, message: Any) -> None:
        if self._drops:
            return
        self._queue.append(message)
        self._queued += _weight(message)
        if self._queued > self._queue_limit:
            self._pause(QUEUE_IS_FULL)

    def _take(self) -> Any:
        message = self._queue.popleft()
        self._queued -= _weight(message)
        if self._pauses & QUEUE_IS_FULL and self._queued <= self._queue_limit >> 1:
            self._resume(QUEUE_IS_FULL)
        return message

    def _wait(self) -> Waiter | None:
        """None if there is a message, or none will come."""
        if self._queue:
            return None
        self._flush()
        if self._is_ending:
            self._consumed()
        if self._ended:
            return None
        self._turn = self._written
        waiter = self._waiter
        waiter._asyncio_future_blocking = True
        return waiter

    def _is_behind(self) -> bool:
        return bool(self._queue)

    def recv(self) -> Any:
        """Receive the next message: a str for text, bytes for binary.

        With `streaming`, a MessageStream. The result is to be awaited, once; also in a task of its
        own, or by asyncio.wait_for(): who is cancelled has lost no message. One at a time: a second
        one while the first waits is a RuntimeError. Raises ConnectionClosed when the connection is
        closed, after all messages that came before have been received.
        """
        return self._recv_stream(False) if self._in_parts else Receiving(self, False)

    def __aiter__(self) -> Incoming:
        return self

    def __anext__(self) -> Any:
        return self._recv_stream(True) if self._in_parts else Receiving(self, True)

    def _pause(self, why: int) -> None:
        raise NotImplementedError

    def _resume(self, why: int) -> None:
        raise NotImplementedError

    def _consumed(self) -> None:
        raise NotImplementedError

    def _end_of(self, iterates: bool) -> BaseException:
        raise NotImplementedError

    def _recv_stream(self, iterates: bool) -> Any:
        raise NotImplementedError


def _weight(message: Any) -> int:
    """What a message counts for in the queue: its octets in memory, at most."""
    data = message.data if isinstance(message, MessagePart) else message
    wide = isinstance(data, str) and not data.isascii()
    return QUEUED_MESSAGE_LENGTH + len(data) * (4 if wide else 1)
