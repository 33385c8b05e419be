"""The closing handshake, RFC 6455 section 7: its states as a table, and the Close frame's payload.

    CONNECTING ── opened ──▶ OPEN ── send Close ──▶ CLOSING ──── receive Close ──▶ CLOSE_COMPLETE
                              │                                                       ▲
                              ├── receive Close ──▶ CLOSE_RECEIVED ──── send Close ───┘
                              └── fail ──▶ FAILING ── send Close ──▶ FAILED

From each of them to CLOSED, when the transport has ended.
"""

from __future__ import annotations

from enum import Enum
from operator import index
from typing import Literal, SupportsIndex

from .events import Close
from .exceptions import LocalProtocolError, RemoteProtocolError, not_a_side, not_an_integer
from .protocol import MAX_CONTROL_PAYLOAD_LENGTH, CloseCode, is_close_code_on_the_wire

# Octets of a reason: what the close code leaves of a control frame's payload.
MAX_REASON_LENGTH = MAX_CONTROL_PAYLOAD_LENGTH - 2


class State(Enum):
    """Where a connection is, RFC 6455 sections 4.1 and 7.1.

    In CONNECTING the opening handshake isn't complete. In OPEN messages flow both ways. In CLOSING
    a Close frame was sent, and messages may come until the peer's arrives. In CLOSE_RECEIVED the
    peer's Close frame has come, and ours is due; in CLOSE_COMPLETE both went, and the transport is
    to be closed, first by the server. In FAILING nothing is read any more, and a Close frame that
    says why is due; in FAILED it was sent, if it could be. In CLOSED the transport has ended, or is
    to be closed at once.
    """

    CONNECTING = "connecting"
    OPEN = "open"
    CLOSING = "closing"
    CLOSE_RECEIVED = "close received"
    CLOSE_COMPLETE = "close complete"
    FAILING = "failing"
    FAILED = "failed"
    CLOSED = "closed"


class Happening(Enum):
    """What moves a connection from one state to another.

    FAIL is an error of the peer, or one here that ends the connection. EOF says that nothing comes
    from the peer any more, LOST that nothing can be sent, either.
    """

    OPENED = "opened"
    SEND_CLOSE = "send Close"
    RECEIVE_CLOSE = "receive Close"
    FAIL = "fail"
    EOF = "EOF"
    LOST = "lost"


# What isn't listed is refused. A Close frame that is due may still be sent after EOF.
TRANSITIONS: dict[State, dict[Happening, State]] = {
    State.CONNECTING: {
        Happening.OPENED: State.OPEN,
        # There are no frames yet, so no Close frame, either.
        Happening.FAIL: State.CLOSED,
        Happening.EOF: State.CLOSED,
        Happening.LOST: State.CLOSED,
    },
    State.OPEN: {
        Happening.SEND_CLOSE: State.CLOSING,
        Happening.RECEIVE_CLOSE: State.CLOSE_RECEIVED,
        Happening.FAIL: State.FAILING,
        Happening.EOF: State.CLOSED,
        Happening.LOST: State.CLOSED,
    },
    State.CLOSING: {
        Happening.RECEIVE_CLOSE: State.CLOSE_COMPLETE,
        # Nothing may follow the Close frame that was sent.
        Happening.FAIL: State.FAILED,
        Happening.EOF: State.CLOSED,
        Happening.LOST: State.CLOSED,
    },
    State.CLOSE_RECEIVED: {
        Happening.SEND_CLOSE: State.CLOSE_COMPLETE,
        Happening.FAIL: State.FAILING,
        Happening.EOF: State.CLOSE_RECEIVED,
        Happening.LOST: State.CLOSED,
    },
    State.CLOSE_COMPLETE: {
        Happening.FAIL: State.CLOSE_COMPLETE,
        Happening.EOF: State.CLOSED,
        Happening.LOST: State.CLOSED,
    },
    State.FAILING: {
        Happening.SEND_CLOSE: State.FAILED,
        Happening.FAIL: State.FAILING,
        Happening.EOF: State.FAILING,
        Happening.LOST: State.CLOSED,
    },
    State.FAILED: {
        Happening.FAIL: State.FAILED,
        Happening.EOF: State.CLOSED,
        Happening.LOST: State.CLOSED,
    },
    State.CLOSED: {
        Happening.FAIL: State.CLOSED,
        Happening.EOF: State.CLOSED,
        Happening.LOST: State.CLOSED,
    },
}

