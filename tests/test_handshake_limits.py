"""Limits of a message head: exact, the same for all cuts, and linear work below them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from handshakes import RFC_REQUEST, RFC_RESPONSE, cuts, of_client, of_server
from hypothesis import given
from hypothesis import strategies as st

from wsfast.exceptions import HandshakeError
from wsfast.handshake import ServerHandshake

REQUEST_LINE = b"GET / HTTP/1.1\r\n"
STATUS_LINE = b"HTTP/1.1 404 Not Found\r\n"
HOST = b"Host: a\r\n"
# Of any head here, the error where it is refused.
OUTCOMES = {"server": of_server, "client": of_client}


def octets_of(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def is_refused(data: bytes, words: str, status: int, **settings: int) -> bool:
    """Whether it is, in these words, whole and octet by octet."""
    whole, single = of_server([data], **settings), of_server(octets_of(data), **settings)
    assert whole == single
    if whole[0] is not HandshakeError:
        return False
    assert words in whole[1]
    assert whole[2] == status
    return True


def test_the_length_of_the_request_line() -> None:
    def with_line(length: int) -> bytes:
        line = b"GET /" + b"x" * (length - 14) + b" HTTP/1.1"
        assert len(line) == length
        return line + b"\r\n" + HOST + b"\r\n"

    words = "request line of more than 100 octets"
    assert not is_refused(with_line(100), words, 414, max_line_length=100)
    assert is_refused(with_line(101), words, 414, max_line_length=100)
    # It needn't be complete.
    assert is_refused(b"G" * 101, words, 414, max_line_length=100)
    assert not is_refused(b"G" * 100 + b"\r", words, 414, max_line_length=100)
    assert not is_refused(with_line(8192), "", 414)
    assert is_refused(with_line(8193), "request line of more than 8192 octets", 414)


def test_the_length_of_a_header_line() -> None:
    def with_line(length: int) -> bytes:
        return REQUEST_LINE + HOST + b"B: " + b"x" * (length - 3) + b"\r\nC: d\r\n\r\n"

    words = "header field of more than 100 octets"
    assert not is_refused(with_line(100), words, 431, max_line_length=100)
    assert is_refused(with_line(101), words, 431, max_line_length=100)
    assert is_refused(with_line(101)[:-10], words, 431, max_line_length=100)
    # White space counts, though it is no part of the value.
    padded = REQUEST_LINE + HOST + b"B:" + b" " * 99 + b"\r\n\r\n"
    assert is_refused(padded, words, 431, max_line_length=100)


def test_the_number_of_header_fields() -> None:
    def with_fields(count: int) -> bytes:
        return REQUEST_LINE + HOST + b"B: c\r\n" * (count - 1) + b"\r\n"

    words = "more than 10 header fields"
    assert not is_refused(with_fields(10), words, 431, max_headers=10)
    assert is_refused(with_fields(11), words, 431, max_headers=10)
    assert not is_refused(with_fields(128), "", 431)
    assert is_refused(with_fields(129), "more than 128 header fields", 431)
    assert is_refused(with_fields(12)[:-2], words, 431, max_headers=10)


def test_the_length_of_the_head() -> None:
    def with_length(length: int) -> bytes:
        rest = length - len(REQUEST_LINE + HOST + b"B: \r\n\r\n")
        return REQUEST_LINE + HOST + b"B: " + b"x" * rest + b"\r\n\r\n"

    words = "more than 100 octets before the end of the header fields"
    assert not is_refused(with_length(100), words, 431, max_length=100)
    for length in (101, 102, 103, 104, 200):
        assert is_refused(with_length(length), words, 431, max_length=100)
        assert is_refused(with_length(length)[:101], words, 431, max_length=100)


def test_the_default_length_of_the_head() -> None:
    fields = b"".join(b"B%d: %s\r\n" % (number, b"x" * 8000) for number in range(9))
    expected = "more than 65536 octets before"
    whole = of_server([REQUEST_LINE + HOST + fields + b"\r\n"])
    assert expected in whole[1]
    assert whole[2] == 431


def test_limits_of_nothing() -> None:
    for name, status in (("max_line_length", 414), ("max_length", 431)):
        assert is_refused(RFC_REQUEST, "more than 0 octets", status, **{name: 0})
    assert is_refused(RFC_REQUEST, "more than 0 header fields", 431, max_headers=0)
    assert not is_refused(b"GET / HTTP/1.0\r\n\r\n", "", 431, max_headers=0)


def test_a_client_has_the_same_limits() -> None:
    for settings, words in (
        ({"max_line_length": 40}, "header field of more than 40 octets"),
        ({"max_line_length": 20}, "status line of more than 20 octets"),
        ({"max_headers": 3}, "more than 3 header fields"),
        ({"max_length": 100}, "more than 100 octets before"),
    ):
        expected = of_client([RFC_RESPONSE], **settings)
        assert words in expected[1]
        assert of_client(octets_of(RFC_RESPONSE), **settings) == expected


# A stream of lines, good and bad ones, in whatever pieces, under limits that are soon reached.
lines = st.sampled_from(
    [
        *(b"", b"B: c", b"B:", b"B : c", b" b", b"\t", b"B: \0", b"B: c ", b"\r", b"B", b"B:\r"),
        *(HOST[:-2], b"A: " + b"x" * 20, b"x" * 40, b"\xff: c", b"B: \xff", b"Content-Length: 0"),
    ]
)
ends = st.sampled_from([b"\r\n"] * 6 + [b"\n", b"\r", b"", b"\r\r\n"])
firsts = st.sampled_from(
    [REQUEST_LINE, STATUS_LINE, b"GET / HTTP/1.1\n", b"HTTP/2.0 200\r\n", b"HTTP/x", b"GET /", b""]
)


@st.composite
def streams(draw: Callable[[st.SearchStrategy[Any]], Any]) -> bytes:
    stream: bytes = draw(firsts)
    for _ in range(draw(st.integers(0, 6))):
        stream += draw(lines) + draw(ends)
    return stream + draw(st.sampled_from([b"", b"\r\n", b"\r\n\r\n", b"\r\n\r\nexcess"]))


@pytest.mark.parametrize("side", OUTCOMES)
@given(
    stream=streams(),
    max_line_length=st.integers(0, 40),
    max_headers=st.integers(0, 6),
    max_length=st.integers(0, 150),
)
def test_cuts_make_no_difference(
    side: str, stream: bytes, max_line_length: int, max_headers: int, max_length: int
) -> None:
    settings: dict[str, Any] = {
        "max_line_length": max_line_length,
        "max_headers": max_headers,
        "max_length": max_length,
    }
    outcome = OUTCOMES[side]
    expected = outcome([stream], **settings)
    for pieces in cuts(stream):
        assert outcome(pieces, **settings) == expected


def test_a_head_that_comes_slowly_costs_no_more_than_its_octets() -> None:
    # Quadratic work would take minutes: this is no measurement, it just ends.
    handshake = ServerHandshake(max_line_length=2**20, max_length=2**22)
    handshake.receive_data(REQUEST_LINE + HOST)
    for _ in range(10):
        handshake.receive_data(b"B: " + b" " * 50_000 + b"c" + b" " * 50_000 + b"\r\n")
    for _ in range(100_000):
        handshake.receive_data(b"x")
    with pytest.raises(HandshakeError, match="malformed header field"):
        handshake.receive_data(b":" + b" " * 100_000 + b"\0\r\n\r\n")
