"""The client's side of the opening handshake, RFC 6455 section 4.1."""

from __future__ import annotations

import base64
import pickle
import re
from typing import Any

import pytest
from handshakes import (
    ACCEPT,
    ANSWER_FIELDS,
    KEY,
    RFC_REQUEST,
    RFC_RESPONSE,
    answer,
    cuts,
    head,
    of_client,
)

from wsfast.exceptions import HandshakeError, HandshakeRejected, LocalProtocolError
from wsfast.handshake import URI, ClientHandshake, Headers, ServerHandshake
from wsfast.permessage_deflate import PermessageDeflate

CHAT = "ws://server.example.com/chat"


def made(uri: str | URI = CHAT, **settings: Any) -> ClientHandshake:
    return ClientHandshake(uri, **{"key": KEY, **settings})


def test_the_example_of_the_rfc() -> None:
    handshake = made(origin="http://example.com", subprotocols=["chat", "superchat"])
    data = handshake.data_to_send()
    # The RFC's fields, in an order of our own.
    assert sorted(data.split(b"\r\n")) == sorted(RFC_REQUEST.split(b"\r\n"))
    assert data.startswith(b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\n")
    assert data.endswith(b"\r\n\r\n")
    assert handshake.data_to_send() == b""
    response = handshake.receive_data(RFC_RESPONSE)
    assert response is handshake.response
    assert response is not None
    assert (response.status, response.reason, response.body) == (101, "Switching Protocols", b"")
    assert response.headers["sec-websocket-accept"] == ACCEPT
    assert handshake.subprotocol == "chat"
    assert handshake.deflate is None
    assert handshake.excess == b""


def test_the_request_is_what_is_sent() -> None:
    handshake = made()
    lines = [f"{name}: {value}" for name, value in handshake.request.headers.items()]
    text = "\r\n".join(["GET /chat HTTP/1.1", *lines, "", ""])
    assert handshake.request.method == "GET"
    assert handshake.request.target == "/chat"
    assert handshake.data_to_send() == text.encode()


def test_keys_are_16_octets_and_never_the_same() -> None:
    keys = {ClientHandshake(CHAT).key for _ in range(100)}
    assert len(keys) == 100
    assert {len(base64.b64decode(key, validate=True)) for key in keys} == {16}
    handshake = ClientHandshake(CHAT)
    assert handshake.request.headers["Sec-WebSocket-Key"] == handshake.key


@pytest.mark.parametrize("excess", [b"", b"\x81\x02hi", b"\r\n\r\n"])
def test_an_answer_may_be_cut_anywhere(excess: bytes) -> None:
    data = RFC_RESPONSE + excess
    expected = of_client([data], subprotocols=["chat"])
    assert expected[0].status == 101
    assert expected[1] == excess
    for pieces in cuts(data):
        assert of_client(pieces, subprotocols=["chat"]) == expected


def test_a_client_and_a_server_agree() -> None:
    deflate = PermessageDeflate()
    client = ClientHandshake(CHAT, subprotocols=["b", "a"], deflate=deflate)
    server = ServerHandshake(subprotocols=["a", "b"], deflate=deflate)
    assert server.receive_data(client.data_to_send()) == client.request
    client.receive_data(server.accept(headers={"X": "y"}) + b"frames")
    assert client.response is not None
    assert client.response.headers["X"] == "y"
    assert client.subprotocol == server.subprotocol == "a"
    assert client.deflate is not None
    assert client.deflate == server.deflate
    assert client.excess == b"frames"


def test_a_server_without_compression() -> None:
    client = ClientHandshake(CHAT, deflate=PermessageDeflate())
    server = ServerHandshake()
    server.receive_data(client.data_to_send())
    client.receive_data(server.accept())
    assert client.deflate is server.deflate is None


def test_a_server_that_compresses_and_a_client_that_does_not() -> None:
    server = ServerHandshake(deflate=PermessageDeflate())
    server.receive_data(RFC_REQUEST)
    assert server.accept() == RFC_RESPONSE.replace(b"Sec-WebSocket-Protocol: chat\r\n", b"")
    assert server.deflate is None


def test_after_the_answer_octets_belong_elsewhere() -> None:
    handshake = made(subprotocols=["chat"])
    handshake.receive_data(RFC_RESPONSE)
    with pytest.raises(LocalProtocolError, match="is over"):
        handshake.receive_data(b"\x81\x02hi")
    handshake.receive_eof()


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_bytes_like_object(kind: type) -> None:
    handshake = made(subprotocols=["chat"])
    buffer = kind(RFC_RESPONSE)
    assert handshake.receive_data(buffer[:50]) is None
    assert handshake.receive_data(buffer[50:]) is not None
    with pytest.raises(TypeError, match="data must be a bytes-like object"):
        made().receive_data("HTTP")  # type: ignore[arg-type]


# What goes out.


@pytest.mark.parametrize(
    ("uri", "line"),
    [
        ("ws://a", "Host: a"),
        ("ws://a:80", "Host: a"),
        ("wss://a:443", "Host: a"),
        ("wss://a:80", "Host: a:80"),
        ("ws://A.example:8080/", "Host: a.example:8080"),
        ("ws://[::1]:81/", "Host: [::1]:81"),
        ("ws://u:p%40:@a/", "Authorization: Basic dTpwQDo="),
        ("ws://é@a/", "Authorization: Basic w6k6"),
    ],
)
def test_what_comes_from_the_uri(uri: str, line: str) -> None:
    assert line in made(uri).data_to_send().decode().split("\r\n")


def test_further_headers_come_last() -> None:
    data = made(headers=[("X", "1"), ("Cookie", "a"), ("X", "2")]).data_to_send()
    assert data.endswith(b"\r\nX: 1\r\nCookie: a\r\nX: 2\r\n\r\n")
    assert made(headers=Headers([("X", "1")])).data_to_send().endswith(b"\r\nX: 1\r\n\r\n")


def test_host_and_authorization_may_be_replaced() -> None:
    headers = made(
        "ws://u:p@a/", headers={"host": "b", "authorization": "Bearer c"}
    ).request.headers
    assert headers.get_all("Host") == ["b"]
    assert headers.get_all("Authorization") == ["Bearer c"]


@pytest.mark.parametrize(
    "settings",
    [
        *({"headers": {"X": value}} for value in ("a\r\nY: b", "a\n", "a\0", " a", "😀")),
        *({"headers": {name: "a"}} for name in ("", "a b", "a:", "a\r\nb", "é")),
        *({"headers": {name: "a"}} for name in ("Upgrade", "connection", "Sec-WebSocket-Key")),
        *({"headers": {name: "a"}} for name in ("Sec-WebSocket-Version", "Content-Length")),
        *({"headers": {name: "a"}} for name in ("Sec-WebSocket-Protocol", "Transfer-Encoding")),
        {"headers": [("Host", "a"), ("host", "b")]},
        {"headers": {"Origin": "http://a"}, "origin": "http://a"},
        *({"origin": value} for value in ("a\r\nX: y", "a\n", " a", "\ud800")),
        *({"subprotocols": names} for names in ([""], ["a b"], ["a\r\n"], ["a", "a"], ["a,b"])),
        *({"key": key} for key in ("", KEY[:-1], KEY + "\r\n", "\r\n" + KEY, "é" * 24)),
        *({name: -1} for name in ("max_line_length", "max_headers", "max_length")),
        {"max_body_length": -1},
        *({"uri": uri} for uri in ("http://a/", "a", "ws://a/#b", "ws://a/\r\nX: y", "ws:///")),
        *({"uri": f"ws://{user_info}@a/"} for user_info in ("a%3Ab", "a b", "a\r\n")),
        *({"uri": URI(False, "a", 80, target)} for target in ("", "a", "/ b", "/\r\nX: y", "/é")),
        *({"uri": URI(False, host, 80, "/")} for host in ("a\r\nX: y", "a\n", "é😀")),
    ],
    ids=repr,
)
def test_nothing_that_breaks_the_request(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        made(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"subprotocols": "chat"},
        {"subprotocols": [b"chat"]},
        {"origin": b"http://a"},
        {"headers": {"X": 1}},
        {"headers": {b"X": b"1"}},
        {"max_body_length": 1.5},
        {"uri": b"ws://a/"},
    ],
    ids=repr,
)
def test_arguments_of_other_types(settings: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        made(**settings)


# What comes in.


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (answer({"Upgrade": None}), "101 with no Upgrade: expected websocket"),
        (answer({"Upgrade": "h2c"}), "101 with Upgrade 'h2c'"),
        (answer({"Upgrade": "websocket, h2c"}), "101 with Upgrade 'websocket, h2c'"),
        (answer({}, ("Upgrade", "websocket")), "2 Upgrade header fields"),
        (answer({"Connection": None}), "101 with no Connection: expected Upgrade"),
        (answer({"Connection": "keep-alive"}), "101 with Connection 'keep-alive'"),
        (answer({"Sec-WebSocket-Accept": None}), f"no Sec-WebSocket-Accept: expected {ACCEPT}"),
        (answer({"Sec-WebSocket-Accept": ACCEPT.lower()}), f"expected {ACCEPT}"),
        (answer({"Sec-WebSocket-Accept": KEY}), f"'{KEY}': expected {ACCEPT}"),
        (answer({"Sec-WebSocket-Accept": ACCEPT[:-1]}), f"expected {ACCEPT}"),
        (answer({}, ("Sec-WebSocket-Accept", ACCEPT)), "2 Sec-WebSocket-Accept header fields"),
        (answer({"Sec-WebSocket-Protocol": "other"}), "'other': expected chat"),
        (answer({"Sec-WebSocket-Protocol": "Chat"}), "'Chat': expected chat"),
        (answer({"Sec-WebSocket-Protocol": ""}), "'': expected chat"),
        (answer({"Sec-WebSocket-Protocol": "chat, chat"}), "'chat, chat': expected chat"),
        (
            answer({}, ("Sec-WebSocket-Protocol", "chat"), ("Sec-WebSocket-Protocol", "chat")),
            "2 Sec-WebSocket-Protocol header fields",
        ),
        (answer({"Sec-WebSocket-Extensions": "x"}), "Sec-WebSocket-Extensions 'x': expected none"),
        (answer({"Transfer-Encoding": "chunked"}), "101 with Transfer-Encoding"),
        (answer({"Content-Length": "5"}), "or Content-Length"),
        (RFC_RESPONSE.replace(b"HTTP/1.1", b"HTTP/1.0"), "101 in HTTP/1.0: expected 1.1"),
        (RFC_RESPONSE.replace(b"HTTP/1.1", b"HTTP/2.0"), "answer in HTTP/2.0: expected 1.1"),
        (RFC_RESPONSE.replace(b"\r\n", b"\n"), "LF without CR"),
        (RFC_RESPONSE.replace(b": ", b" : "), "malformed header field"),
        (RFC_RESPONSE.replace(b": web", b":\r\n web"), "goes on in a second line"),
        (b"\x81\x02hi", "no HTTP response: octet 0x81 at position 0"),
        (b"HTTQ/1.1 101\r\n\r\n", "octet 0x51 at position 3"),
        (b"ICY 200 OK\r\n\r\n", "octet 0x49 at position 0"),
        (b"HTTP/1.1 101Switching\r\n\r\n", "malformed status line"),
        (b"HTTP/1.1 1010 Switching\r\n\r\n", "malformed status line"),
        (b"HTTP/1.1  101 Switching\r\n\r\n", "malformed status line"),
        (b"HTTP/1.1 600 Beyond\r\n\r\n", "malformed status line"),
        (b"HTTP/1.1 099 Below\r\n\r\n", "malformed status line"),
        (b"HTTP/1.1 101 \x00\r\n\r\n", "malformed status line"),
        (RFC_REQUEST, "octet 0x47 at position 0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_answers_that_are_none(data: bytes, words: str) -> None:
    expected = of_client([data], subprotocols=["chat"])
    assert expected[0] is HandshakeError
    assert words in expected[1]
    for pieces in cuts(data):
        assert of_client(pieces, subprotocols=["chat"]) == expected


@pytest.mark.parametrize(
    "changed",
    [
        {"Upgrade": "WebSocket"},
        {"Connection": "keep-alive, upgrade"},
        {"Content-Length": "0"},
        {"Date": "Tue, 15 Nov 1994 08:12:31 GMT"},
    ],
)
def test_answers_that_are_one(changed: dict[str, str | None]) -> None:
    assert of_client([answer(changed)])[0].status == 101


def test_a_failed_handshake_stays_failed() -> None:
    handshake = made()
    with pytest.raises(HandshakeError, match="0x81") as caught:
        handshake.receive_data(b"\x81")
    with pytest.raises(HandshakeError, match="0x81") as again:
        handshake.receive_data(RFC_RESPONSE)
    assert again.value is not caught.value
    with pytest.raises(HandshakeError, match="0x81"):
        handshake.receive_eof()


def test_an_end_before_the_answer_is_complete() -> None:
    for sent in (b"", RFC_RESPONSE[:-1]):
        handshake = made()
        handshake.receive_data(sent)
        with pytest.raises(HandshakeError, match="ended before the answer was complete"):
            handshake.receive_eof()


def test_answers_that_come_before_the_last_one() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    data = interim + RFC_RESPONSE + b"\x81"
    expected = of_client([RFC_RESPONSE + b"\x81"], subprotocols=["chat"])
    assert expected[0].status == 101
    for pieces in cuts(data):
        assert of_client(pieces, subprotocols=["chat"]) == expected
    assert of_client([interim * 4 + RFC_RESPONSE], subprotocols=["chat"])[0].status == 101
    assert "more than 8 answers of 1xx" in of_client([interim * 5 + RFC_RESPONSE])[1]


# Another status.


def test_a_rejection_has_the_whole_response() -> None:
    fields = [("Content-Length", "5"), ("Set-Cookie", "a"), ("Set-Cookie", "b")]
    handshake = made()
    with pytest.raises(HandshakeRejected, match="answered 403 Forbidden: expected 101") as caught:
        handshake.receive_data(head("HTTP/1.1 403 Forbidden", fields) + b"never mind")
    response = caught.value.response
    assert (response.status, response.reason, response.body) == (403, "Forbidden", b"never")
    assert list(response.headers.items()) == fields
    assert caught.value.status == 403
    assert handshake.response is None
    with pytest.raises(HandshakeRejected, match="403") as again:
        handshake.receive_data(b"")
    assert again.value.response == response
    for error in (caught.value, pickle.loads(pickle.dumps(caught.value))):
        assert (type(error), str(error)) == (HandshakeRejected, str(caught.value))
        assert error.response == response


def test_a_rejection_without_a_reason_phrase() -> None:
    error = of_client([b"HTTP/1.1 500\r\nContent-Length: 0\r\n\r\n"])
    assert error[1] == "the server answered 500: expected 101"
    assert error[-1].reason == ""


def test_our_server_says_why() -> None:
    client, server = made(CHAT), ServerHandshake(origins=["https://a.example"])
    server.receive_data(client.data_to_send())
    assert server.upgrade_error is not None
    with pytest.raises(HandshakeRejected) as caught:
        client.receive_data(server.reject_error(server.upgrade_error))
    response = caught.value.response
    assert response.status == 403
    assert response.body == b"origin None is not let in\n"


def test_a_redirect_is_a_rejection_with_a_location() -> None:
    data = head("HTTP/1.1 302 Found", [("Location", "/other"), ("Content-Length", "0")])
    handshake = made()
    with pytest.raises(HandshakeRejected) as caught:
        handshake.receive_data(data)
    location = caught.value.response.headers["Location"]
    assert str(handshake.uri.join(location)) == "ws://server.example.com/other"


def test_responses_are_values() -> None:
    first, second = (of_client([answer()])[0] for _ in range(2))
    assert first == second
    assert hash(first) == hash(second)
    assert first != tuple(first)
    assert first != first._replace(status=200)
    assert pickle.loads(pickle.dumps(first)) == first
    pairs = re.escape(repr(list(ANSWER_FIELDS.items())))
    assert re.fullmatch(
        rf"Response\(status=101, reason='Switching Protocols', headers=Headers\({pairs}\), "
        r"body=b''\)",
        repr(first),
    )
