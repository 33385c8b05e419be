"""encode_frame and encode_frames: RFC 6455 section 5.2 on the sending side."""

from __future__ import annotations

import array
import struct
from typing import Any

import pytest
from guard import GuardedPages
from hypothesis import given
from hypothesis import strategies as st
from implementations import Implementation
from lengths import ALIGNMENTS, AROUND_POWERS, SHORT
from oracle import read_frames, rfc_mask
from streams import KEY, frame
from texts import TEXTS

from wsfast import exceptions

WIDTHS = ["a", "é", "я", "漢", "🚀"]


def _raises(expected: Exception, call: Any, *args: Any, **named: Any) -> Exception:
    with pytest.raises(type(expected)) as caught:
        call(*args, **named)
    assert type(caught.value) is type(expected)
    assert str(caught.value) == str(expected)
    return caught.value


# encode_frame -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wire", "args", "named"),
    [  # RFC 6455 section 5.7, example by example.
        ("810548656c6c6f", (1, "Hello"), {"mask": False}),
        ("818537fa213d7f9f4d5158", (1, "Hello"), {"mask": True, "masking_key": KEY}),
        ("010348656c", (1, "Hel"), {"mask": False, "fin": False}),
        ("80026c6f", (0, b"lo"), {"mask": False}),
        ("890548656c6c6f", (9, b"Hello"), {"mask": False}),
        ("8a8537fa213d7f9f4d5158", (10, b"Hello"), {"mask": True, "masking_key": KEY}),
    ],
)
def test_the_examples_of_the_rfc(
    implementation: Implementation, wire: str, args: Any, named: Any
) -> None:
    encoded = implementation.frames.encode_frame(*args, **named)
    assert type(encoded) is bytes
    assert encoded.hex() == wire


def test_the_long_examples_of_the_rfc(implementation: Implementation) -> None:
    encode = implementation.frames.encode_frame
    assert encode(2, bytes(256), mask=False) == bytes.fromhex("827e0100") + bytes(256)
    assert encode(2, bytes(65536), mask=False) == bytes.fromhex("827f0000000000010000") + bytes(
        65536
    )


