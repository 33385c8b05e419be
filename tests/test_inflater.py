"""The MessageDecoder's way in for permessage-deflate: what it asks of an inflater, and takes."""

from __future__ import annotations

import zlib
from typing import Any

import pytest
from implementations import Implementation
from oracle import signature
from predictions import fails
from streams import EURO, KEY, Repeater, frame

from wsfast import exceptions
from wsfast.events import MessagePart
from wsfast.protocol import CloseCode, Opcode

RSV1 = 0x40


class Deflate:
    """permessage-deflate's inflater, RFC 7692 section 7.2.2, as the layer above would write it."""

    def __init__(self) -> None:
        self.stream = zlib.decompressobj(-15)
        self.out_of_bounds = 0

    def inflate(self, data: bytes, last: bool, max_length: int | None) -> bytes:
        if last:
            data += b"\x00\x00\xff\xff"
        room = 0 if max_length is None else max_length + 1
        inflated = self.stream.decompress(data, room)
        assert max_length is None or len(inflated) <= max_length + 1
        return inflated


def _deflated(data: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def _server(implementation: Implementation, inflater: Any, **options: Any) -> Any:
    return implementation.messages.MessageDecoder("server", inflater=inflater, **options)


class Broken:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def inflate(self, data: bytes, last: bool, max_length: int | None) -> bytes:
        raise self.error


def test_the_example_of_rfc_7692(implementation: Implementation) -> None:
    # Section 7.2.3.1: "Hello" compressed, in one frame and in two.
    data = bytes.fromhex("f248cdc9c90700")
    decoder = _server(implementation, Deflate())
    assert decoder.feed(frame(1, data, rsv=RSV1, key=KEY)) == [(1, "Hello")]
    decoder = _server(implementation, Deflate())
    wire = frame(1, data[:3], rsv=RSV1, fin=False, key=KEY) + frame(0, data[3:], key=KEY)
    assert decoder.feed(wire) == [(1, "Hello")]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_compressed_messages_in_any_reads(implementation: Implementation, size: int) -> None:
    text = "compressed ä € 🚀 " * 50
    data = _deflated(text.encode())
    wire = frame(1, data[:9], rsv=RSV1, fin=False, key=KEY) + frame(9, b"p", key=KEY)
    wire += frame(0, b"", fin=False, key=KEY) + frame(0, data[9:], key=KEY)
    plain = frame(1, text.encode(), key=KEY)
    decoder, found = _server(implementation, Deflate()), []
    stream = wire + plain
    for at in range(0, len(stream), size):
        found += decoder.feed(stream[at : at + size])
    assert found == [(9, b"p"), (1, text), (1, text)]


def test_one_inflater_keeps_its_window_from_message_to_message(
    implementation: Implementation,
) -> None:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    text = "context takeover, RFC 7692 section 7.1.1"
    decoder, sizes = _server(implementation, Deflate()), []
    for _ in range(3):
        data = compressor.compress(text.encode()) + compressor.flush(zlib.Z_SYNC_FLUSH)
        sizes.append(len(data))
        wire = frame(1, data[:3], rsv=RSV1, fin=False, key=KEY) + frame(0, data[3:-4], key=KEY)
        assert decoder.feed(frame(2, b"plain", key=KEY) + wire) == [(2, b"plain"), (1, text)]
    assert sizes[1] < sizes[0] / 2


def _calls(decoder: Any, inflater: Repeater, wire: bytes, size: int) -> list[Any]:
    for at in range(0, len(wire), size):
        decoder.feed(wire[at : at + size])
    return inflater.calls


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 1000])
def test_pieces_go_to_the_inflater_unmasked_and_the_last_is_marked(
    implementation: Implementation, size: int
) -> None:
    inflater = Repeater()
    decoder = _server(implementation, inflater, max_message_length=100)
    wire = frame(2, b"0123456789", rsv=RSV1, fin=False, key=KEY) + frame(9, b"ping", key=KEY)
    wire += frame(0, b"", fin=False, key=KEY) + frame(0, b"abcdef", key=KEY)
    calls = _calls(decoder, inflater, wire, size)
    assert b"".join(data for data, _, _ in calls) == b"0123456789abcdef"
    assert [last for _, last, _ in calls] == [False] * (len(calls) - 1) + [True]
    assert all(type(data) is bytes and type(last) is bool for data, last, _ in calls)
    assert all(data for data, last, _ in calls if not last)
    grown = 0
    for data, _, max_length in calls:
        assert max_length == 100 - grown
        grown += len(data)


def test_an_empty_last_fragment_ends_the_inflating(implementation: Implementation) -> None:
    for payloads in ([b""], [b"", b""], [b"abc", b""], [b"abc", b"", b""]):
        inflater = Repeater()
        decoder = _server(implementation, inflater)
        wire = b""
        for number, payload in enumerate(payloads):
            fin = number == len(payloads) - 1
            opcode, rsv = (0, 0) if number else (2, RSV1)
            wire += frame(opcode, payload, rsv=rsv, fin=fin, key=KEY)
        assert decoder.feed(wire) == [(2, payloads[0])]
        lasts = [(data, last) for data, last, _ in inflater.calls]
        assert lasts[-1] == (b"", True)
        assert lasts[:-1] == ([(b"abc", False)] if payloads[0] else [])


