"""MessageDecoder's limits: exact to the octet, checked before anything is allocated, code 1009."""

from __future__ import annotations

from typing import Any

import pytest
from implementations import Implementation
from predictions import fails
from streams import KEY, frame

from wsfast import exceptions
from wsfast.protocol import DEFAULT_MAX_MESSAGE_LENGTH


def _server(implementation: Implementation, **options: Any) -> Any:
    return implementation.messages.MessageDecoder("server", **options)


def _client(implementation: Implementation, **options: Any) -> Any:
    return implementation.messages.MessageDecoder("client", **options)


@pytest.mark.parametrize("limit", [0, 1, 125, 126, 1000, 65535, 65536])
def test_the_message_limit_is_exact(implementation: Implementation, limit: int) -> None:
    payload = bytes(limit)
    decoder = _server(implementation, max_message_length=limit)
    assert decoder.feed(frame(2, payload, key=KEY)) == [(2, payload)]
    expected = exceptions.message_too_long(limit + 1, limit)
    wire = frame(1, payload + b"x", key=KEY)
    error = fails(decoder, wire[: len(wire) - limit - 5], expected)  # by the header without a key
    assert error.close_code == 1009
    decoder = _server(implementation, max_message_length=limit)
    first, rest = payload[: limit // 2], payload[limit // 2 :]
    start = frame(2, first, fin=False, key=KEY)
    assert decoder.feed(start + frame(0, rest, key=KEY)) == [(2, payload)]
    decoder.feed(start)
    fails(decoder, frame(0, rest + b"x", key=KEY), expected)


def test_control_frames_do_not_count_as_the_message(implementation: Implementation) -> None:
    decoder = _server(implementation, max_message_length=4, max_fragments=2)
    wire = frame(2, b"ab", fin=False, key=KEY) + frame(9, bytes(100), key=KEY) * 3
    found = decoder.feed(wire + frame(0, b"cd", key=KEY))
    assert found == [(9, bytes(100))] * 3 + [(2, b"abcd")]


def test_the_default_limit_is_1_mib(implementation: Implementation) -> None:
    assert DEFAULT_MAX_MESSAGE_LENGTH == 2**20
    assert _client(implementation).feed(frame(2, bytes(2**20))) == [(2, bytes(2**20))]
    wire = frame(2, declared=2**20 + 1, bits=64)
    fails(_client(implementation), wire, exceptions.message_too_long(2**20 + 1, 2**20))


@pytest.mark.parametrize("limit", [2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**32 + 5, 2**63 - 2])
def test_sums_of_lengths_do_not_overflow(implementation: Implementation, limit: int) -> None:
    wire = frame(2, declared=limit + 1, bits=64)
    decoder = _client(implementation, max_message_length=limit)
    fails(decoder, wire, exceptions.message_too_long(limit + 1, limit))
    decoder = _client(implementation, max_message_length=limit)
    decoder.feed(frame(2, b"abc", fin=False))
    wire = frame(0, declared=limit - 2, bits=64)
    fails(decoder, wire, exceptions.message_too_long(limit + 1, limit))
    decoder = _client(implementation, max_message_length=limit)
    decoder.feed(frame(2, b"abc", fin=False))
    assert decoder.feed(frame(0, declared=limit - 3, bits=64)) == []


@pytest.mark.parametrize("limit", [2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**100])
def test_a_message_may_have_more_octets_than_63_bits_count(
    implementation: Implementation, limit: int
) -> None:
    decoder = _client(implementation, max_message_length=limit)
    decoder.feed(frame(2, b"abc", fin=False))
    wire = frame(0, declared=2**63 - 1, bits=64)
    if limit >= 2**63 + 2:
        assert decoder.feed(wire) == []
    else:
        fails(decoder, wire, exceptions.message_too_long(2**63 + 2, limit))


def test_no_limit_is_no_limit(implementation: Implementation) -> None:
    decoder = _client(implementation, max_message_length=None)
    payload = bytes(2**20 + 1)
    assert decoder.feed(frame(2, payload)) == [(2, payload)]
    decoder.feed(frame(2, b"abc", fin=False))
    assert decoder.feed(frame(0, declared=2**63 - 1, bits=64)) == []


def test_the_payload_limit_comes_before_the_messages(implementation: Implementation) -> None:
    decoder = _client(implementation, max_payload_length=5, max_message_length=8)
    decoder.feed(frame(2, bytes(5), fin=False))
    decoder.feed(frame(0, bytes(3), fin=False))
    fails(decoder, frame(0, bytes(6)), exceptions.payload_too_long(6, 5))
    decoder = _client(implementation, max_payload_length=5, max_message_length=8)
    decoder.feed(frame(2, bytes(5), fin=False))
    fails(decoder, frame(0, bytes(4)), exceptions.message_too_long(9, 8))


@pytest.mark.parametrize("limit", [0, 1, 2, 10])
def test_the_limit_of_fragments_is_exact(implementation: Implementation, limit: int) -> None:
    expected = exceptions.too_many_fragments(limit)
    decoder = _server(implementation, max_fragments=limit)
    for _ in range(3):
        for number in range(limit):
            last = number == limit - 1
            found = decoder.feed(frame(0 if number else 2, b"x", fin=last, key=KEY))
            assert found == ([(2, b"x" * limit)] if last else [])
    for number in range(limit):
        decoder.feed(frame(0 if number else 2, b"", fin=False, key=KEY))
        decoder.feed(frame(9, key=KEY))
    error = fails(decoder, b"\x80" if limit else b"\x81", expected)
    assert error.close_code == 1009


@pytest.mark.parametrize("limit", [2**32, 2**63, 2**64, 2**100])
def test_a_limit_of_fragments_may_be_of_any_size(
    implementation: Implementation, limit: int
) -> None:
    decoder = _server(implementation, max_fragments=limit)
    wire = frame(2, b"x", fin=False, key=KEY) + frame(0, b"y", key=KEY)
    assert decoder.feed(wire * 2) == [(2, b"xy")] * 2


def test_empty_and_one_octet_fragments_make_a_message(implementation: Implementation) -> None:
    decoder = _server(implementation)
    count = 20000
    for payload in (b"", b"x"):
        wire = frame(1, payload, fin=False, key=KEY)
        wire += frame(0, payload, fin=False, key=KEY) * count + frame(0, payload, key=KEY)
        assert decoder.feed(wire) == [(1, payload.decode() * (count + 2))]
