"""The opening handshake through a Connection, RFC 6455 section 4."""

from __future__ import annotations

from typing import Any

import pytest
from connections import standing

from wsfast.closing import State
from wsfast.connection import Connection
from wsfast.events import BinaryMessage, Ping, Request, Response, TextMessage
from wsfast.exceptions import (
    HandshakeError,
    HandshakeRejected,
    LocalProtocolError,
    RemoteProtocolError,
)
from wsfast.handshake import ClientHandshake, ServerHandshake

# The key and what it is accepted by: RFC 6455 section 1.3.
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
REQUEST = (
    b"GET /chat?room=1 HTTP/1.1\r\n"
    b"Host: server.example.com\r\n"
    b"Upgrade: websocket\r\n"
    b"Connection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Protocol: chat, superchat\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
    b"\r\n"
)
RESPONSE = (
    b"HTTP/1.1 101 Switching Protocols\r\n"
    b"Upgrade: websocket\r\n"
    b"Connection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
    b"Sec-WebSocket-Protocol: superchat\r\n"
    b"\r\n"
)
NOT_AN_UPGRADE = b"GET /health HTTP/1.1\r\nHost: server.example.com\r\n\r\n"
FRAMES_TO_SERVER = b"\x81\x82abcd\x09\x0b" + b"\x89\x80abcd"  # "hi", masked by "abcd"; a Ping
FRAMES_TO_CLIENT = b"\x82\x02ab" + b"\x89\x01p"


def _server(**options: Any) -> Connection:
    return Connection("server", handshake=ServerHandshake(subprotocols=["superchat"]), **options)


def _client(**options: Any) -> Connection:
    handshake = ClientHandshake(
        "ws://server.example.com/chat?room=1", subprotocols=["chat", "superchat"], key=KEY
    )
    return Connection("client", handshake=handshake, **options)


def test_a_client_queues_its_request_at_once() -> None:
    client = _client()
    assert client.state is State.CONNECTING
    request = client.data_to_send()
    assert request.startswith(b"GET /chat?room=1 HTTP/1.1\r\nHost: server.example.com\r\n")
    assert b"\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" in request
    assert request.endswith(b"\r\n\r\n")
    assert client.data_to_send() == b""
    assert isinstance(client.request, Request)
    assert client.request.path == "/chat"


def test_a_server_answers_when_it_is_told_to() -> None:
    server = _server()
    [request] = server.receive_data(REQUEST)
    assert isinstance(request, Request)
    assert server.request is request
    assert (request.path, request.query) == ("/chat", "room=1")
    assert server.data_to_send() == b""
    assert server.state is State.CONNECTING
    assert server.upgrade_error is None
    assert server.accept() == []
    assert server.data_to_send() == RESPONSE
    assert server.state is State.OPEN
    assert server.subprotocol == "superchat"
    assert server.deflate is None


def test_a_handshake_may_be_cut_anywhere() -> None:
    stream = REQUEST + FRAMES_TO_SERVER
    for cut in range(len(stream) + 1):
        server = _server()
        events = server.receive_data(stream[:cut])
        if cut < len(REQUEST):
            assert events == []
            events = server.receive_data(stream[cut:])
            rest = b""
        else:
            rest = stream[cut:]
        [request] = events
        assert isinstance(request, Request)
        events = server.accept() + server.receive_data(rest)
        assert events == [TextMessage("hi"), Ping(b"")]
        assert server.data_to_send() == RESPONSE + b"\x8a\x00"

    stream = RESPONSE + FRAMES_TO_CLIENT
    for cut in range(len(stream) + 1):
        client = _client()
        client.data_to_send()
        response, *events = client.receive_data(stream[:cut]) + client.receive_data(stream[cut:])
        assert isinstance(response, Response)
        assert client.response is response
        assert response.status == 101
        assert events == [BinaryMessage(b"ab"), Ping(b"p")]
        assert client.subprotocol == "superchat"
        assert client.state is State.OPEN


def test_frames_may_come_between_request_and_answer() -> None:
    server = _server()
    server.receive_data(REQUEST + FRAMES_TO_SERVER[:3])
    assert server.receive_data(FRAMES_TO_SERVER[3:]) == []
    assert server.accept() == [TextMessage("hi"), Ping(b"")]


