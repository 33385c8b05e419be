"""gevent-websocket's WebSocket over a stream that holds octets in memory."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from ...frames import encode_frame
from ...protocol import Opcode

NAME = "gevent-websocket"

_KEY = bytes.fromhex("37fa213d")


def prepare(direction: str, side: str, text: bool, payload: bytes) -> Callable[[], Any] | None:
    """A function that handles one message on a new connection; None for a client's."""
    if side == "client":
        return None
    module: Any = importlib.import_module("geventwebsocket.websocket")

    stream = _Stream()
    connection = module.WebSocket({}, stream, _Handler())
    if direction == "in":
        opcode = Opcode.TEXT if text else Opcode.BINARY
        stream.data = encode_frame(opcode, payload, mask=True, masking_key=_KEY)
        receive = connection.receive

        def receive_again() -> Any:
            stream.offset = 0
            return receive()

        return receive_again

    message: str | bytes = payload.decode() if text else payload
    send = connection.send

    def send_again() -> Any:
        send(message, not text)
        return stream.wrote

    return send_again


class _Handler:
    class logger:
        @staticmethod
        def debug(message: str) -> None:
            """It says that it is closed, when it is deleted."""


class _Stream:
    """Reads come out of `data`; writes are done at once."""

    def __init__(self) -> None:
        self.data = b""
        self.offset = 0
        self.wrote: Any = b""

    def read(self, size: int) -> bytes:
        start = self.offset
        piece = self.data[start : start + size]
        self.offset = start + len(piece)
        return piece

    def write(self, data: Any) -> None:
        self.wrote = data
