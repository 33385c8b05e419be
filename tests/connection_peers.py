"""Other libraries' connections without I/O, as ends for ours to talk to. They begin open."""

from __future__ import annotations

from typing import Any

from connections import OTHER

from wsfast.closing import State
from wsfast.connection import Connection
from wsfast.events import (
    BinaryMessage,
    Close,
    CloseReceived,
    Ping,
    Pong,
    TextMessage,
)
from wsfast.exceptions import ProtocolError


class End:
    """One end of a conversation: what it has received, and `out`, the octets under way from it."""

    def __init__(self) -> None:
        self.out = b""
        self.messages: list[str | bytes] = []
        self.pings: list[bytes] = []
        self.pongs: list[bytes] = []
        self.close_received: Close | None = None
        # The code with which it failed the connection.
        self.failed: int | None = None

    def send(self, data: str | bytes, first: bool, fin: bool) -> None:
        raise NotImplementedError

    def ping(self, data: bytes) -> None:
        raise NotImplementedError

    def pong(self, data: bytes) -> None:
        raise NotImplementedError

    def close(self, code: int, reason: str) -> None:
        raise NotImplementedError

    def receive(self, data: bytes) -> None:
        raise NotImplementedError

    def is_open(self) -> bool:
        raise NotImplementedError


class Ours(End):
    def __init__(self, side: Any) -> None:
        super().__init__()
        self.connection = Connection.after_handshake(side)

    def _collect(self) -> None:
        self.out += self.connection.data_to_send()

    def send(self, data: str | bytes, first: bool, fin: bool) -> None:
        if isinstance(data, str):
            self.connection.send_text(data, fin=fin)
        else:
            self.connection.send_binary(data, fin=fin)
        self._collect()

    def ping(self, data: bytes) -> None:
        self.connection.send_ping(data)
        self._collect()

    def pong(self, data: bytes) -> None:
        self.connection.send_pong(data)
        self._collect()

    def close(self, code: int, reason: str) -> None:
        self.connection.send_close(code, reason)
        self._collect()

    def receive(self, data: bytes) -> None:
        for event in self.connection.receive_data(data):
            assert self.failed is None, "an error is the last event"
            match event:
                case TextMessage(text):
                    self.messages.append(text)
                case BinaryMessage(octets):
                    self.messages.append(octets)
                case Ping(octets):
                    self.pings.append(octets)
                case Pong(octets):
                    self.pongs.append(octets)
                case CloseReceived():
                    self.close_received = Close(event.code, event.reason)
                case ProtocolError():
                    self.failed = int(event.close_code)
        self._collect()

    def is_open(self) -> bool:
        return self.connection.state is State.OPEN


class Websockets(End):
    def __init__(self, side: str) -> None:
        from websockets.protocol import Protocol, Side

        super().__init__()
        self.protocol = Protocol(Side.SERVER if side == "server" else Side.CLIENT)
        self._kind: Any = None
        self._parts: list[bytes] = []

    def _collect(self) -> None:
        self.out += b"".join(self.protocol.data_to_send())

    def send(self, data: str | bytes, first: bool, fin: bool) -> None:
        octets = data.encode() if isinstance(data, str) else data
        if not first:
            self.protocol.send_continuation(octets, fin)
        elif isinstance(data, str):
            self.protocol.send_text(octets, fin)
        else:
            self.protocol.send_binary(octets, fin)
        self._collect()

    def ping(self, data: bytes) -> None:
        self.protocol.send_ping(data)
        self._collect()

    def pong(self, data: bytes) -> None:
        self.protocol.send_pong(data)
        self._collect()

    def close(self, code: int, reason: str) -> None:
        if code == 1005:
            self.protocol.send_close()
        else:
            self.protocol.send_close(code, reason)
        self._collect()

    def receive(self, data: bytes) -> None:
        from websockets.frames import Opcode

        self.protocol.receive_data(data)
        for frame in self.protocol.events_received():
            if frame.opcode is Opcode.PING:
                self.pings.append(bytes(frame.data))
            elif frame.opcode is Opcode.PONG:
                self.pongs.append(bytes(frame.data))
            elif frame.opcode is not Opcode.CLOSE:
                if frame.opcode is not Opcode.CONT:
                    self._kind, self._parts = frame.opcode, []
                self._parts.append(bytes(frame.data))
                if frame.fin:
                    whole = b"".join(self._parts)
                    self.messages.append(whole.decode() if self._kind is Opcode.TEXT else whole)
        received = self.protocol.close_rcvd
        if received is not None:
            self.close_received = Close(int(received.code), received.reason)
        if self.protocol.parser_exc is not None and self.failed is None:
            assert self.protocol.close_sent is not None
            self.failed = int(self.protocol.close_sent.code)
        self._collect()

    def is_open(self) -> bool:
        return self.protocol.state.name == "OPEN"


class Wsproto(End):
    def __init__(self, side: str) -> None:
        from wsproto.connection import Connection, ConnectionState, ConnectionType

        super().__init__()
        kind = ConnectionType.SERVER if side == "server" else ConnectionType.CLIENT
        self.protocol = Connection(kind)
        self._reading = (ConnectionState.OPEN, ConnectionState.LOCAL_CLOSING)
        self._parts: list[Any] = []

    def _send(self, event: Any) -> None:
        self.out += self.protocol.send(event)

    def send(self, data: str | bytes, first: bool, fin: bool) -> None:
        from wsproto.events import BytesMessage, TextMessage

        kind: Any = TextMessage if isinstance(data, str) else BytesMessage
        self._send(kind(data=data, message_finished=fin))

    def ping(self, data: bytes) -> None:
        from wsproto.events import Ping

        self._send(Ping(payload=data))

    def pong(self, data: bytes) -> None:
        from wsproto.events import Pong

        self._send(Pong(payload=data))

    def close(self, code: int, reason: str) -> None:
        from wsproto.events import CloseConnection

        self._send(CloseConnection(code=code, reason=reason or None))

    def receive(self, data: bytes) -> None:
        if self.protocol.state not in self._reading or self.failed is not None:
            return
        self.protocol.receive_data(data)
        for event in self.protocol.events():
            self._take(event)

    def _take(self, event: Any) -> None:
        from wsproto import events

        if isinstance(event, events.Ping):
            self.pings.append(bytes(event.payload))
            if self.is_open():
                self._send(event.response())
        elif isinstance(event, events.Pong):
            self.pongs.append(bytes(event.payload))
        elif isinstance(event, events.CloseConnection) and self.protocol.state in self._reading:
            # What it would have the connection fail with.
            self.failed = int(event.code)
            if self.is_open():
                self._send(event)
        elif isinstance(event, events.CloseConnection):
            self.close_received = Close(int(event.code), event.reason or "")
            if self.protocol.state.name == "REMOTE_CLOSING":
                self._send(event.response())
        else:
            self._parts.append(event.data)
            if event.message_finished:
                # Of the kind of its first part, which may be empty.
                self.messages.append(self._parts[0][:0].join(self._parts))
                self._parts = []

    def is_open(self) -> bool:
        return self.protocol.state.name == "OPEN"


PEERS: dict[str, type[Websockets] | type[Wsproto]] = {"websockets": Websockets, "wsproto": Wsproto}


def pair(side: str, peer: str) -> tuple[Ours, End]:
    """Our end, `side`, and the peer's."""
    return Ours(side), PEERS[peer](OTHER[side])
