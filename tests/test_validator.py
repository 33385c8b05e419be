"""Utf8Validator against the grammar of RFC 3629: in any cuts, failing at the first bad octet."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from guard import GuardedPages
from hypothesis import given
from hypothesis import strategies as st
from implementations import Implementation
from lengths import SHORT
from oracle import signature, utf8_error
from sequences import FOURS, THREES

from wsfast import exceptions


def _expected(data: bytes) -> tuple[Any, ...] | None:
    error = utf8_error(data)
    return None if error is None else signature(error)


def _validate(implementation: Implementation, chunks: list[Any]) -> tuple[Any, ...] | None:
    validator = implementation.utf8.Utf8Validator()
    try:
        for chunk in chunks:
            validator.feed(chunk)
        validator.finish()
    except Exception as error:
        return signature(error)
    return None


@pytest.mark.parametrize(
    ("data", "position"),
    [
        ("e2 28", 1),
        ("c0", 0),
        ("c1 80", 0),
        ("e0 80", 1),
        ("e0 9f", 1),
        ("ed a0", 1),
        ("f0 8f", 1),
        ("f4 90", 1),
        ("f5", 0),
        ("ff", 0),
        ("80", 0),
        ("61 62 80", 2),
        ("e2 82 28", 2),
        ("f0 9f 9a 28", 3),
        ("c3 a9 a9", 2),
    ],
)
def test_the_first_octet_that_cant_be_continued_is_at_fault(
    implementation: Implementation, data: str, position: int
) -> None:
    octets = bytes.fromhex(data)
    for start in (0, 1, 15, 30, 63, 64, 300, 5000):
        validator = implementation.utf8.Utf8Validator()
        with pytest.raises(exceptions.RemoteProtocolError) as caught:
            validator.feed(b"a" * start + octets + b"tail")
        assert caught.value.position == start + position
        assert caught.value.close_code == 1007
        wrong = octets[position]
        assert f"0x{wrong:02x} at position {start + position}" in str(caught.value)
        assert validator.position == start + position


def test_border_sequences_at_every_cut(implementation: Implementation) -> None:
    for octets, _ in THREES[::3] + FOURS[::5]:
        expected = _expected(octets)
        for cut in range(len(octets) + 1):
            assert _validate(implementation, [octets[:cut], octets[cut:]]) == expected
        assert (
            _validate(implementation, [octets[i : i + 1] for i in range(len(octets))]) == expected
        )


@pytest.mark.slow
@pytest.mark.parametrize("start", [0, 13, 29, 61])
def test_every_border_sequence_across_edges_at_every_cut(
    implementation: Implementation, start: int
) -> None:
    for octets, _ in THREES + FOURS:
        data = b"a" * start + octets + b"b" * 70
        expected = _expected(data)
        for cut in range(start, start + len(octets) + 1):
            assert _validate(implementation, [data[:cut], data[cut:]]) == expected


@pytest.mark.parametrize("start", [12, 13, 14, 15, 29, 30, 31, 60, 61, 62, 63, 64])
def test_sequences_across_edges_at_every_cut(implementation: Implementation, start: int) -> None:
    for octets, _ in THREES[::31] + FOURS[::41]:
        data = b"a" * start + octets + b"b" * 70
        expected = _expected(data)
        for cut in range(start - 1, start + len(octets) + 2):
            assert _validate(implementation, [data[:cut], data[cut:]]) == expected


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=5), st.text(max_size=30).map(lambda t: t.encode("utf-8", "ignore"))
        )
    ),
    st.lists(st.integers(0, 150), max_size=6),
)
def test_any_octets_in_any_cuts(
    implementation: Implementation, parts: list[bytes], cuts: list[int]
) -> None:
    data = b"".join(parts)
    bounds = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    chunks = [data[begin:end] for begin, end in itertools.pairwise(bounds)]
    assert _validate(implementation, chunks) == _expected(data)
    assert _validate(implementation, [data[i : i + 1] for i in range(len(data))]) == _expected(data)


def test_the_error_comes_by_the_chunk_that_holds_the_octet(implementation: Implementation) -> None:
    validator = implementation.utf8.Utf8Validator()
    assert validator.feed(b"abc\xe2") is None
    assert validator.feed(b"\x82") is None
    assert validator.feed(b"") is None
    with pytest.raises(exceptions.RemoteProtocolError, match="0x28 at position 5"):
        validator.feed(b"\x28")


def test_position_counts_the_octets_taken(implementation: Implementation) -> None:
    validator = implementation.utf8.Utf8Validator()
    assert validator.position == 0
    for chunk, position in ((b"abc", 3), (b"", 3), (b"\xf0\x9f", 5), (b"\x9a\x80" * 1, 7)):
        validator.feed(chunk)
        assert validator.position == position
    validator.finish()
    assert validator.position == 0
    with pytest.raises(AttributeError):
        validator.position = 3


def test_finish_makes_ready_for_the_next_text(implementation: Implementation) -> None:
    validator = implementation.utf8.Utf8Validator()
    for text in ("first", "", "zweiter ä", "🚀"):
        validator.feed(text.encode())
        assert validator.finish() is None
    with pytest.raises(exceptions.RemoteProtocolError, match="position 1"):
        validator.feed(b"a\xff")


@pytest.mark.parametrize("rest", [b"\xc3", b"\xe2", b"\xe2\x82", b"\xf0", b"\xf0\x9f\x9a"])
def test_a_text_that_ends_inside_a_character_is_truncated(
    implementation: Implementation, rest: bytes
) -> None:
    validator = implementation.utf8.Utf8Validator()
    validator.feed(b"abc" + rest)
    expected = signature(exceptions.truncated_utf8(3 + len(rest)))
    for _ in range(2):
        with pytest.raises(exceptions.RemoteProtocolError) as caught:
            validator.finish()
        assert signature(caught.value) == expected
        with pytest.raises(exceptions.RemoteProtocolError) as caught:
            validator.feed(b"a")
        assert signature(caught.value) == expected
    validator.reset()
    assert validator.position == 0
    validator.feed("é".encode())
    validator.finish()


def test_a_failed_validator_fails_alike_until_reset(implementation: Implementation) -> None:
    validator = implementation.utf8.Utf8Validator()
    with pytest.raises(exceptions.RemoteProtocolError) as first:
        validator.feed(b"ab\x80")
    for call in (lambda: validator.feed(b"fine"), validator.finish, lambda: validator.feed(b"")):
        with pytest.raises(exceptions.RemoteProtocolError) as again:
            call()
        assert signature(again.value) == signature(first.value)
        assert again.value is not first.value
    validator.reset()
    validator.feed(b"fine")
    assert validator.position == 4
    assert validator.finish() is None


def test_reset_drops_a_begun_character(implementation: Implementation) -> None:
    validator = implementation.utf8.Utf8Validator()
    validator.feed(b"\xf0\x9f")
    validator.reset()
    with pytest.raises(exceptions.RemoteProtocolError, match="0x9a at position 0"):
        validator.feed(b"\x9a\x80")


def test_a_long_text_in_chunks_of_every_length(implementation: Implementation) -> None:
    data = ("mixed é я € 漢 🚀 " * 40).encode()
    for size in range(1, 140):
        validator = implementation.utf8.Utf8Validator()
        for at in range(0, len(data), size):
            validator.feed(data[at : at + size])
        assert validator.position == len(data)
        validator.finish()


WRONG: list[tuple[Any, Exception]] = [
    ("text", exceptions.not_bytes_like("data", "")),
    (None, exceptions.not_bytes_like("data", None)),
    (3, exceptions.not_bytes_like("data", 3)),
    (memoryview(bytes(8))[::2], exceptions.not_contiguous("data", memoryview(b""))),
]


@pytest.mark.parametrize(("data", "expected"), WRONG)
def test_wrong_arguments_are_refused(
    implementation: Implementation, data: Any, expected: Exception
) -> None:
    validator = implementation.utf8.Utf8Validator()
    validator.feed(b"\xe2\x82")
    for call in (implementation.utf8.is_utf8, validator.feed):
        with pytest.raises(type(expected)) as caught:
            call(data)
        assert str(caught.value) == str(expected)
    validator.feed(b"\xac")  # as if nothing had been
    validator.finish()


def test_any_contiguous_buffer_is_data(implementation: Implementation) -> None:
    data = "aé".encode() + b"\xff"
    for made in (bytearray(data), memoryview(data), memoryview(data).cast("I")):
        assert implementation.utf8.is_utf8(made) is False
        with pytest.raises(exceptions.RemoteProtocolError, match="position 3"):
            implementation.utf8.Utf8Validator().feed(made)
    growing = bytearray(data)
    implementation.utf8.is_utf8(growing)
    growing.append(0)  # no export of it is left


def test_nothing_outside_the_data_is_read(
    implementation: Implementation, guarded: GuardedPages
) -> None:
    text = ("a€я🚀é" * 400).encode()
    for length in (*SHORT, 4095, 4096, 4097):
        for place in (guarded.ending, guarded.starting):
            found = _validate(implementation, [place(text[:length])])
            assert found == _expected(text[:length])
