"""FrameDecoder: the receiving side of RFC 6455 section 5, one test a rule."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from guard import GuardedPages
from implementations import Implementation
from oracle import signature
from predictions import fails, plain
from streams import KEY, frame

from wsfast import exceptions
from wsfast.events import FramePart
from wsfast.protocol import Opcode


def _server(implementation: Implementation, **options: Any) -> Any:
    return implementation.frames.FrameDecoder("server", **options)


def _client(implementation: Implementation, **options: Any) -> Any:
    return implementation.frames.FrameDecoder("client", **options)


@pytest.mark.parametrize(
    ("wire", "side", "opcode", "fin", "payload"),
    [  # RFC 6455 section 5.7, example by example.
        ("810548656c6c6f", "client", 1, True, b"Hello"),
        ("818537fa213d7f9f4d5158", "server", 1, True, b"Hello"),
        ("010348656c", "client", 1, False, b"Hel"),
        ("890548656c6c6f", "client", 9, True, b"Hello"),
        ("8a8537fa213d7f9f4d5158", "server", 10, True, b"Hello"),
        ("827e0100" + "ab" * 256, "client", 2, True, b"\xab" * 256),
        ("827f0000000000010000" + "cd" * 65536, "client", 2, True, b"\xcd" * 65536),
    ],
    ids=range(7),
)
def test_the_examples_of_the_rfc(
    implementation: Implementation, wire: str, side: str, opcode: int, fin: bool, payload: bytes
) -> None:
    decoder = implementation.frames.FrameDecoder(side)
    found = decoder.feed(bytes.fromhex(wire))
    assert type(found) is list
    assert found == [implementation.frames.Frame(opcode, payload, fin)]
    assert type(found[0]) is implementation.frames.Frame
    assert found[0].opcode is Opcode(opcode)
    assert type(found[0].payload) is bytes
    assert type(found[0].fin) is bool


def test_the_fragmented_example_of_the_rfc(implementation: Implementation) -> None:
    found = _client(implementation).feed(bytes.fromhex("010348656c80026c6f"))
    assert [(f.opcode, f.fin, f.payload) for f in found] == [(1, False, b"Hel"), (0, True, b"lo")]


def test_nothing_gives_nothing(implementation: Implementation) -> None:
    decoder = _server(implementation)
    assert decoder.feed(b"") == []
    assert decoder.feed(b"\x81") == []
    assert decoder.feed(b"") == []
    assert decoder.feed(b"\x80" + KEY)[0].payload == b""


@pytest.mark.parametrize(
    "length", [*range(18), *range(120, 140), 255, 256, 1000, 65535, 65536, 65537]
)
@pytest.mark.parametrize("side", ["server", "client"])
def test_payloads_of_every_length_class(
    implementation: Implementation, side: str, length: int
) -> None:
    payload = (bytes(range(1, 256)) * (length // 255 + 1))[:length]
    key = KEY if side == "server" else None
    wire = frame(2, payload, key=key)
    for before in (b"", frame(9, b"x", key=key)):
        decoder = implementation.frames.FrameDecoder(side)
        found = decoder.feed(before + wire + wire)
        assert [f.payload for f in found[-2:]] == [payload, payload]
        decoder = implementation.frames.FrameDecoder(side)
        decoder.feed(before)
        for cut in {1, 2, 3, 5, 9, 13, 15, len(wire) // 2, len(wire) - 1} & {*range(1, len(wire))}:
            assert decoder.feed(wire[:cut]) == []
            assert [f.payload for f in decoder.feed(wire[cut:])] == [payload]


def test_a_key_of_zeros_masks_nothing(implementation: Implementation) -> None:
    for length in range(20):
        payload = bytes(range(length))
        wire = frame(2, payload, key=bytes(4))
        for cut in range(len(wire)):
            decoder = _server(implementation)
            found = decoder.feed(wire[:cut]) + decoder.feed(wire[cut:])
            assert [f.payload for f in found] == [payload]


def test_each_frame_is_unmasked_by_its_own_key(implementation: Implementation) -> None:
    keys = [struct.pack("!I", 0x01020304 * n & 0xFFFFFFFF) for n in range(300)]
    wire = b"".join(frame(2, b"p%d" % n, key=key) for n, key in enumerate(keys))
    found = _server(implementation).feed(wire)
    assert [f.payload for f in found] == [b"p%d" % n for n in range(300)]


def test_thousands_of_pings_in_one_read(implementation: Implementation) -> None:
    wire = b"".join(frame(9, b"%d" % n, key=KEY) for n in range(20000))
    found = _server(implementation).feed(wire)
    assert len(found) == 20000
    assert all(f.payload == b"%d" % n for n, f in enumerate(found))


@pytest.mark.parametrize("partial", [False, True])
def test_nothing_is_read_after_close(implementation: Implementation, partial: bool) -> None:
    decoder = _server(implementation, partial=partial)
    assert decoder.closed is False
    wire = frame(1, b"a", fin=False, key=KEY) + frame(8, key=KEY)
    found = decoder.feed(wire + b"\xff\xff not a frame" + frame(1, b"b", key=KEY))
    assert [f.opcode for f in found] == [1, 8]
    assert decoder.closed is True
    assert decoder.feed(b"\xff" * 100) == []
    assert decoder.feed(frame(8, key=KEY)) == []
    view = decoder.get_buffer()
    view[:2] = b"\xff\xff"
    assert decoder.buffer_updated(2) == []
    assert decoder.finish() is None
    with pytest.raises(AttributeError):
        decoder.closed = False


def test_two_closes_in_one_read_give_one(implementation: Implementation) -> None:
    found = _server(implementation).feed(frame(8, key=KEY) + frame(8, b"\x03", key=KEY))
    assert [plain(f) for f in found] == [(8, True, False, False, False, b"")]


def test_what_was_complete_before_the_error_comes_with_it(implementation: Implementation) -> None:
    decoder = _server(implementation)
    assert len(decoder.feed(frame(1, b"before", key=KEY))) == 1
    wire = frame(1, b"one", key=KEY) + frame(9, b"two", key=KEY) + b"\xff"
    error = fails(decoder, wire, exceptions.reserved_bits(0xFF, 0))
    assert [f.payload for f in error.completed] == [b"one", b"two"]
    assert all(type(f) is implementation.frames.Frame for f in error.completed)
    error = fails(_server(implementation), b"\x83", exceptions.reserved_opcode(3))
    assert error.completed == []


def test_the_end_of_the_stream_is_judged(implementation: Implementation) -> None:
    ended = exceptions.ended_inside_frame()
    wire = frame(2, b"abc", key=KEY)
    for cut in range(1, len(wire)):
        decoder = _server(implementation)
        decoder.feed(wire[:cut])
        for _ in range(2):
            with pytest.raises(exceptions.RemoteProtocolError) as caught:
                decoder.finish()
            assert signature(caught.value) == signature(ended)
        assert caught.value.close_code == 1006
        assert len(decoder.feed(wire[cut:])) == 1  # it has not failed by that
        assert decoder.finish() is None
    assert _server(implementation).finish() is None
    decoder = _server(implementation)
    decoder.feed(frame(2, b"", fin=False, key=KEY) + frame(9, key=KEY))
    with pytest.raises(exceptions.RemoteProtocolError, match="between two fragments"):
        decoder.finish()


# partial=True -------------------------------------------------------------------------------------


def test_a_payload_is_handed_out_as_it_comes(implementation: Implementation) -> None:
    decoder = _server(implementation, partial=True, rsv=0x40)
    wire = frame(2, b"0123456789", fin=False, rsv=0x40, key=KEY)
    assert decoder.feed(wire[:6]) == []
    named: dict[str, Any] = {
        "opcode": Opcode.BINARY,
        "fin": False,
        "rsv1": True,
        "rsv2": False,
        "rsv3": False,
    }
    named |= {"number": 0, "length": 10}
    assert decoder.feed(wire[6:9]) == [FramePart(offset=0, data=b"012", last=False, **named)]
    assert decoder.feed(b"") == []
    [part] = decoder.feed(wire[9:])
    assert part == FramePart(offset=3, data=b"3456789", last=True, **named)
    assert type(part) is FramePart
    assert part.opcode is Opcode.BINARY
    assert type(part.data) is bytes
    assert all(
        type(flag) is bool for flag in (part.fin, part.rsv1, part.rsv2, part.rsv3, part.last)
    )


def test_parts_number_all_frames(implementation: Implementation) -> None:
    decoder = _server(implementation, partial=True)
    wire = frame(1, b"ab", fin=False, key=KEY) + frame(9, b"ping", key=KEY)
    wire += frame(0, b"", fin=False, key=KEY) + frame(0, b"cd", key=KEY)
    parts = [part for at in range(len(wire)) for part in decoder.feed(wire[at : at + 1])]
    seen = [(p.number, p.opcode, p.length, p.offset, p.data, p.last) for p in parts]
    assert seen == [
        (0, 1, 2, 0, b"a", False),
        (0, 1, 2, 1, b"b", True),
        (1, 9, 4, 0, b"ping", True),
        (2, 0, 0, 0, b"", True),
        (3, 0, 2, 0, b"c", False),
        (3, 0, 2, 1, b"d", True),
    ]


def test_a_huge_payload_may_be_passed_through_in_parts(implementation: Implementation) -> None:
    decoder = _client(implementation, partial=True, max_payload_length=None)
    declared = 2**40
    decoder.feed(frame(2, declared=declared, bits=64))
    for number in range(3):
        [part] = decoder.feed(bytes([number]) * 1000)
        assert (part.offset, part.length, part.last) == (number * 1000, declared, False)
        assert part.data == bytes([number]) * 1000


# Arguments ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["Server", "", "both", None, 1, b"server", "client "])
def test_wrong_sides_are_refused(implementation: Implementation, side: Any) -> None:
    with pytest.raises(ValueError) as caught:
        implementation.frames.FrameDecoder(side, rsv=1)
    assert str(caught.value) == str(exceptions.not_a_side(side))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"rsv": 1}, exceptions.not_rsv_bits(1)),
        ({"rsv": 0x80}, exceptions.not_rsv_bits(0x80)),
        ({"rsv": 0x71}, exceptions.not_rsv_bits(0x71)),
        ({"rsv": -16}, exceptions.not_rsv_bits(-16)),
        ({"rsv": 2**70}, exceptions.not_rsv_bits(2**70)),
        ({"rsv": "64"}, exceptions.not_an_integer("rsv", "64")),
        ({"rsv": None}, exceptions.not_an_integer("rsv", None)),
        ({"max_payload_length": -1}, exceptions.negative("max_payload_length", -1)),
        ({"max_payload_length": -(2**70)}, exceptions.negative("max_payload_length", -(2**70))),
        ({"max_payload_length": 1.5}, exceptions.not_an_integer("max_payload_length", 1.5)),
        ({"max_payload_length": "1"}, exceptions.not_an_integer("max_payload_length", "1")),
        ({"rsv": 1, "max_payload_length": -1}, exceptions.not_rsv_bits(1)),
    ],
)
def test_wrong_options_are_refused(
    implementation: Implementation, options: Any, expected: Exception
) -> None:
    with pytest.raises(type(expected)) as caught:
        _server(implementation, **options)
    assert type(caught.value) is type(expected)
    assert str(caught.value) == str(expected)


def test_options_are_given_by_name(implementation: Implementation) -> None:
    with pytest.raises(TypeError):
        implementation.frames.FrameDecoder("server", 0)
    with pytest.raises(TypeError):
        implementation.frames.FrameDecoder()
    with pytest.raises(TypeError):
        _server(implementation, limit=3)
    assert implementation.frames.FrameDecoder(side="server").feed(data=b"") == []


@pytest.mark.parametrize("partial", [False, True])
def test_wrong_data_is_refused_and_changes_nothing(
    implementation: Implementation, partial: bool
) -> None:
    decoder = _server(implementation, partial=partial)
    wire = frame(1, b"abc", key=KEY)
    decoder.feed(wire[:3])
    strided = memoryview(bytes(8))[::2]
    for data, expected in (
        ("text", exceptions.not_bytes_like("data", "")),
        (None, exceptions.not_bytes_like("data", None)),
        (5, exceptions.not_bytes_like("data", 5)),
        (strided, exceptions.not_contiguous("data", strided)),
    ):
        with pytest.raises(type(expected)) as caught:
            decoder.feed(data)
        assert str(caught.value) == str(expected)
    assert len(decoder.feed(wire[3:])) == 1


def test_any_contiguous_buffer_is_data(implementation: Implementation) -> None:
    wire = frame(2, bytes(range(10)), key=KEY)
    assert len(wire) == 16
    growing = bytearray(wire)
    for made in (
        growing,
        memoryview(wire),
        memoryview(wire).cast("I"),
        memoryview(wire).cast("B", (4, 4)),
    ):
        [found] = _server(implementation).feed(made)
        assert found.payload == bytes(range(10))
    growing[:] = bytes(17)  # no export of it is left
    [kept] = _server(implementation).feed(bytearray(wire))
    assert type(kept.payload) is bytes


def test_nothing_outside_the_data_is_read(
    implementation: Implementation, guarded: GuardedPages
) -> None:
    for length in range(150):
        wire = frame(1, bytes(range(length)), key=KEY)
        for cut in {len(wire), len(wire) - 1, 1, 2, 3, 5, length // 2 + 1}:
            for place in (guarded.ending, guarded.starting):
                decoder = _server(implementation)
                found = decoder.feed(place(wire[:cut]))
                found += decoder.feed(place(wire[cut:]))
                assert [f.payload for f in found] == [bytes(range(length))]
