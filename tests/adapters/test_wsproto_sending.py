"""wsproto on this codec: the same events are the same octets."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wsfast
from wsfast import apply_mask

pytest.importorskip("wsproto")

from wsproto_traffic import KEY, OURS, PLAIN, connected, outcome


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


data_to_send = st.one_of(
    st.text(max_size=200),
    st.binary(max_size=200),
    st.binary(max_size=200).map(bytearray),
    st.binary(max_size=50).map(memoryview),
    st.sampled_from("BHc").map(lambda item: memoryview(b"abcd").cast(item)),
    st.just(b"abcdef").map(lambda octets: memoryview(octets)[::2]),
    st.sampled_from(
        ["\ud800", None, 7, [1, 2], "é" * 40000, bytes(65535), bytes(65536), "a" * 126]
    ),
)
sent_events = st.one_of(
    st.tuples(st.sampled_from(["Message", "TextMessage", "BytesMessage"]), data_to_send),
    st.tuples(st.sampled_from(["Ping", "Pong"]), st.binary(max_size=130)),
    st.tuples(st.just("CloseConnection"), st.sampled_from([1000, 1005, 1006, 4000, None])),
    st.tuples(st.just("AcceptConnection"), st.none()),
)


def sent(
    library: SimpleNamespace, side: str, kind: str, traffic: list[Any], key: bytes | None
) -> list[Any]:
    connection = connected(library, side, kind)
    log = []
    with pytest.MonkeyPatch.context() as patch:
        if key is not None:
            patch.setattr(os, "urandom", lambda size: key[:size])
        for (name, value), finished in traffic:
            arguments = [value] if value is not None or name != "AcceptConnection" else []
            if name.endswith("Message"):
                arguments += [True, finished]
            event = getattr(library.events, name)(*arguments)
            found = outcome(lambda: connection.send(event))  # noqa: B023
            if key is None and found[0] == "bytes" and side == "client":
                found = unmasked(found[1])
            log += [found, connection.state.name, connection._proto._outbound_opcode]
    return log


def unmasked(frame: bytes) -> tuple[bytes, bytes]:
    start = {126: 4, 127: 10}.get(frame[1] & 0x7F, 2)
    return frame[:start], apply_mask(frame[start + 4 :], frame[start : start + 4])


@settings(max_examples=100, deadline=None)
@given(
    side=st.sampled_from(["server", "client"]),
    kind=st.sampled_from(["none", "none", "deflate", "no context", "recorder"]),
    traffic=st.lists(st.tuples(sent_events, st.sampled_from([True, True, False, 1])), max_size=8),
    key=st.sampled_from([None, KEY]),
)
def test_the_same_events_are_the_same_octets(
    all_enabled: None, side: str, kind: str, traffic: list[Any], key: bytes | None
) -> None:
    assert sent(OURS, side, kind, traffic, key) == sent(PLAIN, side, kind, traffic, key)


@pytest.mark.parametrize("kind", ["none", "deflate"])
@pytest.mark.parametrize("opcode", [0, 1, 2, 8, 9, 10])
def test_frames_that_no_event_makes(enabled: None, kind: str, opcode: int) -> None:
    for payload in (b"", bytearray(126), "text", None):
        for fin in (True, False, 1, 0):
            frames = []
            for library in (OURS, PLAIN):
                protocol = connected(library, "server", kind)._proto
                called_by = library.frame_protocol.Opcode(opcode)
                frames.append(outcome(lambda: protocol._serialize_frame(called_by, payload, fin)))  # noqa: B023
            assert frames[0] == frames[1]


def test_each_frame_has_a_key_of_its_own(enabled: None) -> None:
    connection = connected(OURS, "client")
    event = OURS.events.BytesMessage(b"payload")
    assert len({connection.send(event)[2:6] for _ in range(100)}) == 100
