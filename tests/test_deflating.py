"""Messages deflated and inflated, RFC 7692 section 7.2; zlib is the peer, whatever the library."""

from __future__ import annotations

import gc
import zlib
from typing import Any

import pytest
from deflate_peers import LIBRARIES, MODULES, PIECES, TAIL, Receiver, Sender, with_final_block
from hypothesis import given, settings
from hypothesis import strategies as st
from implementations import Implementation
from streams import KEY, frame

from wsfast import exceptions
from wsfast.deflating import LIBRARIES as TABLE
from wsfast.deflating import Deflater, Inflater

RSV1 = 0x40


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> Any:
    return TABLE[request.param].load()


def _deflater(module: Any, window_bits: int = 12, level: int = 2, **more: Any) -> Deflater:
    options = {"memory_level": 5, "takeover": True, **more}
    return Deflater(module, window_bits=window_bits, level=level, **options)


def _inflater(module: Any, window_bits: int = 15, takeover: bool = True) -> Inflater:
    return Inflater(module, window_bits=window_bits, takeover=takeover)


@pytest.mark.parametrize("name", MODULES)
def test_every_library_is_here(name: str) -> None:
    assert TABLE.keys() == MODULES.keys()
    assert TABLE[name].module == MODULES[name]
    pytest.importorskip(MODULES[name], reason=f"{name} isn't installed: not tested with it")
    assert name in LIBRARIES


# The payloads of RFC 7692 section 7.2.3, and what they say.
EXAMPLES = {
    "7.2.3.1": (["f248cdc9c90700"], [b"Hello"]),
    "7.2.3.2": (["f248cdc9c90700", "f200110000"], [b"Hello", b"Hello"]),
    "7.2.3.3": (["000500faff48656c6c6f00"], [b"Hello"]),
    "7.2.3.4": (["f348cdc9c9070000"], [b"Hello"]),
    "7.2.3.5": (["f248050000" + "00ffffcac9c90700"], [b"Hello"]),
    "7.2.3.6": (["00"], [b""]),
}


@pytest.mark.parametrize("section", EXAMPLES)
def test_the_examples_of_rfc_7692(library: Any, section: str) -> None:
    payloads, messages = EXAMPLES[section]
    inflater = _inflater(library)
    assert [inflater.inflate(bytes.fromhex(p), True, 100) for p in payloads] == messages


@pytest.mark.parametrize("section", EXAMPLES)
def test_the_examples_of_rfc_7692_in_pieces(library: Any, section: str) -> None:
    payloads, messages = EXAMPLES[section]
    for ends_empty in (False, True):
        inflater = _inflater(library)
        for payload, message in zip(map(bytes.fromhex, payloads), messages, strict=True):
            pieces = [bytes([octet]) for octet in payload] + [b""] * ends_empty
            found = [inflater.inflate(piece, False, None) for piece in pieces[:-1]]
            assert b"".join([*found, inflater.inflate(pieces[-1], True, None)]) == message


def test_deflating_the_examples_of_rfc_7692() -> None:
    deflater = _deflater(zlib, 15, 6)
    assert deflater.deflate(b"Hello").hex() == "f248cdc9c90700"
    assert deflater.deflate(b"Hello").hex() == "f200110000"
    assert deflater.deflate(b"").hex() == "00"


@pytest.mark.parametrize("takeover", [True, False])
@pytest.mark.parametrize("window_bits", range(9, 16))
def test_a_peer_reads_what_is_deflated(library: Any, window_bits: int, takeover: bool) -> None:
    deflater = _deflater(library, window_bits, takeover=takeover)
    receiver = Receiver(window_bits, takeover)
    for message in (b"", b"a", b"", b"", *PIECES, b"".join(PIECES * 3), *PIECES):
        assert receiver.message(deflater.deflate(message)) == message


@pytest.mark.parametrize("takeover", [True, False])
@pytest.mark.parametrize("window_bits", range(8, 16))
def test_what_a_peer_deflates_is_read(library: Any, window_bits: int, takeover: bool) -> None:
    sender = Sender(max(9, window_bits), takeover)
    inflater = _inflater(library, window_bits, takeover)
    for message in (b"", b"a", b"", *PIECES, b"".join(PIECES * 30), *PIECES):
        assert inflater.inflate(sender.message(message), True, 2**20) == message


