"""picows: its protocol class over a transport that is none, with a listener in Python.

Data goes in as an event loop would write it, into the protocol's own buffer; data comes out at
the transport, which says that it is busy, so that nothing is sent by a system call.
"""

from __future__ import annotations

import asyncio
import logging
import re
from base64 import b64encode
from collections import deque
from hashlib import sha1
from importlib import import_module
from typing import Any

from ..streams import READ, Stream
from .peer import Peer, Side

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_REQUEST = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: d3NmYXN0IGJlbmNobWFyaw==\r\n\r\n"
)
_ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %b\r\n\r\n"
)

_READ_ALL = """\
for read in reads:
    size = len(read)
    get_buffer(-1)[:size] = read
    buffer_updated(size)"""


class _Socket:
    def fileno(self) -> int:
        return -1

    def setsockopt(self, *arguments: object) -> None:
        pass

    def getsockopt(self, *arguments: object) -> int:
        return 0


class _Transport:
    def __init__(self) -> None:
        # What was written last alone: timing must not pile it up.
        self.written: deque[bytes] = deque(maxlen=1)
        self.write = self.written.append

    def get_write_buffer_size(self) -> int:
        return 1

    def get_extra_info(self, name: str) -> object:
        return _Socket() if name == "socket" else None

    def close(self) -> None:
        raise RuntimeError("picows has closed the connection")

    abort = close


class Picows(Peer):
    name = "picows"
    distribution = "picows"

    def __init__(self, pure: bool = False) -> None:
        super().__init__(pure)
        self._picows: Any = import_module("picows.picows")

    def _connection(self, is_client: bool, listener: Any) -> tuple[Any, _Transport]:
        """A protocol after its opening handshake."""
        transport = _Transport()

        async def connect() -> Any:
            protocol = self._picows.WSProtocol(
                "localhost",
                "/",
                is_client,
                lambda *arguments: listener,
                logging.getLogger(__name__),
                True,  # disconnect_on_exception
                None,  # websocket_handshake_timeout
                False,  # enable_auto_ping
                10,
                10,
                self._picows.WSAutoPingStrategy.PING_WHEN_IDLE,
                False,  # enable_auto_pong
                2**30,  # max_frame_size
                None,  # extra_headers
                8 * READ,  # so large that it needn't grow
            )
            protocol.connection_made(transport)
            self._receive(protocol, self._answer(transport) if is_client else _REQUEST)
            return protocol

        return asyncio.run(connect()), transport

    @staticmethod
    def _answer(transport: _Transport) -> bytes:
        match = re.search(rb"Sec-WebSocket-Key: (\S+)", transport.written[-1])
        if match is None:
            raise ValueError("picows has sent no opening handshake")
        return _ANSWER % b64encode(sha1(match[1] + _GUID).digest())

    @staticmethod
    def _receive(protocol: Any, data: bytes) -> None:
        protocol.get_buffer(-1)[: len(data)] = data
        protocol.buffer_updated(len(data))

    def _reading(self, stream: Stream, method: str) -> Side:
        found: list[Any] = []
        listener: Any = self._picows.WSListener

        class Recorder(listener):  # type: ignore[misc]
            def on_ws_frame(self, transport: Any, frame: Any) -> None:
                found.append(getattr(frame, method)())

        class BytesTaker(listener):  # type: ignore[misc]
            def on_ws_frame(self, transport: Any, frame: Any) -> None:
                frame.get_payload_as_bytes()

        class TextTaker(listener):  # type: ignore[misc]
            def on_ws_frame(self, transport: Any, frame: Any) -> None:
                frame.get_payload_as_utf8_text()

        recording, _ = self._connection(False, Recorder())

        def output() -> list[Any]:
            found.clear()
            for read in stream.reads:
                self._receive(recording, read)
            return found

        taker = BytesTaker() if method == "get_payload_as_bytes" else TextTaker()
        protocol, _ = self._connection(False, taker)
        names = {
            "reads": stream.reads,
            "get_buffer": protocol.get_buffer,
            "buffer_updated": protocol.buffer_updated,
        }
        return Side(_READ_ALL, names, output)

    def frames(self, stream: Stream) -> Side:
        return self._reading(stream, "get_payload_as_bytes")

    def messages(self, stream: Stream) -> Side:
        return self._reading(stream, "get_payload_as_utf8_text")

    def _writing(self, kind: str, payload: bytes | str, is_client: bool) -> Side:
        listener = self._picows.WSListener()
        protocol, transport = self._connection(is_client, listener)
        send = protocol.transport.send
        names = {
            "send": send,
            "kind": getattr(self._picows.WSMsgType, kind),
            "payload": payload,
        }

        def output() -> bytes:
            send(names["kind"], payload)
            return transport.written[-1]

        return Side("send(kind, payload)", names, output)

    def encode(self, payload: bytes, mask: bool) -> Side:
        return self._writing("BINARY", payload, mask)

    def encode_text(self, text: str) -> Side:
        return self._writing("TEXT", text, True)
