"""decode_text: the str of a payload, or exactly the UnicodeDecodeError of bytes.decode()."""

from __future__ import annotations

import array
import itertools
import random
from typing import Any

import pytest
from guard import GuardedPages
from hypothesis import given
from hypothesis import strategies as st
from implementations import Implementation
from lengths import ALIGNMENTS, AROUND_POWERS
from oracle import rfc_mask
from sequences import FOURS, THREES
from texts import TEXTS

from wsfast import exceptions

KEY = bytes.fromhex("c13a80f7")
KEYS = [None, KEY, bytes(4), b"\x80\x80\x80\x80"]
# What decides how wide a str's code points are stored.
WIDTHS = {"ascii": "a", "latin-1": "é", "two octets": "я", "ucs-2": "漢", "ucs-4": "🚀"}


def _fields(error: UnicodeDecodeError) -> tuple[Any, ...]:
    return (type(error), error.encoding, error.object, error.start, error.end, error.reason)


def _decoded(data: bytes) -> tuple[Any, ...]:
    """What bytes.decode() gives, which the specification names as the model."""
    try:
        return (str, data.decode())
    except UnicodeDecodeError as error:
        return _fields(error)


def _decode(implementation: Implementation, payload: Any, key: Any) -> tuple[Any, ...]:
    try:
        text = implementation.utf8.decode_text(payload, key)
    except UnicodeDecodeError as error:
        return _fields(error)
    return (type(text), text)


def _masked(data: bytes, key: bytes | None) -> bytes:
    return data if key is None else rfc_mask(data, key)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("key", KEYS)
def test_text_of_every_script(implementation: Implementation, name: str, key: bytes | None) -> None:
    text = TEXTS[name]
    data = text.encode()
    assert implementation.utf8.decode_text(_masked(data, key), key) == text


def _shifted(char: str) -> list[str]:
    """300 strings of 1 to 300 characters, most of them ASCII, `char` moving through them."""
    return ["".join(char if i % 7 == n % 7 else "x" for i in range(n)) for n in range(301)]


@pytest.mark.parametrize("width", WIDTHS)
def test_every_length_at_every_alignment(implementation: Implementation, width: str) -> None:
    decode_text = implementation.utf8.decode_text
    keyed = bytearray(2048)
    view = memoryview(keyed)
    key_at = [rfc_mask(bytes(2048), KEY), KEY]
    for number, text in enumerate(_shifted(WIDTHS[width])):
        data = text.encode()
        mask = int.from_bytes(key_at[0][: len(data)], "big")
        masked = (int.from_bytes(data, "big") ^ mask).to_bytes(len(data), "big")
        for start in ALIGNMENTS[number % 3 :: 3] if len(data) > 70 else ALIGNMENTS:
            end = start + len(data)
            view[start:end] = masked
            assert decode_text(view[start:end], KEY) == text, (number, start)
            view[start:end] = data
            assert decode_text(view[start:end]) == text, (number, start)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("key", [None, KEY])
