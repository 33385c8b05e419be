"""aiohttp on this codec: the same frames, by keys of our own."""

from __future__ import annotations

import asyncio
import random
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("aiohttp._websocket.reader_py")

from aiohttp._websocket import writer
from aiohttp_traffic import OURS, PLAIN, needs_write
from hypothesis import given, settings
from hypothesis import strategies as st


class Transport:
    def __init__(self, closing: bool = False) -> None:
        self.seen: list[Any] = []
        self.closing = closing

    def is_closing(self) -> bool:
        return self.closing

    def write(self, data: Any) -> None:
        self.seen.append((type(data), bytes(data)))


@needs_write
@settings(max_examples=100, deadline=None)
@given(
    message=st.one_of(
        st.binary(max_size=140),
        st.sampled_from([bytes(126), bytes(2**14), bytes(2**14 + 1), b"x" * 65535, b"x" * 65536]),
        st.binary(max_size=9).map(bytearray),
        st.binary(max_size=9).map(memoryview),
        st.just("text"),
    ),
    opcode=st.integers(-1, 16) | st.sampled_from([1, 2, 8, 9, 10]),
    rsv=st.sampled_from([0, 0x40, 0x20]),
    mask=st.booleans(),
    closing=st.sampled_from([False, False, True]),
    seed=st.integers(0, 3),
)
def test_what_is_sent_is_the_same(
    message: Any,
    opcode: int,
    rsv: int,
    mask: bool,
    closing: bool,
    seed: int,
) -> None:
    seen = []
    for classes in (PLAIN, OURS):
        transport: Any = Transport(closing)
        generator = random.Random(seed)
        protocol: Any = SimpleNamespace(_paused=False)
        sender = writer.WebSocketWriter(protocol, transport, use_mask=mask, random=generator)
        try:
            outcome = classes.write(sender, message, opcode, rsv)
        except Exception as error:
            outcome = type(error), str(error)
        seen.append((outcome, transport.seen, sender._output_size, generator.getstate()))
    assert seen[0] == seen[1]


async def send(sender: Any, sent: list[Any], compress: int | None) -> list[Any]:
    for message, opcode in sent:
        await sender.send_frame(message, opcode, compress)
    await sender.close(1001, "bye")
    try:
        await sender.send_frame(b"late", 1)
    except Exception as error:
        return [type(error), str(error)]
    return []


@needs_write
@pytest.mark.parametrize("compress", [0, 15])
@pytest.mark.parametrize("mask", [True, False])
def test_sending_compressed_or_not(
    monkeypatch: pytest.MonkeyPatch, mask: bool, compress: int
) -> None:
    sent = [(b"hello" * 9, 1), (bytes(20000), 2), (b"ping", 9), (b"hello" * 9, 1)]
    seen = []
    for classes in (PLAIN, OURS):
        monkeypatch.setattr(writer.WebSocketWriter, "_write_websocket_frame", classes.write)
        transport: Any = Transport()
        protocol: Any = SimpleNamespace(_paused=False)
        sender = writer.WebSocketWriter(
            protocol, transport, use_mask=mask, random=random.Random(1), compress=compress
        )
        error = asyncio.run(send(sender, sent, None))
        seen.append((error, transport.seen, sender._output_size))
    assert seen[0] == seen[1]


@needs_write
@pytest.mark.parametrize(("opcode", "rsv"), [(1, 0), (2, 0x40), (9, 0), (8, 0)])
def test_keys_come_from_the_system(opcode: int, rsv: int) -> None:
    default = writer.WebSocketWriter.__init__.__kwdefaults__["random"]
    before = default.getstate()
    transport: Any = Transport()
    protocol: Any = SimpleNamespace(_paused=False)
    sender = writer.WebSocketWriter(protocol, transport, use_mask=True)
    for _ in range(20):
        OURS.write(sender, b"", opcode, rsv)
    assert default.getstate() == before
    assert len({data for _, data in transport.seen}) == 20
