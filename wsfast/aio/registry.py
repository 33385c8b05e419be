"""Who is connected to a server, and on the way in or out."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .server_opening import ServerOpening
    from .websocket import WebSocket

# Before Python 3.12 it takes another turn of the loop.
_EAGERLY: dict[str, Any] = {"eager_start": True} if sys.version_info >= (3, 12) else {}

# How many peers that are turned away may take their time to read why.
_MAX_LEAVING = 1000


class Registry:
    """All that a server has going: opening handshakes, connections, tasks of handlers.

    `max_connections` limits those that are open or opening, None: no limit.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, max_connections: int | None) -> None:
        self._loop = loop
        self._max_connections = max_connections
        self._opening: set[ServerOpening] = set()
        self._leaving: set[ServerOpening] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections: set[WebSocket] = set()
        self.is_closing = False
        #: Done when the server is closed and nothing is left of it.
        self.closed: asyncio.Future[None] = loop.create_future()

    def enter(self, opening: ServerOpening) -> bool:
        """Whether the peer is let in to make its handshake; else it is one of those that leave."""
        if self.is_closing or self._is_full():
            self._leaving.add(opening)
            return False
        self._opening.add(opening)
        return True

    def _is_full(self) -> bool:
        limit = self._max_connections
        return limit is not None and len(self._opening) + len(self.connections) >= limit

    @property
    def is_crowded(self) -> bool:
        """Whether so many peers are on their way out that none is told why any more."""
        return len(self._leaving) > _MAX_LEAVING

    def turn_away(self, opening: ServerOpening) -> None:
        """Count the peer no longer: it only has an answer to read."""
        self._opening.discard(opening)
        self._leaving.add(opening)

    def leave(self, opening: ServerOpening) -> None:
        """Forget an opening handshake that has ended, in whatever way."""
        self._opening.discard(opening)
        self._leaving.discard(opening)
        self._finish_if_empty()

    def connect(self, opening: ServerOpening, ws: WebSocket) -> None:
        """Put a connection in the place of its opening handshake."""
        self._opening.discard(opening)
        self.connections.add(ws)

    def lose(self, ws: WebSocket) -> None:
        """Forget a connection whose transport is gone."""
        self.connections.discard(ws)
        self._finish_if_empty()

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a handler as a task, of which the first step is done at once."""
        if self._loop.get_task_factory() is None:
            task = asyncio.Task(coroutine, loop=self._loop, **_EAGERLY)
        else:
            task = self._loop.create_task(coroutine)
        # A handler that has begun to close the server isn't waited for.
        if not (task.done() or self.is_closing):
            self._tasks.add(task)
            task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._finish_if_empty()

    def _finish_if_empty(self) -> None:
        if (
            self.is_closing
            and not (self._opening or self._leaving or self.connections or self._tasks)
            and not self.closed.done()
        ):
            self.closed.set_result(None)

    def close(self) -> None:
        """Let nobody in any more, and send those away who have no connection yet."""
        self.is_closing = True
        # A handler that closes its server isn't waited for.
        current = asyncio.current_task(self._loop)
        self._tasks = {task for task in self._tasks if task is not current}
        for opening in list(self._opening):
            opening.stop()
        self._finish_if_empty()

    def abort(self) -> None:
        """Close every transport at once, and cancel what handlers there still are."""
        for opening in [*self._opening, *self._leaving]:
            opening.abort()
        for ws in list(self.connections):
            ws.abort()
        for task in self._tasks:
            task.cancel()
