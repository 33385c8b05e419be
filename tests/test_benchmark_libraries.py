"""The libraries' benchmark: cells, turns, echo servers, tables. No test asserts a time."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import sys
import threading
import types
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from wsfast import benchmark, cli, encode_frame
from wsfast.adapters import PartStatus
from wsfast.benchmark import child, drop_in, plot, tables, turns
from wsfast.benchmark.cells import KINDS, SIZES, Cell, cells_of
from wsfast.benchmark.drop_in import Found
from wsfast.benchmark.echo import client, measure, servers
from wsfast.benchmark.echo.measure import Echo, Work
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


# Echo


@pytest.mark.parametrize("takeover", [False, True])
@pytest.mark.parametrize("bits", [9, 12, 15])
def test_compressed_messages_can_be_sent_again_and_again(bits: int, takeover: bool) -> None:
    generator = zlib.crc32
    messages = [
        b"%d %d " % (number, generator(bytes([number % 251]) * 9)) * 40 for number in range(200)
    ]
    assert sum(map(len, messages)) > 2**16
    first, again = client._compressed(messages, bits, takeover)
    decompressor = zlib.decompressobj(wbits=-bits)
    for passed in (first, again, again, again):
        for data, message in zip(passed, messages, strict=True):
            if not takeover:
                decompressor = zlib.decompressobj(wbits=-bits)
            assert decompressor.decompress(data + client._TAIL) == message


@contextlib.contextmanager
def answering(reply: bytes) -> Iterator[int]:
    """The port of a server that sends this to whoever connects, and then closes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(reply)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(2**16):
                    pass

        thread = threading.Thread(target=answer)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


