"""A transport in memory, to which a test brings what the peer sends, cut as it likes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from oracle import CLOSE, PING, PONG, Reading, read_frames, signature

from wsfast.aio import ConnectionClosed, Settings, WebSocket
from wsfast.exceptions import ProtocolError

OTHER = {"server": "client", "client": "server"}

# No timer of ours runs in a test that doesn't wait.
UNTIMED: dict[str, Any] = {"ping_interval": None, "ping_timeout": None}


class Wire:
    """What asyncio's transport of a socket does, as soon as it is asked to.

    Reading is done within callbacks of the event loop, and not while it is paused.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._protocol: Any = None
        self._coming: list[bytes] = []
        self._reads = True
        self._is_closing = False
        self.written = bytearray()
        #: Whether this end has half-closed it.
        self.has_ended = False

    # As asyncio.Transport

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol

    def write(self, data: bytes) -> None:
        assert not self.has_ended and not self._is_closing
        self.written += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.has_ended = True

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._coming.clear()
            self._loop.call_soon(self._protocol.connection_lost, None)

    abort = close

    def pause_reading(self) -> None:
        self._reads = False

    def resume_reading(self) -> None:
        self._reads = True
        self._loop.call_soon(self._read)

    def set_write_buffer_limits(self, high: int) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str) -> None:
        return None

    # The peer's doing

    def bring(self, *reads: bytes) -> None:
        """What the peer sends, read by read; an empty one ends it."""
        self._coming += reads
        self._loop.call_soon(self._read)

    def _read(self) -> None:
        if not self._coming or not self._reads or self._is_closing:
            return
        data = self._coming.pop(0)
        if data:
            self._protocol.get_buffer(-1)[: len(data)] = data
            self._protocol.buffer_updated(len(data))
        elif not self._protocol.eof_received():
            self.close()
        self._loop.call_soon(self._read)


def open_on(wire: Wire, side: Any, limits: dict[str, Any], **options: Any) -> WebSocket:
    ws = WebSocket(side, wire, Settings(**UNTIMED, **limits), **options)  # type: ignore[arg-type]
    wire.set_protocol(ws)
    ws.start()
    return ws


async def lost(ws: WebSocket) -> None:
    """Waits for its end."""
    await asyncio.wait_for(ws.wait_closed(), 10)


def sent(wire: Wire, side: str) -> list[tuple[int, bool, bytes]]:
    """The frames that were written, as (opcode, RSV1, payload): all valid, whole and final."""
    reading = read_frames(bytes(wire.written), OTHER[side], rsv=0x40, max_payload_length=None)
    assert reading.fault is None
    assert reading.end != "frame"
    ends = [end for end, _ in reading.items]
    assert (ends[-1] if ends else 0) == len(wire.written), "nothing may follow a Close frame"
    assert all(item[1] for _, item in reading.items)
    return [(item[0], item[2], item[5]) for _, item in reading.items]


def answers(reading: Reading, *, echoes: bool) -> list[tuple[int, bool, bytes]]:
    """What is sent back, by the oracle; of a Close frame the code alone."""
    made: list[tuple[int, bool, bytes]] = []
    for _, (opcode, payload) in reading.items:
        if opcode == PING:
            made.append((PONG, False, payload))
        elif opcode == CLOSE:
            code = b"" if payload.code == 1005 else payload.code.to_bytes(2, "big")
            made.append((CLOSE, False, code))
        elif opcode != PONG and echoes:
            made.append((opcode, False, str.encode(payload) if opcode == 1 else payload))
    if reading.fault is not None:
        made.append((CLOSE, False, reading.fault.error.close_code.to_bytes(2, "big")))
    return made


def with_code_alone(frames: Iterable[tuple[int, bool, bytes]]) -> list[tuple[int, bool, bytes]]:
    return [
        (opcode, rsv1, payload[:2] if opcode == CLOSE else payload)
        for opcode, rsv1, payload in frames
    ]


def told(error: BaseException | None) -> Any:
    """What of an error has to be equal, however it came about."""
    if isinstance(error, ConnectionClosed):
        close = (error.code, error.reason, error.received, error.sent, error.clean)
        return (*close, told(error.__cause__))
    return signature(error) if isinstance(error, ProtocolError) else error
