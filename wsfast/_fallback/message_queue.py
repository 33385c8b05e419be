"""A library's queue of messages, and what is the same for all its readers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["MessageQueue", "ReaderSettings"]


class ReaderSettings:
    """What is the same for all readers and queues of a library.

    A message is a tuple of its type (`text`, `binary`, `ping`, `pong`), its payload and `extra`, of
    the subclass of tuple `message`, or of `message_of_octets` where it is text that is not decoded.
    `overhead` is what a message counts besides its octets; `stalls` says whether a reader whose
    queue is full stops in the midst of a read; `inflates` whether an inflater's result says all
    that the library looks at. The last three are the library's own methods.
    """

    __slots__ = (
        "binary",
        "extra",
        "feed_data",
        "inflates",
        "message",
        "message_of_octets",
        "overhead",
        "parse",
        "ping",
        "pong",
        "read",
        "stalls",
        "text",
    )

    def __init__(
        self,
        *,
        message: type[tuple[Any, ...]],
        message_of_octets: type[tuple[Any, ...]],
        text: Any,
        binary: Any,
        ping: Any,
        pong: Any,
        extra: Any,
        overhead: int,
        stalls: bool,
        inflates: bool,
        feed_data: Callable[[Any, Any], Any],
        parse: Callable[[Any, bytes], None],
        read: Callable[[Any], Any],
    ) -> None:
        for cls in (message, message_of_octets):
            if not issubclass(cls, tuple) or cls.__itemsize__ != tuple.__itemsize__:
                raise TypeError(f"not a tuple of fields: {cls!r}")
            if cls.__basicsize__ != tuple.__basicsize__:
                raise TypeError(f"a tuple with more than fields: {cls!r}")
        self.message = message
        self.message_of_octets = message_of_octets
        self.text = text
        self.binary = binary
        self.ping = ping
        self.pong = pong
        self.extra = extra
        self.overhead = overhead
        self.stalls = stalls
        self.inflates = inflates
        self.feed_data = feed_data
        self.parse = parse
        self.read = read


class MessageQueue:
    """The first base of a queue of messages; the library's own queue is the second.

    Both work on the same attributes. This one does nothing until it has got its settings.
    """

    __slots__ = (
        "_buffer",
        "_get_buffer",
        "_limit",
        "_protocol",
        "_put_buffer",
        "_size",
        "_stalled_reader",
        "_waiter",
        "settings",
    )

    settings: ReaderSettings
    _protocol: Any
    _buffer: Any
    _get_buffer: Any
    _put_buffer: Any
    _waiter: Any
    _stalled_reader: Any
    _size: int
    _limit: int

    def __new__(cls, *args: Any, **named: Any) -> Any:
        queue = object.__new__(cls)
        queue._stalled_reader = None
        return queue

    def feed_data(self, data: Any, size: int) -> None:
        """Put a message into the queue that counts for so many octets."""
        self._size += size + self.settings.overhead
        self._put_buffer((data, size))
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)
        if self._size > self._limit and not self._protocol._reading_paused:
            self._protocol.pause_reading()

    def _read_from_buffer(self) -> Any:
        """Take a message out, by the library's own code where there is more to do than that."""
        if not self._buffer or self._makes_room():
            return self.settings.read(self)
        message, size = self._get_buffer()
        self._size -= size + self.settings.overhead
        return message

    def _makes_room(self) -> bool:
        """Whether the next message leaves room that somebody waits for."""
        if self._stalled_reader is not None:
            enough = self._limit // 2 + 1
        elif self._protocol._reading_paused:
            enough = self._limit
        else:
            return False
        _, size = self._buffer[0]
        return bool(self._size - size - self.settings.overhead < enough)
