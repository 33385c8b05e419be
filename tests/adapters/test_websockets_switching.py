"""websockets on this codec, and off it again: what is restored, and what is left alone."""

from __future__ import annotations

import gc
import logging
import sys
import tracemalloc
from collections.abc import Iterator
from typing import Any

import processes
import pytest

import wsfast
from wsfast import encode_frame
from wsfast.adapters import _patch

pytest.importorskip("websockets")

from websockets_copies import OURS

KEY = bytes.fromhex("37fa213d")
TEXT = "Grüße, 你好, 🌍"


@pytest.fixture(autouse=True)
def enabled() -> Iterator[None]:
    """Every part, on the pure side, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_patch, "FORCED", True)
        wsfast.enable("websockets")
        yield
        wsfast.disable("websockets")


def wire(*messages: str) -> bytes:
    return b"".join(encode_frame(1, text, mask=True, masking_key=KEY) for text in messages)


def part(name: str) -> wsfast.adapters.PartStatus:
    return next(part for part in wsfast.status()["websockets"].parts if part.name == name)


def test_all_that_is_imported_is_replaced() -> None:
    for status in wsfast.status()["websockets"].parts:
        if status.state not in ("waiting", "not applicable"):
            assert (status.state, status.reason) == ("replaced", None)
    assert part("frames in").state == part("frames out").state == "replaced"


PLACES = [
    ("protocol", "Protocol", "parse"),
    ("protocol", "Protocol", "receive_data"),
    ("frames", "Frame", "serialize"),
    ("asyncio_messages", "Assembler", "get"),
    ("asyncio_connection", "Connection", "send"),
    ("asyncio_connection", "Connection", "data_received"),
    ("sync_messages", "Assembler", "get"),
    ("legacy_framing", "Frame", "read"),
    ("legacy_protocol", "WebSocketCommonProtocol", "read_message"),
]


def members() -> list[Any]:
    return [vars(vars(getattr(OURS, module))[cls])[name] for module, cls, name in PLACES]


def test_disabling_restores_the_identical_objects() -> None:
    ours = members()
    wsfast.disable("websockets")
    plain = members()
    wsfast.enable("websockets")
    again = members()
    wsfast.disable("websockets")
    assert [a is b for a, b in zip(members(), plain, strict=True)] == [True] * len(plain)
    wsfast.enable("websockets")
    differ = [a is not b for a, b in zip(ours, plain, strict=True)]
    assert differ == [a is not b for a, b in zip(again, plain, strict=True)]
    assert all(differ[:4])


@pytest.mark.parametrize("begun", [True, False])
def test_a_live_connection_goes_on(begun: bool) -> None:
    """Whichever way it began, also in the midst of a frame."""
    stream = wire("one", "2" * 300, TEXT)
    try:
        for place in range(0, len(stream), 7):
            (wsfast.enable if begun else wsfast.disable)("websockets")
            protocol = OURS.protocol.Protocol(OURS.protocol.Side.SERVER)
            protocol.receive_data(stream[:place])
            (wsfast.disable if begun else wsfast.enable)("websockets")
            protocol.receive_data(stream[place:])
            protocol.receive_data(wire("after"))
            texts = [frame.data.decode() for frame in protocol.events_received()]
            assert texts == ["one", "2" * 300, TEXT, "after"]
            if place > 140:
                break
    finally:
        wsfast.enable("websockets")


def test_an_idle_connection_costs_little_more() -> None:
    def idle() -> int:
        Protocol, side = OURS.protocol.Protocol, OURS.protocol.Side.SERVER
        log = logging.Logger("test", 50)
        gc.collect()
        tracemalloc.start()
        protocols = [Protocol(side, logger=log) for _ in range(200)]
        for protocol in protocols:
            protocol.receive_data(wire("one"))
            protocol.events_received()
        gc.collect()
        cost = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return cost // len(protocols)

    idle()
    ours = idle()
    wsfast.disable("websockets")
    plain = idle()
    wsfast.enable("websockets")
    assert ours <= plain + 512


@pytest.mark.parametrize("sides", [["server"], ["client"], ["server", "client"]])
def test_a_program_may_have_one_side_only(sides: list[str]) -> None:
    program = (
        "import importlib, sys, wsfast\n"
        "from wsfast.adapters import _patch\n"
        "_patch.FORCED = True\n"
        "wsfast.enable('websockets')\n"
        "for side in sys.argv[1:]:\n"
        "    importlib.import_module(f'websockets.asyncio.{side}')\n"
        "parts = wsfast.status()['websockets'].parts\n"
        "print([part.state for part in parts if part.name == 'asyncio data received'])\n"
        "from websockets.asyncio.connection import Connection\n"
        "import inspect\n"
        "told = inspect.getclosurevars(Connection.data_received).nonlocals\n"
        "print(sorted(f.__qualname__ for f in told['plain_process_event']))\n"
        "wsfast.disable('websockets')\n"
        "print(Connection.data_received.__globals__['__name__'])\n"
    )
    done = processes.python("-c", program, *sides)
    names = sorted(["Connection", *(f"{side.title()}Connection" for side in sides)])
    functions = [f"{name}.process_event" for name in names]
    expected = ["['replaced']", str(functions), "websockets.asyncio.connection"]
    assert done.stdout.splitlines() == expected, done.stderr


# Guards


def same(self: Any, *arguments: Any, **options: Any) -> Any:
    raise NotImplementedError


TAMPERED = [
    (PLACES[0], "frames in", PLACES[:2]),
    (("protocol", "Protocol", "recv_frame"), "frames in", PLACES[:2]),
    (("frames", "Frame", "parse"), "frames in", PLACES[:2]),
    (PLACES[2], "frames out", PLACES[2:3]),
    (PLACES[3], "messages, asyncio", PLACES[3:4]),
    (("asyncio_connection", "Connection", "send_context"), "asyncio send", PLACES[4:5]),
    (("protocol", "Protocol", "send_text"), "asyncio send", PLACES[4:5]),
    (PLACES[2], "asyncio send", PLACES[4:5]),
    (
        ("asyncio_server", "ServerConnection", "process_event"),
        "asyncio data received",
        PLACES[5:6],
    ),
    (("asyncio_messages", "Assembler", "put"), "asyncio data received", PLACES[5:6]),
    (PLACES[6], "messages, sync", PLACES[6:7]),
    (PLACES[7], "legacy frames in", PLACES[7:8]),
    (PLACES[8], "legacy messages", PLACES[8:9]),
]


@pytest.mark.parametrize("how", ["wrapped", "without source"])
@pytest.mark.parametrize(("place", "name", "replaced"), TAMPERED)
def test_code_that_is_not_known_is_left_alone(
    place: tuple[str, str, str],
    name: str,
    replaced: list[tuple[str, str, str]],
    how: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wsfast.disable("websockets")
    owner = vars(getattr(OURS, place[0]))[place[1]]
    if how == "wrapped":
        tampered: Any = same
    else:
        namespace: dict[str, Any] = {}
        exec("def made(self, *arguments, **options): pass", namespace)
        tampered = namespace["made"]
    monkeypatch.setattr(owner, place[2], tampered)
    before = [vars(vars(getattr(OURS, m))[c])[n] for m, c, n in replaced]
    wsfast.enable("websockets")
    after = [vars(vars(getattr(OURS, m))[c])[n] for m, c, n in replaced]
    state = part(name)
    wsfast.disable("websockets")
    monkeypatch.undo()
    wsfast.enable("websockets")
    assert after == before
    if state.state != "not applicable":
        assert state.state == "left alone"
        assert state.reason is not None and place[2] in state.reason
    assert vars(owner)[place[2]] is not tampered
    assert sys.modules["websockets.protocol"] is OURS.protocol
