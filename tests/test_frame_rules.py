"""FrameDecoder refuses every frame that RFC 6455 forbids, at the octet that breaks the rule."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from implementations import Implementation
from oracle import signature
from predictions import fails
from streams import KEY, frame

from wsfast import exceptions
from wsfast.protocol import DEFAULT_MAX_PAYLOAD_LENGTH, Opcode


def _server(implementation: Implementation, **options: Any) -> Any:
    return implementation.frames.FrameDecoder("server", **options)


def _client(implementation: Implementation, **options: Any) -> Any:
    return implementation.frames.FrameDecoder("client", **options)


@pytest.mark.parametrize("rsv", [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70])
@pytest.mark.parametrize("allowed", [0, 0x10, 0x20, 0x40, 0x50, 0x70])
def test_reserved_bits_only_where_allowed(
    implementation: Implementation, rsv: int, allowed: int
) -> None:
    decoder = _server(implementation, rsv=allowed)
    wire = frame(2, b"x", rsv=rsv, key=KEY)
    if rsv & ~allowed:
        fails(decoder, wire[:1], exceptions.reserved_bits(wire[0], allowed))
    else:
        [found] = decoder.feed(wire)
        bits = 64 * found.rsv1 | 32 * found.rsv2 | 16 * found.rsv3
        assert bits == rsv
    decoder = _server(implementation, rsv=allowed)
    ping = frame(9, b"x", rsv=rsv, key=KEY)
    fails(decoder, ping[:1], exceptions.reserved_bits(ping[0], 0))


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("fin", [0, 0x80])
def test_reserved_opcodes_fail_at_their_octet(
    implementation: Implementation, opcode: int, fin: int
) -> None:
    for decoder in (_server(implementation), _client(implementation, rsv=0x70)):
        error = fails(decoder, bytes([fin | opcode]), exceptions.reserved_opcode(opcode))
        assert error.close_code == 1002


@pytest.mark.parametrize("opcode", [8, 9, 10])
def test_control_frames_are_never_fragmented(implementation: Implementation, opcode: int) -> None:
    expected = exceptions.fragmented_control_frame(opcode)
    fails(_server(implementation), bytes([opcode]), expected)


def test_a_continuation_needs_a_start(implementation: Implementation) -> None:
    for first in (b"\x00", b"\x80"):
        fails(_server(implementation), first, exceptions.unexpected_continuation())
    decoder = _server(implementation)
    decoder.feed(frame(1, b"a", fin=False, key=KEY) + frame(0, b"b", key=KEY))
    fails(decoder, b"\x80", exceptions.unexpected_continuation())


@pytest.mark.parametrize("opcode", [1, 2])
def test_a_started_message_has_to_be_continued(implementation: Implementation, opcode: int) -> None:
    decoder = _server(implementation)
    decoder.feed(frame(1, b"a", fin=False, key=KEY) + frame(9, key=KEY))
    fails(decoder, bytes([0x80 | opcode]), exceptions.expected_continuation(opcode))


def test_clients_mask_and_servers_do_not(implementation: Implementation) -> None:
    for opcode in (1, 2, 8, 9, 10):
        head = bytes([0x80 | opcode])
        fails(_server(implementation), head + b"\x00", exceptions.unmasked_frame())
        fails(_client(implementation), head + b"\x80", exceptions.masked_frame())
        fails(_server(implementation), head + b"\x7f", exceptions.unmasked_frame())


@pytest.mark.parametrize("opcode", [8, 9, 10])
@pytest.mark.parametrize("length", [126, 127])
def test_control_payloads_are_at_most_125_octets(
    implementation: Implementation, opcode: int, length: int
) -> None:
    expected = exceptions.long_control_frame(opcode)
    fails(_server(implementation), bytes([0x80 | opcode, 0x80 | length]), expected)
    fails(_client(implementation), bytes([0x80 | opcode, length]), expected)
    if opcode != 8:
        [found] = _client(implementation).feed(bytes([0x80 | opcode, 125]) + bytes(125))
        assert found.payload == bytes(125)


@pytest.mark.parametrize("length", [0, 1, 124, 125])
def test_16_bits_of_length_only_from_126_on(implementation: Implementation, length: int) -> None:
    wire = frame(2, bits=16, declared=length)
    fails(_client(implementation), wire, exceptions.length_not_minimal(length, 16))
    wire = frame(2, key=KEY, bits=16, declared=length)[:4]
    fails(_server(implementation), wire, exceptions.length_not_minimal(length, 16))


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 255, 65534, 65535])
def test_64_bits_of_length_only_from_65536_on(implementation: Implementation, length: int) -> None:
    wire = frame(2, key=KEY, bits=64, declared=length)[:10]
    fails(_server(implementation), wire, exceptions.length_not_minimal(length, 64))


@pytest.mark.parametrize("length", [2**63, 2**63 + 1, 2**63 + 65535, 2**64 - 1])
@pytest.mark.parametrize("limit", [None, 0, 2**20, 2**63 - 1, 2**64, 2**100])
def test_the_top_bit_of_a_64_bit_length_is_0(
    implementation: Implementation, length: int, limit: int | None
) -> None:
    wire = frame(2, bits=64, declared=length)
    decoder = _client(implementation, max_payload_length=limit)
    error = fails(decoder, wire, exceptions.length_with_top_bit(length))
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
    error = fails(
        make(side, max_payload_length=limit), above, exceptions.payload_too_long(limit + 1, limit)
    )
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
    fails(_client(implementation), wire, exceptions.payload_too_long(2**20 + 1, 2**20))


def test_checks_come_in_order(implementation: Implementation) -> None:
    in_message = frame(1, b"a", fin=False)

    def after(data: bytes, expected: exceptions.ProtocolError, **options: Any) -> None:
        decoder = _client(implementation, **options)
        decoder.feed(in_message)
        fails(decoder, data, expected)

    after(b"\x4b", exceptions.reserved_bits(0x4B, 0))  # and reserved, and not FIN
    after(b"\x0b", exceptions.reserved_opcode(11))  # and not FIN
    after(b"\x09\xff", exceptions.fragmented_control_frame(9))  # and masked, and too long
    after(b"\x81\xff", exceptions.expected_continuation(1))  # and masked
    after(b"\x89\xff", exceptions.masked_frame())  # and too long
    long = b"\x80\x7f" + bytes([0x80]) + bytes(7)
    after(long, exceptions.length_with_top_bit(2**63), max_payload_length=1)
    after(b"\x80\x7e\x00\x05", exceptions.length_not_minimal(5, 16), max_payload_length=1)


@pytest.mark.parametrize("code", [*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999])
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
    assert fails(_server(implementation), frame(8, b"\x03", key=KEY), expected).close_code == 1002


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
    assert fails(decoder, wire[-1:], expected).close_code == 1007
    fails(
        _server(implementation),
        frame(8, b"\x00\x00" + reason, key=KEY),
        exceptions.close_code_not_allowed(0),
    )
