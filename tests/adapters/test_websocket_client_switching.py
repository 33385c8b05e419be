"""websocket-client, switched: the same with its codec replaced as without."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import processes
import pytest
from switching import states, switched
from websocket_client_sockets import (
    NAME,
    Socket,
    abnf,
    connection,
    core,
    utils,
    websocket,
)

import wsfast
from wsfast.frames import encode_frame

PARTS = [
    "UTF-8 check",
    "masks",
    "frames out",
    "reads from the socket",
    "frames in",
    "fragmented messages",
]


def test_all_is_replaced_and_put_back() -> None:
    owners = (abnf, core, utils, core.ABNF, core.frame_buffer, core.WebSocket)

    def members() -> list[dict[str, int]]:
        return [{name: id(value) for name, value in vars(owner).items()} for owner in owners]

    before = members()
    wsfast.enable(NAME)
    assert states(NAME) == dict.fromkeys(PARTS, "replaced")
    assert members() != before
    assert wsfast.disable(NAME) == []
    assert members() == before


@pytest.mark.parametrize("order", ["import, enable", "enable, import"])
def test_it_may_be_enabled_before_or_after_the_import(order: str) -> None:
    steps = {"import": "import websocket", "enable": f"wsfast.enable({NAME!r}, strict=True)"}
    code = "import wsfast\n" + "\n".join(steps[step] for step in order.split(", "))
    code += f"\nprint([part.state for part in wsfast.status()[{NAME!r}].parts])"
    assert processes.output(code) == str(["replaced"] * len(PARTS))


@pytest.mark.parametrize("module", ["websocket._abnf", "websocket._utils"])
def test_a_module_that_is_loaded_again_is_replaced_again(module: str) -> None:
    code = f"""if True:
        import importlib, sys, wsfast
        wsfast.enable({NAME!r}, strict=True)
        import websocket
        importlib.reload(sys.modules[{module!r}])
        del sys.modules["websocket._utils"]
        import websocket._utils
        print([part.state for part in wsfast.status()[{NAME!r}].parts])
        abnf = sys.modules["websocket._abnf"]
        print(abnf.validate_utf8.__code__.co_filename.endswith("texts.py"))
        print(wsfast.disable(), abnf.validate_utf8.__code__.co_filename.endswith("_utils.py"))"""
    assert processes.output(code).splitlines() == [
        str(["replaced"] * len(PARTS)),
        "True",
        "[] True",
    ]


TAMPERED = {
    "frames out": (core.WebSocket, "send"),
    "reads from the socket": (core.WebSocket, "_recv"),
    "frames in": (core.frame_buffer, "recv_frame"),
    "fragmented messages": (core.continuous_frame, "add"),
    "masks": (core.ABNF, "mask"),
    "UTF-8 check": (abnf, "validate_utf8"),
}


@pytest.mark.parametrize("part", TAMPERED)
@pytest.mark.parametrize("how", ["wrapped", "without a source"])
def test_unknown_code_is_left_alone(
    part: str, how: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    owner, name = TAMPERED[part]
    plain = getattr(owner, name)
    if how == "wrapped":

        def changed(*args: Any) -> Any:
            return plain(*args)
    else:
        namespace: dict[str, Any] = {"plain": plain}
        exec(f"def {name}(*args): return plain(*args)", namespace)
        changed = namespace[name]
    monkeypatch.setattr(owner, name, staticmethod(changed) if part == "masks" else changed)
    with switched(NAME, True):
        found = states(NAME)
        assert found.pop(part) == "left alone"
        # Others rest on it, too, at most.
        assert "replaced" in found.values()
        assert getattr(owner, name) is changed
        assert any(part in record.getMessage() for record in caplog.records)
    assert getattr(owner, name) is changed


def test_what_is_relied_on_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core.frame_buffer, "clear", lambda self: None)
    with switched(NAME, True):
        assert states(NAME)["frames in"] == "left alone"
        assert "recv_frame" in vars(core.frame_buffer)
        assert core.frame_buffer.recv_frame.__code__.co_filename == abnf.__file__


# Live connections


@pytest.mark.parametrize("before", [True, False])
def test_a_live_connection_goes_on(before: bool) -> None:
    octets = b"".join(
        (
            encode_frame(1, "first", mask=False),
            encode_frame(1, "second", mask=False, fin=False),
            encode_frame(0, ", its middle", mask=False, fin=False),
            encode_frame(0, "", mask=False, fin=False),
            encode_frame(0, " and end", mask=False),
            encode_frame(2, bytes(300), mask=False),
        )
    )
    for end in range(1, 60, 3):
        socket = Socket(octets, (*[1] * end, 0))
        found: list[Any] = []
        client = connection(socket)
        with switched(NAME, before):
            with pytest.raises(websocket.WebSocketTimeoutException):
                while True:
                    found.append(client.recv())
        with switched(NAME, not before):
            while len(found) < 3:
                found.append(client.recv())
        assert found == ["first", "second, its middle and end", bytes(300)]


# Memory


def allocated(act: Callable[[], Any]) -> tuple[int, int]:
    act()
    tracemalloc.start()
    try:
        kept = act()
        found = tracemalloc.get_traced_memory()
        del kept
    finally:
        tracemalloc.stop()
    return found


def test_an_idle_connection_costs_hardly_more() -> None:
    def make() -> list[Any]:
        octets = encode_frame(1, "hello", mask=False)
        clients = [connection(Socket(octets)) for _ in range(20)]
        for client in clients:
            client.recv()
        return clients

    plain = allocated(make)[0]
    with switched(NAME, True):
        assert (allocated(make)[0] - plain) / 20 <= 512


def test_a_long_message_takes_no_more_memory() -> None:
    octets = encode_frame(1, "x" * (4 << 20), mask=False)

    def receive() -> Any:
        return connection(Socket(octets)).recv()

    def send() -> Any:
        return connection(Socket()).send(bytes(4 << 20), 2)

    for act in (receive, send):
        if act is receive and "wsaccel" not in sys.modules:
            # Its own check in Python takes minutes under a tracer; it needs no memory.
            continue
        plain = allocated(act)[1]
        with switched(NAME, True):
            assert allocated(act)[1] <= 1.05 * plain
