"""Connections for the tests: open ones, what they have queued, and what the peer writes."""

from __future__ import annotations

import struct
from typing import Any

from oracle import CLOSE, read_frames
from streams import KEY, frame

from wsfast.connection import Connection

OTHER = {"server": "client", "client": "server"}


def opened(side: Any, **options: Any) -> Connection:
    return Connection.after_handshake(side, **options)


def sent(connection: Connection, side: str, **options: Any) -> list[tuple[int, bool, bool, bytes]]:
    """The frames that `data_to_send` gives, as (opcode, FIN, RSV1, payload): all whole and valid.

    `side` says whose end the connection is.
    """
    wire = connection.data_to_send()
    reading = read_frames(wire, OTHER[side], rsv=0x40, max_payload_length=None)
    assert reading.fault is None
    assert reading.end != "frame"
    ends = [end for end, _ in reading.items]
    assert (ends[-1] if ends else 0) == len(wire), "nothing may follow a Close frame"
    return [(item[0], item[1], item[2], item[5]) for _, item in reading.items]


def from_peer(side: str, opcode: int, payload: bytes = b"", **options: Any) -> bytes:
    """A frame to the end `side`."""
    return frame(opcode, payload, key=KEY if side == "server" else None, **options)


def close_from_peer(side: str, code: int | None = 1000, reason: str = "") -> bytes:
    payload = b"" if code is None else struct.pack("!H", code) + reason.encode()
    return from_peer(side, CLOSE, payload)


def standing(connection: Connection) -> tuple[Any, ...]:
    """All that a call which is refused must leave as it was."""
    return (
        *(connection.state, connection.close_sent, connection.close_received),
        *(connection.close_code, connection.close_reason, connection.should_close),
    )
