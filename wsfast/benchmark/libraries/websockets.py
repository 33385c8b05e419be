"""websockets: its sans-I/O protocol for binary, its asyncio connection for text.

The sans-I/O face takes and gives text as octets: a `str` is what recv() returns and send() takes,
over a transport in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from typing import Any

from ...frames import encode_frame
from ...protocol import Opcode

NAME = "websockets"

_KEY = bytes.fromhex("37fa213d")
# What an asyncio transport reads at once.
_READ = 256 * 1024


def prepare(direction: str, side: str, text: bool, payload: bytes) -> Callable[[], Any] | None:
    """A function that takes or sends one message on a connection of its own."""
    if text:
        connection = _connection(side)
        return (
            _receive_text(connection, _reads(side, Opcode.TEXT, payload))
            if (direction == "in")
            else _send_text(connection, payload.decode())
        )
    protocol = _protocol(side)
    if direction == "in":
        return _receive_binary(protocol, _reads(side, Opcode.BINARY, payload))
    return _send_binary(protocol, payload)


def _reads(side: str, opcode: Opcode, payload: bytes) -> list[bytes]:
    mask = side == "server"
    wire = encode_frame(opcode, payload, mask=mask, masking_key=_KEY if mask else None)
    return [wire[start : start + _READ] for start in range(0, len(wire), _READ)]


# Sans-I/O


def _protocol(side: str) -> Any:
    from websockets.client import ClientProtocol
    from websockets.protocol import State
    from websockets.server import ServerProtocol
    from websockets.uri import parse_uri

    if side == "server":
        return ServerProtocol(state=State.OPEN, max_size=None)
    return ClientProtocol(parse_uri("ws://localhost/"), state=State.OPEN, max_size=None)


def _receive_binary(protocol: Any, reads: list[bytes]) -> Callable[[], Any]:
    def receive() -> Any:
        for data in reads:
            protocol.receive_data(data)
        return protocol.events_received()[0].data

    def receive_at_once() -> Any:
        protocol.receive_data(reads[0])
        return protocol.events_received()[0].data

    return receive if len(reads) > 1 else receive_at_once


def _send_binary(protocol: Any, payload: bytes) -> Callable[[], Any]:
    def send() -> Any:
        protocol.send_binary(payload)
        return protocol.data_to_send()

    return send


# asyncio


class _Transport(asyncio.Transport):
    """Holds what was written, until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.write = self.written.append  # type: ignore[assignment]

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def _connection(side: str) -> Any:
    from websockets.asyncio.client import ClientConnection
    from websockets.asyncio.server import ServerConnection

    async def connect() -> Any:
        protocol = _protocol(side)
        if side == "server":
            server: Any = _Server()
            connection: Any = ServerConnection(protocol, server, ping_interval=None)
        else:
            connection = ClientConnection(protocol, ping_interval=None)
        connection.connection_made(_Transport())
        # As after the opening handshake.
        connection.request, connection.response = _Request(), _Response()
        return connection

    return _loop().run_until_complete(connect())


class _Server:
    """What a connection wants of its server."""

    def __init__(self) -> None:
        self.handler_tasks: set[Any] = set()

    async def handler(self, connection: Any) -> None:
        pass

    def start_connection_handler(self, connection: Any) -> None:
        pass


class _Request:
    pass


class _Response:
    pass


def _run(coroutine: Any) -> Any:
    """What a coroutine returns that has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise RuntimeError("it waits")


def _receive_text(connection: Any, reads: list[bytes]) -> Callable[[], Any]:
    def receive() -> Any:
        for data in reads:
            connection.data_received(data)
        return _run(connection.recv())

    return receive


def _send_text(connection: Any, text: str) -> Callable[[], Any]:
    written = connection.transport.written

    def send() -> Any:
        _run(connection.send(text))
        sent = written[:]
        written.clear()
        return sent

    return send
