"""The sending half of a link: frames, many in one write."""

from __future__ import annotations

from typing import Any

from ..protocol import FRAMES_A_TURN, MAX_HELD_LENGTH, Opcode
from .frames import encode_frame
from .hub import Hub

__all__ = ["SENT", "Outgoing", "Sent"]

_TEXT = Opcode.TEXT
_BINARY = Opcode.BINARY


class Sent:
    """An awaitable that is done: what send() returns where there is nothing to wait for.

    It implements the protocol of coroutines, and may be awaited again and again, or never.
    """

    __slots__ = ()

    def __await__(self) -> Sent:
        return self

    def __iter__(self) -> Sent:
        return self

    def __next__(self) -> None:
        raise StopIteration

    def send(self, value: object) -> None:
        """Done at once."""
        raise StopIteration

    def throw(self, error: Any, value: Any = None, traceback: Any = None) -> None:
        """Raise the error: it was cancelled before it was awaited."""
        if isinstance(error, type):
            error = error() if value is None else value
        try:
            raise error
        finally:
            # Its traceback holds this frame.
            del error, value

    def close(self) -> None:
        """There is nothing to close."""


SENT = Sent()


class Outgoing:
    """What is sent on one connection.

    Frames written while messages are dispatched, or while others wait to be received, are held
    and go out in one write: when `_holds` ends, when no message waits any more, from 64 KiB on,
    and in the loop's next turn at the latest. `_write_otherwise(message)`,
    `_send_otherwise(message)` and `_wait_to_send()` are the subclass's: what is done where data
    can't be sent, where a message is neither str nor bytes-like, and where send() has to wait.
    """

    __slots__ = (
        "_deflate",
        "_frames",
        "_held",
        "_holds",
        "_hub",
        "_loop",
        "_masks",
        "_min_length",
        "_scheduled",
        "_sends",
        "_turn",
        "_waits",
        "_written",
        "transport",
    )

    def __init__(self, hub: Hub, loop: Any, transport: Any, masks: bool) -> None:
        self._hub = hub
        self._loop = loop
        self.transport = transport
        self._masks = masks
        # Messages of so many octets are sent as what this makes of them, with RSV1.
        self._deflate: Any = None
        self._min_length = 0
        # Messages may be sent.
        self._sends = True
        # The transport holds more than it should: send() waits.
        self._waits = False
        self._holds = False
        self._scheduled = False
        self._frames: list[bytes] = []
        self._held = 0
        # Frames so far; and when the event loop had a turn, as far as that is known.
        self._written = 0
        self._turn = 0

    def _check_thread(self) -> None:
        """Raise RuntimeError in another thread than the event loop's."""
        self._hub.check_thread(self._loop)

    def write(self, message: Any) -> None:
        """Send a message, without waiting: a str as text, a bytes-like object as binary.

        What the transport can't take at once it holds: see `drain()` and `send()`. Raises
        ConnectionClosed if the connection isn't open.
        """
        self._check_thread()
        if not self._sends:
            self._write_otherwise(message)
            return
        if self._deflate is not None:
            self._write_frame(self._deflated(message))
        else:
            opcode = _TEXT if isinstance(message, str) else _BINARY
            self._write_frame(encode_frame(opcode, message, mask=self._masks))

    def send(self, message: Any) -> Any:
        """Send a message, and wait as long as more than `write_limit` octets wait to be sent.

        A str is sent as text, a bytes-like object as binary; an iterable or async iterable of
        either as one fragmented message, as its items come. A str or bytes-like object is handed
        over by the call: who cancels the awaiting has sent all of it. An iterable is gone through
        while it is awaited; to cancel that fails the connection with close code 1011. Raises
        ConnectionClosed if the connection isn't open.
        """
        if not isinstance(message, (str, bytes)) and not _is_bytes_like(message):
            return self._send_otherwise(message)
        self.write(message)
        return self._wait_to_send() if self._has_to_wait() else SENT

    def _has_to_wait(self) -> bool:
        """Whether more is sent than the transport takes, than may be, or than is fair to others."""
        return self._waits or not self._sends or self._is_turn_due()

    def _is_turn_due(self) -> bool:
        if self._written - self._turn < FRAMES_A_TURN:
            return False
        self._turn = self._written
        return True

    def _deflated(self, message: Any) -> bytes:
        data = message.encode() if isinstance(message, str) else message
        opcode = _TEXT if isinstance(message, str) else _BINARY
        if len(data) < self._min_length:
            return encode_frame(opcode, data, mask=self._masks)
        return encode_frame(opcode, self._deflate(data), mask=self._masks, rsv1=True)

    def _write_frame(self, frame: bytes) -> None:
        """Send a frame, or several, as they go on the wire."""
        self._check_thread()
        self._written += 1
        if self._frames or self._holds or self._is_behind():
            self._frames.append(frame)
            self._held += len(frame)
            if self._held >= MAX_HELD_LENGTH:
                self._flush()
            elif not (self._holds or self._scheduled):
                self._scheduled = True
                self._loop.call_soon(self._flush_in_time)
        else:
            self.transport.write(frame)

    def _flush(self) -> None:
        """Write what is held."""
        self._check_thread()
        frames = self._frames
        if frames:
            self._frames = []
            self._held = 0
            self.transport.write(frames[0] if len(frames) == 1 else b"".join(frames))

    def _write_to(self, sock: Any) -> None:
        """Write to this socket at once: the transport does so itself."""

    def _forget(self) -> None:
        """Drop what is held."""
        self._frames = []
        self._held = 0

    def _flush_in_time(self) -> None:
        self._scheduled = False
        self._flush()

    def _is_behind(self) -> bool:
        """Whether messages have come that nobody has received yet."""
        return False

    def _write_otherwise(self, message: Any) -> None:
        raise NotImplementedError

    def _send_otherwise(self, message: Any) -> Any:
        raise NotImplementedError

    def _wait_to_send(self) -> Any:
        raise NotImplementedError


def _is_bytes_like(message: object) -> bool:
    try:
        memoryview(message).release()  # type: ignore[arg-type]
    except TypeError:
        return False
    return True
