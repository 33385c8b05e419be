"""Frame: an immutable value."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from implementations import Implementation

from wsfast.protocol import Opcode


class _Octets(bytes):
    def __len__(self) -> int:
        return 1

    def __bytes__(self) -> bytes:
        return b"something else"


def test_a_frame_has_its_defaults(implementation: Implementation) -> None:
    made = implementation.frames.Frame(1)
    assert made.opcode is Opcode.TEXT
    assert made.payload == b""
    assert made.fin is True
    assert made.rsv1 is False
    assert made.rsv2 is False
    assert made.rsv3 is False


def test_a_frame_keeps_what_it_is_given(implementation: Implementation) -> None:
    payload = bytes(100)
    made = implementation.frames.Frame(opcode=2, payload=payload, fin=0, rsv1="x", rsv2=1, rsv3=[])
    assert made.opcode is Opcode.BINARY
    assert made.payload is payload
    assert (made.fin, made.rsv1, made.rsv2, made.rsv3) == (False, True, True, False)
    assert all(type(flag) is bool for flag in (made.fin, made.rsv1, made.rsv2, made.rsv3))
    positional = implementation.frames.Frame(2, payload, False, True, True, False)
    assert positional == made
    text = implementation.frames.Frame(Opcode.TEXT, "zwölf")
    assert text.payload == "zwölf".encode()
    assert type(implementation.frames.Frame(2, _Octets(b"ab")).payload) is bytes


def test_a_frame_holds_a_copy_of_what_can_change(implementation: Implementation) -> None:
    source = bytearray(b"abc")
    made = implementation.frames.Frame(2, source)
    source[:] = b"xyz!"
    assert made.payload == b"abc"
    assert type(made.payload) is bytes


def test_a_frame_cant_be_changed(implementation: Implementation) -> None:
    made = implementation.frames.Frame(1, b"abc")
    for name in ("opcode", "payload", "fin", "rsv1", "rsv2", "rsv3", "other"):
        with pytest.raises(AttributeError):
            setattr(made, name, 1)
        with pytest.raises(AttributeError):
            delattr(made, name)
    assert not hasattr(made, "__dict__")
    assert made == implementation.frames.Frame(1, b"abc")


def test_frames_are_equal_by_value(implementation: Implementation) -> None:
    make = implementation.frames.Frame
    base = (1, b"abc", True, False, False, False)
    assert make(*base) == make(*base)
    assert hash(make(*base)) == hash(make(*base))
    others = [(2, b"abc"), (1, b"abd"), (1, b"abc", False)]
    others += [(*base[:at], True, *base[at + 1 :]) for at in (3, 4, 5)]
    for other in others:
        assert make(*other) != make(*base)
    assert len({make(*args) for args in [base, base, *others]}) == 1 + len(others)
    assert make(*base) != base
    assert not make(*base) == b"abc"
    with pytest.raises(TypeError):
        make(*base) < make(*base)  # noqa: B015


@pytest.mark.parametrize(
    ("args", "named", "text"),
    [
        ((1, b"hello"), {}, "Frame(TEXT, b'hello')"),
        ((1, b"", False, True), {}, "Frame(TEXT, b'', fin=False, rsv1=True)"),
        (
            (9, b"\x00'"),
            {"rsv2": True, "rsv3": True},
            'Frame(PING, b"\\x00\'", rsv2=True, rsv3=True)',
        ),
        ((2, b"a" * 32), {}, f"Frame(BINARY, {b'a' * 32!r})"),
        ((2, b"a" * 33), {}, f"Frame(BINARY, {b'a' * 32!r}… 33 octets)"),
        (
            (0, bytes(65536), False),
            {},
            f"Frame(CONTINUATION, {bytes(32)!r}… 65536 octets, fin=False)",
        ),
    ],
)
def test_the_repr_of_a_frame(
    implementation: Implementation, args: Any, named: Any, text: str
) -> None:
    assert repr(implementation.frames.Frame(*args, **named)) == text


def test_copies_are_equal(implementation: Implementation) -> None:
    made = implementation.frames.Frame(2, b"abc", fin=False, rsv3=True)
    for copied in (copy.copy(made), copy.deepcopy(made), copy.deepcopy([made])[0]):
        assert (copied.opcode, copied.payload) == (2, b"abc")
        assert (copied.fin, copied.rsv1, copied.rsv3) == (False, False, True)


def test_a_frame_without_opcode_is_a_type_error(implementation: Implementation) -> None:
    for args in ((), (1, b"", True, False, False, False, None)):
        with pytest.raises(TypeError):
            implementation.frames.Frame(*args)
    with pytest.raises(TypeError):
        implementation.frames.Frame(1, b"", final=True)


def test_many_frames_live_and_die(implementation: Implementation) -> None:
    # Objects from a freelist must not remember who they were.
    make = implementation.frames.Frame
    kept = []
    for number in range(3000):
        made = make(number % 3, b"%d" % number, number & 1, number & 2, number & 4, number & 8)
        if number % 3 == 0:
            kept.append((number, made))
    for number, made in kept:
        flags = tuple(bool(number & bit) for bit in (1, 2, 4, 8))
        assert (made.fin, made.rsv1, made.rsv2, made.rsv3) == flags
        assert made.payload == b"%d" % number
