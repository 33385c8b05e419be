"""apply_mask and apply_mask_inplace against the formula of RFC 6455 section 5.3."""

from __future__ import annotations

import array
import itertools
import mmap
import random
from typing import Any

import pytest
from guard import GuardedPages
from hypothesis import given
from hypothesis import strategies as st
from implementations import Implementation
from lengths import ALIGNMENTS, EVERY, LONGEST, SHORT
from oracle import rfc_mask

from wsfast import exceptions

KEY = bytes.fromhex("9c01f07e")
SOURCE = random.Random(6455).randbytes(LONGEST + 64)
# MASKED[p][i] is SOURCE[i] masked as if octet 0 of SOURCE stood at position p of the payload.
MASKED = [rfc_mask(SOURCE, KEY, phase) for phase in range(4)]


def test_the_example_of_the_rfc(implementation: Implementation) -> None:
    # RFC 6455 section 5.7: "Hello", masked.
    key, masked = bytes.fromhex("37fa213d"), bytes.fromhex("7f9f4d5158")
    assert implementation.mask.apply_mask(b"Hello", key) == masked
    assert implementation.mask.apply_mask(masked, key) == b"Hello"


@pytest.mark.parametrize("phase", range(4))
def test_every_length_at_every_alignment_and_phase(
    implementation: Implementation, phase: int
) -> None:
    apply_mask, view = implementation.mask.apply_mask, memoryview(SOURCE)
    for start in ALIGNMENTS:
        expected = MASKED[(phase - start) % 4]
        for length in EVERY:
            masked = apply_mask(view[start : start + length], KEY, phase)
            assert masked == expected[start : start + length], (start, length)


@pytest.mark.parametrize("phase", range(4))
def test_every_length_at_every_alignment_and_phase_in_place(
    implementation: Implementation, phase: int
) -> None:
    apply_mask_inplace, work = implementation.mask.apply_mask_inplace, bytearray(SOURCE)
    view = memoryview(work)
    for start in ALIGNMENTS:
        expected = MASKED[(phase - start) % 4]
        for length in EVERY:
            end = start + length
            apply_mask_inplace(view[start:end], KEY, phase)
            assert work[start:end] == expected[start:end], (start, length)
            assert work[max(start - 64, 0) : start] == SOURCE[max(start - 64, 0) : start]
            assert work[end : end + 64] == SOURCE[end : end + 64], (start, length)
            view[start:end] = SOURCE[start:end]


def test_nothing_outside_the_payload_is_touched(
    implementation: Implementation, guarded: GuardedPages
) -> None:
    mask = implementation.mask
    for place in (guarded.ending, guarded.starting):
        for length in (*SHORT, 4095, 4096, 65537):
            payload = place(SOURCE[:length])
            assert mask.apply_mask(payload, KEY) == MASKED[0][:length], length
            mask.apply_mask_inplace(payload, KEY)
            assert payload == MASKED[0][:length], length


@pytest.mark.parametrize("length", [*range(20), 4096, 70000])
def test_the_result_is_bytes_and_the_source_stays(
    implementation: Implementation, length: int
) -> None:
    source = bytearray(SOURCE[:length])
    masked = implementation.mask.apply_mask(source, KEY)
    assert type(masked) is bytes
    assert source == SOURCE[:length]


@pytest.mark.parametrize("key", [bytes(4), b"\xff\xff\xff\xff", b"\x00\x00\x00\x01", b"\x01\0\0\0"])
def test_keys_of_equal_octets_and_of_one_bit(implementation: Implementation, key: bytes) -> None:
    for length in (0, 1, 2, 3, 4, 5, 63, 64, 65, 1000, 70001):
        payload = SOURCE[:length]
        assert implementation.mask.apply_mask(payload, key) == rfc_mask(payload, key)
        work = bytearray(payload)
        implementation.mask.apply_mask_inplace(work, key)
        assert work == rfc_mask(payload, key)


@given(
    payload=st.binary(max_size=300),
    key=st.binary(min_size=4, max_size=4),
    offset=st.integers(min_value=0),
    start=st.integers(0, 63),
)
def test_any_payload_at_any_offset(
    implementation: Implementation, payload: bytes, key: bytes, offset: int, start: int
) -> None:
    view = memoryview(bytes(start) + payload)[start:]
    expected = rfc_mask(payload, key, offset)
    assert implementation.mask.apply_mask(view, key, offset) == expected
    work = bytearray(payload)
    assert implementation.mask.apply_mask_inplace(work, key, offset) is None
    assert work == expected


@given(
    payload=st.binary(max_size=200),
    key=st.binary(min_size=4, max_size=4),
    cuts=st.lists(st.integers(0, 200), max_size=5),
)
def test_a_payload_may_be_masked_in_parts(
    implementation: Implementation, payload: bytes, key: bytes, cuts: list[int]
) -> None:
    bounds = [0, *sorted(min(cut, len(payload)) for cut in cuts), len(payload)]
    parts = [
        implementation.mask.apply_mask(payload[begin:end], key, begin)
        for begin, end in itertools.pairwise(bounds)
    ]
    assert b"".join(parts) == rfc_mask(payload, key)