@settings(max_examples=30)
@given(messages=st.lists(st.lists(st.sampled_from(PIECES), max_size=6), max_size=6), data=st.data())
@pytest.mark.parametrize("name", LIBRARIES)
def test_messages_in_any_fragments(name: str, messages: list[list[bytes]], data: Any) -> None:
    module = TABLE[name].load()
    takeover = data.draw(st.booleans())
    deflater = _deflater(module, 10, takeover=takeover)
    receiver = Receiver(10, takeover)
    inflater = _inflater(module, 10, takeover)
    for fragments in messages:
        message = b"".join(fragments)
        payload = b"".join(deflater.deflate(fragment, False) for fragment in fragments)
        payload += deflater.deflate(b"")
        assert receiver.message(payload) == message
        cuts = data.draw(st.lists(st.integers(1, len(payload)), max_size=4).map(sorted))
        found, at = b"", 0
        for cut in cuts:
            if cut > at:
                found += inflater.inflate(payload[at:cut], False, 2**20)
                at = cut
        assert found + inflater.inflate(payload[at:], True, 2**20) == message


def test_all_of_a_fragment_can_be_read_at_once(library: Any) -> None:
    deflater, receiver = _deflater(library), zlib.decompressobj(-12)
    for fragment in PIECES:
        assert receiver.decompress(deflater.deflate(fragment, False)) == fragment
    assert receiver.decompress(deflater.deflate(b"last") + TAIL) == b"last"


def test_an_empty_message_is_one_octet(library: Any) -> None:
    for takeover in (True, False):
        deflater = _deflater(library, takeover=takeover)
        assert deflater.deflate(b"") == b"\x00"
        deflater.deflate(b"abc")
        assert [deflater.deflate(b""), deflater.deflate(memoryview(b""))] == [b"\x00"] * 2
        assert [deflater.deflate(b"", False), deflater.deflate(b"")] == [b"", b"\x00"]


def test_every_length_of_output_ends_in_the_tail(library: Any) -> None:
    # A buffer of the library's that is full to the last octet asks for a flush once more.
    deflater, receiver = _deflater(library, 15, 1), zlib.decompressobj(-15)
    noise = b"".join(PIECES * 30)
    for length in (*range(16_350, 16_400, 3), *range(32_730, 32_780, 3)):
        message = noise[:length]
        assert receiver.decompress(deflater.deflate(message) + TAIL) == message


@pytest.mark.parametrize("data", [bytearray(b"abc"), memoryview(b"abcabc")[::1], b"abc"])
def test_any_octets_are_deflated(library: Any, data: Any) -> None:
    assert Receiver(12).message(_deflater(library).deflate(data)) == bytes(data)
    two = memoryview(b"aabbccdd").cast("H")
    assert Receiver(12).message(_deflater(library).deflate(two)) == b"aabbccdd"


@pytest.mark.parametrize("wrong", ["", "abc", None, 3, [1]])
def test_nothing_but_octets_is_deflated(library: Any, wrong: Any) -> None:
    deflater, receiver = _deflater(library), Receiver(12)
    assert receiver.message(deflater.deflate(b"abc")) == b"abc"
    with pytest.raises(TypeError):
        deflater.deflate(wrong)
    assert receiver.message(deflater.deflate(b"abc")) == b"abc"


def test_takeover_makes_the_second_message_shorter(library: Any) -> None:
    # Octets that are their own shortest form, so that it is the window that makes it.
    message = PIECES[3]
    lengths = {}
    for takeover in (True, False):
        deflater = _deflater(library, takeover=takeover)
        lengths[takeover] = [len(deflater.deflate(message)) for _ in range(2)]
    assert lengths[True][1] < lengths[True][0] / 4
    assert lengths[False][1] == lengths[False][0] >= len(message)


def test_reset_between_fragments_is_refused(library: Any) -> None:
    deflater, receiver = _deflater(library), zlib.decompressobj(-12)
    found = receiver.decompress(deflater.deflate(b"abc", False))
    for _ in range(2):
        with pytest.raises(exceptions.LocalProtocolError, match="between two fragments"):
            deflater.reset()
    assert found + receiver.decompress(deflater.deflate(b"abc") + TAIL) == b"abcabc"
    deflater.reset()


# BFINAL


@pytest.mark.parametrize("behind", [b"\x00", b""])
@pytest.mark.parametrize("size", [1, 2, 5, 10**6])
def test_final_blocks_anywhere(library: Any, size: int, behind: bytes) -> None:
    for takeover in (True, False):
        inflater, plain = _inflater(library, takeover=takeover), Sender(takeover=takeover)
        first = plain.message(b"first")
        final = with_final_block(b"Hello, ") + with_final_block(b"") + with_final_block(b"world")
        mixed = with_final_block(b"one ") + Sender().message(b"two")
        again = Sender(takeover=takeover)
        cases = [
            (first, b"first"),
            (final + behind, b"Hello, world"),
            (mixed, b"one two"),
            (final + behind, b"Hello, world"),
            (behind, b""),
            (again.message(b"next"), b"next"),
            (again.message(b"next"), b"next"),
        ]
        for payload, message in cases:
            found, at = b"", 0
            while at + size < len(payload):
                found += inflater.inflate(payload[at : at + size], False, 100)
                at += size
            assert found + inflater.inflate(payload[at:], True, 100) == message


