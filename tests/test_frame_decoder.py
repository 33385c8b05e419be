"""FrameDecoder: the receiving side of RFC 6455 section 5, one test a rule."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from guard import GuardedPages
from implementations import Implementation
from oracle import signature
from predictions import plain
from streams import KEY, frame

from wsfast import exceptions
from wsfast.events import FramePart
from wsfast.protocol import DEFAULT_MAX_PAYLOAD_LENGTH, Opcode


def _server(implementation: Implementation, **options: Any) -> Any:
    return implementation.frames.FrameDecoder("server", **options)


def _client(implementation: Implementation, **options: Any) -> Any:
    return implementation.frames.FrameDecoder("client", **options)


def _fails(decoder: Any, data: bytes, expected: exceptions.ProtocolError) -> Any:
    """Feeds `data`, which has to fail so; and so again whatever follows."""
    with pytest.raises(exceptions.RemoteProtocolError) as caught:
        decoder.feed(data)
    assert signature(caught.value) == signature(expected)
    calls = (lambda: decoder.feed(b""), lambda: decoder.feed(frame(1)), decoder.finish)
    for call in (*calls, decoder.get_buffer, lambda: decoder.buffer_updated(0)):
        with pytest.raises(exceptions.RemoteProtocolError) as again:
            call()
        assert signature(again.value) == signature(expected)
        assert again.value.completed == []
        assert again.value is not caught.value
    return caught.value


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


@pytest.mark.parametrize("length", [*range(18), *range(120, 140), 255, 256, 1000, 65535, 65536, 65537])
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


@pytest.mark.parametrize("rsv", [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70])
@pytest.mark.parametrize("allowed", [0, 0x10, 0x20, 0x40, 0x50, 0x70])
def test_reserved_bits_only_where_allowed(
    implementation: Implementation, rsv: int, allowed: int
) -> None:
    decoder = _server(implementation, rsv=allowed)
    wire = frame(2, b"x", rsv=rsv, key=KEY)
    if rsv & ~allowed:
        _fails(decoder, wire[:1], exceptions.reserved_bits(wire[0], allowed))
    else:
        [found] = decoder.feed(wire)
        bits = 64 * found.rsv1 | 32 * found.rsv2 | 16 * found.rsv3
        assert bits == rsv
    decoder = _server(implementation, rsv=allowed)
    ping = frame(9, b"x", rsv=rsv, key=KEY)
    _fails(decoder, ping[:1], exceptions.reserved_bits(ping[0], 0))


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("fin", [0, 0x80])
def test_reserved_opcodes_fail_at_their_octet(
    implementation: Implementation, opcode: int, fin: int
) -> None:
    for decoder in (_server(implementation), _client(implementation, rsv=0x70)):
        error = _fails(decoder, bytes([fin | opcode]), exceptions.reserved_opcode(opcode))
        assert error.close_code == 1002


@pytest.mark.parametrize("opcode", [8, 9, 10])
def test_control_frames_are_never_fragmented(implementation: Implementation, opcode: int) -> None:
    expected = exceptions.fragmented_control_frame(opcode)
    _fails(_server(implementation), bytes([opcode]), expected)


def test_a_continuation_needs_a_start(implementation: Implementation) -> None:
    for first in (b"\x00", b"\x80"):
        _fails(_server(implementation), first, exceptions.unexpected_continuation())
    decoder = _server(implementation)
    decoder.feed(frame(1, b"a", fin=False, key=KEY) + frame(0, b"b", key=KEY))
    _fails(decoder, b"\x80", exceptions.unexpected_continuation())


@pytest.mark.parametrize("opcode", [1, 2])
def test_a_started_message_has_to_be_continued(implementation: Implementation, opcode: int) -> None:
    decoder = _server(implementation)
    decoder.feed(frame(1, b"a", fin=False, key=KEY) + frame(9, key=KEY))
    _fails(decoder, bytes([0x80 | opcode]), exceptions.expected_continuation(opcode))


def test_clients_mask_and_servers_do_not(implementation: Implementation) -> None:
    for opcode in (1, 2, 8, 9, 10):
        head = bytes([0x80 | opcode])
        _fails(_server(implementation), head + b"\x00", exceptions.unmasked_frame())
        _fails(_client(implementation), head + b"\x80", exceptions.masked_frame())
        _fails(_server(implementation), head + b"\x7f", exceptions.unmasked_frame())


@pytest.mark.parametrize("opcode", [8, 9, 10])
@pytest.mark.parametrize("length", [126, 127])
def test_control_payloads_are_at_most_125_octets(
    implementation: Implementation, opcode: int, length: int
) -> None:
    expected = exceptions.long_control_frame(opcode)
    _fails(_server(implementation), bytes([0x80 | opcode, 0x80 | length]), expected)
    _fails(_client(implementation), bytes([0x80 | opcode, length]), expected)
    if opcode != 8:
        [found] = _client(implementation).feed(bytes([0x80 | opcode, 125]) + bytes(125))
        assert found.payload == bytes(125)


@pytest.mark.parametrize("length", [0, 1, 124, 125])
def test_16_bits_of_length_only_from_126_on(implementation: Implementation, length: int) -> None:
    wire = frame(2, bits=16, declared=length)
    _fails(_client(implementation), wire, exceptions.length_not_minimal(length, 16))
    wire = frame(2, key=KEY, bits=16, declared=length)[:4]
    _fails(_server(implementation), wire, exceptions.length_not_minimal(length, 16))


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 255, 65534, 65535])
def test_64_bits_of_length_only_from_65536_on(implementation: Implementation, length: int) -> None:
    wire = frame(2, key=KEY, bits=64, declared=length)[:10]
    _fails(_server(implementation), wire, exceptions.length_not_minimal(length, 64))


@pytest.mark.parametrize("length", [2**63, 2**63 + 1, 2**63 + 65535, 2**64 - 1])
@pytest.mark.parametrize("limit", [None, 0, 2**20, 2**63 - 1, 2**64, 2**100])
def test_the_top_bit_of_a_64_bit_length_is_0(
    implementation: Implementation, length: int, limit: int | None
) -> None:
    wire = frame(2, bits=64, declared=length)
    decoder = _client(implementation, max_payload_length=limit)
    error = _fails(decoder, wire, exceptions.length_with_top_bit(length))
    assert error.close_code == 1002


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize(
    "limit",
    [0, 1, 125, 126, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**32 + 7, 2**63 - 2],
)
def test_the_payload_limit_is_exact(
    implementation: Implementation, limit: int, key: bytes | None
) -> None:
    side = "client" if key is None else "server"
    make = implementation.frames.FrameDecoder
    above = frame(2, key=key, declared=limit + 1, bits=_bits(limit + 1))
    above = above if key is None else above[:-4]
    error = _fails(make(side, max_payload_length=limit), above, exceptions.payload_too_long(limit + 1, limit))
    assert error.close_code == 1009
    at_limit = frame(2, b"abc" if limit >= 3 else b"", key=key, declared=limit, bits=_bits(limit))
    found = make(side, max_payload_length=limit).feed(at_limit)
    assert [f.payload for f in found] == ([b""] if limit == 0 else [])


def _bits(length: int) -> int:
    return 7 if length < 126 else 16 if length < 65536 else 64


@pytest.mark.parametrize("limit", [None, 2**63 - 1, 2**63, 2**64, 2**100])
def test_the_longest_length_is_taken_without_a_limit(
    implementation: Implementation, limit: int | None
) -> None:
    decoder = _server(implementation, max_payload_length=limit)
    assert decoder.feed(frame(2, b"abc", key=KEY, bits=64, declared=2**63 - 1)) == []
    assert decoder.feed(bytes(1000)) == []
    assert len(decoder.get_buffer()) < 2**20
    with pytest.raises(exceptions.RemoteProtocolError, match="ended inside a frame"):
        decoder.finish()


def test_the_default_limit_is_1_mib(implementation: Implementation) -> None:
    assert DEFAULT_MAX_PAYLOAD_LENGTH == 2**20
    assert _client(implementation).feed(frame(2, declared=2**20, bits=64)) == []
    wire = frame(2, declared=2**20 + 1, bits=64)
    _fails(_client(implementation), wire, exceptions.payload_too_long(2**20 + 1, 2**20))


def test_checks_come_in_order(implementation: Implementation) -> None:
    in_message = frame(1, b"a", fin=False)

    def after(data: bytes, expected: exceptions.ProtocolError, **options: Any) -> None:
        decoder = _client(implementation, **options)
        decoder.feed(in_message)
        _fails(decoder, data, expected)

    after(b"\x4b", exceptions.reserved_bits(0x4B, 0))  # and reserved, and not FIN
    after(b"\x0b", exceptions.reserved_opcode(11))  # and not FIN
    after(b"\x09\xff", exceptions.fragmented_control_frame(9))  # and masked, and too long
    after(b"\x81\xff", exceptions.expected_continuation(1))  # and masked
    after(b"\x89\xff", exceptions.masked_frame())  # and too long
    long = b"\x80\x7f" + bytes([0x80]) + bytes(7)
    after(long, exceptions.length_with_top_bit(2**63), max_payload_length=1)
    after(b"\x80\x7e\x00\x05", exceptions.length_not_minimal(5, 16), max_payload_length=1)


@pytest.mark.parametrize(
    "code", [*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999]
)
def test_close_codes_that_may_be_sent(implementation: Implementation, code: int) -> None:
    decoder = _server(implementation)
    [found] = decoder.feed(frame(8, struct.pack("!H", code) + b"reason", key=KEY))
    assert found.opcode is Opcode.CLOSE
    assert found.payload == struct.pack("!H", code) + b"reason"


def test_close_codes_that_may_not_be_sent(implementation: Implementation) -> None:
    wrong = [0, 1, 999, 1004, 1005, 1006, *range(1015, 3000), 5000, 5001, 32768, 65535]
    for code in wrong:
        decoder = _client(implementation)
        with pytest.raises(exceptions.RemoteProtocolError) as caught:
            decoder.feed(frame(8, struct.pack("!H", code)))
        assert signature(caught.value) == signature(exceptions.close_code_not_allowed(code))
        assert caught.value.close_code == 1002


def test_a_close_payload_of_one_octet_is_too_short(implementation: Implementation) -> None:
    expected = exceptions.short_close_payload()
    assert _fails(_server(implementation), frame(8, b"\x03", key=KEY), expected).close_code == 1002


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (b"ab\xff", exceptions.invalid_utf8(2, 0xFF)),
        (b"\xed\xa0\x80", exceptions.invalid_utf8(1, 0xA0)),
        (b"a" * 122 + b"\x80", exceptions.invalid_utf8(122, 0x80)),
        (b"ab\xe2\x82", exceptions.truncated_utf8(4)),
        (b"\xf0", exceptions.truncated_utf8(1)),
    ],
)
def test_a_close_reason_is_utf8(
    implementation: Implementation, reason: bytes, expected: exceptions.ProtocolError
) -> None:
    wire = frame(8, b"\x03\xe8" + reason, key=KEY)
    decoder = _server(implementation)
    assert decoder.feed(wire[:-1]) == []
    assert _fails(decoder, wire[-1:], expected).close_code == 1007
    _fails(_server(implementation), frame(8, b"\x00\x00" + reason, key=KEY), exceptions.close_code_not_allowed(0))


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
    error = _fails(decoder, wire, exceptions.reserved_bits(0xFF, 0))
    assert [f.payload for f in error.completed] == [b"one", b"two"]
    assert all(type(f) is implementation.frames.Frame for f in error.completed)
    error = _fails(_server(implementation), b"\x83", exceptions.reserved_opcode(3))
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


# partial=True --------------------------------------------------------------------------------------


def test_a_payload_is_handed_out_as_it_comes(implementation: Implementation) -> None:
    decoder = _server(implementation, partial=True, rsv=0x40)
    wire = frame(2, b"0123456789", fin=False, rsv=0x40, key=KEY)
    assert decoder.feed(wire[:6]) == []
    named = {"opcode": Opcode.BINARY, "fin": False, "rsv1": True, "rsv2": False, "rsv3": False}
    named |= {"number": 0, "length": 10}
    assert decoder.feed(wire[6:9]) == [FramePart(offset=0, data=b"012", last=False, **named)]
    assert decoder.feed(b"") == []
    [part] = decoder.feed(wire[9:])
    assert part == FramePart(offset=3, data=b"3456789", last=True, **named)
    assert type(part) is FramePart
    assert part.opcode is Opcode.BINARY
    assert type(part.data) is bytes
    assert all(type(flag) is bool for flag in (part.fin, part.rsv1, part.rsv2, part.rsv3, part.last))


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


# Arguments -----------------------------------------------------------------------------------------


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
    for made in (growing, memoryview(wire), memoryview(wire).cast("I"), memoryview(wire).cast("B", (4, 4))):
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
