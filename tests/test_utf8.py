"""is_utf8 against the grammar of RFC 3629 section 4."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator

import pytest
from guard import GuardedPages
from hypothesis import given
from hypothesis import strategies as st
from implementations import Implementation
from lengths import AROUND_POWERS, SHORT
from oracle import is_utf8, read_utf8
from sequences import BORDERS, FOURS, THREES
from texts import TEXTS

OCTETS = [bytes([octet]) for octet in range(256)]
# Where the first octet of a sequence stands: across the edge of a 16-, 32- and 64-octet register.
EDGES = (0, *(edge + step for edge in (16, 32, 64, 128) for step in (-4, -3, -2, -1, 0)))


def _rows_of_three(seconds: Iterable[int]) -> Iterator[tuple[bytes, bytes]]:
    """Two octets, and for each third one whether the three are UTF-8."""
    rows: dict[bytes, bytes] = {}
    for pair in itertools.product(range(256), seconds):
        head = bytes(pair)
        fault, whole = read_utf8(head)
        if fault is not None:
            yield head, bytes(256)
            continue
        begun = head[whole:]
        if begun not in rows:
            rows[begun] = bytes(is_utf8(begun + octet) for octet in OCTETS)
        yield head, rows[begun]


def _check_threes(implementation: Implementation, before: bytes, after: bytes) -> None:
    """All sequences; on the pure side, 30 times slower, all whose second octet is a border."""
    check = implementation.utf8.is_utf8
    tails = [octet + after for octet in OCTETS]
    for head, expected in _rows_of_three(range(256) if implementation.compiled else BORDERS):
        start = before + head
        found = bytes(map(check, [start + tail for tail in tails]))
        assert found == expected, head.hex()


@pytest.mark.parametrize("length", [0, 1, 2])
def test_all_sequences_up_to_two_octets(implementation: Implementation, length: int) -> None:
    for octets in itertools.product(range(256), repeat=length):
        data = bytes(octets)
        assert implementation.utf8.is_utf8(data) is is_utf8(data), data.hex()


def test_all_sequences_of_three_octets(implementation: Implementation) -> None:
    _check_threes(implementation, b"", b"")


@pytest.mark.slow
def test_all_sequences_of_three_octets_on_the_pure_side(pure: Implementation) -> None:
    for head, expected in _rows_of_three(range(256)):
        found = bytes(map(pure.utf8.is_utf8, [head + octet for octet in OCTETS]))
        assert found == expected, head.hex()


@pytest.mark.slow
@pytest.mark.parametrize("start", EDGES[1:])
def test_all_sequences_of_three_octets_across_edges(
    implementation: Implementation, start: int
) -> None:
    _check_threes(implementation, b"a" * start, b"b" * 80)


@pytest.mark.slow
@pytest.mark.parametrize("script", ["é", "я", "漢", "🚀"])
def test_all_sequences_of_three_octets_inside_text(
    implementation: Implementation, script: str
) -> None:
    around = (script * 30).encode()
    _check_threes(implementation, around[: len(script.encode()) * 15], around)


@pytest.mark.parametrize("start", EDGES)
@pytest.mark.parametrize("after", [b"", b"b" * 200, "я".encode() * 40], ids=["end", "ascii", "я"])
def test_border_sequences_across_edges(
    implementation: Implementation, start: int, after: bytes
) -> None:
    check, before, sample = implementation.utf8.is_utf8, b"a" * start, start % 4
    for octets, expected in itertools.chain(THREES[sample::4], FOURS[sample::4]):
        assert check(before + octets + after) is expected, octets.hex()


@pytest.mark.slow
@pytest.mark.parametrize("start", range(131))
def test_every_border_sequence_at_every_position_of_two_registers(
    implementation: Implementation, start: int
) -> None:
    check, before = implementation.utf8.is_utf8, b"a" * start
    for after in (b"", b"b" * 200, "я".encode() * 40):
        for octets, expected in itertools.chain(THREES, FOURS):
            assert check(before + octets + after) is expected, octets.hex()


def test_border_sequences_at_every_position_of_two_registers(
    implementation: Implementation,
) -> None:
    check = implementation.utf8.is_utf8
    sample = THREES[::13] + FOURS[::17]
    for start in range(130):
        data = bytearray(b"a" * 200)
        for octets, expected in sample:
            data[start : start + len(octets)] = octets
            assert check(data) is expected, (start, octets.hex())
            data[start : start + len(octets)] = b"a" * len(octets)


@pytest.mark.parametrize("name", TEXTS)
def test_text_of_every_script_is_valid_until_an_octet_is_wrong(
    implementation: Implementation, name: str
) -> None:
    check, data = implementation.utf8.is_utf8, TEXTS[name].encode()
    assert check(data) is True
    part = bytearray(TEXTS[name][:400].encode())
    for at in range(0, len(part), 3):
        right = part[at]
        for wrong in (0xFF, 0xC0, right ^ 0x80, right ^ 0x40):
            part[at] = wrong
            assert check(part) is is_utf8(part), (at, wrong)
        part[at] = right


@pytest.mark.parametrize("char", ["a", "é", "я", "€", "漢", "🚀"])
def test_every_length_of_text_and_of_truncated_text(
    implementation: Implementation, char: str
) -> None:
    check, unit = implementation.utf8.is_utf8, char.encode()
    longest = max(AROUND_POWERS)
    text = memoryview(unit * (longest // len(unit) + 1))
    for length in (*SHORT, *AROUND_POWERS):
        assert check(text[:length]) is (length % len(unit) == 0), length


def test_every_alignment(implementation: Implementation) -> None:
    check = implementation.utf8.is_utf8
    text = ("aé€🚀" * 30).encode()
    for start in range(64):
        data = memoryview(bytes(start) + text)[start:]
        for length in range(len(text) - 70, len(text) + 1):
            assert check(data[:length]) is is_utf8(text[:length])


def test_one_wrong_octet_anywhere_in_long_text(implementation: Implementation) -> None:
    check = implementation.utf8.is_utf8
    for unit in ("a", "я", "漢", "🚀"):
        data = bytearray((unit * 40000).encode())
        for at in random.Random(3629).sample(range(len(data)), 50):
            right, data[at] = data[at], 0xFE
            assert check(data) is False, at
            data[at] = right
        assert check(data) is True


def test_nothing_outside_the_data_is_read(
    implementation: Implementation, guarded: GuardedPages
) -> None:
    text = ("a€я🚀é" * 400).encode()
    for length in (*SHORT, 4095, 4096, 4097):
        expected = is_utf8(text[:length])
        for place in (guarded.ending, guarded.starting):
            assert implementation.utf8.is_utf8(place(text[:length])) is expected


@given(st.binary(max_size=200))
def test_any_octets(implementation: Implementation, data: bytes) -> None:
    assert implementation.utf8.is_utf8(data) is is_utf8(data)


@given(st.text(max_size=100), st.integers(0, 400), st.integers(0, 255))
def test_any_text_and_any_change_of_an_octet(
    implementation: Implementation, text: str, at: int, octet: int
) -> None:
    data = bytearray(text.encode("utf-8", "ignore"))
    assert implementation.utf8.is_utf8(data) is True
    if data:
        data[at % len(data)] = octet
        assert implementation.utf8.is_utf8(data) is is_utf8(data)


def test_the_oracle_reads_what_python_decodes() -> None:
    # Not a test of wsfast: RFC 3629 and CPython agree, so a slip in the oracle would show here.
    for octets, valid in THREES + FOURS:
        try:
            octets.decode()
        except UnicodeDecodeError as error:
            assert not valid
            assert read_utf8(octets).whole == error.start
        else:
            assert valid