# In which states an endpoint closes the transport, once all is written: the server first, and the
# client when it sees that (RFC 6455 section 7.1.1).
CLOSES_TRANSPORT: dict[str, frozenset[State]] = {
    "server": frozenset({State.CLOSE_COMPLETE, State.FAILED, State.CLOSED}),
    "client": frozenset({State.CLOSED}),
}

_WITHOUT_CLOSE = frozenset({State.FAILING, State.FAILED, State.CLOSED})

_WHY: dict[State, str] = {
    State.CONNECTING: "the opening handshake isn't complete",
    State.OPEN: "the connection is open",
    State.CLOSING: "a Close frame was sent",
    State.CLOSE_RECEIVED: "the peer's Close frame has come",
    State.CLOSE_COMPLETE: "the closing handshake is complete",
    State.FAILING: "the connection has failed",
    State.FAILED: "the connection has failed",
    State.CLOSED: "the connection is closed",
}


def refused(what: str, state: State) -> LocalProtocolError:
    return LocalProtocolError(f"{what} refused: {_WHY[state]}")


def cannot_send_close_code(code: int) -> LocalProtocolError:
    return LocalProtocolError(
        f"close code {code} can't be sent: expected 1000 to 1003, 1007 to 1014 or 3000 to 4999 "
        "(RFC 6455 section 7.4)"
    )


def cannot_send_long_reason(length: int) -> LocalProtocolError:
    return LocalProtocolError(
        f"reason of {length} octets: at most {MAX_REASON_LENGTH} are allowed "
        "(RFC 6455 section 5.5.1)"
    )


def cannot_send_reason_alone() -> LocalProtocolError:
    return LocalProtocolError(
        "reason without a close code: 1005 stands for an empty Close frame (RFC 6455 section 5.5.1)"
    )


def ended_without_close() -> RemoteProtocolError:
    return RemoteProtocolError(
        "the stream ended without a Close frame (RFC 6455 section 7.1.5)",
        CloseCode.ABNORMAL_CLOSURE,
    )


def encode_close(code: SupportsIndex = CloseCode.NORMAL_CLOSURE, reason: str = "") -> bytes:
    """The payload of a Close frame, RFC 6455 section 5.5.1.

    `code` is one that may be sent: 1000 to 1003, 1007 to 1014 or 3000 to 4999; or 1005 for an empty
    payload. `reason` takes at most 123 octets in UTF-8. Anything else is a LocalProtocolError.
    """
    try:
        number = index(code)
    except TypeError:
        raise not_an_integer("code", code) from None
    if not isinstance(reason, str):
        raise TypeError(f"reason must be a str, not {type(reason).__name__}")
    octets = str.encode(reason)
    if number == CloseCode.NO_STATUS_RCVD:
        if octets:
            raise cannot_send_reason_alone()
        return b""
    if not is_close_code_on_the_wire(number):
        raise cannot_send_close_code(number)
    if len(octets) > MAX_REASON_LENGTH:
        raise cannot_send_long_reason(len(octets))
    return number.to_bytes(2, "big") + octets


def shorten_reason(reason: str) -> str:
    """As much of `reason` as a Close frame can carry, in whole characters."""
    # A lone surrogate can't be sent at all.
    octets = reason.encode("utf-8", "replace")
    return octets[:MAX_REASON_LENGTH].decode("utf-8", "ignore")