@pytest.mark.parametrize(
    "offset", [2**16, 2**31 - 1, 2**31, 2**32, 2**32 + 1, 2**63 - 1, 2**63, 2**64 + 3, 2**100 + 2]
)
def test_offsets_of_any_size_count_modulo_4(implementation: Implementation, offset: int) -> None:
    expected = rfc_mask(b"abcdefg", KEY, offset % 4)
    assert implementation.mask.apply_mask(b"abcdefg", KEY, offset) == expected
    work = bytearray(b"abcdefg")
    implementation.mask.apply_mask_inplace(work, KEY, offset)
    assert work == expected


def test_an_offset_is_anything_with_index(implementation: Implementation) -> None:
    class Three:
        def __index__(self) -> int:
            return 3

    for three in (Three(), True + 2):
        assert implementation.mask.apply_mask(b"abcde", KEY, three) == rfc_mask(b"abcde", KEY, 3)
    assert implementation.mask.apply_mask(b"abcde", KEY, True) == rfc_mask(b"abcde", KEY, 1)


def test_parameters_have_their_names(implementation: Implementation) -> None:
    mask = implementation.mask
    expected = rfc_mask(b"abcde", KEY, 1)
    assert mask.apply_mask(payload=b"abcde", masking_key=KEY, offset=1) == expected
    work = bytearray(b"abcde")
    mask.apply_mask_inplace(buffer=work, masking_key=KEY, offset=1)
    assert work == expected


