"""The error of a connection that is closed; all others are wsfast's own and Python's."""

from __future__ import annotations

from typing import Any

from ..events import Close
from ..protocol import CloseCode

__all__ = ["ConnectionClosed"]

# Close codes that end `async for` without an error, where both sides took part: RFC 6455 7.4.1.
NORMAL = frozenset((CloseCode.NORMAL_CLOSURE, CloseCode.GOING_AWAY, CloseCode.NO_STATUS_RCVD))


class ConnectionClosed(Exception):
    """The connection is closed, or closing: nothing can be sent, or nothing more will come.

    `received` and `sent` are the Close frames of either side, None where there was none. `code` and
    `reason` are those of the peer's Close, else of ours if it failed the connection; 1005 is a
    Close without a code, 1006 a connection that was lost without one (RFC 6455 section 7.1.5).
    `clean` says whether both have sent one. What went wrong is in `__cause__`, if it is known.
    """

    def __init__(
        self,
        code: int,
        reason: str = "",
        *,
        received: Close | None = None,
        sent: Close | None = None,
        clean: bool = False,
    ) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason
        self.received = received
        self.sent = sent
        self.clean = clean

    def __str__(self) -> str:
        known = self.code in CloseCode.__members__.values()
        name = f" {CloseCode(self.code).name}" if known else ""
        reason = f": {self.reason}" if self.reason else ""
        how = "" if self.clean else ", without a closing handshake"
        return f"connection closed with {self.code}{name}{reason}{how}"

    def __reduce__(self) -> tuple[Any, ...]:
        state = {"received": self.received, "sent": self.sent, "clean": self.clean}
        return type(self), (self.code, self.reason), state


def is_normal(closed: ConnectionClosed) -> bool:
    """Whether `async for` ends by it without an error."""
    return closed.clean and closed.code in NORMAL
