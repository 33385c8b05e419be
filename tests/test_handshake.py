"""The server's side of the opening handshake, RFC 6455 section 4.2."""

from __future__ import annotations

import base64
import hashlib
import pickle

import pytest
from handshakes import (
    ACCEPT,
    FIREFOX_REQUEST,
    KEY,
    RFC_REQUEST,
    RFC_RESPONSE,
    cuts,
    head,
    of_server,
    request,
)
from hypothesis import given
from hypothesis import strategies as st

from wsfast.events import Request
from wsfast.exceptions import HandshakeError, LocalProtocolError, RemoteProtocolError
from wsfast.handshake import Headers, ServerHandshake, accept_key


def received(data: bytes = RFC_REQUEST, **settings: object) -> ServerHandshake:
    handshake = ServerHandshake(**settings)  # type: ignore[arg-type]
    assert handshake.receive_data(data) is handshake.request
    assert handshake.request is not None
    return handshake


def test_the_key_of_the_rfc() -> None:
    assert accept_key(KEY) == ACCEPT


@given(st.binary(min_size=16, max_size=16))
def test_the_answer_to_a_key(nonce: bytes) -> None:
    key = base64.b64encode(nonce)
    digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    assert accept_key(key.decode()) == base64.b64encode(digest).decode()


def test_the_example_of_the_rfc() -> None:
    handshake = received(subprotocols=["chat"])
    request = handshake.request
    assert request is not None
    assert request.method == "GET"
    assert request.target == request.path == "/chat"
    assert request.query == ""
    assert request.headers["origin"] == "http://example.com"
    assert handshake.upgrade_error is None
    assert handshake.accept() == RFC_RESPONSE
    assert handshake.subprotocol == "chat"
    assert handshake.deflate is None


def test_a_request_of_firefox() -> None:
    request = received(FIREFOX_REQUEST).request
    assert request is not None
    assert (request.path, request.query) == ("/feed", "since=0")
    lines = FIREFOX_REQUEST.decode().split("\r\n")[1:-2]
    assert [f"{name}: {value}" for name, value in request.headers.items()] == lines