class _Octets(bytes):
    """A subclass whose Python side lies about what it holds."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, key: Any) -> Any:
        return 0

    def __iter__(self) -> Any:
        return iter(())


@pytest.mark.parametrize(
    "payload",
    [
        bytearray(b"some octets."),
        memoryview(b"some octets."),
        memoryview(b"xsome octets.")[1:],
        array.array("B", b"some octets."),
        array.array("H", b"some octets."),
        array.array("I", b"some octets."),
        memoryview(b"some octets.").cast("I"),
        memoryview(b"some octets.").cast("B", (3, 4)),
        memoryview(b"some octets.").cast("B", (2, 3, 2)),
        _Octets(b"some octets."),
    ],
    ids=lambda payload: type(payload).__name__,
)
def test_the_octets_of_any_contiguous_buffer_count(
    implementation: Implementation, payload: Any
) -> None:
    assert implementation.mask.apply_mask(payload, KEY) == rfc_mask(b"some octets.", KEY)


def test_a_buffer_without_dimensions_counts(implementation: Implementation) -> None:
    scalar = memoryview(b"\x01\x02\x03\x04").cast("I").cast("B").cast("I", ())
    assert scalar.ndim == 0
    assert implementation.mask.apply_mask(scalar, KEY) == rfc_mask(b"\x01\x02\x03\x04", KEY)
    work = bytearray(b"\x01\x02\x03\x04")
    implementation.mask.apply_mask_inplace(memoryview(work).cast("I", ()), KEY)
    assert work == rfc_mask(b"\x01\x02\x03\x04", KEY)
    assert implementation.mask.apply_mask(b"abcd", scalar) == rfc_mask(b"abcd", b"\x01\x02\x03\x04")


@pytest.mark.parametrize("key", [bytearray(KEY), memoryview(KEY), array.array("I", KEY)])
def test_a_key_is_any_buffer_of_4_octets(implementation: Implementation, key: Any) -> None:
    assert implementation.mask.apply_mask(b"some octets", key) == rfc_mask(b"some octets", KEY)


def test_arrays_and_maps_are_masked_in_place(implementation: Implementation) -> None:
    numbers = array.array("H", b"some octets.")
    implementation.mask.apply_mask_inplace(numbers, KEY, 2)
    assert numbers.tobytes() == rfc_mask(b"some octets.", KEY, 2)
    with mmap.mmap(-1, 5000) as mapped:
        mapped[:] = SOURCE[:5000]
        implementation.mask.apply_mask_inplace(mapped, KEY)
        assert mapped[:] == MASKED[0][:5000]
        assert implementation.mask.apply_mask(mapped, KEY) == SOURCE[:5000]
    # Closing the map would have failed, had an export of it been left.


def test_a_key_may_be_part_of_the_buffer_that_it_masks(implementation: Implementation) -> None:
    for at in (0, 4, 7):
        work = bytearray(range(1, 101))
        key = bytes(work[at : at + 4])
        expected = rfc_mask(bytes(work), key)
        implementation.mask.apply_mask_inplace(work, memoryview(work)[at : at + 4])
        assert work == expected


def test_no_export_of_the_arguments_is_left(implementation: Implementation) -> None:
    payload, key = bytearray(b"abcdefgh"), bytearray(KEY)
    implementation.mask.apply_mask(payload, key, 1)
    implementation.mask.apply_mask_inplace(payload, key, 1)
    with pytest.raises(ValueError, match="offset"):
        implementation.mask.apply_mask(payload, key, -1)
    with pytest.raises(ValueError, match="offset"):
        implementation.mask.apply_mask_inplace(payload, key, -1)
    payload.append(0)
    key.append(0)


STRIDED = memoryview(bytes(16))[::2]
FORTRAN_LIKE = memoryview(bytes(16))[::-1]
BAD_KEYS: list[tuple[Any, Exception]] = [
    (b"", exceptions.wrong_key_length(0)),
    (b"abc", exceptions.wrong_key_length(3)),
    (b"abcde", exceptions.wrong_key_length(5)),
    (array.array("H", [1]), exceptions.wrong_key_length(2)),
    (array.array("I", [1, 2]), exceptions.wrong_key_length(8)),
    ("abcd", exceptions.not_bytes_like("masking_key", "")),
    (None, exceptions.not_bytes_like("masking_key", None)),
    (1, exceptions.not_bytes_like("masking_key", 1)),
    ([1, 2, 3, 4], exceptions.not_bytes_like("masking_key", [])),
    (STRIDED[:4], exceptions.not_contiguous("masking_key", STRIDED)),
]
BAD_OFFSETS: list[tuple[Any, Exception]] = [
    (-1, exceptions.negative("offset", -1)),
    (-(2**100), exceptions.negative("offset", -(2**100))),
    (1.0, exceptions.not_an_integer("offset", 1.0)),
    ("1", exceptions.not_an_integer("offset", "1")),
    (None, exceptions.not_an_integer("offset", None)),
]


def _refused(expected: Exception, call: Any, *args: Any) -> None:
    with pytest.raises(type(expected)) as caught:
        call(*args)
    assert str(caught.value) == str(expected)
    assert type(caught.value) is type(expected)


@pytest.mark.parametrize(("key", "expected"), BAD_KEYS)
def test_wrong_keys_are_refused(
    implementation: Implementation, key: Any, expected: Exception
) -> None:
    work = bytearray(b"payload")
    _refused(expected, implementation.mask.apply_mask, b"payload", key)
    _refused(expected, implementation.mask.apply_mask, b"payload", key, -1)
    _refused(expected, implementation.mask.apply_mask_inplace, work, key)
    assert work == b"payload"


@pytest.mark.parametrize(("offset", "expected"), BAD_OFFSETS)
def test_wrong_offsets_are_refused(
    implementation: Implementation, offset: Any, expected: Exception
) -> None:
    work = bytearray(b"payload")
    _refused(expected, implementation.mask.apply_mask, b"payload", KEY, offset)
    _refused(expected, implementation.mask.apply_mask_inplace, work, KEY, offset)
    assert work == b"payload"


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("text", exceptions.not_bytes_like("payload", "")),
        (None, exceptions.not_bytes_like("payload", None)),
        (7, exceptions.not_bytes_like("payload", 7)),
        ([1, 2], exceptions.not_bytes_like("payload", [])),
        (STRIDED, exceptions.not_contiguous("payload", STRIDED)),
        (FORTRAN_LIKE, exceptions.not_contiguous("payload", STRIDED)),
    ],
)
def test_wrong_payloads_are_refused_before_wrong_keys(
    implementation: Implementation, payload: Any, expected: Exception
) -> None:
    _refused(expected, implementation.mask.apply_mask, payload, KEY)
    _refused(expected, implementation.mask.apply_mask, payload, b"abc", -1)


@pytest.mark.parametrize(
    ("buffer", "expected"),
    [
        (b"octets", exceptions.not_writable("buffer", b"")),
        (memoryview(b"octets"), exceptions.not_writable("buffer", STRIDED)),
        (memoryview(bytearray(8))[::2], exceptions.not_contiguous("buffer", STRIDED)),
        ("text", exceptions.not_bytes_like("buffer", "")),
        (None, exceptions.not_bytes_like("buffer", None)),
    ],
)
def test_wrong_buffers_are_refused(
    implementation: Implementation, buffer: Any, expected: Exception
) -> None:
    _refused(expected, implementation.mask.apply_mask_inplace, buffer, KEY)


def test_a_released_view_is_a_value_error(implementation: Implementation) -> None:
    view = memoryview(bytearray(8))
    view.release()
    for call in (implementation.mask.apply_mask, implementation.mask.apply_mask_inplace):
        with pytest.raises(ValueError, match="released"):
            call(view, KEY)
    with pytest.raises(ValueError, match="released"):
        implementation.mask.apply_mask(b"payload", view)


def test_wrong_numbers_of_arguments_are_type_errors(implementation: Implementation) -> None:
    mask = implementation.mask
    for args in ((), (b"a",), (b"a", KEY, 0, 0)):
        with pytest.raises(TypeError):
            mask.apply_mask(*args)
        with pytest.raises(TypeError):
            mask.apply_mask_inplace(*args)
    with pytest.raises(TypeError):
        mask.apply_mask(b"a", KEY, start=1)
