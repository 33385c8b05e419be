"""The libraries' benchmark: cells and turns. No test asserts a time."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from wsfast import encode_frame
from wsfast.benchmark import child, drop_in, turns
from wsfast.benchmark.cells import KINDS, SIZES, Cell, cells_of
from wsfast.benchmark.turns import Measured, Turns

IN = Cell("fake", "server", "in", "ascii", 16)
OUT = Cell("fake", "server", "out", "", 125)
WIRE = {True: b"\x81", False: b"\x82"}


# Cells


def test_a_library_has_every_size_kind_direction_and_side() -> None:
    cells = list(cells_of("fake"))
    assert len(set(cells)) == len(cells) == len(SIZES) * len(KINDS) * 4
    assert "fake client out mixed 64 KiB" in {cell.name for cell in cells}


@pytest.mark.parametrize("cell", list(cells_of("fake")), ids=lambda cell: cell.name)
def test_a_payload_is_what_the_cell_says(cell: Cell) -> None:
    payload = cell.payload()
    assert len(payload) == cell.octets
    if cell.text:
        assert payload.decode().isascii() == (cell.text == "ascii")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", ["server", "client"])
def test_the_right_message_is_verified(side: str, kind: str) -> None:
    received = Cell("fake", side, "in", kind, 125)
    payload = received.payload()
    received.verify(payload.decode() if kind else payload)
    received.verify(payload)
    sent = Cell("fake", side, "out", kind, 125)
    opcode = 1 if kind else 2
    frame = encode_frame(opcode, payload, mask=side == "client")
    sent.verify(frame)
    sent.verify([frame[:3], frame[3:]])


def test_octets_may_come_in_any_buffer() -> None:
    cell = Cell("fake", "client", "in", "", 16)
    cell.verify(bytearray(cell.payload()))


@pytest.mark.parametrize("result", ["something else", b"", None, [IN.payload()]])
def test_another_message_is_refused(result: Any) -> None:
    with pytest.raises(ValueError, match="the user gets another message"):
        IN.verify(result)


@pytest.mark.parametrize(
    "wire",
    [
        encode_frame(1, OUT.payload().hex(), mask=False),
        encode_frame(2, b"something else", mask=False),
        encode_frame(2, OUT.payload(), mask=False) * 2,
        b"",
    ],
)
def test_other_octets_for_the_wire_are_refused(wire: bytes) -> None:
    with pytest.raises(ValueError, match="those of another message"):
        OUT.verify(wire)


# Turns


class Switch:
    """Stands for wsfast.adapters."""

    def __init__(self) -> None:
        self.enabled = False
        self.seen: list[bool] = []

    def enable(self, name: str) -> None:
        assert name == "fake"
        self.enabled = True

    def disable(self, name: str) -> None:
        self.enabled = False

    def prepare(
        self, direction: str, side: str, text: bool, payload: bytes
    ) -> Callable[[], Any] | None:
        began_enabled = self.enabled
        message = payload.decode() if text else payload
        frame = encode_frame(1 if text else 2, payload, mask=side == "client")

        def handle() -> Any:
            assert self.enabled == began_enabled, "a connection outlives a switch"
            self.seen.append(self.enabled)
            return message if direction == "in" else frame

        return handle


@pytest.fixture
def switch(monkeypatch: pytest.MonkeyPatch) -> Switch:
    fake = Switch()
    monkeypatch.setattr(turns, "adapters", fake)
    monkeypatch.setattr(turns, "ROUND", 1000)
    return fake


def test_both_sides_have_their_turns_on_new_connections(switch: Switch) -> None:
    told: list[float] = []
    found = Turns("fake", switch, [IN, OUT]).measure(0.02, told.append)
    assert [each.cell for each in found] == [IN, OUT]
    for each in found:
        assert each.times.keys() == {"plain", "enabled"}
        assert each.ratio > 0
        assert each.failed == ""
        assert each.rounds >= 2 * turns.LEAST_TURNS * turns.ROUNDS
    assert set(switch.seen) == {False, True}
    assert not switch.enabled
    assert told == sorted(told)


def test_every_cell_has_its_turns_however_short_the_time(switch: Switch) -> None:
    for each in Turns("fake", switch, [IN, OUT]).measure(0.0, lambda part: None):
        assert each.rounds == 2 * turns.LEAST_TURNS * turns.ROUNDS


def test_a_slow_message_is_handled_once_a_turn(
    switch: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "LONG", 0)
    (each,) = Turns("fake", switch, [IN]).measure(0.0, lambda part: None)
    assert each.rounds == 2 * turns.LEAST_TURNS


def test_a_side_that_a_library_lacks_is_left_out(
    switch: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switch, "prepare", lambda *arguments: None)
    assert Turns("fake", switch, [IN]).measure(0.01, lambda part: None) == []


def test_a_cell_that_fails_or_gets_it_wrong_says_why(
    switch: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = switch.prepare

    def prepare(direction: str, side: str, text: bool, payload: bytes) -> Any:
        if direction == "out" and switch.enabled:
            return lambda: encode_frame(2, b"", mask=False)
        if text:
            raise AttributeError("no such thing any more")
        return plain(direction, side, text, payload)

    monkeypatch.setattr(switch, "prepare", prepare)
    found = Turns("fake", switch, [IN, OUT]).measure(0.01, lambda part: None)
    assert [each.failed for each in found] == [
        "plain: AttributeError: no such thing any more",
        "enabled: ValueError: the octets for the wire are those of another message",
    ]


def test_a_text_is_of_one_type_plain_and_enabled(
    switch: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare(direction: str, side: str, text: bool, payload: bytes) -> Any:
        message = payload if switch.enabled else payload.decode()
        return lambda: message

    monkeypatch.setattr(switch, "prepare", prepare)
    (each,) = Turns("fake", switch, [IN]).measure(0.01, lambda part: None)
    assert (
        each.failed == "enabled: ValueError: a text is a str on one side, and octets on the other"
    )


def test_later_measurements_are_merged() -> None:
    first = Measured(IN, {"plain": 3.0, "enabled": 2.0}, 5)
    first.merge(Measured(IN, {"plain": 4.0, "enabled": 1.0}, 5))
    assert (first.ratio, first.rounds) == (3.0, 10)
    assert Measured.from_json(json.loads(json.dumps(first.as_json()))) == first


# Processes


def test_a_child_says_what_is_wrong() -> None:
    found = drop_in.measure("no-such-library", [IN], 0.01)
    assert found.cells == []
    assert "ended with 1: ModuleNotFoundError" in found.failed


def test_a_child_has_the_modules_of_its_parent() -> None:
    with child.started("wsfast.benchmark.worker") as process:
        process.write("not JSON")
        with pytest.raises(child.ChildError, match="JSONDecodeError"):
            process.read()


def test_a_child_does_not_outlive_its_time() -> None:
    with (
        child.started("wsfast.benchmark.worker", limit=0.3) as process,
        pytest.raises(child.ChildError, match="ended with"),
    ):
        process.read()


def test_an_installed_library_is_measured_in_a_process_of_its_own() -> None:
    there = [name for name in drop_in.libraries() if drop_in.version(name)]
    if not there:
        pytest.skip("none of the libraries is installed")
    cells = [cell for cell in cells_of(there[0]) if cell.octets == 16]
    found = drop_in.measure(there[0], cells, 0.01)
    assert found.failed == ""
    assert {each.failed for each in found.cells} == {""}
    assert {each.cell for each in found.cells} <= set(cells)
    assert found.parts