@pytest.mark.parametrize("data", [RFC_REQUEST, FIREFOX_REQUEST], ids=["RFC", "Firefox"])
@pytest.mark.parametrize("excess", [b"", b"\x81\x85", b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"])
def test_a_request_may_be_cut_anywhere(data: bytes, excess: bytes) -> None:
    expected = of_server([data + excess])
    assert expected[1:] == (None, excess)
    for pieces in cuts(data + excess):
        assert of_server(pieces) == expected


def test_the_call_that_completes_the_request_returns_it() -> None:
    handshake = ServerHandshake()
    assert handshake.receive_data(RFC_REQUEST[:-1]) is None
    assert handshake.request is None
    request = handshake.receive_data(RFC_REQUEST[-1:] + b"first")
    assert isinstance(request, Request)
    assert handshake.request is request
    assert handshake.receive_data(b" frames") is None
    assert handshake.excess == b"first frames"
    handshake.accept()
    with pytest.raises(LocalProtocolError, match="is over"):
        handshake.receive_data(b"more")


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_bytes_like_object(kind: type) -> None:
    handshake = ServerHandshake()
    buffer = kind(RFC_REQUEST)
    assert handshake.receive_data(buffer[:50]) is None
    assert handshake.receive_data(buffer[50:]) is not None


@pytest.mark.parametrize("data", ["GET", 5, None])
def test_nothing_else(data: bytes) -> None:
    with pytest.raises(TypeError, match="data must be a bytes-like object"):
        ServerHandshake().receive_data(data)


@pytest.mark.parametrize(
    ("own", "offered", "chosen"),
    [
        ([], "chat", None),
        (["chat"], None, None),
        (["chat"], "chat", "chat"),
        (["b", "a"], "a, b", "b"),
        (["a", "b"], "b,a", "a"),
        (["chat"], "superchat", None),
        (["chat"], "Chat", None),
        (["c"], "a , ,b,\tc", "c"),
    ],
)
def test_the_first_own_subprotocol_that_is_offered(
    own: list[str], offered: str | None, chosen: str | None
) -> None:
    handshake = received(request({"Sec-WebSocket-Protocol": offered}), subprotocols=own)
    answer = handshake.accept()
    assert handshake.subprotocol == chosen
    line = f"Sec-WebSocket-Protocol: {chosen}\r\n".encode()
    assert (line in answer) == (chosen is not None)
    assert b"Protocol: None" not in answer


def test_subprotocols_in_several_fields() -> None:
    fields = [("Sec-WebSocket-Protocol", "a"), ("sec-websocket-protocol", "b, c")]
    handshake = received(request({}, *fields), subprotocols=["c"])
    handshake.accept()
    assert handshake.subprotocol == "c"


def test_the_caller_may_choose_the_subprotocol() -> None:
    assert b"Protocol: superchat\r\n" in received().accept(subprotocol="superchat")
    handshake = received(subprotocols=["chat"])
    assert list(handshake.offered_subprotocols) == ["chat", "superchat"]
    assert b"Sec-WebSocket-Protocol" not in handshake.accept(subprotocol=None)
    assert handshake.subprotocol is None
    with pytest.raises(LocalProtocolError, match="'other': the client offers chat, superchat"):
        received().accept(subprotocol="other")
    with pytest.raises(LocalProtocolError, match="the client offers none"):
        received(request()).accept(subprotocol="chat")


def test_further_headers_stand_in_the_answer() -> None:
    answer = received(request()).accept(headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    assert answer == RFC_RESPONSE.replace(
        b"Sec-WebSocket-Protocol: chat\r\n", b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
    )
    assert received(request()).accept(headers={"X": "é"}).endswith(b"X: \xe9\r\n\r\n")
    assert received(request()).accept(headers=Headers([("X", "y")])).endswith(b"X: y\r\n\r\n")


@pytest.mark.parametrize(
    "field",
    [
        *[("X", "a\r\nY: b"), ("X", "a\n"), ("X", "a\0"), ("X: y\r\nZ", "a"), ("X", "\ud800")],
        *[("Upgrade", "x"), ("connection", "x"), ("Sec-WebSocket-Accept", "x")],
        *[("Sec-WebSocket-Extensions", "x"), ("Sec-WebSocket-Protocol", "x")],
        *[("Transfer-Encoding", "chunked"), ("Content-Length", "5")],
    ],
)
def test_no_header_that_breaks_the_answer(field: tuple[str, str]) -> None:
    handshake = received(request())
    with pytest.raises(ValueError, match="header"):
        handshake.accept(headers=[field])
    assert handshake.accept().startswith(b"HTTP/1.1 101 ")


def test_one_answer() -> None:
    handshake = received()
    handshake.accept()
    with pytest.raises(LocalProtocolError, match=r"by accept\(\)"):
        handshake.accept()
    with pytest.raises(LocalProtocolError, match=r"by accept\(\)"):
        handshake.reject(500)
    handshake = received()
    handshake.reject(500)
    with pytest.raises(LocalProtocolError, match=r"by reject\(\)"):
        handshake.accept()
    assert handshake.receive_data(b"whatever else comes") is None
    assert handshake.excess == b""


def test_no_answer_to_nothing() -> None:
    handshake = ServerHandshake()
    with pytest.raises(LocalProtocolError, match="without a request"):
        handshake.accept()
    handshake.receive_data(RFC_REQUEST[:20])
    with pytest.raises(LocalProtocolError, match="without a request"):
        handshake.accept()


def test_a_failed_handshake_stays_failed() -> None:
    handshake = ServerHandshake()
    with pytest.raises(HandshakeError, match="begins with octet 0x16, as TLS does") as caught:
        handshake.receive_data(b"\x16\x03\x01")
    assert isinstance(caught.value, RemoteProtocolError)
    assert caught.value.close_code == 1006
    with pytest.raises(HandshakeError, match="as TLS does") as again:
        handshake.receive_data(RFC_REQUEST)
    assert again.value is not caught.value
    with pytest.raises(HandshakeError, match="as TLS does"):
        handshake.receive_eof()
    with pytest.raises(LocalProtocolError, match="as TLS does"):
        handshake.accept()
    assert handshake.reject_error(caught.value).startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_an_end_before_the_request_is_complete() -> None:
    for pieces in ([], [RFC_REQUEST[:-1]]):
        handshake = ServerHandshake()
        for piece in pieces:
            handshake.receive_data(piece)
        with pytest.raises(HandshakeError, match="ended before the request was complete"):
            handshake.receive_eof()
        with pytest.raises(HandshakeError, match="ended before the request was complete"):
            handshake.receive_data(RFC_REQUEST)
    received().receive_eof()


def test_excess_is_limited() -> None:
    expected = "more than 1000 octets behind the request"
    assert of_server([RFC_REQUEST + bytes(1000)], max_length=1000)[2] == bytes(1000)
    assert expected in of_server([RFC_REQUEST + bytes(1001)], max_length=1000)[1]
    assert expected in of_server([RFC_REQUEST, bytes(999), bytes(2)], max_length=1000)[1]


@pytest.mark.parametrize(
    ("origins", "origin", "is_let_in"),
    [
        (None, "http://evil.example", True),
        (["http://example.com"], "http://example.com", True),
        (["https://example.com"], "http://example.com", False),
        (["http://example.com"], "http://example.com.evil.example", False),
        (["http://example.com"], "http://example.com:81", False),
        (["http://example.com"], "null", False),
        (["http://example.com"], None, False),
        (["http://example.com", None], None, True),
        ([], "http://example.com", False),
        (["null"], "null", True),
        (["chrome-extension://abc"], "chrome-extension://abc", True),
    ],
)
def test_origins(origins: list[str | None] | None, origin: str | None, is_let_in: bool) -> None:
    handshake = received(request({"Origin": origin}), origins=origins)
    if is_let_in:
        assert handshake.upgrade_error is None
    else:
        assert handshake.upgrade_error is not None
        assert handshake.upgrade_error.status == 403
        assert f"origin {origin!r} is not let in" in str(handshake.upgrade_error)


@pytest.mark.parametrize("origin", ["*", "example.com", "http://A.example", "http://a/", "http:"])
def test_no_origin_that_no_browser_sends(origin: str) -> None:
    with pytest.raises(ValueError, match=r"expected scheme://host"):
        ServerHandshake(origins=[origin])
    with pytest.raises(TypeError, match="origins must be a sequence"):
        ServerHandshake(origins=origin)


@pytest.mark.parametrize("names", [[""], ["a b"], ["a,b"], ["a", "a"], ["é"], ["a\r\n"]])
def test_no_subprotocol_that_is_no_token(names: list[str]) -> None:
    with pytest.raises(ValueError, match="subprotocol"):
        ServerHandshake(subprotocols=names)


def test_arguments_of_other_types() -> None:
    with pytest.raises(TypeError, match="subprotocols must be a sequence"):
        ServerHandshake(subprotocols="chat")
    with pytest.raises(TypeError, match="a subprotocol must be str, not bytes"):
        ServerHandshake(subprotocols=[b"chat"])  # type: ignore[list-item]
    for name in ("max_line_length", "max_headers", "max_length"):
        with pytest.raises(ValueError, match=f"{name} must be at least 0, not -1"):
            ServerHandshake(**{name: -1})  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=f"{name} must be an integer, not float"):
            ServerHandshake(**{name: 128.0})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("target", "host", "name"),
    [
        ("http://server.example.com/a?b", "server.example.com", "/a?b"),
        ("WS://Server.example.com:80?b", "server.example.com:80", "/?b"),
        ("wss://[::1]", "[::1]", "/"),
        ("https://a//b", "a", "//b"),
    ],
)
def test_a_target_with_the_host_in_it(target: str, host: str, name: str) -> None:
    found = received(head(f"GET {target} HTTP/1.1", [("Host", host)])).request
    assert found is not None
    assert found.target == name


def test_requests_are_values() -> None:
    first, second = received().request, received().request
    assert first is not None
    assert first == second
    assert hash(first) == hash(second)
    assert first != tuple(first)
    assert not first == tuple(first)
    assert first != received(FIREFOX_REQUEST).request
    assert pickle.loads(pickle.dumps(first)) == first
    assert repr(first).startswith("Request(method='GET', target='/chat', headers=Headers([('Host'")


def test_errors_pickle() -> None:
    error = HandshakeError("words", 426, headers=[("Upgrade", "websocket")])
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == "words"
    assert (again.status, again.headers, again.close_code) == (
        *(426, (("Upgrade", "websocket"),)),
        1006,
    )