@pytest.mark.parametrize(
    ("length", "head"),
    [
        (0, "8280"),
        (125, "82fd"),
        (126, "82fe007e"),
        (127, "82fe007f"),
        (65535, "82feffff"),
        (65536, "82ff0000000000010000"),
        (2**20 + 3, "82ff0000000000100003"),
    ],
)
def test_the_length_takes_as_few_bits_as_it_can(
    implementation: Implementation, length: int, head: str
) -> None:
    encoded = implementation.frames.encode_frame(2, bytes(length), mask=True, masking_key=KEY)
    assert encoded[: len(head) // 2].hex() == head
    assert len(encoded) == len(head) // 2 + 4 + length


def test_payloads_of_every_length_and_alignment(implementation: Implementation) -> None:
    encode, source = implementation.frames.encode_frame, bytes(range(256)) * 3
    view = memoryview(source)
    masked = [rfc_mask(source, KEY, phase) for phase in range(4)]
    for length in SHORT:
        plain_head = frame(2, source[:length])[: -length or None]
        keyed_head = frame(2, source[:length], key=KEY)[: -length or None]
        for start in ALIGNMENTS[length % 4 :: 4]:
            end = start + length
            encoded = encode(2, view[start:end], mask=False)
            assert encoded == plain_head + source[start:end], (length, start)
            encoded = encode(2, view[start:end], mask=True, masking_key=KEY)
            assert encoded == keyed_head + masked[-start % 4][start:end], (length, start)


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("length", AROUND_POWERS)
def test_payloads_around_powers_of_two(
    implementation: Implementation, length: int, mask: bool
) -> None:
    key = KEY if mask else None
    payload = (bytes(range(251)) * (length // 251 + 1))[:length]
    encoded = implementation.frames.encode_frame(2, payload, mask=mask, masking_key=key)
    assert encoded == frame(2, payload, key=key)


@pytest.mark.parametrize("char", WIDTHS)
@pytest.mark.parametrize("key", [None, KEY, bytes(4)])
def test_text_of_every_width_and_length(
    implementation: Implementation, char: str, key: bytes | None
) -> None:
    encode, mask = implementation.frames.encode_frame, key is not None
    for length in range(200):
        for text in (char * length, "a" * length + char, "a" * (length // 2) + char + "ab" * 40):
            expected = frame(1, text.encode(), key=key)
            assert encode(1, text, mask=mask, masking_key=key) == expected, length


@pytest.mark.parametrize("name", TEXTS)
def test_text_of_every_script(implementation: Implementation, name: str) -> None:
    encode, text = implementation.frames.encode_frame, TEXTS[name]
    assert encode(1, text, mask=False) == frame(1, text.encode())
    assert encode(1, text, mask=True, masking_key=KEY) == frame(1, text.encode(), key=KEY)


def test_all_code_points_are_encoded(implementation: Implementation) -> None:
    for begin, end in ((0, 0x80), (0x80, 0x100), (0x100, 0xD800), (0xE000, 0x10000), (0, 0x110000)):
        text = "".join(chr(point) for point in range(begin, end) if not 0xD800 <= point < 0xE000)
        encoded = implementation.frames.encode_frame(1, text, mask=True, masking_key=KEY)
        assert encoded == frame(1, text.encode(), key=KEY)


@pytest.mark.parametrize(
    "text", ["\ud800", "a\udfff", "é\udc80é", "漢" * 50 + "\ud83d", "🚀\ude80"]
)
@pytest.mark.parametrize("mask", [False, True])
def test_a_lone_surrogate_fails_as_str_encode_does(
    implementation: Implementation, text: str, mask: bool
) -> None:
    with pytest.raises(UnicodeEncodeError) as model:
        text.encode()
    with pytest.raises(UnicodeEncodeError) as caught:
        implementation.frames.encode_frame(1, text, mask=mask)
    with pytest.raises(UnicodeEncodeError) as of_frame:
        implementation.frames.Frame(1, text)
    assert caught.value.args == model.value.args == of_frame.value.args


@given(
    opcode=st.sampled_from([0, 1, 2]),
    payload=st.one_of(st.binary(max_size=300), st.text(max_size=100)),
    fin=st.booleans(),
    rsv=st.integers(0, 7),
    key=st.none() | st.binary(min_size=4, max_size=4),
)
def test_any_data_frame(
    implementation: Implementation,
    opcode: int,
    payload: bytes | str,
    fin: bool,
    rsv: int,
    key: bytes | None,
) -> None:
    octets = payload.encode() if isinstance(payload, str) else payload
    encoded = implementation.frames.encode_frame(
        opcode,
        payload,
        mask=key is not None,
        fin=fin,
        rsv1=rsv & 4,
        rsv2=rsv & 2,
        rsv3=rsv & 1,
        masking_key=key,
    )
    assert encoded == frame(opcode, octets, fin=fin, rsv=rsv << 4, key=key)


def test_a_drawn_key_masks_the_payload(implementation: Implementation) -> None:
    for payload in (b"", b"abc", "täxt", bytes(70000)):
        encoded = implementation.frames.encode_frame(2, payload, mask=True)
        octets = payload.encode() if isinstance(payload, str) else payload
        [(_, (_, _, _, _, _, read))] = read_frames(encoded, "server").items
        assert read == octets
        assert encoded[1] & 0x80


def test_flags_go_by_truth(implementation: Implementation) -> None:
    encode = implementation.frames.encode_frame
    assert encode(2, b"", mask=0, fin=[], rsv1="x", rsv2=0.5, rsv3=()) == bytes([0x62, 0])
    assert encode(2, b"", mask="yes", fin=1, masking_key=KEY) == bytes([0x82, 0x80]) + KEY


@pytest.mark.parametrize("opcode", [8, 9, 10])
def test_control_frames_have_their_bounds(implementation: Implementation, opcode: int) -> None:
    encode = implementation.frames.encode_frame
    assert encode(opcode, bytes(125), mask=False) == frame(opcode, bytes(125))
    assert encode(opcode, "é" * 62, mask=False) == frame(opcode, "é".encode() * 62)
    error = exceptions.cannot_send_long_control_frame(opcode, 126)
    assert _raises(error, encode, opcode, bytes(126), mask=True).close_code == 1002  # type: ignore[attr-defined]
    _raises(error, encode, opcode, "é" * 63, mask=False)
    error = exceptions.cannot_fragment_control_frame(opcode)
    _raises(error, encode, opcode, b"", mask=False, fin=False)
    _raises(error, encode, opcode, bytes(126), mask=False, fin=False)


@pytest.mark.parametrize("opcode", [3, 7, 11, 15, 16, 0x81, 255, 256, -1, 2**64, -(2**64)])
def test_unknown_opcodes_are_refused(implementation: Implementation, opcode: int) -> None:
    expected = exceptions.cannot_send_opcode(opcode)
    _raises(expected, implementation.frames.encode_frame, opcode, b"", mask=False)
    _raises(expected, implementation.frames.Frame, opcode)


@pytest.mark.parametrize("opcode", ["1", None, 1.0, b"\x01"])
def test_an_opcode_is_an_integer(implementation: Implementation, opcode: Any) -> None:
    expected = exceptions.not_an_integer("opcode", opcode)
    _raises(expected, implementation.frames.encode_frame, opcode, None, mask=False)
    _raises(expected, implementation.frames.Frame, opcode, None)


@pytest.mark.parametrize("payload", [None, 5, [1, 2], object()])
def test_wrong_payloads_are_refused(implementation: Implementation, payload: Any) -> None:
    expected = exceptions.not_bytes_like("payload", payload, " or str")
    _raises(expected, implementation.frames.encode_frame, 9, payload, mask=False, fin=False)
    _raises(expected, implementation.frames.Frame, 1, payload)
    strided = memoryview(bytes(8))[::2]
    expected_value = exceptions.not_contiguous("payload", strided)
    _raises(expected_value, implementation.frames.encode_frame, 2, strided, mask=False)
    _raises(expected_value, implementation.frames.Frame, 2, strided)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (b"abc", exceptions.wrong_key_length(3)),
        (b"", exceptions.wrong_key_length(0)),
        (b"abcde", exceptions.wrong_key_length(5)),
        ("abcd", exceptions.not_bytes_like("masking_key", "")),
        (5, exceptions.not_bytes_like("masking_key", 5)),
    ],
)
def test_wrong_keys_are_refused(
    implementation: Implementation, key: Any, expected: Exception
) -> None:
    encode = implementation.frames.encode_frame
    _raises(expected, encode, 2, b"x", mask=True, masking_key=key)
    _raises(exceptions.key_without_mask(), encode, 2, b"x", mask=False, masking_key=key)


def test_checks_come_in_order(implementation: Implementation) -> None:
    encode = implementation.frames.encode_frame
    _raises(exceptions.cannot_send_opcode(3), encode, 3, None, mask=False, masking_key=b"")
    long = exceptions.cannot_send_long_control_frame(9, 126)
    _raises(long, encode, 9, bytes(126), mask=False, masking_key=b"")


def test_mask_has_to_be_said_by_name(implementation: Implementation) -> None:
    encode = implementation.frames.encode_frame
    for args in ((2, b"x"), (2, b"x", True), (2,)):
        with pytest.raises(TypeError):
            encode(*args)
    with pytest.raises(TypeError):
        implementation.frames.encode_frames([])
    assert encode(opcode=2, payload=b"x", mask=False) == frame(2, b"x")


class _Text(str):
    def encode(self, *args: Any) -> bytes:
        return b"something else"

    def __len__(self) -> int:
        return 1


class _Octets(bytes):
    def __len__(self) -> int:
        return 1

    def __bytes__(self) -> bytes:
        return b"something else"


def test_subclasses_are_taken_by_what_they_hold(implementation: Implementation) -> None:
    encode = implementation.frames.encode_frame
    assert encode(1, _Text("zwölf"), mask=False) == frame(1, "zwölf".encode())
    assert encode(2, _Octets(b"twelve"), mask=False) == frame(2, b"twelve")


def test_any_contiguous_buffer_is_a_payload(implementation: Implementation) -> None:
    encode = implementation.frames.encode_frame
    data = bytes(range(24))
    wide = memoryview(data).cast("I")
    grid = memoryview(data).cast("B", (4, 6))
    growing = bytearray(data)
    for made in (growing, wide, grid, array.array("H", data)):
        assert encode(2, made, mask=True, masking_key=KEY) == frame(2, data, key=KEY)
        assert implementation.frames.Frame(2, made).payload == data
    growing.append(0)  # no export of it is left


def test_nothing_outside_the_payload_is_read(
    implementation: Implementation, guarded: GuardedPages
) -> None:
    for length in SHORT:
        data = bytes(i & 0xFF for i in range(length))
        for place in (guarded.ending, guarded.starting):
            encoded = implementation.frames.encode_frame(2, place(data), mask=True, masking_key=KEY)
            assert encoded == frame(2, data, key=KEY)


# encode_frames ------------------------------------------------------------------------------------


def test_many_frames_are_their_concatenation(implementation: Implementation) -> None:
    make, encode = implementation.frames.Frame, implementation.frames.encode_frames
    specs: list[Any] = [
        (1, b"a", False),
        (9, b"ping"),
        (0, b"b" * 200),
        (2, bytes(70000)),
        (8, b"\x03\xe8"),
    ]
    frames = [make(*spec) for spec in specs]
    expected = b"".join(frame(s[0], s[1], fin=len(s) < 3) for s in specs)
    for given_frames in (frames, tuple(frames), iter(frames), (f for f in frames)):
        assert encode(given_frames, mask=False) == expected
    assert encode(frames=frames, mask=False) == expected
    assert encode([], mask=False) == b""
    assert encode([], mask=True) == b""
    assert encode([make(1, b"x", rsv1=True, rsv3=True)], mask=False) == bytes.fromhex("d10178")


def test_each_of_many_frames_has_its_own_key(implementation: Implementation) -> None:
    make = implementation.frames.Frame
    encoded = implementation.frames.encode_frames([make(2, bytes(4))] * 300, mask=True)
    assert len(encoded) == 300 * 10
    keys = set()
    for at in range(0, len(encoded), 10):
        head, key, body = struct.unpack_from("2s4s4s", encoded, at)
        assert head == b"\x82\x84"
        assert body == key  # of a payload of zeros
        keys.add(key)
    assert len(keys) >= 299


def test_only_frames_are_encoded(implementation: Implementation) -> None:
    make, encode = implementation.frames.Frame, implementation.frames.encode_frames
    for wrong in (None, b"abc", (1, b"abc"), 3):
        _raises(exceptions.not_a_frame(wrong), encode, [make(1), wrong], mask=False)
    wrong_iterables: tuple[Any, ...] = (None, 5, make(1))
    for not_iterable in wrong_iterables:
        with pytest.raises(TypeError) as model:
            iter(not_iterable)
        _raises(model.value, encode, not_iterable, mask=True)
    long = exceptions.cannot_send_long_control_frame(9, 126)
    _raises(long, encode, [make(1), make(9, bytes(126))], mask=False)
    cut = exceptions.cannot_fragment_control_frame(8)
    _raises(cut, encode, [make(8, b"", False)], mask=True)


def test_an_error_of_the_iterable_passes_on(implementation: Implementation) -> None:
    def broken() -> Any:
        yield implementation.frames.Frame(1)
        raise ZeroDivisionError("from the iterable")

    with pytest.raises(ZeroDivisionError, match="from the iterable"):
        implementation.frames.encode_frames(broken(), mask=False)


def test_an_iterable_may_change_its_list_meanwhile(implementation: Implementation) -> None:
    make = implementation.frames.Frame
    frames = [make(2, b"%d" % n) for n in range(10)]

    class Shrinking:
        def __bool__(self) -> bool:
            frames.clear()
            return False

    encoded = implementation.frames.encode_frames(frames, mask=Shrinking())
    whole = b"".join(frame(2, b"%d" % n) for n in range(10))
    assert encoded in (b"", whole)
