"""What the connections of one event loop share."""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Callable
from typing import Any

from ..exceptions import no_buffer, wrong_thread, wrong_update
from ..protocol import SHARED_BUFFER_LENGTH

__all__ = ["Hub"]


class Hub:
    """What the links of one event loop share: the memory that they read into, one after another.

    So a connection that is idle holds none. `current_task`, `cancelled_error` and
    `get_running_loop` are asyncio's, which is not imported below the endpoints. The loop itself is
    not held.
    """

    __slots__ = (
        "_memory",
        "_reader",
        "_thread",
        "_view",
        "cancelled_error",
        "current_task",
        "get_running_loop",
    )

    def __init__(
        self,
        current_task: Callable[[Any], Any],
        cancelled_error: type[BaseException],
        get_running_loop: Callable[[], Any],
    ) -> None:
        self.current_task = current_task
        self.cancelled_error = cancelled_error
        self.get_running_loop = get_running_loop
        # The only one that may be at work on all this.
        self._thread = get_ident()
        self._memory = bytearray(SHARED_BUFFER_LENGTH)
        self._view = memoryview(self._memory)
        # By its id: a link whose connection has ended isn't held by it.
        self._reader = 0

    def check_thread(self, loop: Any) -> None:
        """Raise RuntimeError in another thread than the event loop's."""
        thread = get_ident()
        if thread != self._thread:
            try:
                running = self.get_running_loop()
            except RuntimeError:
                running = None
            if running is None or running is not loop:
                raise wrong_thread()
            self._thread = thread

    def lend(self, reader: object) -> memoryview:
        """Lend the memory to a link, which takes back at once what was read into it."""
        try:
            self._view.release()
            # Neither can be done while anybody has a view of it.
            self._memory.append(0)
            self._memory.pop()
        except BufferError:
            # An event loop still reads into it.
            self._memory = bytearray(SHARED_BUFFER_LENGTH)
        self._view = memoryview(self._memory)
        self._reader = id(reader)
        return self._view

    def take(self, reader: object, length: int) -> bytes:
        """What was read."""
        if self._reader != id(reader):
            raise no_buffer()
        if not 0 <= length <= SHARED_BUFFER_LENGTH:
            raise wrong_update(length, SHARED_BUFFER_LENGTH)
        self._reader = 0
        return bytes(self._view[:length])
