"""The body of a rejection, RFC 9112 section 6: h11 reads it too."""

from __future__ import annotations

import pytest
from handshakes import cuts, head, of_client
from hypothesis import given
from hypothesis import strategies as st

from wsfast.exceptions import HandshakeError, HandshakeRejected

CHUNKED = ("Transfer-Encoding", "chunked")


def response(*fields: tuple[str, str], status: str = "403 Forbidden") -> bytes:
    return head(f"HTTP/1.1 {status}", fields)


def body_of(data: bytes, eof: bool = False, **settings: int) -> bytes | None:
    """The body, the same for all cuts; None while it isn't complete."""
    expected = of_client([data], eof, **settings)
    for pieces in cuts(data):
        assert of_client(pieces, eof, **settings) == expected
    if expected[0] is None:
        return None
    assert expected[0] is HandshakeRejected, expected
    body: bytes = expected[-1].body
    return body


def test_content_length() -> None:
    fields = response(("Content-Length", "5"))
    assert body_of(fields + b"12345") == b"12345"
    assert body_of(fields + b"1234567") == b"12345"
    assert body_of(fields + b"1234") is None
    assert body_of(fields + b"1234", eof=True) == b"1234"
    assert body_of(response(("Content-Length", "0"))) == b""
    assert body_of(response(("Content-Length", "005")) + b"12345") == b"12345"


def test_no_length_until_the_stream_ends() -> None:
    assert body_of(response()) is None
    assert body_of(response() + b"12345") is None
    assert body_of(response() + b"12345", eof=True) == b"12345"
    assert body_of(response(), eof=True) == b""


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_statuses_without_a_body(status: str) -> None:
    for fields in ([], [("Content-Length", "5")], [CHUNKED]):
        assert body_of(response(*fields, status=status) + b"12345") == b""


@pytest.mark.parametrize(
    ("octets", "body"),
    [
        (b"0\r\n\r\n", b""),
        (b"5\r\n12345\r\n0\r\n\r\n", b"12345"),
        (b"1\r\n1\r\n00A\r\n2345678901\r\n000\r\n", b"12345678901"),
        (b"a\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n", b"0123456789"),
        (b'2;x=y; z="a b"\r\n\r\n\r\n0;x\r\n\r\n', b"\r\n"),
        (b"2 \r\n12\r\n0\t\r\n\r\n", b"12"),
        # What can't be understood is where it ends.
        (b"5\r\n12345\n0\r\n\r\n", b"12345"),
        (b"2\r\n123\r\n0\r\n\r\n", b"12"),
        (b"2\r\n12\r3", b"12"),
        (b"2\r\n12\r\n\r\n", b"12"),
        (b"2\r\n12\r\n-1\r\n", b"12"),
        (b"2\r\n12\r\n0x2\r\n34\r\n0\r\n", b"12"),
        (b"x\r\n", b""),
        (b" 2\r\n12", b""),
        (b"1000000000000000\r\n12", b""),
        (b"2;\x00\r\n12", b""),
        (b"0" * 256, b""),
    ],
)
def test_chunks(octets: bytes, body: bytes) -> None:
    assert body_of(response(CHUNKED) + octets) == body


@pytest.mark.parametrize("octets", [b"", b"5", b"5\r", b"5\r\n123", b"5\r\n12345", b"1\r\na\r\n0"])
def test_chunks_that_are_not_complete(octets: bytes) -> None:
    assert body_of(response(CHUNKED) + octets) is None
    assert body_of(response(CHUNKED) + octets, eof=True) in (b"", b"123", b"12345", b"a")


def test_the_coding_may_be_spelt_in_upper_case() -> None:
    assert body_of(response(("TRANSFER-ENCODING", "Chunked")) + b"1\r\na\r\n0\r\n") == b"a"


@pytest.mark.parametrize(
    "fields",
    [
        [("Content-Length", "10")],
        [CHUNKED],
        [],
    ],
    ids=["length", "chunks", "neither"],
)
def test_only_so_much_is_kept(fields: list[tuple[str, str]]) -> None:
    octets = b"4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n" if fields == [CHUNKED] else b"0123456789"
    for limit in (0, 1, 4, 5, 9):
        expected = b"0123456789"[:limit]
        assert body_of(response(*fields) + octets, max_body_length=limit) == expected
    assert body_of(response(*fields) + octets, True, max_body_length=11) == b"0123456789"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        *(
            ([("Content-Length", value)], "expected a number of octets")
            for value in ("", "-1", "+1", "0x1", "1, 1", "²", "1" * 19)
        ),
        ([("Content-Length", "1"), ("Content-Length", "1")], "2 Content-Length header fields"),
        ([CHUNKED, CHUNKED], "2 Transfer-Encoding header fields"),
        ([("Transfer-Encoding", "gzip, chunked")], "'gzip, chunked': expected chunked"),
        ([("Transfer-Encoding", "identity")], "'identity': expected chunked"),
        ([CHUNKED, ("Content-Length", "5")], "Transfer-Encoding and Content-Length"),
    ],
)
def test_lengths_that_contradict(fields: list[tuple[str, str]], words: str) -> None:
    data = response(*fields) + b"12345"
    expected = of_client([data])
    assert expected[0] is HandshakeError
    assert words in expected[1]
    for pieces in cuts(data):
        assert of_client(pieces) == expected


# Chunk sizes, extensions and ends of lines, mostly as they must be.
sizes = st.one_of(st.integers(1, 6).map(lambda size: b"%x" % size), st.sampled_from([b"0", b"g"]))
rests = st.sampled_from([b"\r\n"] * 8 + [b";a=b\r\n", b" \r\n", b"\n", b"\r", b""])


@given(
    st.lists(st.tuples(sizes, rests, st.binary(max_size=6), rests), max_size=4),
    st.sampled_from([b"0\r\n\r\n", b"0\r\nA: b\r\n\r\n", b"0\r\n", b""]),
)
def test_h11_reads_the_same_chunks(
    chunks: list[tuple[bytes, bytes, bytes, bytes]], end: bytes
) -> None:
    h11 = pytest.importorskip("h11")
    octets = b""
    for size, line_end, data, data_end in chunks:
        if size not in (b"0", b"g"):
            data = data.ljust(int(size, 16), b"x")[: int(size, 16)]
        octets += size + line_end + data + data_end
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(response(CHUNKED) + octets + end)
    expected = b""
    try:
        while type(event := connection.next_event()) is not h11.EndOfMessage:
            if event in (h11.NEED_DATA, h11.PAUSED):
                break
            expected += event.data if type(event) is h11.Data else b""
    except h11.RemoteProtocolError:
        return
    outcome = of_client([response(CHUNKED) + octets + end], True)
    assert outcome[0] is HandshakeRejected
    assert outcome[-1].body == expected
