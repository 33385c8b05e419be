"""Limits and timeouts of a connection, which servers and clients share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from ..exceptions import negative, not_a_text_type, not_an_integer
from ..protocol import DEFAULT_MAX_MESSAGE_LENGTH

__all__ = ["Settings"]

_KIB = 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """What a connection is allowed, and how long it waits; wrong values are errors.

    In octets: `max_message_length` of a message received, inflated if it is compressed;
    `receive_queue`, above which the connection isn't read from, of messages that nobody has taken
    (each counts for 64 octets more than it has); `write_limit`, of what waits to be sent,
    above which send() and drain() wait. `max_fragments` is frames of a message received.

    In seconds: `open_timeout` of the opening handshake, from TCP on, with TLS; `close_timeout` of
    the closing handshake, and then of TCP's; `ping_interval` between the Pings that an idle
    connection is sent; `ping_timeout` that their Pong may take. None: no limit, no Ping.

    `text` says what a text message is handed out as: "str", or "bytes", which are its UTF-8,
    validated. With `streaming`, messages are handed out as `MessageStream`, while they come.
    """

    text: Literal["str", "bytes"] = "str"
    streaming: bool = False
    max_message_length: int | None = DEFAULT_MAX_MESSAGE_LENGTH
    max_fragments: int | None = 128 * _KIB
    receive_queue: int = 64 * _KIB
    write_limit: int = 64 * _KIB
    open_timeout: float | None = 10.0
    close_timeout: float | None = 10.0
    ping_interval: float | None = 20.0
    ping_timeout: float | None = 20.0

    def __post_init__(self) -> None:
        if self.text not in ("str", "bytes"):
            raise not_a_text_type(self.text)
        for name in ("max_message_length", "max_fragments"):
            check_count(name, getattr(self, name), or_none=True)
        for name in ("receive_queue", "write_limit"):
            check_count(name, getattr(self, name))
        for name in ("open_timeout", "close_timeout", "ping_interval", "ping_timeout"):
            check_seconds(name, getattr(self, name))


def check_count(name: str, value: object, *, or_none: bool = False) -> None:
    """Check an argument that is a number of octets, frames or connections."""
    if value is None and or_none:
        return
    if not isinstance(value, int) or isinstance(value, bool):
        raise not_an_integer(name, value)
    if value < 0:
        raise negative(name, value)


def check_seconds(name: str, value: object) -> None:
    """Check an argument that is a time, or None."""
    if value is None:
        return
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number of seconds or None, not {type(value).__name__}")
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be above 0 and finite, or None, not {value!r}")
