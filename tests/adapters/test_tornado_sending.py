"""tornado, frames and messages out, and masks: the same with its codec replaced as without."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from switching import runs, switched
from tornado_streams import (
    KEY,
    NAME,
    TEXT,
    Handler,
    Library,
    Protocol,
    payloads,
    util,
    web,
    websocket,
)

import wsfast
from wsfast.frames import FrameSplitter, encode_frame


@pytest.fixture
def enabled() -> Iterator[None]:
    with switched(NAME, True):
        yield


def unmasked(frame: bytes) -> Any:
    if not frame[1] & 0x80:
        return frame
    start = 2 + {126: 2, 127: 8}.get(frame[1] & 127, 0)
    return frame[:start], wsfast.apply_mask(frame[start + 4 :], frame[start : start + 4])


def sent_by(sent: list[tuple[Any, Any]], client: bool, deflate: bool, fails: bool) -> list[Any]:
    async def send() -> list[Any]:
        protocol = Protocol(Handler(), client, websocket._WebSocketParams())
        if deflate:
            protocol._create_compressors("client" if client else "server", {})
        protocol.stream = stream = Library()
        seen: list[Any] = []
        for message, binary in sent:
            try:
                future = protocol.write_message(message, binary)
                seen.append(future.done())
                seen.append(await future)
            except Exception as error:
                seen.append((type(error), str(error)))
            if fails and len(seen) > 3:
                stream.close()
        for frame in ((True, 1, b"x"), (False, 2, b"y" * 200), (True, 9, b"z"), (False, 9, b"")):
            for flags in (0, 0x40, 0x20):
                try:
                    seen.append(await protocol._write_frame(*frame, flags=flags))
                except Exception as error:
                    seen.append((type(error), str(error)))
        seen += [protocol._wire_bytes_out, protocol._message_bytes_out]
        return seen + list(map(unmasked, stream.written))

    return asyncio.run(send())


@runs(30)
@given(
    sent=st.lists(
        st.tuples(
            st.one_of(
                payloads,
                st.text(max_size=10),
                st.sampled_from([{"a": 1}, "a\ud800", TEXT * 4000, bytearray(b"x"), 5, None]),
            ),
            st.booleans(),
        ),
        max_size=6,
    ),
    client=st.booleans(),
    deflate=st.booleans(),
    fails=st.booleans(),
)
def test_what_is_sent_is_the_same(
    sent: list[tuple[Any, Any]], client: bool, deflate: bool, fails: bool
) -> None:
    found = []
    for on in (False, True):
        with switched(NAME, on):
            found.append(sent_by(sent, client, deflate, fails))
    assert found[0] == found[1]


def test_a_message_waited_for_lets_others_run(enabled: None) -> None:
    async def send() -> None:
        protocol = Protocol(Handler(), True, websocket._WebSocketParams())
        protocol.stream = Library()
        ran = []
        asyncio.get_running_loop().call_soon(ran.append, True)
        await protocol.write_message("x")
        assert ran

    asyncio.run(send())


def test_keys_drawn_by_somebody_else_are_used(
    enabled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "urandom", lambda length: KEY[:length])

    async def send() -> list[bytes]:
        protocol = Protocol(Handler(), True, websocket._WebSocketParams())
        protocol.stream = stream = Library()
        await protocol.write_message("hello")
        written: list[bytes] = stream.written
        return written

    assert asyncio.run(send()) == [encode_frame(1, "hello", mask=True, masking_key=KEY)]


def test_keys_are_not_repeated(enabled: None) -> None:
    async def send() -> list[bytes]:
        protocol = Protocol(Handler(), True, websocket._WebSocketParams())
        protocol.stream = stream = Library()
        for _ in range(100):
            await protocol.write_message(b"hello", binary=True)
        written: list[bytes] = stream.written
        return written

    wire = asyncio.run(send())
    assert len({frame[2:6] for frame in wire}) == 100
    assert FrameSplitter("server").split(b"".join(wire))[0] == [(0x82, b"hello")] * 100


# Masks

masked = [b"", b"x", b"abc" * 50, bytearray(b"abcde"), memoryview(b"abcde"), "text", 5, None]


@pytest.mark.parametrize("data", masked, ids=repr)
@pytest.mark.parametrize("mask", [KEY, bytearray(KEY), b"abc", b"", "abcd", None], ids=repr)
def test_masks_are_the_same(mask: Any, data: Any) -> None:
    found = []
    for on in (False, True):
        with switched(NAME, on):
            for module in (util, websocket, web):
                try:
                    result = module._websocket_mask(mask, data)
                    found.append((type(result), result))
                except Exception as error:
                    found.append((type(error), str(error)))
    assert found[:3] == found[3:]
