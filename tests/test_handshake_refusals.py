"""What a server refuses, with which status, and that it does however the stream is cut."""

from __future__ import annotations

import base64

import pytest
from handshakes import KEY, OTHER_KEY, RFC_REQUEST, cuts, head, of_server, request
from hypothesis import given
from hypothesis import strategies as st

from wsfast.exceptions import HandshakeError
from wsfast.handshake import ServerHandshake

HOST = ("Host", "a")
UPGRADE = (("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"))


def get(*fields: tuple[str, str], target: str = "/", version: str = "HTTP/1.1") -> bytes:
    return head(f"GET {target} {version}", fields)


def refused(data: bytes, **settings: int) -> HandshakeError:
    """The error, which is the same for all cuts."""
    with pytest.raises(HandshakeError) as caught:
        ServerHandshake(**settings).receive_data(data)  # type: ignore[arg-type]
    expected = of_server([data], **settings)
    for pieces in cuts(data) if len(data) < 500 else [[data[:-1], data[-1:]]]:
        assert of_server(pieces, **settings) == expected
    return caught.value


# No HTTP/1.1 message, RFC 9112.
MALFORMED = {
    "empty first line": (b"\r\n" + RFC_REQUEST, "no HTTP request"),
    "LF alone behind the first line": (b"GET / HTTP/1.1\nHost: a\r\n\r\n", "LF without CR"),
    "LF alone behind a field": (b"GET / HTTP/1.1\r\nHost: a\nB: c\r\n\r\n", "LF without CR"),
    "LF LF": (b"GET / HTTP/1.1\r\nHost: a\n\n", "LF without CR"),
    "CR within a value": (b"GET / HTTP/1.1\r\nHost: a\rB: c\r\n\r\n", "malformed header"),
    "CR CR LF": (b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", "malformed request line"),
    "NUL within a value": (get(HOST, ("B", "c\0d")), "malformed header"),
    "ESC within a value": (get(HOST, ("B", "c\x1bd")), "malformed header"),
    "DEL within a value": (get(HOST, ("B", "c\x7fd")), "malformed header"),
    "white space before the colon": (get(HOST, ("B ", "c")), "malformed header"),
    "tab before the colon": (get(HOST, ("B\t", "c")), "malformed header"),
    "a name of two words": (get(HOST, ("B c", "d")), "malformed header"),
    "no name": (get(HOST, ("", "d")), "malformed header"),
    "no colon": (b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade\r\n\r\n", "malformed header"),
    "a name beyond ASCII": (get(HOST, ("é", "d")), "malformed header"),
    "obs-fold": (b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", "goes on in a second line"),
    "obs-fold by tab": (b"GET / HTTP/1.1\r\nHost: a\r\n\tb\r\n\r\n", "goes on in a second line"),
    "obs-fold at once": (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", "goes on in a second line"),
    "white space first": (b" GET / HTTP/1.1\r\nHost: a\r\n\r\n", "no HTTP request"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01", "octet 0x16, as TLS does"),
    "two spaces": (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "malformed request line"),
    "a tab": (b"GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", "malformed request line"),
    "space behind the version": (b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "malformed request line"),
    "no version": (b"GET /\r\nHost: a\r\n\r\n", "malformed request line"),
    "HTTP in lower case": (get(HOST, version="http/1.1"), "malformed request line"),
    "a version of three": (get(HOST, version="HTTP/1.1.1"), "malformed request line"),
    "a target beyond ASCII": (get(HOST, target="/é"), "malformed request line"),
    "a response": (b"HTTP/1.1 200 OK\r\n\r\n", "malformed request line"),
    "garbage": (b"\xff\xfe", "octet 0xff "),
    # RFC 9112 section 3.2.
    "no Host": (get(), "no Host"),
    "two Hosts": (get(HOST, HOST), "2 Host header fields"),
    "two Hosts, spelt differently": (get(HOST, ("hOST", "b")), "2 Host header fields"),
    "two Hosts in HTTP/1.0": (get(HOST, HOST, version="HTTP/1.0"), "2 Host header fields"),
    "Host with a path": (get(("Host", "a/b")), "malformed Host"),
    "Host with user info": (get(("Host", "a@b")), "malformed Host"),
    "Host with a space": (get(("Host", "a b")), "malformed Host"),
    "Host with a word for a port": (get(("Host", "a:b")), "malformed Host"),
    "Host with half an IPv6 address": (get(("Host", "[::1")), "malformed Host"),
    "a target that is no path": (get(HOST, target="chat"), "malformed target"),
    "a target of *": (get(HOST, target="*"), "malformed target"),
    "a target of another scheme": (get(HOST, target="ftp://a/"), "malformed target"),
    "a target with a fragment": (get(HOST, target="/#b"), "malformed target"),
    "a URI with a fragment": (get(HOST, target="http://a/#b"), "malformed target"),
    "a target of another host": (get(HOST, target="http://b/"), "target for 'b', but Host 'a'"),
    # RFC 9112 section 6: where a second request could be hidden.
    "both lengths": (
        get(HOST, ("Transfer-Encoding", "chunked"), ("Content-Length", "5")),
        "Transfer-Encoding and Content-Length",
    ),
    "two Content-Lengths": (
        get(HOST, ("Content-Length", "0"), ("Content-Length", "5")),
        "2 Content-Length",
    ),
    "the same Content-Length twice": (
        get(HOST, ("Content-Length", "0"), ("content-length", "0")),
        "2 Content-Length",
    ),
    **{
        f"Content-Length {value!r}": (get(HOST, ("Content-Length", value)), "expected a number")
        for value in ("", "-1", "+0", "0x0", "0, 0", "1_0", "0.0", "²")
    },
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_requests(name: str) -> None:
    data, words = MALFORMED[name]
    error = refused(data)
    assert words in str(error)
    assert (error.status, error.headers) == (400, ())


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (get(HOST, ("Transfer-Encoding", "chunked")), 501, "a body is not supported"),
        (get(HOST, ("Transfer-Encoding", "identity")), 501, "a body is not supported"),
        (get(HOST, ("Transfer-Encoding", "")), 501, "a body is not supported"),
        (get(HOST, ("Content-Length", "5")), 413, "Content-Length 5: no body is supported"),
        (get(HOST, ("Content-Length", "00")), 413, "no body is supported"),
        (get(HOST, version="HTTP/1.2"), 505, "HTTP/1.2: expected 1.1 or 1.0"),
        (get(HOST, version="HTTP/0.9"), 505, "HTTP/0.9: expected 1.1 or 1.0"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "HTTP/2.0: expected 1.1 or 1.0"),
    ],
)
def test_what_has_a_status_of_its_own(data: bytes, status: int, words: str) -> None:
    error = refused(data)
    assert words in str(error)
    assert (error.status, error.headers) == (status, ())


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS", "CONNECT", "get", "X!"])
def test_other_methods(method: str) -> None:
    error = refused(head(f"{method} /chat HTTP/1.1", [HOST]))
    assert str(error) == f"method {method}: expected GET"
    assert (error.status, error.headers) == (405, (("Allow", "GET"),))


def test_a_host_that_is_empty_is_one() -> None:
    assert of_server([get(("Host", ""))])[0].headers["Host"] == ""


def test_white_space_around_a_value_is_no_part_of_it() -> None:
    data = b"GET / HTTP/1.1\r\nHost:a\r\nB: \t c d \t \r\nE:\r\nF: \t\r\n\r\n"
    found = of_server([data])[0]
    assert list(found.headers.items()) == [("Host", "a"), ("B", "c d"), ("E", ""), ("F", "")]
    for pieces in cuts(data):
        assert of_server(pieces)[0] == found


# A valid request, which can't be upgraded: RFC 6455 section 4.2.1.


def upgrade_error(data: bytes, **settings: object) -> HandshakeError:
    handshake = ServerHandshake(**settings)  # type: ignore[arg-type]
    assert handshake.receive_data(data) is not None
    assert handshake.upgrade_error is not None
    return handshake.upgrade_error


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_a_health_check_is_a_request(version: str) -> None:
    data = get(HOST, target="/health?full", version=version)
    handshake = ServerHandshake()
    found = handshake.receive_data(data)
    assert found is not None
    assert (found.method, found.path, found.query) == ("GET", "/health", "full")
    assert handshake.upgrade_error is not None
    assert (handshake.upgrade_error.status, handshake.upgrade_error.headers) == (426, UPGRADE)
    ok = handshake.reject(200, body=b"OK\n")
    assert ok.startswith(b"HTTP/1.1 200 OK\r\n")
    assert ok.endswith(b"\r\n\r\nOK\n")


def test_the_shortest_health_check() -> None:
    found, error, _ = of_server([b"GET / HTTP/1.0\r\n\r\n"])
    assert found.headers == type(found.headers)()
    assert error[2] == 426


def test_a_head_gets_no_body() -> None:
    handshake = ServerHandshake()
    found = handshake.receive_data(head("HEAD / HTTP/1.1", [HOST]))
    assert found is not None
    assert found.method == "HEAD"
    assert handshake.upgrade_error is not None
    assert handshake.upgrade_error.status == 405
    answer = handshake.reject(200, body=b"OK\n")
    assert b"Content-Length: 3\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("changed", "status", "words"),
    [
        ({"Upgrade": None}, 426, "no Upgrade: websocket"),
        ({"Upgrade": "h2c"}, 426, "no Upgrade: websocket"),
        ({"Upgrade": "websocket/13"}, 426, "no Upgrade: websocket"),
        ({"Connection": None}, 400, "no Connection: Upgrade"),
        ({"Connection": "keep-alive"}, 400, "no Connection: Upgrade"),
        ({"Connection": "Upgrade;x"}, 400, "no Connection: Upgrade"),
        ({"Sec-WebSocket-Version": None}, 426, "no Sec-WebSocket-Version: expected 13"),
        ({"Sec-WebSocket-Version": "8"}, 426, "Sec-WebSocket-Version '8': expected 13"),
        ({"Sec-WebSocket-Version": "013"}, 426, "'013': expected 13"),
        ({"Sec-WebSocket-Version": "13, 8"}, 426, "'13, 8': expected 13"),
        ({"Sec-WebSocket-Key": None}, 400, "no Sec-WebSocket-Key: expected 16 octets"),
        ({"Sec-WebSocket-Protocol": ""}, 400, "malformed Sec-WebSocket-Protocol"),
        ({"Sec-WebSocket-Protocol": ","}, 400, "malformed Sec-WebSocket-Protocol"),
        ({"Sec-WebSocket-Protocol": "a b"}, 400, "malformed Sec-WebSocket-Protocol 'a b'"),
        ({"Sec-WebSocket-Protocol": "a, b, a"}, 400, "names one twice"),
        ({"Sec-WebSocket-Extensions": ""}, 400, "Sec-WebSocket-Extensions is empty"),
        ({"Sec-WebSocket-Extensions": "a;"}, 400, "malformed Sec-WebSocket-Extensions"),
    ],
)
def test_what_an_upgrade_needs(changed: dict[str, str | None], status: int, words: str) -> None:
    data = request(changed)
    error = upgrade_error(data)
    assert words in str(error)
    assert error.status == status
    assert error.headers == (UPGRADE if status == 426 else ())
    expected = of_server([data])
    for pieces in cuts(data):
        assert of_server(pieces) == expected


@pytest.mark.parametrize(
    "field",
    [
        ("Sec-WebSocket-Key", OTHER_KEY),
        ("sec-websocket-key", KEY),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Version", "8"),
    ],
)
def test_what_may_be_there_once(field: tuple[str, str]) -> None:
    error = upgrade_error(request({}, field))
    assert "2 Sec-WebSocket-" in str(error)
    assert error.status == 400


def test_two_origins_are_none() -> None:
    data = request({}, ("Origin", "http://a.example"), ("Origin", "http://b.example"))
    assert upgrade_error(data, origins=["http://a.example"]).status == 400


@pytest.mark.parametrize(
    "key",
    [
        "",
        "=" * 24,
        KEY[:-1],
        KEY[:-2],
        KEY + "=",
        KEY + KEY,
        KEY[:5] + " " + KEY[6:],
        KEY[:5] + "-" + KEY[6:],
        KEY[:5] + "é" + KEY[6:],
        *[base64.b64encode(bytes(length)).decode() for length in (0, 1, 12, 14, 15, 17, 18, 32)],
    ],
)
def test_keys_that_are_not_16_octets_in_base64(key: str) -> None:
    error = upgrade_error(request({"Sec-WebSocket-Key": key}))
    assert "expected 16 octets in base64" in str(error)
    assert error.status == 400


@given(st.binary(min_size=16, max_size=16))
def test_every_key_of_16_octets(nonce: bytes) -> None:
    key = base64.b64encode(nonce).decode()
    assert of_server([request({"Sec-WebSocket-Key": key})])[1] is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Upgrade", "WebSocket"),
        ("Upgrade", "h2c, websocket"),
        ("Connection", "upgrade"),
        ("Connection", "keep-alive,\tUPGRADE , x"),
        ("Content-Length", "0"),
        ("Expect", "100-continue"),
        ("TE", "trailers"),
    ],
)
def test_what_may_be_so(name: str, value: str) -> None:
    assert of_server([request({name: value})])[1] is None


def test_lists_may_come_in_several_fields() -> None:
    fields = [("Connection", "keep-alive"), ("Connection", "Upgrade"), ("Upgrade", "h2c")]
    assert of_server([request({"Connection": None}, *fields)])[1] is None


def test_an_upgrade_in_http_1_0() -> None:
    error = upgrade_error(RFC_REQUEST.replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert (error.status, str(error)) == (
        505,
        "HTTP/1.0: expected 1.1 (RFC 6455 section 4.2.1)",
    )
