"""websocket-client's WebSocket over a socket that holds octets in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...frames import encode_frame
from ...protocol import Opcode

NAME = "websocket-client"


def prepare(direction: str, side: str, text: bool, payload: bytes) -> Callable[[], Any] | None:
    """A function that handles one message on a new connection; None for a server's."""
    if side == "server":
        return None
    import websocket

    connection = websocket.WebSocket()
    socket = _Socket()
    connection.sock = socket
    connection.connected = True
    if direction == "in":
        opcode = Opcode.TEXT if text else Opcode.BINARY
        socket.data = encode_frame(opcode, payload, mask=False)
        receive = connection.recv

        def receive_again() -> Any:
            socket.offset = 0
            return receive()

        return receive_again

    message: str | bytes = payload.decode() if text else payload
    sent_as = websocket.ABNF.OPCODE_TEXT if text else websocket.ABNF.OPCODE_BINARY

    def send() -> bytes:
        connection.send(message, sent_as)
        return socket.sent

    return send


class _Socket:
    """Reads come out of `data`; writes are done at once."""

    def __init__(self) -> None:
        self.data = b""
        self.offset = 0
        self.sent = b""

    def gettimeout(self) -> None:
        return None

    def recv(self, bufsize: int) -> bytes:
        start = self.offset
        piece = self.data[start : start + bufsize]
        self.offset = start + len(piece)
        return piece

    def send(self, data: bytes) -> int:
        self.sent = data
        return len(data)

    def close(self) -> None:
        """Nothing is held."""
