"""wsproto on this codec: the same octets are the same events."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wsfast
from wsfast import encode_frame

pytest.importorskip("wsproto")

from wsproto_traffic import (
    OURS,
    PLAIN,
    connected,
    outcome,
    received,
    seen,
    traffic,
)


@pytest.fixture
def enabled() -> Iterator[None]:
    wsfast.enable("wsproto", strict=True)
    yield
    wsfast.disable("wsproto")


@pytest.fixture(scope="module")
def all_enabled(forced: None) -> Iterator[None]:
    """For hypothesis: enabled once for all examples."""
    wsfast.enable("wsproto", strict=True)
    yield
    wsfast.disable("wsproto")


@settings(max_examples=100, deadline=None)
@given(example=traffic())
def test_the_same_octets_are_the_same_events(
    all_enabled: None, example: tuple[str, str, list[bytes | None], str]
) -> None:
    assert received(OURS, *example) == received(PLAIN, *example)


@settings(max_examples=50, deadline=None)
@given(text=st.text(max_size=30), cuts=st.lists(st.integers(0, 90), max_size=4), data=st.data())
def test_text_is_decoded_as_it_comes(
    all_enabled: None, text: str, cuts: list[int], data: st.DataObject
) -> None:
    octets = bytearray(text.encode())
    if octets and data.draw(st.booleans()):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    inner = sorted(cut % (len(octets) + 1) for cut in cuts)
    pieces = [octets[a:b] for a, b in itertools.pairwise([0, *inner, len(octets)])]
    logs = []
    for library in (OURS.frame_protocol, PLAIN.frame_protocol):
        decoder, log = library.MessageDecoder(), []
        for number, piece in enumerate(pieces):
            opcode = library.Opcode(1 if number == 0 else 0)
            fin = number == len(pieces) - 1
            frame = library.Frame(opcode, bytes(piece), fin, fin)
            log.append(outcome(lambda: decoder.process_frame(frame)))  # noqa: B023
            log += [decoder.opcode, decoder.decoder and decoder.decoder.getstate()]
        logs.append(log)
    assert logs[0] == logs[1]


@settings(max_examples=50, deadline=None)
@given(
    key=st.binary(min_size=4, max_size=4),
    pieces=st.lists(st.binary(max_size=300)),
    kind=st.sampled_from([bytes, bytearray]),
)
def test_masks_go_on_from_piece_to_piece(
    all_enabled: None, key: bytes, pieces: list[bytes], kind: Any
) -> None:
    ours, plain = (library.frame_protocol.XorMaskerSimple(kind(key)) for library in (OURS, PLAIN))
    for piece in pieces:
        assert seen(ours.process(kind(piece))) == seen(plain.process(kind(piece)))
        assert seen(ours._masking_key) == seen(plain._masking_key)


def test_a_subclass_is_asked(enabled: None) -> None:
    asked = []

    class Protocol(OURS.frame_protocol.FrameProtocol):  # type: ignore[name-defined,misc]
        def received_frames(self) -> Any:
            asked.append("received_frames")
            return super().received_frames()

        def send_data(self, payload: Any = b"", fin: bool = True) -> Any:
            asked.append("send_data")
            return super().send_data(payload, fin)

    connection = connected(OURS, "server")
    connection._proto = Protocol(False, [])
    connection.receive_data(encode_frame(1, "hello", mask=True))
    assert [event.data for event in connection.events()] == ["hello"]
    assert connection.send(OURS.events.TextMessage("hello")) == b"\x81\x05hello"
    assert asked == ["received_frames", "send_data"]


def test_another_decoder_is_used(enabled: None) -> None:
    connection = connected(OURS, "server")
    connection._proto._frame_decoder = OURS.frame_protocol.FrameDecoder(client=True)
    connection.receive_data(b"\x81\x05hello\x89\x00")
    events = list(connection.events())
    assert [type(event).__name__ for event in events] == ["TextMessage", "Ping"]