def test_without_a_limit_the_inflater_has_none(implementation: Implementation) -> None:
    inflater = Repeater()
    decoder = _server(implementation, inflater, max_message_length=None)
    decoder.feed(frame(2, b"abc", rsv=RSV1, key=KEY))
    assert inflater.calls == [(b"abc", True, None)]


def test_messages_without_rsv1_are_not_inflated(implementation: Implementation) -> None:
    inflater = Repeater()
    decoder = _server(implementation, inflater)
    assert decoder.feed(frame(1, b"abc", key=KEY)) == [(1, "abc")]
    assert inflater.calls == []


def test_rsv1_only_on_the_first_frame_of_a_data_message(implementation: Implementation) -> None:
    decoder = _server(implementation, Repeater())
    decoder.feed(frame(1, b"abc", rsv=RSV1, fin=False, key=KEY))
    fails(decoder, b"\xc0", exceptions.reserved_bits(0xC0, 0))
    decoder = _server(implementation, Repeater())
    decoder.feed(frame(1, b"abc", fin=False, key=KEY))
    fails(decoder, b"\x40", exceptions.reserved_bits(0x40, 0))
    fails(_server(implementation, Repeater()), b"\xc9", exceptions.reserved_bits(0xC9, 0))
    fails(_server(implementation, Repeater()), b"\xe1", exceptions.reserved_bits(0xE1, 0x40))
    fails(_server(implementation, None), b"\xc1", exceptions.reserved_bits(0xC1, 0))


def test_inflated_text_is_valid_or_fails_at_its_octet(implementation: Implementation) -> None:
    expected = exceptions.invalid_utf8(4, 0xFF)
    wire = frame(1, b"\xc3\xa9ab\xffcd", rsv=RSV1, key=KEY)
    fails(_server(implementation, Repeater()), wire, expected)
    decoder = _server(implementation, Repeater())
    assert decoder.feed(wire[:-3]) == []
    fails(decoder, wire[-3:-2], expected)
    expected = exceptions.truncated_utf8(5)
    wire = frame(1, b"abc" + EURO[:2], rsv=RSV1, fin=False, key=KEY)
    decoder = _server(implementation, Repeater())
    assert decoder.feed(wire) == []
    fails(decoder, frame(0, key=KEY), expected)
    wire = frame(2, b"abc\xff", rsv=RSV1, key=KEY)
    assert _server(implementation, Repeater()).feed(wire) == [(2, b"abc\xff")]


@pytest.mark.parametrize("limit", [0, 1, 9, 10, 1000])
def test_the_limit_is_on_inflated_octets_and_exact(
    implementation: Implementation, limit: int
) -> None:
    decoder = _server(implementation, Repeater(), max_message_length=limit)
    wire = frame(2, b"x" * limit, rsv=RSV1, key=KEY)
    assert decoder.feed(wire) == [(2, b"x" * limit)]
    expected = exceptions.message_too_long(limit + 1, limit)
    error = fails(decoder, frame(2, b"x" * (limit + 1), rsv=RSV1, key=KEY), expected)
    assert error.close_code == 1009
    decoder = _server(implementation, Repeater(), max_message_length=limit)
    decoder.feed(frame(2, b"x" * limit, rsv=RSV1, fin=False, key=KEY))
    fails(decoder, frame(0, b"x", fin=False, key=KEY), expected)


def test_a_payload_longer_than_the_message_may_be_is_inflated_first(
    implementation: Implementation,
) -> None:
    class Nothing:
        def inflate(self, data: bytes, last: bool, max_length: int | None) -> bytes:
            return b"!" if last else b""

    decoder = _server(implementation, Nothing(), max_message_length=5)
    assert decoder.feed(frame(2, bytes(100), rsv=RSV1, key=KEY)) == [(2, b"!")]


def test_a_bomb_stops_while_inflating(implementation: Implementation) -> None:
    bomb = _deflated(bytes(2**26))
    assert len(bomb) < 2**17
    asked = []

    class Counting(Deflate):
        def inflate(self, data: bytes, last: bool, max_length: int | None) -> bytes:
            inflated = super().inflate(data, last, max_length)
            asked.append(len(inflated))
            return inflated

    for size in (100, 4096, len(bomb) + 20):
        asked.clear()
        decoder = _server(implementation, Counting())
        wire = frame(1, b"before", key=KEY) + frame(2, bomb, rsv=RSV1, key=KEY)
        completed: list[Any] = []
        with pytest.raises(exceptions.RemoteProtocolError) as caught:
            for at in range(0, len(wire), size):
                completed += decoder.feed(wire[at : at + size])
        assert signature(caught.value) == signature(exceptions.message_too_long(2**20 + 1, 2**20))
        assert completed + caught.value.completed == [(1, "before")]
        assert sum(asked) == 2**20 + 1


