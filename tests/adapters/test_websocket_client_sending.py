"""websocket-client, frames, masks and UTF-8: the same with its codec replaced as without."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from switching import runs, switched
from websocket_client_sockets import (
    NAME,
    TEXT,
    Socket,
    abnf,
    connection,
    core,
    outcome,
    payloads,
    plans,
    recorded,
)

from wsfast.frames import FrameSplitter


@pytest.fixture
def enabled() -> Iterator[None]:
    with switched(NAME, True):
        yield


@runs(80)
@given(
    st.one_of(
        st.text(st.characters(), max_size=9),
        payloads,
        payloads.map(bytearray),
        st.sampled_from([TEXT * 20, "x" * 7000, None, memoryview(b"abc"), [1, 2]]),
    ),
    st.one_of(st.sampled_from([1, 2, True]), st.integers(-1, 16)),
    st.sampled_from([None, None, b"abcd", "abcd", "äbcd", b"ab"]),
    st.booleans(),
    plans,
)
def test_what_is_sent_is_the_same(
    payload: Any, opcode: int, key: Any, trace: bool, plan: tuple[int, ...]
) -> None:
    def run(on: bool) -> list[Any]:
        seen: list[Any] = []
        drawn: list[int] = []
        with switched(NAME, on), recorded(seen if key is not None else [], trace):
            socket = Socket(plan=plan)

            def get_mask_key(length: int) -> Any:
                drawn.append(length)
                return key

            client = connection(socket, get_mask_key=None if key is None else get_mask_key)
            seen.append(outcome(lambda: client.send(payload, opcode)))
            seen.append(drawn)
        if key is not None:
            seen.append(socket.seen)
        else:
            sent = b"".join(socket.seen)
            seen.append([len(piece) for piece in socket.seen])
            seen.append(sent[:2])
            seen.append(FrameSplitter("server").split(sent, 0, opcode == 0))
        return seen

    assert run(True) == run(False)


@given(
    st.integers(-1, 2),
    st.integers(0, 2),
    st.integers(0, 15),
    st.integers(0, 2),
    payloads,
    st.booleans(),
)
@runs(60)
def test_frames_are_formatted_the_same(
    fin: int, rsv: int, opcode: int, mask: int, payload: bytes, text: bool
) -> None:
    def run(on: bool) -> Any:
        with switched(NAME, on):
            data = payload.decode("latin-1") if text else payload
            frame = core.ABNF(fin, rsv, 0, 0, opcode, mask, data)
            found = outcome(frame.format)
            if mask == 1 and found[0] is bytes:
                octets = found[1]
                start = len(octets) - len(data)
                key = octets[start - 4 : start]
                return octets[: start - 4], abnf.ABNF.mask(key, octets[start:])
            return found

    assert run(True) == run(False)


def test_keys_drawn_by_somebody_else_are_used(
    enabled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.urandom", lambda length: b"fake"[:length])
    socket = Socket()
    connection(socket).send("hello")
    assert socket.seen[0][2:6] == b"fake"


def test_keys_are_not_repeated(enabled: None) -> None:
    socket = Socket()
    client = connection(socket)
    for _ in range(100):
        client.send("hello")
    assert len({sent[2:6] for sent in socket.seen}) > 95


# Masks and the UTF-8 check


@runs(50)
@given(payloads, st.sampled_from(["abcd", b"abcd", bytearray(b"abcd"), b"", b"abcde", "ä234"]))
def test_masks_are_the_same(payload: bytes, key: Any) -> None:
    def run(on: bool) -> list[Any]:
        with switched(NAME, on):
            mask = core.ABNF.mask
            return [
                outcome(lambda data=data: mask(key, data))  # type: ignore[misc]
                for data in (payload, bytearray(payload), payload.decode("latin-1"), None, "€")
            ]

    assert run(True) == run(False)


@runs(50)
@given(st.one_of(st.binary(max_size=12), payloads, st.text(max_size=9).map(str.encode)))
def test_the_utf8_check_is_the_same(octets: bytes) -> None:
    plain = [abnf.validate_utf8(octets[:end]) for end in range(min(len(octets), 50) + 1)]
    with switched(NAME, True):
        ours = [abnf.validate_utf8(octets[:end]) for end in range(min(len(octets), 50) + 1)]
    assert ours == plain
