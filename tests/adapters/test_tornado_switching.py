"""tornado, switched: the same with its codec replaced as without."""

from __future__ import annotations

import asyncio
import gc
import sys
import tracemalloc
from typing import Any

import processes
import pytest
from switching import states, switched
from tornado_streams import (
    NAME,
    STREAMS,
    TEXT,
    Handler,
    Library,
    Protocol,
    iostream,
    util,
    web,
    websocket,
)

import wsfast
from wsfast.adapters._places import find
from wsfast.frames import encode_frame

COMPILED = "tornado.speedups" in sys.modules
PARTS = {
    "frames in": "replaced",
    "frames out": "replaced",
    "mask, compiled": "replaced" if COMPILED else "not applicable",
    "mask, not compiled": "not applicable" if COMPILED else "replaced",
}


def test_all_is_replaced_and_put_back() -> None:
    owners = (Protocol, util, websocket, web)

    def members() -> list[dict[str, int]]:
        return [{name: id(value) for name, value in vars(owner).items()} for owner in owners]

    before = members()
    wsfast.enable(NAME, strict=True)
    assert states(NAME) == PARTS
    assert all(here != there for here, there in zip(members(), before, strict=True))
    assert util._websocket_mask is websocket._websocket_mask is web._websocket_mask
    assert wsfast.disable(NAME) == []
    assert members() == before


@pytest.mark.parametrize("extension", ["0", "1" if COMPILED else "0"])
@pytest.mark.parametrize("order", ["import, enable", "enable, import"])
def test_it_may_be_enabled_before_or_after_the_import(order: str, extension: str) -> None:
    steps = {
        "import": "import tornado.websocket",
        "enable": f"wsfast.enable({NAME!r}, strict=True)",
    }
    code = "import wsfast\n" + "\n".join(steps[step] for step in order.split(", "))
    code += f"\nprint(sorted(part.state for part in wsfast.status()[{NAME!r}].parts))"
    found = processes.output(code, TORNADO_EXTENSION=extension, WSFAST_ADAPTERS_FORCE="1")
    assert found == str(["not applicable", "replaced", "replaced", "replaced"])


TAMPERED = [
    ("frames in", Protocol, "_receive_frame"),
    ("frames in", Protocol, "_handle_message"),
    ("frames in", iostream.BaseIOStream, "_consume"),
    ("frames out", Protocol, "_write_frame"),
    ("frames out", Protocol, "write_message"),
    ("mask, compiled" if COMPILED else "mask, not compiled", util, "_websocket_mask"),
]


@pytest.mark.parametrize(("part", "owner", "name"), TAMPERED, ids=lambda value: str(value)[:20])
@pytest.mark.parametrize("how", ["wrapped", "without a source"])
def test_unknown_code_is_left_alone(
    part: str,
    owner: Any,
    name: str,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = getattr(owner, name)
    if how == "wrapped":

        def changed(*args: Any) -> Any:
            return plain(*args)
    else:
        namespace: dict[str, Any] = {"plain": plain}
        exec(f"def {name}(*args): return plain(*args)", namespace)
        changed = namespace[name]
    monkeypatch.setattr(owner, name, changed)
    places = next(found.places for found in wsfast.status()[NAME].parts if found.name == part)
    before = list(map(find, places))
    with switched(NAME, True):
        assert states(NAME) == PARTS | {part: "left alone"}
        assert list(map(find, places)) == before
        assert next(found.reason for found in wsfast.status()[NAME].parts if found.name == part)
    assert getattr(owner, name) is changed


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("kind", STREAMS)
def test_a_live_connection_goes_on(before: bool, kind: str) -> None:
    """Switched in the midst of a frame, between two frames, and in a fragmented message."""
    wire = b"".join(
        (
            encode_frame(1, TEXT, mask=True),
            encode_frame(1, b"frag", mask=True, fin=False),
            encode_frame(0, b"ment", mask=True),
            encode_frame(2, b"z" * 70000, mask=True),
            encode_frame(1, TEXT, mask=True),
        )
    )

    async def receive(at: int) -> list[Any]:
        handler = Handler()
        protocol = Protocol(handler, False, websocket._WebSocketParams())
        protocol.stream = stream = STREAMS[kind]()
        task = asyncio.create_task(protocol._receive_frame_loop())
        for piece, on in ((wire[:at], not before), (wire[at:], before)):
            await asyncio.sleep(0)
            stream.feed(piece)
            for _ in range(20):
                await asyncio.sleep(0)
            if on:
                wsfast.enable(NAME)
            else:
                wsfast.disable(NAME)
        stream.close()
        await task
        return handler.seen

    for at in (1, 3, 10, 25, 26, 40, 45, 50, 60, 70, 100, 70040, len(wire) - 3):
        with switched(NAME, before):
            seen = asyncio.run(receive(at))
        assert seen == [TEXT, "fragment", b"z" * 70000, TEXT, ("closed", None, None)]


# Memory


def test_an_idle_connection_costs_hardly_more() -> None:
    async def make() -> list[Any]:
        kept: list[Any] = []
        for _ in range(20):
            protocol = Protocol(Handler(), False, websocket._WebSocketParams())
            protocol.stream = stream = Library()
            task = asyncio.create_task(protocol._receive_frame_loop())
            stream.feed(encode_frame(1, "hello", mask=True))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            kept.append((protocol, stream, task))
        return kept

    async def allocated() -> int:
        for _, stream, task in await make():
            stream.close()
            await task
        gc.collect()
        tracemalloc.start()
        try:
            kept = await make()
            found = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        for _, stream, task in kept:
            stream.close()
            await task
        return found

    plain = asyncio.run(allocated())
    with switched(NAME, True):
        assert (asyncio.run(allocated()) - plain) / 20 <= 512
