"""Answers that open no connection: any status, body and headers that make a valid response."""

from __future__ import annotations

import pytest
from handshakes import RFC_REQUEST, request

from wsfast.exceptions import HandshakeError, LocalProtocolError
from wsfast.handshake import ServerHandshake


def rejected(status: int, **arguments: object) -> bytes:
    return ServerHandshake().reject(status, **arguments)  # type: ignore[arg-type]


def test_the_octets() -> None:
    assert rejected(403, headers={"X": "y"}, body=b"no\n") == (
        b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 3\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\nX: y\r\n\r\nno\n"
    )
    assert rejected(500) == (
        b"HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    )
    assert rejected(204) == b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
    # The space before an empty reason phrase is no option (RFC 9112 section 4).
    assert rejected(599).startswith(b"HTTP/1.1 599 \r\n")


def test_the_type_of_the_body() -> None:
    answer = rejected(200, headers={"content-type": "text/html"}, body=b"<p>")
    assert answer.count(b"ype:") == 1
    assert b"content-type: text/html\r\n" in answer


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_body_of_any_bytes_like_object(kind: type) -> None:
    assert rejected(200, body=kind(b"OK")).endswith(b"\r\n\r\nOK")
    with pytest.raises(TypeError, match="must be a bytes-like object"):
        rejected(200, body="OK")


@pytest.mark.parametrize("status", [0, 99, 100, 101, 103, 199, 600, -200, "200", None, 200.0])
def test_no_other_status(status: int) -> None:
    with pytest.raises(ValueError, match="status must be 200 to 599"):
        rejected(status)


@pytest.mark.parametrize(
    "headers",
    [
        {"X": "a\r\nY: b"},
        {"X": "a\r\n\r\n<script>"},
        {"X\r\nY": "a"},
        {"X": "a\0"},
        {"Transfer-Encoding": "chunked"},
        {"Content-Length": "3"},
        {"content-length": "02"},
        {"Connection": "keep-alive"},
        [("Content-Length", "2"), ("Content-Length", "3")],
    ],
)
def test_no_header_that_breaks_the_response(headers: dict[str, str]) -> None:
    handshake = ServerHandshake()
    with pytest.raises(ValueError, match="header"):
        handshake.reject(200, headers=headers, body=b"OK")
    # A call that is refused changes nothing.
    assert handshake.reject(200, body=b"OK").endswith(b"OK")


def test_what_is_written_anyhow_may_be_given() -> None:
    given = {"Content-Length": "2", "connection": "Close", "X": "y"}
    answer = rejected(200, headers=given, body=b"OK")
    assert answer.lower().count(b"content-length: 2\r\n") == 1
    assert answer.lower().count(b"connection: close\r\n") == 1
    assert b"X: y\r\n" in answer


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_that_has_no_body(status: int) -> None:
    with pytest.raises(ValueError, match=f"status {status} has none"):
        rejected(status, body=b"OK")


def test_another_version() -> None:
    handshake = ServerHandshake()
    handshake.receive_data(request({"Sec-WebSocket-Version": "8"}))
    assert handshake.upgrade_error is not None
    answer = handshake.reject_error(handshake.upgrade_error)
    lines = answer.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 426 Upgrade Required"
    assert b"Sec-WebSocket-Version: 13" in lines
    # RFC 9110 section 15.5.22 and 7.8.
    assert b"Upgrade: websocket" in lines
    assert b"Connection: close, Upgrade" in lines
    assert lines[-1] == b"Sec-WebSocket-Version '8': expected 13\n"


def test_another_method() -> None:
    handshake = ServerHandshake()
    with pytest.raises(HandshakeError) as caught:
        handshake.receive_data(RFC_REQUEST.replace(b"GET", b"PUT"))
    answer = handshake.reject_error(caught.value)
    assert answer.startswith(b"HTTP/1.1 405 Method Not Allowed\r\n")
    assert b"\r\nAllow: GET\r\n" in answer


def test_an_error_that_repeats_what_came_is_only_text() -> None:
    handshake = ServerHandshake(origins=["https://a.example"])
    handshake.receive_data(request({"Origin": "<b>\xe9"}))
    assert handshake.upgrade_error is not None
    answer = handshake.reject_error(handshake.upgrade_error)
    assert b"\r\nContent-Type: text/plain; charset=utf-8\r\n" in answer
    assert answer.endswith("\r\n\r\norigin '<b>é' is not let in\n".encode())


def test_no_second_answer() -> None:
    handshake = ServerHandshake()
    handshake.reject(503)
    with pytest.raises(LocalProtocolError, match="answered already"):
        handshake.reject(503)