def test_an_inflater_that_gives_more_than_it_may_is_caught(implementation: Implementation) -> None:
    class Generous:
        def inflate(self, data: bytes, last: bool, max_length: int | None) -> bytes:
            return bytes(1000)

    decoder = _server(implementation, Generous(), max_message_length=10)
    fails(decoder, frame(2, b"x", rsv=RSV1, key=KEY), exceptions.message_too_long(1000, 10))


@pytest.mark.parametrize("error", [zlib.error("bad"), ValueError("x"), ZeroDivisionError()])
def test_an_inflaters_error_fails_the_connection(
    implementation: Implementation, error: Exception
) -> None:
    decoder = _server(implementation, Broken(error))
    wire = frame(1, b"before", key=KEY) + frame(1, b"abc", rsv=RSV1, key=KEY)
    caught = fails(decoder, wire, exceptions.inflate_failed(error))
    assert caught.__cause__ is error
    assert caught.completed == [(1, "before")]
    assert caught.close_code == 1007


def test_an_inflaters_protocol_error_passes_on(implementation: Implementation) -> None:
    error = exceptions.RemoteProtocolError("too much", CloseCode.POLICY_VIOLATION)
    decoder = _server(implementation, Broken(error))
    wire = frame(1, b"before", key=KEY) + frame(1, b"abc", rsv=RSV1, key=KEY)
    caught = fails(decoder, wire, error)
    assert caught is error
    assert caught.completed == [(1, "before")]


def test_an_interrupt_inside_an_inflater_passes_on(implementation: Implementation) -> None:
    decoder = _server(implementation, Broken(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        decoder.feed(frame(1, b"abc", rsv=RSV1, key=KEY))


@pytest.mark.parametrize("wrong", [None, "text", 3, [1]])
def test_an_inflater_that_gives_no_octets_fails_clearly(
    implementation: Implementation, wrong: Any
) -> None:
    class Wrong:
        def inflate(self, data: bytes, last: bool, max_length: int | None) -> Any:
            return wrong

    decoder = _server(implementation, Wrong())
    with pytest.raises((TypeError, exceptions.RemoteProtocolError)):
        decoder.feed(frame(1, b"abc", rsv=RSV1, key=KEY))


def test_an_inflater_without_inflate_fails_clearly(implementation: Implementation) -> None:
    with pytest.raises((TypeError, AttributeError, exceptions.RemoteProtocolError)):
        _server(implementation, object()).feed(frame(1, b"abc", rsv=RSV1, key=KEY))


def test_inflated_parts_are_handed_out_as_they_come(implementation: Implementation) -> None:
    decoder = _server(implementation, Repeater(2), partial=True)
    wire = frame(2, b"abc", rsv=RSV1, fin=False, key=KEY) + frame(0, b"", key=KEY)
    found = []
    for at in range(len(wire)):
        found += decoder.feed(wire[at : at + 1])
    assert found == [
        MessagePart(Opcode.BINARY, 0, b"aa", False),
        MessagePart(Opcode.BINARY, 2, b"bb", False),
        MessagePart(Opcode.BINARY, 4, b"cc", False),
        MessagePart(Opcode.BINARY, 6, b"", True),
    ]
    text = "ab€🚀".encode()
    decoder = _server(implementation, Repeater(), partial=True)
    wire = frame(1, text, rsv=RSV1, key=KEY)
    found = []
    for at in range(0, len(wire), 4):
        found += decoder.feed(wire[at : at + 4])
    assert "".join(part.data for part in found) == text.decode()
    assert found[-1].last


@pytest.mark.parametrize("way", ["feed", "buffer_updated", "get_buffer", "finish"])
def test_an_inflater_cant_call_its_decoder(implementation: Implementation, way: str) -> None:
    said: list[str] = []

    class Reentrant:
        def inflate(self, data: bytes, last: bool, max_length: int | None) -> bytes:
            args = {"feed": (frame(1, b"x", key=KEY),), "buffer_updated": (0,)}.get(way, ())
            try:
                getattr(decoder, way)(*args)
            except RuntimeError as error:
                said.append(str(error))
            return data

    decoder = _server(implementation, Reentrant())
    assert decoder.feed(frame(1, b"abc", rsv=RSV1, key=KEY)) == [(1, "abc")]
    assert said == [str(exceptions.in_use("MessageDecoder"))]
    assert decoder.feed(frame(1, b"abc", key=KEY)) == [(1, "abc")]


def test_an_inflater_that_does_not_catch_the_error_fails(implementation: Implementation) -> None:
    class Reentrant:
        def inflate(self, data: bytes, last: bool, max_length: int | None) -> Any:
            return decoder.feed(b"")

    decoder = _server(implementation, Reentrant())
    expected = exceptions.inflate_failed(exceptions.in_use("MessageDecoder"))
    fails(decoder, frame(1, b"abc", rsv=RSV1, key=KEY), expected)
