"""autobahn, switched: the same with its codec replaced as without."""

from __future__ import annotations

import asyncio
import gc
import sys
import tracemalloc
from typing import Any

import processes
import pytest
from autobahn_connections import (
    NAME,
    TEXT,
    WebSocketProtocol,
    opened,
    protocol_module,
)
from switching import states, switched

import wsfast
from wsfast.adapters._places import find
from wsfast.frames import encode_frame

NVX: bool = sys.modules["autobahn.websocket"].USES_NVX  # type: ignore[attr-defined]
PARTS = {
    "messages in": "replaced",
    "messages out": "replaced",
    "masking, NVX": "replaced" if NVX else "not applicable",
    "masking, not NVX": "not applicable" if NVX else "replaced",
    "UTF-8 validation": "replaced",
}


def test_all_is_replaced_and_put_back() -> None:
    owners = (WebSocketProtocol, protocol_module)

    def members() -> list[dict[str, int]]:
        return [{name: id(value) for name, value in vars(owner).items()} for owner in owners]

    before = members()
    wsfast.enable(NAME, strict=True)
    assert states(NAME) == PARTS
    assert all(here != there for here, there in zip(members(), before, strict=True))
    assert wsfast.disable(NAME) == []
    assert members() == before


@pytest.mark.parametrize("nvx", ["0", "1" if NVX else "0"])
@pytest.mark.parametrize("order", ["import, enable", "enable, import"])
def test_it_may_be_enabled_before_or_after_the_import(order: str, nvx: str) -> None:
    steps = {
        "import": "import autobahn.asyncio.websocket",
        "enable": f"wsfast.enable({NAME!r}, strict=True)",
    }
    code = "import wsfast\n" + "\n".join(steps[step] for step in order.split(", "))
    code += f"\nprint(sorted(part.state for part in wsfast.status()[{NAME!r}].parts))"
    found = processes.output(code, AUTOBAHN_USE_NVX=nvx, WSFAST_ADAPTERS_FORCE="1")
    assert found == str(["not applicable", *["replaced"] * 4])


TAMPERED = [
    ("messages in", WebSocketProtocol, "processData"),
    ("messages in", WebSocketProtocol, "onFrameEnd"),
    ("messages in", WebSocketProtocol, "consumeData"),
    ("messages out", WebSocketProtocol, "sendMessage"),
    ("messages out", WebSocketProtocol, "sendData"),
    ("masking, NVX" if NVX else "masking, not NVX", protocol_module, "create_xor_masker"),
    ("UTF-8 validation", protocol_module, "Utf8Validator"),
]


@pytest.mark.parametrize(("part", "owner", "name"), TAMPERED, ids=lambda value: str(value)[:20])
@pytest.mark.parametrize("how", ["wrapped", "without a source"])
def test_unknown_code_is_left_alone(
    part: str, owner: Any, name: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = getattr(owner, name)
    if how == "wrapped":

        def changed(*args: Any, **options: Any) -> Any:
            return plain(*args, **options)
    else:
        namespace: dict[str, Any] = {"plain": plain}
        exec(f"def {name}(*args, **options): return plain(*args, **options)", namespace)
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
def test_a_live_connection_goes_on(before: bool) -> None:
    """Switched in the midst of a frame, between two frames, and in a fragmented message."""
    wire = b"".join(
        (
            encode_frame(1, TEXT, mask=True),
            encode_frame(1, TEXT.encode()[:9], mask=True, fin=False),
            encode_frame(0, TEXT.encode()[9:], mask=True),
            encode_frame(2, b"z" * 70000, mask=True),
            encode_frame(1, TEXT, mask=True),
        )
    )

    async def receive(at: int) -> list[Any]:
        seen: list[Any] = []
        protocol, _ = await opened(False, seen, {})
        protocol._dataReceived(wire[:at])
        if before:
            wsfast.disable(NAME)
        else:
            wsfast.enable(NAME)
        protocol._dataReceived(wire[at:])
        return [payload for payload, *_ in seen]

    for at in (1, 3, 10, 31, 33, 40, 45, 50, 60, 70, 100, 70040, len(wire) - 3):
        with switched(NAME, before):
            seen = asyncio.run(receive(at))
        assert seen == [TEXT.encode(), TEXT.encode(), b"z" * 70000, TEXT.encode()]


# Memory


def test_an_idle_connection_costs_hardly_more() -> None:
    async def allocated() -> int:
        async def make() -> list[Any]:
            kept = []
            for _ in range(20):
                protocol, transport = await opened(False, [], {})
                protocol._dataReceived(encode_frame(1, "hello", mask=True))
                kept.append((protocol, transport))
            return kept

        await make()
        gc.collect()
        tracemalloc.start()
        try:
            kept = await make()
            found = tracemalloc.get_traced_memory()[0]
            del kept
        finally:
            tracemalloc.stop()
        return found

    plain = asyncio.run(allocated())
    with switched(NAME, True):
        assert (asyncio.run(allocated()) - plain) / 20 <= 512
