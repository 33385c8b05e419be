"""MessageDecoder: whole messages, RFC 6455 sections 5.4 to 5.6 and 8.1, and their limits."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from guard import GuardedPages
from implementations import Implementation
from oracle import signature
from predictions import fails
from streams import KEY, ROCKET, frame
from texts import TEXTS

from wsfast import exceptions
from wsfast.events import Close, MessagePart
from wsfast.protocol import Opcode


def _server(implementation: Implementation, **options: Any) -> Any:
    return implementation.messages.MessageDecoder("server", **options)


def _client(implementation: Implementation, **options: Any) -> Any:
    return implementation.messages.MessageDecoder("client", **options)


def test_messages_and_control_frames_come_in_order(implementation: Implementation) -> None:
    wire = frame(1, "zwölf".encode(), key=KEY) + frame(2, b"\xff\x00", key=KEY)
    wire += frame(9, b"ping", key=KEY) + frame(10, b"", key=KEY)
    wire += frame(8, b"\x03\xe9" + "tschüß".encode(), key=KEY)
    found = _server(implementation).feed(wire)
    assert type(found) is list
    assert all(type(item) is tuple for item in found)
    assert found == [
        (Opcode.TEXT, "zwölf"),
        (Opcode.BINARY, b"\xff\x00"),
        (Opcode.PING, b"ping"),
        (Opcode.PONG, b""),
        (Opcode.CLOSE, Close(1001, "tschüß")),
    ]
    assert [type(payload) for _, payload in found] == [str, bytes, bytes, bytes, Close]
    assert all(opcode is Opcode(int(opcode)) for opcode, _ in found)


def test_text_may_be_handed_on_as_bytes(implementation: Implementation) -> None:
    wire = frame(1, b"z", fin=False, key=KEY) + frame(0, "wölf".encode(), key=KEY)
    wire += frame(8, b"\x03\xe9ok", key=KEY)
    found = _server(implementation, text="bytes").feed(wire)
    assert found == [(1, "zwölf".encode()), (8, Close(1001, "ok"))]
    assert type(found[0][1]) is bytes
    expected = exceptions.invalid_utf8(1, 0xFF)
    fails(_server(implementation, text="bytes"), frame(1, b"a\xff", key=KEY), expected)


def test_a_close_without_payload_has_code_1005(implementation: Implementation) -> None:
    [(opcode, close)] = _server(implementation).feed(frame(8, key=KEY))
    assert opcode is Opcode.CLOSE
    assert close == Close(1005, "")
    assert type(close) is Close
    [(_, close)] = _client(implementation).feed(frame(8, b"\x0f\xa0"))
    assert close == (4000, "")
    assert type(close.code) is int


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("size", [7, 100, 4096])
def test_text_of_every_script_in_fragments_and_reads(
    implementation: Implementation, name: str, size: int
) -> None:
    text = TEXTS[name][:30000]
    data = text.encode()
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    wire = b"".join(
        frame(0 if n else 1, chunk, fin=n == len(chunks) - 1, key=KEY)
        for n, chunk in enumerate(chunks)
    )
    whole = frame(1, data, key=KEY)
    for stream in (wire, whole):
        assert _server(implementation).feed(stream) == [(1, text)]
        decoder = _server(implementation)
        found = []
        for at in range(0, len(stream), size + 1):
            found += decoder.feed(stream[at : at + size + 1])
        assert found == [(1, text)]


@pytest.mark.parametrize("char", ["a", "é", "я", "漢", "🚀"])
@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 63, 64, 65, 125, 126, 4096, 65536, 200000])
def test_text_of_every_width(implementation: Implementation, char: str, length: int) -> None:
    for text in (char * length, "a" * length + char, char + "a" * length):
        wire = frame(1, text.encode(), key=KEY)
        assert _server(implementation).feed(wire) == [(1, text)]
        decoder = _server(implementation)
        cut = len(wire) * 2 // 3
        assert decoder.feed(wire[:cut]) + decoder.feed(wire[cut:]) == [(1, text)]


def test_control_frames_come_between_fragments(implementation: Implementation) -> None:
    decoder = _server(implementation)
    wires = (
        frame(1, b"a" + ROCKET[:2], fin=False, key=KEY),
        frame(9, b"1", key=KEY),
        frame(0, ROCKET[2:], fin=False, key=KEY),
        frame(10, b"2", key=KEY),
        frame(0, b"", fin=False, key=KEY),
        frame(0, b"b", key=KEY),
    )
    found = [decoder.feed(wire) for wire in wires]
    assert found == [[], [(9, b"1")], [], [(10, b"2")], [], [(1, "a🚀b")]]


@pytest.mark.parametrize("char", ["a", "é", "漢", "🚀"])
def test_nothing_outside_the_data_is_read(
    implementation: Implementation, guarded: GuardedPages, char: str
) -> None:
    for length in range(150):
        text = char * (length // len(char.encode())) + "a" * (length % 3)
        wire = frame(1, text.encode(), key=KEY)
        for cut in {len(wire), len(wire) - 1, 6, 7, length // 2 + 6}:
            for place in (guarded.ending, guarded.starting):
                decoder = _server(implementation)
                found = decoder.feed(place(wire[:cut]))
                assert found + decoder.feed(place(wire[cut:])) == [(1, text)]


@pytest.mark.slow
@pytest.mark.parametrize("payload", [b"", b"x", b"0123456789abcdef" * 4])
def test_a_million_fragments(implementation: Implementation, payload: bytes) -> None:
    decoder = _server(implementation, max_message_length=None)
    assert decoder.feed(frame(1, payload, fin=False, key=KEY)) == []
    wire = frame(0, payload, fin=False, key=KEY) * 1000
    for _ in range(1000):
        assert decoder.feed(wire) == []
    assert decoder.feed(frame(0, key=KEY)) == [(1, payload.decode() * 1_000_001)]


def test_binary_messages_are_not_read_as_text(implementation: Implementation) -> None:
    data = bytes(range(256)) * 3
    wire = frame(2, data[:100], fin=False, key=KEY) + frame(0, data[100:], key=KEY)
    assert _server(implementation).feed(wire) == [(2, data)]


def test_an_error_brings_what_was_complete(implementation: Implementation) -> None:
    decoder = _server(implementation)
    assert decoder.feed(frame(1, b"earlier", key=KEY)) == [(1, "earlier")]
    wire = frame(1, b"one", key=KEY) + frame(9, b"two", key=KEY) + frame(1, b"x\xff", key=KEY)
    error = fails(decoder, wire + frame(1, b"later", key=KEY), exceptions.invalid_utf8(1, 0xFF))
    assert error.completed == [(1, "one"), (9, b"two")]
    assert [type(item) for item in error.completed] == [tuple, tuple]


# The rules of frames hold here too ----------------------------------------------------------------


@pytest.mark.parametrize("first", [0xC1, 0xA1, 0x91, 0xF2, 0xC9, 0xC0])
def test_reserved_bits_are_refused_without_an_inflater(
    implementation: Implementation, first: int
) -> None:
    fails(_server(implementation), bytes([first]), exceptions.reserved_bits(first, 0))


def test_frames_break_the_same_rules(implementation: Implementation) -> None:
    start = frame(1, b"a", fin=False)
    for before, data, expected in (
        (b"", b"\x83", exceptions.reserved_opcode(3)),
        (b"", b"\x09", exceptions.fragmented_control_frame(9)),
        (b"", b"\x80", exceptions.unexpected_continuation()),
        (start, b"\x82", exceptions.expected_continuation(2)),
        (start, b"\x80\x80", exceptions.masked_frame()),
        (b"", b"\x8a\x7e", exceptions.long_control_frame(10)),
        (b"", b"\x82\x7e\x00\x7d", exceptions.length_not_minimal(125, 16)),
        (b"", b"\x82\x7f" + b"\xff" * 8, exceptions.length_with_top_bit(2**64 - 1)),
        (b"", b"\x88\x01\x03", exceptions.short_close_payload()),
        (b"", b"\x88\x02\x03\xed", exceptions.close_code_not_allowed(1005)),
        (b"", b"\x88\x03\x03\xe8\xff", exceptions.invalid_utf8(0, 0xFF)),
        (b"", b"\x88\x03\x03\xe8\xe2", exceptions.truncated_utf8(1)),
    ):
        decoder = _client(implementation)
        decoder.feed(before)
        fails(decoder, data, expected)
    fails(_server(implementation), b"\x81\x00", exceptions.unmasked_frame())


def test_close_codes_are_checked(implementation: Implementation) -> None:
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1999, 2000, 2999, 5000, 65535]:
        wire = frame(8, struct.pack("!H", code))
        fails(_client(implementation), wire, exceptions.close_code_not_allowed(code))
    for code in [1000, 1003, 1007, 1014, 3000, 4999]:
        decoder = _client(implementation)
        found = decoder.feed(frame(8, struct.pack("!H", code)))
        assert found == [(8, Close(code, ""))]


def test_nothing_is_read_after_close(implementation: Implementation) -> None:
    decoder = _server(implementation)
    assert decoder.closed is False
    start = frame(1, b"\xe2", fin=False, key=KEY)
    close = frame(8, b"\x03\xe8", key=KEY)
    assert decoder.feed(start + close + b"\xff\xff" + close) == [(8, Close(1000, ""))]
    assert decoder.closed is True
    assert decoder.feed(frame(1, b"x", key=KEY)) == []
    decoder.get_buffer()[:1] = b"\xff"
    assert decoder.buffer_updated(1) == []
    assert decoder.finish() is None


def test_the_end_of_the_stream_is_judged(implementation: Implementation) -> None:
    decoder = _server(implementation)
    decoder.finish()
    wire = frame(1, b"a", fin=False, key=KEY)
    for at, expected in (
        (1, exceptions.ended_inside_frame()),
        (6, exceptions.ended_inside_frame()),
        (7, exceptions.ended_inside_message()),
    ):
        decoder = _server(implementation)
        decoder.feed(wire[:at])
        with pytest.raises(exceptions.RemoteProtocolError) as caught:
            decoder.finish()
        assert signature(caught.value) == signature(expected)
        assert decoder.feed(wire[at:] + frame(0, b"b", key=KEY)) == [(1, "ab")]
        assert decoder.finish() is None


# partial=True -------------------------------------------------------------------------------------


def test_a_text_is_handed_out_in_whole_characters(implementation: Implementation) -> None:
    decoder = _server(implementation, partial=True)
    wire = frame(1, "aé€🚀".encode(), fin=False, key=KEY)
    head = len(wire) - 10
    parts = [decoder.feed(wire[: head + 1])]
    parts += [decoder.feed(wire[at : at + 1]) for at in range(head + 1, len(wire))]
    text = Opcode.TEXT
    assert [part for found in parts for part in found] == [
        MessagePart(text, 0, "a", False),
        MessagePart(text, 1, "é", False),
        MessagePart(text, 3, "€", False),
        MessagePart(text, 6, "🚀", False),
    ]
    assert [len(found) for found in parts] == [1, 0, 1, 0, 0, 1, 0, 0, 0, 1]
    [last] = decoder.feed(frame(0, b"", key=KEY))
    assert last == MessagePart(text, 10, "", True)
    assert type(last) is MessagePart
    assert last.opcode is text
    assert last.last is True


def test_control_frames_are_whole_parts(implementation: Implementation) -> None:
    decoder = _server(implementation, partial=True)
    wire = frame(9, b"abc", key=KEY) + frame(8, b"\x03\xe8bye", key=KEY)
    found = []
    for at in range(len(wire)):
        found += decoder.feed(wire[at : at + 1])
    assert found == [(Opcode.PING, 0, b"abc", True), (Opcode.CLOSE, 0, Close(1000, "bye"), True)]
    assert type(found[1].data) is Close


def test_parts_of_bytes_come_as_they_are(implementation: Implementation) -> None:
    decoder = _server(implementation, partial=True, max_message_length=None)
    wire = frame(2, bytes(range(100)), fin=False, key=KEY) + frame(0, b"\xff" * 50, key=KEY)
    assert decoder.feed(wire[:20]) == [MessagePart(Opcode.BINARY, 0, bytes(range(14)), False)]
    found = decoder.feed(wire[20:])
    assert b"".join(part.data for part in found) == bytes(range(14, 100)) + b"\xff" * 50
    assert [(part.offset, part.last) for part in found] == [(14, False), (100, True)]


def test_bad_text_fails_a_partial_decoder_with_what_came_before(
    implementation: Implementation,
) -> None:
    decoder = _server(implementation, partial=True)
    wire = frame(9, b"p", key=KEY) + frame(1, b"abc\xffdef", key=KEY)
    error = fails(decoder, wire, exceptions.invalid_utf8(3, 0xFF))
    assert error.completed == [(9, 0, b"p", True), (1, 0, "abc", False)]


# Arguments ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"text": "utf-8"}, exceptions.not_a_text_type("utf-8")),
        ({"text": str}, exceptions.not_a_text_type(str)),
        ({"text": None}, exceptions.not_a_text_type(None)),
        ({"max_message_length": -1}, exceptions.negative("max_message_length", -1)),
        ({"max_message_length": 0.5}, exceptions.not_an_integer("max_message_length", 0.5)),
        ({"max_payload_length": -1}, exceptions.negative("max_payload_length", -1)),
        ({"max_payload_length": "1"}, exceptions.not_an_integer("max_payload_length", "1")),
        ({"max_fragments": -1}, exceptions.negative("max_fragments", -1)),
        ({"max_fragments": []}, exceptions.not_an_integer("max_fragments", [])),
        (
            {"max_fragments": -1, "max_payload_length": -2, "max_message_length": -3},
            exceptions.negative("max_message_length", -3),
        ),
        ({"max_fragments": -1, "text": "x"}, exceptions.not_a_text_type("x")),
    ],
)
def test_wrong_options_are_refused(
    implementation: Implementation, options: Any, expected: Exception
) -> None:
    with pytest.raises(type(expected)) as caught:
        _server(implementation, **options)
    assert type(caught.value) is type(expected)
    assert str(caught.value) == str(expected)


@pytest.mark.parametrize("side", ["Client", None, 0, b"client"])
def test_wrong_sides_are_refused(implementation: Implementation, side: Any) -> None:
    with pytest.raises(ValueError) as caught:
        implementation.messages.MessageDecoder(side, text="wrong too")
    assert str(caught.value) == str(exceptions.not_a_side(side))


def test_options_are_given_by_name(implementation: Implementation) -> None:
    with pytest.raises(TypeError):
        implementation.messages.MessageDecoder("server", "str")
    with pytest.raises(TypeError):
        implementation.messages.MessageDecoder()
    assert implementation.messages.MessageDecoder(side="client").feed(data=b"") == []


def test_wrong_data_is_refused_and_changes_nothing(implementation: Implementation) -> None:
    decoder = _server(implementation)
    wire = frame(1, b"abc", key=KEY)
    decoder.feed(wire[:8])
    strided = memoryview(bytes(8))[::2]
    for data, expected in (
        ("text", exceptions.not_bytes_like("data", "")),
        (None, exceptions.not_bytes_like("data", None)),
        (strided, exceptions.not_contiguous("data", strided)),
    ):
        with pytest.raises(type(expected)) as caught:
            decoder.feed(data)
        assert str(caught.value) == str(expected)
    assert decoder.feed(memoryview(wire[8:])) == [(1, "abc")]
