"""h11 as the oracle: what we take, it takes, with the same parts; what it refuses, we refuse.

Where we refuse what h11 takes, the reason is one of those that are listed here, and no other.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import pytest
from handshakes import (
    FIREFOX_REQUEST,
    KEY,
    RFC_REQUEST,
    RFC_RESPONSE,
    answer,
    head,
    of_client,
    of_server,
    request,
)
from hypothesis import example, given
from hypothesis import strategies as st

from wsfast.events import Request
from wsfast.exceptions import HandshakeError, HandshakeRejected
from wsfast.handshake import ClientHandshake, ServerHandshake

h11 = pytest.importorskip("h11")

Pairs = list[tuple[str, str]]


def h11_request(data: bytes) -> tuple[str, str, str, Pairs] | None:
    """Method, target, version and header fields; None where h11 refuses."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=2**20)
    try:
        connection.receive_data(data)
        event = connection.next_event()
    except h11.RemoteProtocolError:
        return None
    assert isinstance(event, h11.Request), event
    parts = (event.method, event.target, event.http_version)
    return (*(part.decode("latin-1") for part in parts), _pairs(event))  # type: ignore[return-value]


def h11_response(data: bytes) -> tuple[int, str, str, Pairs] | None:
    """Status, reason phrase, version and header fields; None where h11 refuses."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=2**20)
    connection.send(
        h11.Request(
            method="GET",
            target="/",
            headers=[("Host", "a"), ("Connection", "Upgrade"), ("Upgrade", "websocket")],
        )
    )
    connection.send(h11.EndOfMessage())
    try:
        connection.receive_data(data)
        event = connection.next_event()
    except h11.RemoteProtocolError:
        return None
    assert isinstance(event, (h11.Response, h11.InformationalResponse)), event
    reason, version = (part.decode("latin-1") for part in (event.reason, event.http_version))
    return event.status_code, reason.strip(" \t"), version, _pairs(event)


def _pairs(event: Any) -> Pairs:
    raw = event.headers.raw_items()
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw]


class Stricter(NamedTuple):
    """A reason to refuse what h11 takes: a search in the head as it came, and an example."""

    pattern: bytes
    example: bytes


# What RFC 9112 or RFC 6455 forbids, or a server of WebSockets has no use for.
_IN_FIELDS = {
    "a line that ends in LF alone": Stricter(rb"(?<!\r)\n", b"X: y\n"),
    "obs-fold": Stricter(rb"\n[ \t]", b"X: y\r\n z\r\n"),
    "a control character in a value": Stricter(
        rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]", b"X: y\x1bz\r\n"
    ),
    "Content-Length twice": Stricter(
        rb"(?is)\ncontent-length:.*\ncontent-length:",
        b"Content-Length: 0\r\nContent-Length: 0\r\n",
    ),
    "a list for a Content-Length": Stricter(
        rb"(?i)\ncontent-length:[^\n]*,", b"Content-Length: 0, 0\r\n"
    ),
    "both lengths": Stricter(
        rb"(?is)(?=.*\ntransfer-encoding:).*\ncontent-length:",
        b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
    ),
}
STRICTER_WITH_REQUESTS = {
    **{
        name: Stricter(pattern, b"GET / HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n")
        for name, (pattern, fields) in _IN_FIELDS.items()
    },
    "another version": Stricter(
        rb"^\S+ \S+ HTTP/(?!1\.[01])", b"GET / HTTP/1.2\r\nHost: a\r\n\r\n"
    ),
    "another method": Stricter(rb"^(?!GET |HEAD )", b"POST / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a target that is neither a path nor a URI": Stricter(
        rb"^\S+ (?!/|(?i:https?|wss?)://[^/?#\s]+[/? ])", b"GET * HTTP/1.1\r\nHost: a\r\n\r\n"
    ),
    "a target with a fragment": Stricter(rb"^\S+ \S*#", b"GET /#a HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a URI of another host than Host": Stricter(
        rb"^\S+ [A-Za-z]+://", b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"
    ),
    "a body": Stricter(
        rb"(?i)\n(?:transfer-encoding:|content-length:(?![ \t]*0[ \t]*\r?\n))",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n",
    ),
    "a Host that is none": Stricter(
        rb"(?i)\nhost:(?:[^\n]*[^A-Za-z0-9\-._~!$&'()*+,;=%\[\] \t\r\n]"
        rb"|[^\n]*[^ \t\r\n][ \t]+[^ \t\r\n]|[^\n]*[\[\]])",
        b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    ),
}
STRICTER_WITH_RESPONSES = {
    **{
        name: Stricter(pattern, b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n")
        for name, (pattern, fields) in _IN_FIELDS.items()
    },
    "another version": Stricter(rb"^HTTP/(?!1\.[01])", b"HTTP/1.2 200 OK\r\n\r\n"),
    "a status of 600 or more": Stricter(rb"^HTTP/... [6-9]", b"HTTP/1.1 600 OK\r\n\r\n"),
}


def is_named(table: dict[str, Stricter], data: bytes) -> bool:
    """Whether the table has the reason to refuse this head."""
    end = re.search(rb"\n\r?\n", data)
    whole = data[: end.end() if end else None]
    return any(re.search(reason.pattern, whole) for reason in table.values())


def compare_request(data: bytes) -> None:
    expected = h11_request(data)
    handshake = ServerHandshake()
    try:
        found = handshake.receive_data(data)
    except HandshakeError as error:
        assert expected is None or is_named(STRICTER_WITH_REQUESTS, data), error
        return
    assert found is not None, "no decision on a whole head"
    assert expected is not None, "h11 refuses it"
    method, target, _, pairs = expected
    assert found.method == method
    assert list(found.headers.items()) == pairs
    # Of a URI, only the resource name is kept.
    assert target == found.target if target.startswith("/") else target.endswith(found.target[1:])


def compare_response(data: bytes) -> None:
    # The first head: another that follows a 100 is none of h11's response.
    data = data[: data.index(b"\r\n\r\n") + 4]
    expected = h11_response(data)
    handshake = ClientHandshake("ws://a/", key=KEY)
    found: Any = None
    try:
        found = handshake.receive_data(data)
        if found is None:
            # An answer before the last one, or a body that never ends.
            handshake.receive_eof()
    except HandshakeRejected as error:
        found = error.response
    except HandshakeError as error:
        if "101" in str(error) or "ended before the answer" in str(error):
            # The handshake's own rules: it has been read, and h11 knows nothing of them.
            return
        assert expected is None or is_named(STRICTER_WITH_RESPONSES, data), error
        return
    assert expected is not None, "h11 refuses it"
    assert (found.status, found.reason, list(found.headers.items())) == (*expected[:2], expected[3])


REQUESTS = [
    RFC_REQUEST,
    FIREFOX_REQUEST,
    request({"Content-Length": "0"}),
    b"GET / HTTP/1.0\r\n\r\n",
    head("HEAD /a?b HTTP/1.1", [("Host", "a:80"), ("X", ""), ("Y", "a  b\tc")]),
    head("GET http://a/b HTTP/1.1", [("Host", "a"), ("Transfer-Encoding", "chunked")]),
    b"GET / HTTP/1.1\r\nHost:a\r\nX: \t y \r\n z\r\nContent-Length: 5, 5\r\n\r\n",
]
RESPONSES = [
    RFC_RESPONSE,
    answer({"Content-Length": "0"}, ("Date", "Tue, 15 Nov 1994 08:12:31 GMT")),
    b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.0 404 Not Found \r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 503 \xe9\r\nConnection: close\r\nRetry-After:\t5 \r\n\r\nbody",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
]

# What a stream is altered with.
PARTS = [
    *(b"\r", b"\n", b"\r\n", b" ", b"\t", b":", b",", b";", b"\0", b"\x01", b"\x0b", b"\x0c"),
    *(b"\x7f", b"\x80", b"\x85", b"\xa0", b"\xff", b"#", b"/", b"a", b"0", b"HTTP/1.1", b"2.0"),
    *(
        b"Host: b\r\n",
        b"Content-Length: 0\r\n",
        b"Content-Length: 5\r\n",
        b"X: y\r\n",
        b"X : y\r\n",
    ),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n", b"Content-Length: 05\r\n"),
    *(b"\r\n folded", b"Sec-WebSocket-Key: x\r\n", b"Connection: close\r\n", b"OPTIONS ", b"*"),
    *(b"Content-Length: +1\r\n", b"Content-Length: 5, 6\r\n", b"Upgrade: h2c\r\n", b"X : y\r\n"),
]

T = TypeVar("T")
Draw = Callable[[st.SearchStrategy[T]], T]


@st.composite
def altered(draw: Draw[Any], streams: list[bytes]) -> bytes:
    """One of the streams with a few octets dropped, repeated or put in; its head stays complete."""
    stream = draw(st.sampled_from(streams))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(stream)))
        line_starts = [0, *(found.end() for found in re.finditer(rb"\n", stream))]
        at = draw(st.sampled_from([at, draw(st.sampled_from(line_starts))]))
        dropped = draw(st.integers(0, 3))
        part = draw(st.one_of(st.sampled_from(PARTS), st.just(b""), st.binary(max_size=3)))
        stream = stream[:at] + part + stream[at + dropped :]
    return bytes(stream + b"\r\n\r\n")


@given(altered(REQUESTS))
@example(b"GET / HTTP/1.1\r\nHost: a\r\nX: \x85y\xa0\r\n\r\n")
@example(b"GET / HTTP/1.1\r\nHost: a\r\nX: y\x0c\r\n\r\n")
def test_requests(data: bytes) -> None:
    compare_request(data)


@given(altered(RESPONSES))
@example(b"HTTP/1.1 200 OK\r\nX: y \r\nContent-Length: 1\r\n\r\nz")
@example(b"HTTP/1.1 200\xa0OK\r\n\r\n")
def test_responses(data: bytes) -> None:
    compare_response(data)


def test_every_octet_at_every_kind_of_place() -> None:
    requests = [
        *(b"G%bT / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n"),
        *(b"GET%b/ HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.%b\r\nHost: a\r\n\r\n"),
        *(b"GET / HTTP/1.1%bHost: a\r\n\r\n", b"GET / HTTP/1.1\r\n%bHost: a\r\n\r\n"),
        *(b"GET / HTTP/1.1\r\nHost: a\r\nX%b: y\r\n\r\n", b"GET / HTTP/1.1\r\nHost%ba\r\n\r\n"),
        *(b"GET / HTTP/1.1\r\nHost: a\r\nX:%by\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a%b\r\n\r\n"),
        *(b"GET / HTTP/1.1\r\nHost: a\r\nX: y%bz\r\n\r\n", b"%bGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ]
    responses = [
        *(b"HTTP/1.1 200 O%bK\r\n\r\n", b"HTTP/1.1 20%b\r\n\r\n", b"HTTP/1.1 200%b\r\n\r\n"),
        *(b"HTTP/1.%b 200 OK\r\n\r\n", b"HTTP/1.1%b200 OK\r\n\r\n", b"HTTP%b1.1 200 OK\r\n\r\n"),
        *(b"HTTP/1.1 200 OK\r\nX: y%b\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: y\r\n%bZ: a\r\n\r\n"),
    ]
    for octet in range(256):
        for template in requests:
            compare_request(template % bytes([octet]) + b"\r\n\r\n")
        for template in responses:
            compare_response(template % bytes([octet]) + b"\r\n\r\n")


@pytest.mark.parametrize("name", STRICTER_WITH_REQUESTS)
def test_requests_that_h11_takes_and_we_refuse(name: str) -> None:
    pattern, data = STRICTER_WITH_REQUESTS[name]
    assert re.search(pattern, data)
    assert h11_request(data) is not None
    assert of_server([data])[0] is HandshakeError


@pytest.mark.parametrize("name", STRICTER_WITH_RESPONSES)
def test_responses_that_h11_takes_and_we_refuse(name: str) -> None:
    pattern, data = STRICTER_WITH_RESPONSES[name]
    assert re.search(pattern, data)
    assert h11_response(data) is not None
    assert of_client([data])[0] is HandshakeError


# The other way round: what we write, h11 reads.


@given(
    target=st.text("/?=&%41aé", max_size=8),
    subprotocols=st.lists(st.sampled_from(["a", "b", "c"]), unique=True),
    user_info=st.sampled_from(["", "u@", "u:p%40@", "é:p@"]),
)
def test_h11_reads_our_request(target: str, subprotocols: list[str], user_info: str) -> None:
    try:
        client = ClientHandshake(f"ws://{user_info}a/{target}", subprotocols=subprotocols)
    except ValueError:
        # Half an escape.
        return
    data = client.data_to_send()
    method, found, version, pairs = h11_request(data) or pytest.fail("h11 refuses it")
    assert (method, found, version) == ("GET", client.request.target, "1.1")
    assert pairs == list(client.request.headers.items())
    assert of_server([data])[:2] == (client.request, None)


def test_h11_reads_our_answers() -> None:
    server = ServerHandshake(subprotocols=["chat"])
    server.receive_data(RFC_REQUEST)
    data = server.accept(headers=[("X", "y")])
    status, reason, version, pairs = h11_response(data) or pytest.fail("h11 refuses it")
    assert (status, reason, version) == (101, "Switching Protocols", "1.1")
    assert of_client([data], subprotocols=["chat"])[0].headers == type(
        of_client([data], subprotocols=["chat"])[0].headers
    )(pairs)


@pytest.mark.parametrize("status", [200, 204, 302, 304, 400, 418, 426, 599])
@pytest.mark.parametrize("body", [b"", b"why \xff not"])
def test_h11_reads_our_rejections(status: int, body: bytes) -> None:
    if body and status in (204, 304):
        return
    server = ServerHandshake()
    server.receive_data(RFC_REQUEST)
    data = server.reject(status, headers={"Location": "/b"}, body=body)
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    response = connection.next_event()
    assert response.status_code == status
    assert dict(response.headers)[b"location"] == b"/b"
    received = b""
    while type(event := connection.next_event()) is h11.Data:
        received += event.data
    assert type(event) is h11.EndOfMessage
    assert received == body
    assert connection.next_event() in (h11.PAUSED, h11.NEED_DATA)
    assert connection.their_state is h11.MUST_CLOSE


def test_the_oracle_is_asked_the_same() -> None:
    found = ServerHandshake().receive_data(RFC_REQUEST)
    assert isinstance(found, Request)
    expected = h11_request(RFC_REQUEST)
    assert expected is not None
    assert expected[:3] == ("GET", "/chat", "1.1")
    assert len(expected[3]) == len(found.headers) == 7