class Closing:
    """How far the closing handshake of one connection is, RFC 6455 section 7.1.

    `side` says whose end this is. `sent` and `received` are the Close frames, None as long as there
    is none. What the state doesn't allow is a LocalProtocolError and changes nothing.
    """

    __slots__ = ("_server", "_why", "clean", "received", "sent", "state")

    def __init__(self, side: Literal["server", "client"], state: State = State.OPEN) -> None:
        if side not in CLOSES_TRANSPORT:
            raise not_a_side(side)
        self._server = side == "server"
        # What a failed connection's Close frame will say.
        self._why = Close(CloseCode.PROTOCOL_ERROR.value, "")
        self.state = state
        self.sent: Close | None = None
        self.received: Close | None = None
        #: Whether the closing handshake has been completed (RFC 6455 section 7.1.4).
        self.clean = False

    def _move(self, happening: Happening) -> None:
        state = TRANSITIONS[self.state].get(happening)
        if state is None:
            raise refused(happening.value, self.state)
        self.state = state
        if state is State.CLOSE_COMPLETE:
            self.clean = True

    def open(self) -> None:
        """Say that the opening handshake is complete."""
        self._move(Happening.OPENED)

    def send_close(self, code: SupportsIndex = CloseCode.NORMAL_CLOSURE, reason: str = "") -> bytes:
        """Return the payload of a Close frame, which the caller sends; once a connection.

        It begins the closing handshake, or answers the peer's Close frame, or ends a connection
        that failed. Code and reason as in `encode_close`.
        """
        payload = encode_close(code, reason)
        self._move(Happening.SEND_CLOSE)
        self.sent = Close(index(code), reason)
        return payload

    def answer(self) -> bytes | None:
        """Return the payload of the Close frame that is due, as `send_close` does, or None.

        One is due when the peer's has come, whose code (RFC 6455 section 5.5.1) and reason it
        echoes, and when the connection has failed.
        """
        if self.state is State.CLOSE_RECEIVED and self.received is not None:
            return self.send_close(*self.received)
        if self.state is State.FAILING:
            return self.send_close(*self._why)
        return None

    def receive_close(self, close: Close) -> None:
        """Take the peer's Close frame. Whatever it sends after that is to be dropped."""
        self._move(Happening.RECEIVE_CLOSE)
        self.received = close

    def fail(self, code: SupportsIndex, reason: str = "") -> None:
        """Fail the connection, RFC 6455 section 7.1.7: what comes from now on is to be dropped.

        `answer` gives the Close frame that says so, with a reason that is cut to 123 octets. The
        first failure counts.
        """
        reason = shorten_reason(reason)
        encode_close(code, reason)
        before = self.state
        self._move(Happening.FAIL)
        if before is not State.FAILING:
            self._why = Close(index(code), reason)

    def receive_eof(self) -> None:
        """Say that the peer has ended its side of the transport."""
        self._move(Happening.EOF)

    def lose(self) -> None:
        """Say that the transport is gone."""
        self._move(Happening.LOST)

    @property
    def code(self) -> int | None:
        """The connection's close code, RFC 6455 section 7.1.5: that of the peer's Close frame.

        1005 if it had none, 1006 if the connection failed or was lost without such a frame. None
        as long as that isn't known.
        """
        if self.received is not None:
            return self.received.code
        return CloseCode.ABNORMAL_CLOSURE.value if self.state in _WITHOUT_CLOSE else None

    @property
    def reason(self) -> str:
        """The connection's close reason, RFC 6455 section 7.1.6: that of the peer's Close frame."""
        return "" if self.received is None else self.received.reason

    @property
    def should_close(self) -> bool:
        """Whether this end is to close the transport, as soon as all is written.

        After the closing handshake, and after a failure, the server closes it. The client waits for
        that, for some time at least (RFC 6455 section 7.1.1).
        """
        return self.state in CLOSES_TRANSPORT["server" if self._server else "client"]
