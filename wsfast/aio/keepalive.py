"""Pings of an idle connection, RFC 6455 section 5.5.2: whether the peer is there, and how far."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..closing import State
from ..protocol import CloseCode

if TYPE_CHECKING:
    from .websocket import WebSocket

__all__ = ["Keepalive"]


class Keepalive:
    """Sends a Ping when nothing was read for `interval` seconds; fails without a Pong in `timeout`.

    No task: one timer of the event loop a connection. While this end doesn't read, its receive
    queue being full, and as long as anything comes at all, the peer is not to blame, and has more
    time; where more waits to be sent than `write_limit`, it is what the peer takes that counts.
    `interval` None: no Pings; `timeout` None: no Pong is waited for.
    """

    __slots__ = ("_interval", "_left", "_pong", "_seen", "_timeout", "_timer", "_ws")

    def __init__(self, ws: WebSocket, interval: float | None, timeout: float | None) -> None:
        # None when it has stopped.
        self._ws: WebSocket | None = ws
        self._interval = interval
        self._timeout = timeout
        self._timer: asyncio.TimerHandle | None = None
        # The connection's reads, or what waits to be sent, when it was looked at last.
        self._seen = 0
        # What is waited for, and seconds of the timeout that are left at the next look.
        self._pong: asyncio.Future[float] | None = None
        self._left = 0.0

    def start(self) -> None:
        """Watch from now on."""
        if self._interval is not None:
            self._look_in(self._interval)

    def stop(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._ws = self._pong = None

    def _look_in(self, seconds: float) -> None:
        if self._ws is not None:
            self._timer = self._ws._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        ws = self._ws
        interval, timeout = self._interval, self._timeout
        self._timer = None
        if ws is None or ws.state is not State.OPEN or interval is None:
            # The closing handshake has a timeout of its own.
            return
        if self._pong is not None and timeout is not None:
            if not self._pong.done():
                if self._left <= 0:
                    if self._is_idle(ws):
                        error = TimeoutError(f"no Pong came within {timeout} seconds")
                        ws._fail(error, CloseCode.INTERNAL_ERROR, "keepalive ping timeout")
                        return
                    self._left = timeout
                self._look_for_pong(interval)
                return
            self._pong = None
            if not ws._waits:
                # The Pong itself was one.
                self._seen += 1
            waited = timeout - self._left
            if waited < interval:
                self._look_in(interval - waited)
                return
        if self._is_idle(ws):
            pong = ws.ping()
            self._is_idle(ws)
            if timeout is not None:
                self._pong = pong
                self._left = timeout
                self._look_for_pong(interval)
                return
        self._look_in(interval)

    def _look_for_pong(self, interval: float) -> None:
        """Look as often as it would be time for a Ping, if the Pong had come."""
        seconds = min(interval, self._left)
        self._left -= seconds
        self._look_in(seconds)

    def _is_idle(self, ws: WebSocket) -> bool:
        """Whether the peer has done nothing since the last look that it could have done."""
        before = self._seen
        if ws._waits:
            self._seen = ws.transport.get_write_buffer_size()
            return self._seen == before
        self._seen = ws._reads
        return self._seen == before and not ws._pauses
