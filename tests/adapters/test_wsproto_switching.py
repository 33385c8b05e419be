"""wsproto switched to this codec and back, and left alone where it is not known."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from typing import Any

import pytest
from processes import output

import wsfast
from wsfast import encode_frame

pytest.importorskip("wsproto")

from wsproto_traffic import OURS, PLAIN, connected, received, seen


def test_it_may_be_enabled_before_the_import() -> None:
    code = (
        "import wsfast; wsfast.enable('wsproto', strict=True); import wsproto;"
        "print(*{part.state for part in wsfast.status()['wsproto'].parts})"
    )
    assert output(code, WSFAST_ADAPTERS_FORCE="1") == "replaced"


def test_live_connections_go_on() -> None:
    stream = b"".join(
        encode_frame(opcode, payload, fin=fin, mask=True)
        for opcode, payload, fin in (
            (1, "whole", True),
            (1, "frag", False),
            (9, b"ping", True),
            (0, "ment", True),
            (2, bytes(500), True),
            (8, b"\x03\xe8", True),
        )
    )
    expected = received(PLAIN, "server", "none", [bytes([octet]) for octet in stream], "all")
    for switch_at in (0, 3, 12, 31):
        connection = connected(OURS, "server")
        log = []
        on = False
        for number, octet in enumerate(stream):
            connection.receive_data(bytes([octet]))
            if number % 150 == switch_at % 150:
                on = not on
                (wsfast.enable if on else wsfast.disable)("wsproto")
            log.append(("NoneType", None))
            for event in connection.events():
                log += [seen(event), connection.state.name]
        wsfast.disable("wsproto")
        assert [*log, connection.state.name] == expected


def test_what_a_reader_keeps_is_read_after_disable() -> None:
    wsfast.enable("wsproto", strict=True)
    connection = connected(OURS, "server")
    one, two, three = (encode_frame(1, text, mask=True) for text in ("one", "two", "three"))
    connection.receive_data(one + two)
    assert next(connection.events()).data == "one"
    connection.receive_data(three[:3])
    wsfast.disable("wsproto")
    connection.receive_data(three[3:])
    assert [event.data for event in connection.events()] == ["two", "three"]


def test_disable_restores_the_identical_objects() -> None:
    def members() -> list[Any]:
        classes = [
            OURS.frame_protocol.FrameProtocol,
            OURS.frame_protocol.FrameDecoder,
            OURS.frame_protocol.MessageDecoder,
            OURS.frame_protocol.XorMaskerSimple,
            OURS.connection.Connection,
        ]
        return [dict(vars(cls)) for cls in classes]

    before = members()
    wsfast.enable("wsproto", strict=True)
    assert members() != before
    assert wsfast.disable("wsproto") == []
    assert members() == before


def test_an_idle_connection_costs_little_more() -> None:
    def cost() -> float:
        connected(OURS, "server")
        gc.collect()
        tracemalloc.start()
        try:
            held = [connected(OURS, "server") for _ in range(200)]
            return tracemalloc.get_traced_memory()[0] / len(held)
        finally:
            tracemalloc.stop()

    plain = cost()
    wsfast.enable("wsproto", strict=True)
    try:
        assert cost() <= plain + 512
    finally:
        wsfast.disable("wsproto")


# The guard


@pytest.mark.parametrize(
    ("owner", "attribute", "part"),
    [
        ("frame_protocol.XorMaskerSimple", "process", "masks"),
        ("frame_protocol.MessageDecoder", "process_frame", "texts"),
        ("frame_protocol.FrameDecoder", "parse_header", "frames in"),
        ("connection.Connection", "events", "frames in"),
        ("frame_protocol.FrameProtocol", "send_data", "frames out"),
        ("connection.Connection", "send", "frames out"),
    ],
)
def test_code_that_is_not_known_is_left_alone(
    owner: str, attribute: str, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, _, name = owner.partition(".")
    cls = getattr(getattr(OURS, module), name)
    original = vars(cls)[attribute]

    def wrapper(*arguments: Any) -> Any:
        return original(*arguments)

    monkeypatch.setattr(cls, attribute, wrapper)
    try:
        wsfast.enable("wsproto")
        states = {found.name: found for found in wsfast.status()["wsproto"].parts}
        assert vars(cls)[attribute] is wrapper
        assert states[part].state == "left alone"
        assert f"wsproto.{owner}".rpartition(".")[0] in (states[part].reason or "")
        for place in states[part].places:
            module, _, path = place.partition(":")
            holder, method = path.split(".")
            found = vars(getattr(sys.modules[module], holder))[method]
            assert not found.__code__.co_filename.endswith(("receiving.py", "sending.py"))
    finally:
        wsfast.disable("wsproto")
