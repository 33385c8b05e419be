"""Opening handshakes for the tests: literal vectors, and what a handshake makes of a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from wsfast.exceptions import HandshakeError, HandshakeRejected
from wsfast.handshake import ClientHandshake, ServerHandshake

# RFC 6455 section 1.3, and its example of a key in section 4.1.
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
OTHER_KEY = "AQIDBAUGBwgJCgsMDQ4PEA=="

RFC_REQUEST = (
    b"GET /chat HTTP/1.1\r\n"
    b"Host: server.example.com\r\n"
    b"Upgrade: websocket\r\n"
    b"Connection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Origin: http://example.com\r\n"
    b"Sec-WebSocket-Protocol: chat, superchat\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
    b"\r\n"
)
RFC_RESPONSE = (
    b"HTTP/1.1 101 Switching Protocols\r\n"
    b"Upgrade: websocket\r\n"
    b"Connection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
    b"Sec-WebSocket-Protocol: chat\r\n"
    b"\r\n"
)
FIREFOX_REQUEST = (
    b"GET /feed?since=0 HTTP/1.1\r\n"
    b"Host: localhost:8765\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    b"Accept: */*\r\n"
    b"Accept-Language: en-US,en;q=0.5\r\n"
    b"Accept-Encoding: gzip, deflate, br, zstd\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
    b"Origin: http://localhost\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
    b"Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n"
    b"DNT: 1\r\n"
    b"Connection: keep-alive, Upgrade\r\n"
    b"Sec-Fetch-Dest: empty\r\n"
    b"Pragma: no-cache\r\n"
    b"Cache-Control: no-cache\r\n"
    b"Upgrade: websocket\r\n"
    b"\r\n"
)

# What an upgrade needs, by name.
FIELDS = {
    "Host": "server.example.com",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}
ANSWER_FIELDS = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Accept": ACCEPT,
}

Fields = dict[str, str | None] | Iterable[tuple[str, str]]


def head(first_line: str, fields: Iterable[tuple[str, str]]) -> bytes:
    lines = [first_line, *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def request(changed: dict[str, str | None] | None = None, *added: tuple[str, str]) -> bytes:
    """A request for an upgrade with other values, without what is None, and with fields more."""
    fields = {**FIELDS, **(changed or {})}
    kept = [(name, value) for name, value in fields.items() if value is not None]
    return head("GET /chat HTTP/1.1", [*kept, *added])


def answer(changed: dict[str, str | None] | None = None, *added: tuple[str, str]) -> bytes:
    """A 101, changed in the same way."""
    fields = {**ANSWER_FIELDS, **(changed or {})}
    kept = [(name, value) for name, value in fields.items() if value is not None]
    return head("HTTP/1.1 101 Switching Protocols", [*kept, *added])


def cuts(stream: bytes) -> Iterator[list[bytes]]:
    """Octet by octet, and in two at every octet."""
    yield [stream[at : at + 1] for at in range(len(stream))]
    for at in range(len(stream) + 1):
        yield [stream[:at], stream[at:]]


def _described(error: HandshakeError) -> tuple[Any, ...]:
    response = error.response if isinstance(error, HandshakeRejected) else None
    return (type(error), str(error), error.status, error.headers, response)


def of_server(pieces: Iterable[bytes], **settings: Any) -> tuple[Any, ...]:
    """What a server makes of it: request, why it can't be upgraded, and excess, or the error."""
    handshake = ServerHandshake(**settings)
    try:
        for piece in pieces:
            handshake.receive_data(piece)
    except HandshakeError as error:
        return _described(error)
    error = handshake.upgrade_error
    return (handshake.request, error and _described(error), handshake.excess)


def of_client(pieces: list[bytes], eof: bool = False, **settings: Any) -> tuple[Any, ...]:
    """What a client makes of it: response and excess, or the error."""
    handshake = ClientHandshake("ws://server.example.com/chat", key=KEY, **settings)
    found = None
    try:
        for piece in pieces:
            if found is not None:
                # Of a connection that is open, the octets no longer come here.
                handshake.excess += piece
                continue
            found = handshake.receive_data(piece)
        if eof:
            handshake.receive_eof()
    except HandshakeError as error:
        return _described(error)
    return (found, handshake.excess)
