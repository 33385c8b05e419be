"""The hot half of a connection: from what was read to callbacks and receivers, and what is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..exceptions import ProtocolError
from ..protocol import COMPRESSED_PIECE_LENGTH, Opcode
from .hub import Hub
from .outgoing import SENT, Sent
from .receiving import QUEUE_IS_FULL, Incoming, Receiving, Waiter

if TYPE_CHECKING:
    from .messages import MessageDecoder

__all__ = [
    "QUEUE_IS_FULL",
    "READING_IS_OVER",
    "SENT",
    "WRITES_WAIT",
    "Hub",
    "Link",
    "Receiving",
    "Sent",
    "Waiter",
]

# Why the transport is not read from: `_pauses` is a union of those and QUEUE_IS_FULL.
WRITES_WAIT = 2
READING_IS_OVER = 4


class Link(Incoming):
    """One open connection, as asyncio's BufferedProtocol sees it while data comes.

    Messages go to `on_message(self, message)`, or into a queue for recv() and `async for`. All
    else goes to methods of the subclass: `_control_received(opcode, payload)`,
    `_part_received(part)` where messages come in parts, `_peer_failed(error)` when the peer broke
    the protocol, `_callback_failed(error)` when on_message raised.
    """

    __slots__ = (
        "__weakref__",
        "_decoder",
        "_has_stopped",
        "_inflates",
        "_is_over",
        "_on_message",
        "_reads",
        "_stops",
        "_unread",
    )

    def __init__(
        self,
        hub: Hub,
        loop: Any,
        transport: Any,
        decoder: MessageDecoder[Any],
        masks: bool,
        on_message: Callable[[Any, Any], object] | None,
        queue_limit: int,
        inflates: bool,
        in_parts: bool,
    ) -> None:
        super().__init__(hub, loop, transport, masks, queue_limit, in_parts)
        self._decoder = decoder
        self._on_message = on_message
        self._inflates = inflates
        # What on_message writes stops the reading while more than write_limit of it waits.
        self._stops = on_message is not None and not masks
        # The transport isn't read from.
        self._has_stopped = False
        # All octets that come are dropped.
        self._is_over = False
        # Reads so far: whether a connection is idle.
        self._reads = 0
        # What was read, but not decoded, since the queue was full.
        self._unread = b""

    # Reading

    def get_buffer(self, sizehint: int) -> memoryview:
        """As asyncio.BufferedProtocol.get_buffer."""
        self._check_thread()
        return self._hub.lend(self)

    def buffer_updated(self, nbytes: int) -> None:
        """As asyncio.BufferedProtocol.buffer_updated."""
        self._receive(self._hub.take(self, nbytes))

    def _receive(self, data: bytes) -> None:
        """Take what was read: dispatch what it completes, and write at once what that led to."""
        self._check_thread()
        self._reads += 1
        if self._unread:
            self._unread += data
            return
        self._turn = written = self._written
        holds = self._holds
        self._holds = True
        try:
            self._decode(data)
            if self._receiver is not None and (self._queue or self._ended or self._is_ending):
                self._waiter.wake(True)
        finally:
            self._holds = holds
            if not holds:
                self._flush()
                self._stop_or_go_on()
        if self._waits and self._stops and self._written != written:
            self._pause(WRITES_WAIT)

    def _decode(self, data: bytes) -> None:
        if self._inflates:
            # A little of it may inflate to a lot: stop as soon as the queue is full.
            for start in range(0, len(data), COMPRESSED_PIECE_LENGTH):
                if self._pauses & QUEUE_IS_FULL:
                    self._unread = data[start:]
                    return
                self._feed(data[start : start + COMPRESSED_PIECE_LENGTH])
        else:
            self._feed(data)

    def _feed(self, data: bytes) -> None:
        if self._is_over:
            return
        failure = None
        try:
            items = self._decoder.feed(data)
        except ProtocolError as error:
            items = error.completed
            # Where it was raised says nothing, and would hold this frame.
            failure = error.with_traceback(None)
        if self._in_parts:
            for part in items:
                self._part_received(part)
        else:
            for opcode, payload in items:
                if opcode > Opcode.BINARY:
                    self._control_received(opcode, payload)
                elif self._on_message is None:
                    self._put(payload)
                elif not self._drops:
                    try:
                        self._on_message(self, payload)
                    except Exception as error:
                        self._callback_failed(error)
        if failure is not None:
            self._peer_failed(failure)

    # Stopping to read, and going on

    def _pause(self, why: int) -> None:
        self._pauses |= why
        self._stop_or_go_on()

    def _resume(self, why: int) -> None:
        if not self._pauses & why:
            return
        self._pauses &= ~why
        unread = self._unread
        if unread and not self._pauses:
            self._unread = b""
            self._receive(unread)
        self._stop_or_go_on()

    def _stop_or_go_on(self) -> None:
        """Stop or go on, as `_pauses` says.

        Not within a read: whoever waits for a message may take it at once, however long it is.
        """
        stops = self._pauses != 0
        if self._holds or stops == self._has_stopped or self.transport.is_closing():
            return
        self._has_stopped = stops
        if stops:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    # The subclass's

    def _control_received(self, opcode: Opcode, payload: Any) -> None:
        raise NotImplementedError

    def _part_received(self, part: Any) -> None:
        raise NotImplementedError

    def _peer_failed(self, error: ProtocolError) -> None:
        raise NotImplementedError

    def _callback_failed(self, error: Exception) -> None:
        raise NotImplementedError