def test_an_error_behind_the_request_is_an_event_of_accept() -> None:
    server = _server()
    server.receive_data(REQUEST + b"\x81\x00")
    [error] = server.accept()
    assert isinstance(error, RemoteProtocolError)
    assert str(error).startswith("unmasked frame from a client")
    assert server.data_to_send().startswith(RESPONSE + b"\x88")
    assert server.state is State.FAILED


def test_an_error_behind_the_response_is_the_last_event() -> None:
    client = _client()
    response, message, error = client.receive_data(RESPONSE + b"\x81\x01a" + b"\xff")
    assert isinstance(response, Response)
    assert message == TextMessage("a")
    assert isinstance(error, RemoteProtocolError)
    assert not isinstance(error, HandshakeError)
    assert error.close_code == 1002


def test_both_ends_by_their_defaults() -> None:
    server = Connection("server")
    client = Connection("client", handshake=ClientHandshake("ws://localhost:8000/"))
    [_] = server.receive_data(client.data_to_send())
    server.accept(headers=[("X-Name", "value")])
    server.send_text("welcome")
    response, message = client.receive_data(server.data_to_send())
    assert isinstance(response, Response)
    assert response.headers["x-name"] == "value"
    assert message == TextMessage("welcome")
    assert client.subprotocol is client.deflate is None


def test_options_hold_behind_the_handshake() -> None:
    server = _server(max_message_length=1, text="bytes", answer_pings=False)
    server.receive_data(REQUEST)
    server.accept()
    server.data_to_send()
    # "a" and a Ping; then two octets.
    events = server.receive_data(b"\x81\x81\0\0\0\0a" + b"\x89\x80abcd" + b"\x82\x82")
    *events, error = events
    assert events == [TextMessage(b"a"), Ping(b"")]
    assert isinstance(error, RemoteProtocolError)
    assert error.close_code == 1009


# Where it fails


def test_a_server_rejects_by_any_status() -> None:
    server = _server()
    server.receive_data(NOT_AN_UPGRADE)
    server.reject(200, headers=[("Content-Type", "text/plain")], body=b"fine\n")
    answer = server.data_to_send()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nfine\n")
    assert (server.state, server.should_close) == (State.CLOSED, True)
    assert server.receive_data(b"more") == server.receive_eof() == []


def test_a_request_that_is_no_upgrade_is_rejected_by_accept() -> None:
    server = _server()
    [request] = server.receive_data(NOT_AN_UPGRADE)
    assert isinstance(request, Request)
    assert server.upgrade_error is not None
    [error] = server.accept()
    assert isinstance(error, HandshakeError)
    assert (error.status, str(error)) == (426, str(server.upgrade_error))
    answer = server.data_to_send()
    assert answer.startswith(b"HTTP/1.1 426 Upgrade Required\r\n")
    assert b"\r\nSec-WebSocket-Version: 13\r\n" in answer
    assert (server.state, server.should_close) == (State.CLOSED, True)
    # It is over.
    with pytest.raises(LocalProtocolError, match="the connection is closed"):
        server.accept()


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * 70000, 431),
        (b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    ],
)
def test_a_request_that_is_none_is_answered_by_its_status(octets: bytes, status: int) -> None:
    server = _server()
    [error] = server.receive_data(octets)
    assert isinstance(error, HandshakeError)
    assert error.status == status
    assert server.data_to_send().startswith(b"HTTP/1.1 %d " % status)
    assert (server.state, server.should_close, server.close_code) == (State.CLOSED, True, 1006)
    assert server.receive_data(REQUEST) == []


def test_a_client_is_rejected() -> None:
    client = _client()
    client.data_to_send()
    answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\ngo!\n"
    for at in range(len(answer) - 1):
        assert client.receive_data(answer[at : at + 1]) == []
    [error] = client.receive_data(answer[-1:])
    assert isinstance(error, HandshakeRejected)
    assert (error.response.status, error.response.body) == (403, b"go!\n")
    # No frame can be sent: there is no connection yet.
    assert client.data_to_send() == b""
    assert (client.state, client.should_close, client.close_code) == (State.CLOSED, True, 1006)


