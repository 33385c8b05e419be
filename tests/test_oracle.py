"""The decoders against the oracle: every stream cut at every position and octet by octet, through
`feed` and through the receive buffer, gives the same items by the same reads and the same error."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from implementations import Implementation
from oracle import CLOSE, PING, PONG, Reading, read_frames, read_messages, rfc_mask, signature
from predictions import (
    WAYS,
    Outcome,
    finish_signature,
    frame_parts,
    message_parts,
    two_reads,
    whole_items,
)
from streams import KEY, OTHER_KEY, STREAMS, Stream, frame, message_decoder

Make = Callable[[], Any]
Predict = Callable[[Reading, Sequence[int]], list[Outcome]]
Held = tuple[Make, Reading, Predict]


def _hold(
    make: Make, reading: Reading, predict: Predict, data: bytes, cuts: list[int], way: str
) -> None:
    decoder = make()
    real, found = WAYS[way](decoder, data, cuts)
    assert found == predict(reading, real), (way, cuts)
    error = reading.finish_error()
    expected = None if error is None or reading.closed is not None else signature(error)
    assert finish_signature(decoder) == expected, (way, cuts)
    assert decoder.closed is (reading.closed is not None and reading.closed <= len(data))


def _frame_decoders(
    implementation: Implementation, data: bytes, side: str, options: dict[str, Any]
) -> list[Held]:
    reading = read_frames(data, side, **options)

    def make(partial: bool) -> Make:
        return lambda: implementation.frames.FrameDecoder(side, partial=partial, **options)

    return [(make(False), reading, whole_items), (make(True), reading, frame_parts)]


def _message_decoders(
    implementation: Implementation, data: bytes, side: str, options: dict[str, Any]
) -> list[Held]:
    found: list[Held] = []
    ratio = options.get("ratio", 0)
    for text in ("str", "bytes"):
        reading = read_messages(data, side, text=text, **options)

        def make(partial: bool, text: str = text) -> Make:
            named = {"text": text, "partial": partial, **options}
            return lambda: message_decoder(implementation, side, **named)

        def parts(reading: Reading, cuts: Sequence[int], text: str = text) -> list[Outcome]:
            return message_parts(reading, cuts, text=text, ratio=ratio)

        found.append((make(False), reading, whole_items))
        # How much of a piece with a fault in it is handed out, is said of characters only; and of a
        # bomb's last piece nothing is.
        of_text = reading.fault is not None and reading.fault.error.close_code == 1007
        if not (of_text and text == "bytes") and ratio <= 1:
            found.append((make(True), reading, parts))
    return found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_frames_do_not_depend_on_cuts(
    implementation: Implementation, stream: Stream, way: str
) -> None:
    for held in _frame_decoders(implementation, stream.data, stream.side, stream.frames):
        for cuts in two_reads(len(stream.data)):
            _hold(*held, stream.data, cuts, way)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_messages_do_not_depend_on_cuts(
    implementation: Implementation, stream: Stream, way: str
) -> None:
    for held in _message_decoders(implementation, stream.data, stream.side, stream.messages):
        for cuts in two_reads(len(stream.data)):
            _hold(*held, stream.data, cuts, way)


@pytest.mark.parametrize("way", WAYS)
def test_long_payloads_do_not_depend_on_cuts(implementation: Implementation, way: str) -> None:
    text = ("long text ä € 🚀 " * 3200).encode()
    data = frame(1, text, key=KEY) + frame(2, bytes(70000), fin=False, key=OTHER_KEY)
    data += frame(9, b"ping", key=KEY) + frame(0, text[:65536], key=KEY)
    edges = [len(frame(1, text, key=KEY)) + step for step in (-3, 0, 2, 6, 10, 14, 15)]
    samples = [1, 2, 5, 9, 13, 14, 15, 1000, 65535, 65536, *edges, len(data) - 1]
    decoders = _frame_decoders(implementation, data, "server", {})
    decoders += _message_decoders(implementation, data, "server", {})
    for held in decoders:
        for cut in samples:
            _hold(*held, data, [cut, len(data)], way)
        for size in (997, 4096, 65536):
            _hold(*held, data, [*range(size, len(data), size), len(data)], way)


def test_reads_may_come_either_way(implementation: Implementation) -> None:
    for stream in STREAMS:
        for held in _frame_decoders(implementation, stream.data, stream.side, stream.frames)[:1]:
            make, reading, _ = held
            decoder, found = make(), []
            for at in range(0, len(stream.data), 3):
                chunk = stream.data[at : at + 3]
                for octets, way in ((chunk[:1], "feed"), (chunk[1:], "receive buffer")):
                    if octets:
                        found += WAYS[way](decoder, octets, [len(octets)])[1]
            [whole] = whole_items(reading, [len(stream.data)])
            assert [item for outcome in found for item in outcome.items] == whole.items
            assert next((o.error for o in found if o.error), None) == whole.error


# Streams that nobody thought of -------------------------------------------------------------------

_UTF8 = st.text(max_size=20).map(lambda text: text.encode("utf-8", "ignore"))
_PAYLOADS = st.one_of(st.binary(max_size=20), _UTF8, st.integers(100, 300).map(bytes))
_CLOSES = st.builds(
    lambda code, reason: code.to_bytes(2, "big") + reason,
    st.sampled_from([1000, 1001, 1007, 3000, 4999, 999, 1005, 1006, 1015, 2999, 5000]),
    _UTF8 | st.binary(max_size=10),
)


@st.composite
def _good_streams(draw: Any) -> tuple[str, bytes]:
    """A stream that keeps to the rules of frames, control frames between fragments included."""
    side = draw(st.sampled_from(["server", "client"]))
    key = KEY if side == "server" else None
    wire = b""
    for opcode, text in draw(
        st.lists(st.tuples(st.sampled_from([1, 2]), st.text(max_size=30)), max_size=5)
    ):
        octets = text.encode("utf-8", "ignore")
        bounds = sorted(draw(st.lists(st.integers(0, len(octets)), max_size=4)))
        pairs = list(itertools.pairwise([0, *bounds, len(octets)]))
        for number, (begin, end) in enumerate(pairs):
            for ping in draw(st.lists(st.binary(max_size=5), max_size=1)):
                wire += frame(draw(st.sampled_from([PING, PONG])), ping, key=key)
            fin = number == len(pairs) - 1
            wire += frame(0 if number else opcode, octets[begin:end], fin=fin, key=key)
    return side, wire


@st.composite
def _any_streams(draw: Any) -> tuple[str, bytes]:
    """Frames that may break any rule."""
    side = draw(st.sampled_from(["server", "client"]))
    wire = b""
    for _ in range(draw(st.integers(0, 5))):
        masked = draw(st.sampled_from([True] * 9 + [False])) == (side == "server")
        opcode = draw(st.sampled_from([0, 0, 1, 1, 2, 8, 9, 10, 3, 11]))
        payload = draw(_CLOSES if opcode == CLOSE else _PAYLOADS)
        bits = draw(st.sampled_from([None] * 8 + [16, 64]))
        declared = draw(st.sampled_from([None] * 8 + [2**16, 2**63, len(payload) + 1]))
        if declared is not None:
            bits = 64
        key = draw(st.binary(min_size=4, max_size=4)) if masked else None
        fin = draw(st.sampled_from([True, True, False]))
        rsv = draw(st.sampled_from([0] * 8 + [0x40, 0x40, 0x20, 0x10]))
        wire += frame(opcode, payload, fin=fin, rsv=rsv, key=key, bits=bits, declared=declared)
    return side, wire


_CUTS = st.lists(st.integers(1, 400), max_size=6)
_LIMITS = st.sampled_from([None, 0, 5, 20, 2**16, 2**20])


def _bounds(cuts: list[int], length: int) -> list[int]:
    return [*sorted({cut for cut in cuts if cut < length}), length]


def _hold_all(decoders: list[Held], data: bytes, cuts: list[int]) -> None:
    for held in decoders:
        for way in WAYS:
            _hold(*held, data, _bounds(cuts, len(data)), way)
            if data:
                _hold(*held, data, list(range(1, len(data) + 1)), way)


@given(
    stream=st.one_of(_good_streams(), _any_streams()),
    cuts=_CUTS,
    limit=_LIMITS,
    rsv=st.integers(0, 7),
)
def test_any_stream_of_frames(
    implementation: Implementation,
    stream: tuple[str, bytes],
    cuts: list[int],
    limit: int | None,
    rsv: int,
) -> None:
    side, data = stream
    options = {"rsv": rsv << 4, "max_payload_length": limit}
    _hold_all(_frame_decoders(implementation, data, side, options), data, cuts)


@given(
    stream=st.one_of(_good_streams(), _any_streams()),
    cuts=_CUTS,
    limit=_LIMITS,
    payload_limit=_LIMITS,
    fragments=st.sampled_from([None, None, 0, 1, 2]),
)
def test_any_stream_of_messages(
    implementation: Implementation,
    stream: tuple[str, bytes],
    cuts: list[int],
    limit: int | None,
    payload_limit: int | None,
    fragments: int | None,
) -> None:
    side, data = stream
    options = {
        "max_message_length": limit,
        "max_payload_length": payload_limit,
        "max_fragments": fragments,
    }
    _hold_all(_message_decoders(implementation, data, side, options), data, cuts)


@given(stream=_any_streams(), cuts=_CUTS)
def test_any_stream_of_compressed_messages(
    implementation: Implementation, stream: tuple[str, bytes], cuts: list[int]
) -> None:
    side, data = stream
    options = {"max_message_length": None, "ratio": 1}
    _hold_all(_message_decoders(implementation, data, side, options), data, cuts)


@given(data=st.binary(max_size=60), side=st.sampled_from(["server", "client"]), cuts=_CUTS)
def test_any_octets_at_all(
    implementation: Implementation, data: bytes, side: str, cuts: list[int]
) -> None:
    _hold_all(_frame_decoders(implementation, data, side, {}), data, cuts)
    _hold_all(_message_decoders(implementation, data, side, {}), data, cuts)


@given(stream=_good_streams(), at=st.integers(0, 400), octet=st.integers(1, 255), cuts=_CUTS)
def test_any_stream_with_one_octet_changed(
    implementation: Implementation, stream: tuple[str, bytes], at: int, octet: int, cuts: list[int]
) -> None:
    side, good = stream
    changed = bytearray(good)
    if good:
        changed[at % len(good)] ^= octet
    data = bytes(changed)
    _hold_all(_frame_decoders(implementation, data, side, {}), data, cuts)
    _hold_all(_message_decoders(implementation, data, side, {}), data, cuts)


def test_the_formula_of_the_oracle_is_the_rfcs() -> None:
    assert rfc_mask(b"Hello", KEY) == bytes.fromhex("7f9f4d5158")
    payload = bytes(range(256))
    for offset in range(9):
        for length in range(257):
            formula = bytes(payload[i] ^ KEY[(offset + i) % 4] for i in range(length))
            assert rfc_mask(payload[:length], KEY, offset) == formula
