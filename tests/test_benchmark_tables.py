"""The libraries' benchmark: its tables, and the command. No test asserts a time."""

from __future__ import annotations

import argparse
import json
import sys
import types
from typing import Any

import pytest

from wsfast import benchmark, cli
from wsfast.adapters import PartStatus
from wsfast.benchmark import drop_in, plot, tables
from wsfast.benchmark.cells import Cell, cells_of
from wsfast.benchmark.drop_in import Found
from wsfast.benchmark.echo import measure, servers
from wsfast.benchmark.echo.measure import Echo, Work
from wsfast.benchmark.turns import Measured

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
        Measured(Cell("fake", "server", "in", "ascii", 16), {"plain": 9.0, "enabled": 10.0}, 9),
        Measured(Cell("fake", "server", "out", "", 125), failed="plain: OSError: no"),
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