def test_lengths_around_powers_of_two(
    implementation: Implementation, width: str, key: bytes | None
) -> None:
    char = WIDTHS[width]
    unit = len(char.encode())
    for length in AROUND_POWERS:
        text = char * (length // unit) + "a" * (length % unit)
        data = text.encode()
        assert len(data) == length
        assert implementation.utf8.decode_text(_masked(data, key), key) == text


@pytest.mark.parametrize("width", [*WIDTHS, "wrong"])
@pytest.mark.parametrize("key", [None, KEY])
def test_a_first_character_beyond_ascii_anywhere(
    implementation: Implementation, width: str, key: bytes | None
) -> None:
    char = WIDTHS.get(width, "").encode() or b"\xff"
    for before in (*range(200), 1000, 4095, 70000):
        for after in (0, 1, 63, 64, 200):
            data = b"a" * before + char + b"b" * after
            assert _decode(implementation, _masked(data, key), key) == _decoded(data)


@pytest.mark.parametrize("first", WIDTHS)
@pytest.mark.parametrize("second", WIDTHS)
def test_one_wider_character_after_long_text(
    implementation: Implementation, first: str, second: str
) -> None:
    for count in (*range(70), 255, 256, 1000, 30000):
        text = WIDTHS[first] * count + WIDTHS[second] + WIDTHS[first] * 3
        assert implementation.utf8.decode_text(_masked(text.encode(), KEY), KEY) == text


@pytest.mark.parametrize("start", [0, 13, 15, 30, 31, 61, 62, 63, 64])
@pytest.mark.parametrize("key", [None, KEY])
def test_border_sequences_across_edges_fail_as_bytes_decode_does(
    implementation: Implementation, start: int, key: bytes | None
) -> None:
    mask = rfc_mask(bytes(start + 4 + 9), KEY) if key else bytes(start + 13)
    for octets, _ in itertools.chain(THREES[start % 5 :: 5], FOURS[start % 5 :: 5]):
        for after in (b"", b"b" * 9):
            data = b"a" * start + octets + after
            number = int.from_bytes(data, "big") ^ int.from_bytes(mask[: len(data)], "big")
            masked = number.to_bytes(len(data), "big")
            assert _decode(implementation, masked, key) == _decoded(data), data.hex()


@pytest.mark.slow
@pytest.mark.parametrize("start", range(58, 66))
@pytest.mark.parametrize("char", WIDTHS.values())
def test_every_border_sequence_after_text_of_every_width(
    implementation: Implementation, start: int, char: str
) -> None:
    before = (char * (start // len(char.encode()))).encode()
    before = b"a" * (start - len(before)) + before
    for octets, _ in itertools.chain(THREES, FOURS):
        data = before + octets + b"b" * 70
        assert _decode(implementation, data, None) == _decoded(data), data.hex()


def test_border_code_points_are_what_they_are(implementation: Implementation) -> None:
    points = [0, 0x7F, 0x80, 0xFF, 0x100, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFD, 0xFFFE, 0xFFFF]
    points += [0x10000, 0x1F680, 0xFFFFF, 0x100000, 0x10FFFF]
    for point, other in itertools.product(points, repeat=2):
        for count in (1, 20, 70):
            text = chr(point) * count + chr(other)
            decoded = implementation.utf8.decode_text(_masked(text.encode(), KEY), KEY)
            assert [*map(ord, decoded)] == [point] * count + [other]


@pytest.mark.parametrize("planes", [(0x80, 0x100), (0x100, 0x800), (0x800, 0x10000), (0, 0x110000)])
def test_all_code_points(implementation: Implementation, planes: tuple[int, int]) -> None:
    text = "".join(chr(point) for point in range(*planes) if not 0xD800 <= point < 0xE000)
    assert implementation.utf8.decode_text(text.encode()) == text
    assert implementation.utf8.decode_text(_masked(text.encode(), KEY), KEY) == text


def test_the_str_is_stored_as_narrow_as_python_does(implementation: Implementation) -> None:
    # Else equal strings would differ in size, and C code would trust a wrong maximum.
    for char in WIDTHS.values():
        for count in (1, 10, 1000):
            text = char * count + "a"
            decoded = implementation.utf8.decode_text(_masked(text.encode(), KEY), KEY)
            assert decoded.__sizeof__() == (char * count + "a").__sizeof__()
            assert hash(decoded) == hash(text)
            assert decoded.isascii() == text.isascii()


@pytest.mark.parametrize("name", [name for name in TEXTS if not name.startswith("corpus")])
def test_truncated_text_fails_as_bytes_decode_does(
    implementation: Implementation, name: str
) -> None:
    data = TEXTS[name].encode()
    for length in range(len(data) + 1):
        for key in (None, KEY):
            masked = _masked(data[:length], key)
            assert _decode(implementation, masked, key) == _decoded(data[:length])


@pytest.mark.parametrize("width", WIDTHS)
def test_an_octet_wrong_anywhere_in_long_text(implementation: Implementation, width: str) -> None:
    data = bytearray((WIDTHS[width] * 20000).encode())
    for at in random.Random(3629).sample(range(len(data)), 12):
        right, data[at] = data[at], 0xFD
        found = _decode(implementation, _masked(bytes(data), KEY), KEY)
        assert found == _decoded(bytes(data))
        data[at] = right


@given(st.binary(max_size=150), st.sampled_from(KEYS))
def test_any_octets(implementation: Implementation, data: bytes, key: bytes | None) -> None:
    assert _decode(implementation, _masked(data, key), key) == _decoded(data)


@given(st.text(max_size=150), st.sampled_from(KEYS), st.integers(0, 600), st.integers(0, 255))
def test_any_text_and_any_change_of_an_octet(
    implementation: Implementation, text: str, key: bytes | None, at: int, octet: int
) -> None:
    data = bytearray(text.encode("utf-8", "ignore"))
    assert _decode(implementation, _masked(bytes(data), key), key) == _decoded(bytes(data))
    if data:
        data[at % len(data)] = octet
        assert _decode(implementation, _masked(bytes(data), key), key) == _decoded(bytes(data))


def test_nothing_outside_the_payload_is_read(
    implementation: Implementation, guarded: GuardedPages
) -> None:
    for char in WIDTHS.values():
        data = (char * 100 + "a").encode()
        for length in range(min(len(data), 300)):
            for place in (guarded.ending, guarded.starting):
                found = _decode(implementation, place(data[:length]), None)
                assert found == _decoded(data[:length])
                found = _decode(implementation, place(_masked(data[:length], KEY)), KEY)
                assert found == _decoded(data[:length])


def test_the_object_of_the_error_is_the_unmasked_payload(implementation: Implementation) -> None:
    payload = bytearray(rfc_mask(b"ab\xffc", KEY))
    with pytest.raises(UnicodeDecodeError) as caught:
        implementation.utf8.decode_text(payload, KEY)
    assert type(caught.value.object) is bytes
    assert caught.value.object == b"ab\xffc"
    assert payload == rfc_mask(b"ab\xffc", KEY)
    payload.append(0)  # no export of it is left


def test_any_contiguous_buffer_is_a_payload(implementation: Implementation) -> None:
    data = "zwölf €!".encode()
    assert len(data) == 11
    for made in (bytearray(data), memoryview(data), array.array("B", data)):
        assert implementation.utf8.decode_text(made) == "zwölf €!"
    wide = memoryview(data + b"?").cast("I")
    assert implementation.utf8.decode_text(wide) == "zwölf €!?"
    assert implementation.utf8.decode_text(wide.cast("B").cast("B", (3, 4))) == "zwölf €!?"
    assert implementation.utf8.decode_text(payload=data, masking_key=None) == "zwölf €!"
    keyed = rfc_mask(data, KEY)
    assert implementation.utf8.decode_text(keyed, bytearray(KEY)) == "zwölf €!"
    assert implementation.utf8.decode_text(keyed, memoryview(KEY).cast("I")) == "zwölf €!"


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("text",), exceptions.not_bytes_like("payload", "")),
        ((None, b"abc"), exceptions.not_bytes_like("payload", None)),
        ((memoryview(bytes(8))[::2],), exceptions.not_contiguous("payload", memoryview(b""))),
        ((b"\xff", b"abc"), exceptions.wrong_key_length(3)),
        ((b"\xff", b""), exceptions.wrong_key_length(0)),
        ((b"a", "abcd"), exceptions.not_bytes_like("masking_key", "")),
        ((b"a", 0), exceptions.not_bytes_like("masking_key", 0)),
        (
            (b"a", memoryview(bytes(8))[::2]),
            exceptions.not_contiguous("masking_key", memoryview(b"")),
        ),
    ],
)
def test_wrong_arguments_are_refused(
    implementation: Implementation, args: Any, expected: Exception
) -> None:
    with pytest.raises(type(expected)) as caught:
        implementation.utf8.decode_text(*args)
    assert type(caught.value) is type(expected)
    assert str(caught.value) == str(expected)
