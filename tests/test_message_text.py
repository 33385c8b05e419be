"""Texts of a MessageDecoder are UTF-8, RFC 6455 section 8.1, or fail at the first bad octet."""

from __future__ import annotations

from typing import Any

import pytest
from implementations import Implementation
from predictions import fails
from streams import EURO, KEY, ROCKET, frame

from wsfast import exceptions


def _server(implementation: Implementation, **options: Any) -> Any:
    return implementation.messages.MessageDecoder("server", **options)


BAD_TEXT = [
    (b"\x80", 0),
    (b"a\xc0\xaf", 1),
    (b"\xe0\x9f\xbf", 1),
    (b"\xed\xa0\x80", 1),
    (b"\xf0\x8f\xbf\xbf", 1),
    (b"\xf4\x90\x80\x80", 1),
    (b"\xf5", 0),
    (b"\xe2\x28\xa1", 1),
    (b"\xe2\x82\x28", 2),
]


@pytest.mark.parametrize(("bad", "position"), BAD_TEXT)
@pytest.mark.parametrize("before", [0, 1, 13, 14, 15, 16, 30, 31, 32, 61, 62, 63, 64, 127, 5000])
@pytest.mark.parametrize("char", ["a", "é", "🚀"])
def test_invalid_text_fails_at_its_octet(
    implementation: Implementation, bad: bytes, position: int, before: int, char: str
) -> None:
    text = (char * before).encode() + bad + b"more of it"
    at = before * len(char.encode()) + position
    expected = exceptions.invalid_utf8(at, text[at])
    wire = frame(1, text, fin=False, key=KEY)
    head = len(wire) - len(text)
    fails(_server(implementation), wire, expected)
    decoder = _server(implementation)
    assert decoder.feed(wire[: head + at]) == []
    assert fails(decoder, wire[head + at : head + at + 1], expected).close_code == 1007
    decoder = _server(implementation)
    decoder.feed(wire[: head + at - 1 if at else head])
    fails(decoder, wire[head + at - 1 if at else head :], expected)


@pytest.mark.parametrize(("bad", "position"), BAD_TEXT)
def test_invalid_text_fails_in_whichever_fragment(
    implementation: Implementation, bad: bytes, position: int
) -> None:
    text = b"abc" + bad + b"xyz"
    at = 3 + position
    for size in (1, 2, 3, 4):
        decoder = _server(implementation)
        for start in range(0, len(text), size):
            wire = frame(0 if start else 1, text[start : start + size], fin=False, key=KEY)
            if start <= at < start + size:
                fails(decoder, wire, exceptions.invalid_utf8(at, text[at]))
                break
            assert decoder.feed(wire) == []


@pytest.mark.parametrize("rest", [EURO[:1], EURO[:2], ROCKET[:1], ROCKET[:2], ROCKET[:3], b"\xc3"])
@pytest.mark.parametrize("before", [b"", b"abc", b"a" * 62, "é".encode() * 5000])
def test_truncated_text_fails_at_the_end_of_the_message(
    implementation: Implementation, rest: bytes, before: bytes
) -> None:
    data = before + rest
    expected = exceptions.truncated_utf8(len(data))
    fails(_server(implementation), frame(1, data, key=KEY), expected)
    decoder = _server(implementation)
    assert decoder.feed(frame(1, data, fin=False, key=KEY)) == []
    assert decoder.feed(frame(9, key=KEY)) == [(9, b"")]
    fails(decoder, frame(0, b"", key=KEY), expected)
    wire = frame(1, data, key=KEY)
    decoder = _server(implementation)
    assert decoder.feed(wire[:-1]) == []
    fails(decoder, wire[-1:], expected)


def test_the_position_of_bad_text_starts_anew_with_each_message(
    implementation: Implementation,
) -> None:
    decoder = _server(implementation)
    decoder.feed(frame(1, b"a" * 100, fin=False, key=KEY) + frame(0, EURO, key=KEY))
    fails(decoder, frame(1, b"ab\xff", key=KEY), exceptions.invalid_utf8(2, 0xFF))