def test_a_message_of_0_octets_is_empty(library: Any) -> None:
    # RFC 7692 doesn't make one; the messages behind it are read all the same.
    for takeover in (True, False):
        inflater, sender = _inflater(library, takeover=takeover), Sender(takeover=takeover)
        for message in (b"", b"Hello", b"Hello"):
            assert inflater.inflate(b"", True, 100) == b""
            assert inflater.inflate(sender.message(message), True, 100) == message


# What is wrong


def _is_wrong(module: Any, payload: bytes, *, behind: bytes = b"") -> None:
    inflater = _inflater(module)
    with pytest.raises((module.error, zlib.error)):
        inflater.inflate(payload, True, 1000)
        for _ in range(2):
            inflater.inflate(behind or Sender().message(b"next"), True, 1000)


def test_garbage_fails(library: Any) -> None:
    _is_wrong(library, b"\x07garbage")  # block type 3
    _is_wrong(library, b"\x00\x05\x00\x05\x00Hello")  # a length and its complement that don't fit
    _is_wrong(library, Sender().message(b"Hello")[:-1] + b"\xff\xff\xff")
    _is_wrong(library, with_final_block(b"Hello") + b"\xff\xff")
    _is_wrong(library, b"\xf2\x00\x11\x00\x00")  # refers to the message before: there is none


def test_a_reference_past_the_window_or_a_reset_fails(library: Any) -> None:
    sender, receiver = Sender(), _inflater(library, takeover=False)
    assert receiver.inflate(sender.message(PIECES[3]), True, 1000) == PIECES[3]
    with pytest.raises((library.error, zlib.error)):
        receiver.inflate(sender.message(PIECES[3]), True, 1000)


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_message_that_ends_too_early_is_bounded(library: Any, cut: int) -> None:
    # The tail is then read as a part of what is missing: any octets come of it, or an error.
    whole = Sender().message(b"a message that is cut, a message that is cut short by its sender")
    inflater = _inflater(library)
    try:
        for _ in range(3):
            assert len(inflater.inflate(whole[:cut], True, 100)) <= 101
    except (library.error, zlib.error):
        pass


@settings(max_examples=200)
@given(pieces=st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=4))
@pytest.mark.parametrize("name", LIBRARIES)
def test_any_octets_inflate_or_fail(name: str, pieces: list[bytes]) -> None:
    module = TABLE[name].load()
    inflater, left = _inflater(module), 50
    try:
        for number, piece in enumerate(pieces):
            inflated = inflater.inflate(piece, number == len(pieces) - 1, left)
            assert len(inflated) <= left + 1
            left = max(0, left - len(inflated))
    except (module.error, zlib.error):
        pass


def test_wrong_octets_fail_the_connection_with_1007(
    implementation: Implementation, library: Any
) -> None:
    decoder = implementation.messages.MessageDecoder("server", inflater=_inflater(library))
    with pytest.raises(exceptions.RemoteProtocolError, match="can't be inflated") as caught:
        decoder.feed(frame(2, b"\x07garbage", rsv=RSV1, key=KEY))
    assert caught.value.close_code == 1007


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_messages_through_the_decoder(
    implementation: Implementation, library: Any, size: int
) -> None:
    messages = [b"", b"Hello", "€ 🚀 ".encode() * 100, b"", b"x" * 30_000, b"Hello"]
    for text in (True, False):
        deflater = _deflater(library)
        options = {"text": "bytes", "inflater": _inflater(library, 12)}
        decoder = implementation.messages.MessageDecoder("client", **options)
        wire = b""
        for message in messages:
            wire += frame(2 - text, deflater.deflate(message), rsv=RSV1)
            wire += frame(2 - text, b"plain")
            wire += frame(2 - text, deflater.deflate(message[:50], False), rsv=RSV1, fin=False)
            wire += frame(9, b"ping") + frame(0, b"", fin=False)
            wire += frame(0, deflater.deflate(message[50:]))
        found: list[Any] = []
        for at in range(0, len(wire), size):
            found += decoder.feed(wire[at : at + size])
        whole = [data for opcode, data in found if opcode != 9]
        assert whole == [data for message in messages for data in (message, b"plain", message)]
    gc.collect()