@pytest.mark.parametrize(
    ("reply", "deflate", "said"),
    [
        (b"", False, "the connection was closed in the opening handshake"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", False, "answered by HTTP/1.1 404 Not Found"),
        (ACCEPTED, True, "permessage-deflate was not agreed on"),
        (ACCEPTED, False, "the connection was closed"),
        (ACCEPTED + b"\x88\x02\x03\xe8", False, r"the server closes by b'\\x03\\xe8'"),
        (ACCEPTED + b"\x81\x01a" * 2, False, "a message comes back as another one"),
    ],
)
def test_the_client_says_what_a_server_does_wrong(reply: bytes, deflate: bool, said: str) -> None:
    with answering(reply) as port, pytest.raises(client.EchoError, match=said):
        client.Client(port, 256, 2, deflate)


LIBRARIES_SERVERS = [
    name for name in (*measure.planned(None), *servers.RIVALS.values()) if name != servers.OWN
]


@pytest.mark.parametrize("server", LIBRARIES_SERVERS)
def test_a_server_echoes_plain_and_enabled(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if measure.missing(server):
        pytest.skip(f"not installed: {', '.join(measure.missing(server))}")
    monkeypatch.setattr(measure, "ROUND", 0.001)
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    works = [Work(server, 256, False), Work(server, 2**16, True)]
    for echo in measure.measure(server, works, 0.01):
        assert echo.failed == ""
        assert echo.times.keys() >= {"plain", "enabled"}
        assert all(nanoseconds > 0 for nanoseconds in echo.times.values())
        assert all(rate > 0 for rate in echo.rates.values())
    assert before is None or os.sched_getaffinity(0) == before


def test_a_server_that_does_not_start_is_left_out_with_the_reason() -> None:
    (echo,) = measure.measure("no such server", [Work("no such server", 256, False)], 0.01)
    assert "KeyError: 'no such server'" in echo.failed


# Tables and the command

STATUS = PartStatus("frames in", "replaced", None, (), {})
CELLS = [
    Measured(cell, {"plain": 2000.0 * cell.octets, "enabled": 1000.0}, 9)
    for cell in cells_of("fake")
    if cell.octets != 125
]
ECHOES = [
    Echo(
        work,
        {"plain": 28e3, "enabled": 14e3, "rival": 15e3},
        dict.fromkeys(("plain", "enabled", "rival"), 12345.6),
    )
    for work in (Work("fake", 256, False), Work("fake", 256, True), Work("fake", 65536, False))
]
FOUND = Found("fake", "1.2", [STATUS], CELLS)


def _options(**options: Any) -> argparse.Namespace:
    given = {"json": None, "plot": None, "quick": True, "only": None, "codec": False, "echo": False}
    return argparse.Namespace(**given | options)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two libraries, one of which is not installed; nothing is measured."""
    asked: list[str] = []

    def measured(name: str, cells: Any, seconds: float, progress: Any) -> Found:
        asked.append(name)
        progress(0.5)
        return FOUND

    def echoed(server: str, works: Any, seconds: float, progress: Any) -> list[Echo]:
        asked.append(server)
        for work in works:
            progress(work)
        return ECHOES

    monkeypatch.setattr(drop_in, "libraries", lambda: ["fake", "absent"])
    monkeypatch.setattr(drop_in, "version", {"fake": "1.2"}.get)
    monkeypatch.setattr(measure, "version", {"fake": "1.2"}.get)
    monkeypatch.setattr(drop_in, "measure", measured)
    monkeypatch.setattr(measure, "measure", echoed)
    monkeypatch.setattr(
        measure,
        "SERVERS",
        {
            "fake": servers.Server(("fake",), "fake", None),  # type: ignore[arg-type]
            "lost": servers.Server(("fake", "gone"), "fake", None),  # type: ignore[arg-type]
        },
    )
    return asked


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (4300.0, 1500.0, "4.30 → 1.50 µs"),
        (11.1e6, 36e3, "11.1 ms → 36.0 µs"),
    ],
)
def test_a_pair_of_durations_is_short(before: float, after: float, words: str) -> None:
    assert tables.pair(before, after) == words


def test_the_tables_have_every_figure(fake: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.run(_options()) == 0
    assert fake == ["fake", "fake"]
    said = capsys.readouterr().out
    assert "fake 1.2\n========" in said
    assert "server in binary" in said
    assert "131,072 x  131 ms → 1.00 µs" in said
    assert "2.0 x    28.0 → 14.0 µs    12,346 → 12,346" in said
    assert "not installed: absent, gone (pip install absent gone)" in said


def test_what_is_slower_or_left_alone_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    left = PartStatus("frames out", "left alone", "another tool's", (), {})
    cells = [
        Measured(IN, {"plain": 9.0, "enabled": 10.0}, 9),
        Measured(OUT, failed="plain: OSError: no"),
    ]
    about = {"uvloop": None}
    tables.print_all([Found("fake", "1.2", [STATUS, left], cells)], [], about)
    said = capsys.readouterr().out
    assert "frames out: left alone: another tool's" in said
    assert "fake server out binary 125 octets left out: plain: OSError: no" in said
    assert "1 failed; slower: server in ascii 16 octets" in said


def test_a_library_or_server_that_fails_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    works = [Work("fake", 256, False), Work("fake", 256, True)]
    failed = [Echo(work, failed="it broke") for work in works]
    tables.print_all([Found("fake", "1.2", [], [], "it broke, too")], failed, {"uvloop": "1"})
    said = capsys.readouterr().out
    assert "not measured: it broke, too" in said
    assert "fake left out 2 times: it broke" in said


@pytest.mark.usefixtures("fake")
def test_the_figures_come_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.run(_options(json="-")) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["missing"] == ["absent", "gone"]
    (library,) = found["libraries"]
    assert library["library"] == "fake"
    assert {cell["cell"] for cell in library["cells"]} == {each.cell.name for each in CELLS}
    assert all(cell["ratio"] == cell["plain"] / 1000 for cell in library["cells"])
    assert [echo["ratio"] for echo in found["echo"]] == [2.0] * 3


def test_what_is_slower_is_measured_again(monkeypatch: pytest.MonkeyPatch, fake: list[str]) -> None:
    asked: list[list[Cell]] = []

    def measured(name: str, cells: Any, seconds: float, progress: Any = None) -> Found:
        asked.append(cells)
        plain = 8.0 if len(asked) == 1 else 9.0
        found = [Measured(cell, {"plain": plain, "enabled": 9.0}, 1) for cell in cells]
        return Found("fake", "1.2", [STATUS], found)

    monkeypatch.setattr(drop_in, "measure", measured)
    assert benchmark.run(_options(quick=False, only=["fake server in binary"])) == 0
    assert asked == [[cell for cell in cells_of("fake") if cell.row == "server in binary"]] * 2


def test_the_echo_servers_can_be_measured_alone(fake: list[str]) -> None:
    assert benchmark.run(_options(echo=True)) == 0
    assert fake == ["fake"]


def test_what_is_measured_can_be_chosen(fake: list[str]) -> None:
    assert benchmark.run(_options(only=["fake server in binary 1 KiB"])) == 0
    assert fake == ["fake"]
    assert drop_in.planned(["in binary 1 KiB"])["fake"] == [
        Cell("fake", side, "in", "", 1024) for side in ("server", "client")
    ]


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.run(_options(only=["nothing like it"])) == 2
    assert "nothing has a name with nothing like it in it" in capsys.readouterr().err


def test_the_codec_has_no_echo_servers(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        cli.main(["bench", "--echo", "--codec"])
    assert exit.value.code == 2
    assert "not allowed with argument" in capsys.readouterr().err


@pytest.mark.usefixtures("fake")
def test_the_pure_side_is_said_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmark, "BACKEND", "python")
    assert benchmark.run(_options()) == 0
    said = capsys.readouterr().out
    assert said.index("wsfast runs on its pure side here") < said.index("fake 1.2")


def test_nothing_that_could_be_measured_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(drop_in, "version", lambda name: None)
    monkeypatch.setattr(measure, "version", lambda name: None)
    monkeypatch.delitem(servers.SERVERS, servers.OWN)
    assert benchmark.run(_options()) == 1
    said = capsys.readouterr().out
    assert "(pip install " in said
    assert "websockets" in said


def test_the_picture_is_drawn(tmp_path: Any) -> None:
    if not plot.is_possible():
        pytest.skip("matplotlib is not installed")
    path = tmp_path / "out.svg"
    about = {"version": "1", "cpu": "a CPU", "python": "a Python"}
    plot.draw_libraries([FOUND], ECHOES, about, str(path))
    assert "</svg>" in path.read_text(encoding="utf-8")


def test_a_plot_needs_matplotlib(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(plot, "is_possible", lambda: False)
    assert benchmark.run(_options(plot="out.svg")) == 2
    assert "pip install 'wsfast[plot]'" in capsys.readouterr().err


def test_other_peoples_accelerators_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    from wsfast.benchmark.worker import hide

    monkeypatch.setitem(sys.modules, "picked_up", types.ModuleType("picked_up"))
    hide(["picked_up"])
    with pytest.raises(ImportError):
        import picked_up  # type: ignore[import-not-found]  # noqa: F401