def test_a_rejection_may_end_with_the_stream() -> None:
    client = _client()
    assert client.receive_data(b"HTTP/1.1 500 Oops\r\n\r\nsorry") == []
    [error] = client.receive_eof()
    assert isinstance(error, HandshakeRejected)
    assert error.response.body == b"sorry"
    assert client.state is State.CLOSED


def test_a_wrong_accept_is_an_error() -> None:
    client = _client()
    [error] = client.receive_data(RESPONSE.replace(b"s3p", b"S3p"))
    assert isinstance(error, HandshakeError)
    assert client.state is State.CLOSED
    assert client.data_to_send().startswith(b"GET ")


@pytest.mark.parametrize("side", ["server", "client"])
def test_the_stream_may_end_inside_the_handshake(side: str) -> None:
    stream = REQUEST if side == "server" else RESPONSE
    for cut in range(len(stream)):
        connection = _server() if side == "server" else _client()
        assert connection.receive_data(stream[:cut]) == []
        [error] = connection.receive_eof()
        assert isinstance(error, HandshakeError)
        assert error.close_code == 1006
        assert (connection.state, connection.close_code) == (State.CLOSED, 1006)
        assert connection.receive_eof() == []


def test_the_stream_may_end_before_the_answer() -> None:
    server = _server()
    server.receive_data(REQUEST)
    [error] = server.receive_eof()
    assert isinstance(error, HandshakeError)
    assert str(error) == "the stream ended before the request was answered"
    assert server.data_to_send() == b""
    with pytest.raises(LocalProtocolError, match=r"accept\(\) refused: the connection is closed"):
        server.accept()


# Calls at the wrong time


@pytest.mark.parametrize("side", ["server", "client"])
def test_nothing_can_be_sent_before_the_handshake_is_complete(side: str) -> None:
    connection = _server() if side == "server" else _client()
    connection.data_to_send()
    if side == "server":
        connection.receive_data(REQUEST)
    before = standing(connection)
    for name in ("send_text", "send_binary", "send_ping", "send_pong"):
        with pytest.raises(LocalProtocolError) as raised:
            getattr(connection, name)(b"x")
        words = f"{name}() refused: the opening handshake isn't complete"
        assert str(raised.value) == words
    with pytest.raises(LocalProtocolError, match="the opening handshake isn't complete"):
        connection.send_close()
    assert standing(connection) == before
    assert connection.data_to_send() == b""


def test_an_answer_needs_a_request() -> None:
    server = _server()
    with pytest.raises(LocalProtocolError, match=r"accept\(\) without a request"):
        server.accept()
    assert server.data_to_send() == b""
    server.receive_data(REQUEST)
    server.accept()
    for call in (server.accept, lambda: server.reject(404)):
        with pytest.raises(LocalProtocolError, match="refused: the connection is open"):
            call()
    assert server.data_to_send() == RESPONSE


def test_an_answer_that_is_refused_may_be_given_anew() -> None:
    server = _server()
    server.receive_data(REQUEST)
    with pytest.raises(LocalProtocolError, match="subprotocol 'other'"):
        server.accept(subprotocol="other")
    with pytest.raises(ValueError, match="bad"):
        server.accept(headers=[("bad name", "x")])
    with pytest.raises(ValueError, match="status must be 200 to 599"):
        server.reject(101)
    assert (server.state, server.data_to_send()) == (State.CONNECTING, b"")
    assert server.accept(subprotocol="superchat") == []
    assert server.data_to_send() == RESPONSE


def test_a_client_answers_no_request() -> None:
    client = _client()
    with pytest.raises(LocalProtocolError, match=r"accept\(\) on a client"):
        client.accept()
    with pytest.raises(LocalProtocolError, match=r"reject\(\) on a client"):
        client.reject(400)


def test_the_handshake_must_be_of_that_side() -> None:
    with pytest.raises(TypeError, match="of a client must be a ClientHandshake, not NoneType"):
        Connection("client")
    with pytest.raises(TypeError, match="of a client must be a ClientHandshake, not ServerHand"):
        Connection("client", handshake=ServerHandshake())
    with pytest.raises(TypeError, match="of a server must be a ServerHandshake, not ClientHand"):
        Connection("server", handshake=ClientHandshake("ws://a/"))
    with pytest.raises(ValueError, match="side must be 'server' or 'client'"):
        Connection("peer", handshake=ServerHandshake())  # type: ignore[arg-type]
