"""How a connection ends: closing handshake, failures, and what the transport tells."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from logging import getLogger
from typing import TYPE_CHECKING, Any

from ..closing import Closing, State
from ..events import Close
from ..exceptions import ProtocolError
from ..frames import encode_frame
from ..link import QUEUE_IS_FULL, READING_IS_OVER, WRITES_WAIT, Link
from ..protocol import CloseCode, Opcode
from .exceptions import ConnectionClosed, is_normal
from .keepalive import Keepalive
from .later import Later
from .settings import Settings

if TYPE_CHECKING:
    from .streams import Outbox

logger = getLogger("wsfast.aio")

# Seconds that a peer has to read why the connection failed, where TLS can't be closed half: with
# octets unread, to close it at once would lose that.
_LINGER = 1.0


class Ending(Link):
    """What of a WebSocket has to do with its end, and with the transport's doings."""

    __slots__ = (
        "_close_timer",
        "_closing",
        "_deflater",
        "_drains",
        "_eof",
        "_error",
        "_farewells",
        "_is_lost",
        "_keepalive",
        "_on_close",
        "_on_error",
        "_on_lost",
        "_outbox",
        "_pings",
        "_pong_due",
        "_settings",
    )

    _close_timer: asyncio.TimerHandle | None
    _closing: Closing
    _deflater: Any
    _drains: set[asyncio.Future[None]]
    _eof: bool
    _error: BaseException | None
    _farewells: set[asyncio.Future[None]]
    _is_lost: bool
    _keepalive: Keepalive
    _on_close: Callable[[Any, int, str], object] | None
    _on_error: Callable[[Any, BaseException], object] | None
    _on_lost: Callable[[Any], object] | None
    _outbox: Outbox | None
    _pings: dict[bytes, tuple[asyncio.Future[float], float]]
    _pong_due: bytes | None
    _settings: Settings

    @property
    def state(self) -> State:
        """Where the connection is: `State.OPEN`, in the closing handshake, or `State.CLOSED`."""
        return self._closing.state

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent: until our Close frame is, also if the peer has failed."""
        return self._is_ending or self._closing.state in (State.OPEN, State.CLOSE_RECEIVED)

    # What this end does

    def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> Later[None]:
        """Begin the closing handshake (RFC 6455 section 7.1.2); awaited, wait for its end.

        The call sends the Close frame, behind all that was sent before: it may be used in a
        callback, too, where nothing is awaited. What the peer sends afterwards is dropped. If the
        peer's Close frame has come, this answers it; after that it only waits. The connection ends
        after `close_timeout` seconds in any case. Raises LocalProtocolError for a code or reason
        that can't be sent; `reason` takes 123 octets in UTF-8.
        """
        self._check_thread()
        closing = self._closing
        if closing.state in (State.OPEN, State.CLOSE_RECEIVED):
            self._send_close(closing.send_close(code, reason))
        else:
            self._answer()
        return Later(self.wait_closed)

    async def wait_closed(self) -> None:
        """Wait until the connection is closed, and its transport.

        If the peer's Close frame has come, and all messages before it have been received, this
        answers it.
        """
        self._check_thread()
        if self._is_ending and not self._queue:
            self._consumed()
        if not self._is_lost:
            await self._wait_in(self._farewells)

    def abort(self) -> None:
        """Close the transport at once: what waits to be sent is lost, no Close frame is sent."""
        self._check_thread()
        self._closing.lose()
        self._sends = self._is_ending = False
        self._is_over = self._drops = True
        self._forget()
        self._write_to(None)
        if not self._is_lost:
            self.transport.abort()

    def _fail(self, error: BaseException, code: int, reason: str) -> None:
        """Fail the connection, for a reason on this side: RFC 6455 section 7.1.7."""
        self._report(error)
        self._closing.fail(code, reason)
        self._stop_reading()
        self._answer()

    def _send_close(self, payload: bytes) -> None:
        """Send the Close frame that `_closing` has given out, and go on to what follows."""
        self._sends = self._is_ending = False
        self._drops = True
        self._write_frame(encode_frame(Opcode.CLOSE, payload, mask=self._masks))
        self._flush()
        state = self._closing.state
        if state is State.CLOSING:
            self._resume(QUEUE_IS_FULL)
            self._start_close_timer()
        else:
            self._start_close_timer()
            self._end()

    def _answer(self) -> None:
        """Send the Close frame that is due, if one is."""
        payload = self._closing.answer()
        if payload is not None:
            self._send_close(payload)
        elif self._closing.state is State.FAILED:
            # Ours had been sent before.
            self._end()

    def _end(self) -> None:
        """Nothing is sent any more, nor taken: let receivers know, and end the transport."""
        self._is_over = self._ended = True
        self._wake()
        self._wake_all(self._drains)
        transport = self.transport
        if transport.is_closing():
            return
        failed = self._closing.state is State.FAILED
        if self._eof or (not failed and self._closing.should_close):
            transport.close()
            return
        # What still comes is dropped, until the peer has closed its side. To close the transport
        # with octets unread would reset it, and lose our Close frame.
        if failed and transport.can_write_eof():
            try:
                transport.write_eof()
            except OSError:
                # It has been reset.
                transport.abort()
                return
        elif failed:
            self._start_close_timer(_LINGER)
        self._resume(QUEUE_IS_FULL | WRITES_WAIT | READING_IS_OVER)

    def _start_close_timer(self, at_most: float | None = None) -> None:
        self._stop_close_timer()
        timeout = self._settings.close_timeout
        if timeout is None or (at_most is not None and at_most < timeout):
            timeout = at_most
        if timeout is not None:
            self._close_timer = self._loop.call_later(timeout, self._close_timed_out)

    def _stop_close_timer(self) -> None:
        if self._close_timer is not None:
            self._close_timer.cancel()
            self._close_timer = None

    def _close_timed_out(self) -> None:
        self._close_timer = None
        if self._closing.state in (State.CLOSE_RECEIVED, State.FAILING):
            # Whoever is to consume what came before has had the time for it.
            self._answer()
        elif self._closing.state is State.FAILED and not self.transport.is_closing():
            self._start_close_timer()
            self.transport.close()
        else:
            self.transport.abort()

    # What the peer does

    def _close_received(self, close: Close) -> None:
        before = self.state
        if before not in (State.OPEN, State.CLOSING):
            return
        self._closing.receive_close(close)
        if before is State.CLOSING:
            self._end()
        elif self._queue:
            self._end_when_consumed()
        else:
            # A handler that only sends may never come back to receive.
            self._answer()

    def _peer_failed(self, error: ProtocolError) -> None:
        self._report(error)
        self._closing.fail(error.close_code, str(error))
        self._stop_reading()
        if self._closing.state is State.FAILING:
            self._end_when_consumed()
        else:
            self._answer()

    def _stop_reading(self) -> None:
        self._is_over = self._drops = True
        self._pause(READING_IS_OVER)

    def _end_when_consumed(self) -> None:
        """Send the Close frame that is due when all before it is consumed and answered."""
        if self._on_message is not None or (self._receiver is not None and not self._queue):
            self._answer()
        elif not self._is_ending:
            self._is_ending = True
            self._start_close_timer()

    def _consumed(self) -> None:
        self._is_ending = False
        self._answer()

    # What on_message does

    def _callback_failed(self, error: Exception) -> None:
        logger.error("on_message failed", exc_info=error)
        self._fail(error, CloseCode.INTERNAL_ERROR, "")

    # What the transport does

    def pause_writing(self) -> None:
        """As asyncio.BaseProtocol.pause_writing."""
        self._waits = True

    def resume_writing(self) -> None:
        """As asyncio.BaseProtocol.resume_writing."""
        self._waits = False
        self._wake_all(self._drains)
        if self._pong_due is not None:
            pong, self._pong_due = self._pong_due, None
            if self.is_open:
                self._write_frame(encode_frame(Opcode.PONG, pong, mask=self._masks))
        self._resume(WRITES_WAIT)

    def eof_received(self) -> bool:
        """As asyncio.BufferedProtocol.eof_received."""
        self._eof = True
        closing = self._closing
        closing.receive_eof()
        if closing.state is not State.CLOSED:
            if self.transport.can_write_eof():
                # Half-closed: the answer to what came before still goes out.
                return True
            self._answer()
        self._sends = False
        self._is_over = self._drops = self._ended = True
        self._wake()
        if self._close_timer is None:
            # The transport closes when all is written, if the peer reads it.
            self._start_close_timer()
        return False

    def connection_lost(self, exc: BaseException | None) -> None:
        """As asyncio.BaseProtocol.connection_lost."""
        closing = self._closing
        closing.lose()
        self._is_lost = True
        self._write_to(None)
        self._sends = self._waits = self._is_ending = False
        self._is_over = self._drops = self._ended = True
        self._forget()
        self._stop_close_timer()
        self._keepalive.stop()
        # It refers back to this; a message that is under way has it.
        self._outbox = None
        if not closing.clean:
            self._report(exc or self._closed())
        self._wake()
        self._wake_all(self._drains)
        for pong, _ in self._pings.values():
            if not pong.done():
                pong.set_exception(self._closed())
                # Nobody has to look.
                pong.exception()
        self._pings.clear()
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            self._call("on_close", on_close, closing.code, closing.reason)
        on_lost, self._on_lost = self._on_lost, None
        if on_lost is not None:
            on_lost(self)
        self._wake_all(self._farewells)

    # What users see of it

    def _report(self, error: BaseException) -> None:
        """Keep the first error as the cause, and tell on_error."""
        if self._error is None:
            self._error = error
            on_error, self._on_error = self._on_error, None
            if on_error is not None:
                self._call("on_error", on_error, error)

    def _call(self, name: str, callback: Callable[..., object], *arguments: Any) -> None:
        try:
            callback(self, *arguments)
        except Exception:
            logger.exception("%s failed", name)

    def _closed(self) -> ConnectionClosed:
        closing = self._closing
        code, reason = closing.code, closing.reason
        if code is None and closing.sent is not None:
            code, reason = closing.sent
        closed = ConnectionClosed(
            CloseCode.ABNORMAL_CLOSURE.value if code is None else code,
            reason,
            received=closing.received,
            sent=closing.sent,
            clean=closing.clean,
        )
        if self._error is not closed:
            closed.__cause__ = self._error
        return closed

    def _end_of(self, iterates: bool) -> BaseException:
        closed = self._closed()
        return StopAsyncIteration() if iterates and is_normal(closed) else closed

    def _wake(self) -> None:
        """Let a receiver know that nothing will come any more."""
        if self._receiver is not None:
            self._waiter.wake(False)

    async def _wait_in(self, waiting: set[asyncio.Future[None]]) -> None:
        """Wait until these are all woken."""
        future: asyncio.Future[None] = self._loop.create_future()
        waiting.add(future)
        try:
            await future
        finally:
            waiting.discard(future)

    def _wake_all(self, waiting: set[asyncio.Future[None]]) -> None:
        for future in waiting:
            if not future.done():
                future.set_result(None)
        waiting.clear()
