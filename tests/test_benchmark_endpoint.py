"""wsfast.aio in the benchmark's tables, beside the libraries. No test asserts a time."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from wsfast import benchmark
from wsfast.benchmark import child, plot, tables
from wsfast.benchmark.echo import client, measure, servers
from wsfast.benchmark.echo.measure import Echo, Work
from wsfast.benchmark.echo.servers import CEILING, OWN

WORKS = [Work(OWN, octets, deflate) for octets in measure.IN_FLIGHT for deflate in (False, True)]
ECHOES = [
    Echo(
        work,
        {OWN: 3e3} | ({} if work.deflate else {CEILING: 2e3}),
        {OWN: 234567.8} | ({} if work.deflate else {CEILING: 345678.9}),
    )
    for work in WORKS
]


def _options(**options: Any) -> argparse.Namespace:
    given = {"json": None, "plot": None, "quick": True, "only": None, "codec": False, "echo": True}
    return argparse.Namespace(**given | options)


@contextmanager
def serving(server: str, loop: str) -> Iterator[int]:
    """The port of an echo server in a process of its own."""
    if measure.missing(server):
        pytest.skip(f"not installed: {', '.join(measure.missing(server))}")
    arguments = (server, "plain", "-1", loop)
    with child.started("wsfast.benchmark.echo.server", arguments, 60) as process:
        yield int(process.read())


@pytest.mark.parametrize("server", ["picows", "picows memoryview", OWN, "wsfast.aio callbacks"])
def test_an_endpoint_echoes(server: str) -> None:
    with serving(server, "asyncio") as port:
        peer = client.Client(port, 256, 16, deflate=False)
        assert peer.send(20) == 32
        peer.close()


@pytest.mark.parametrize("server", [OWN, "wsfast.aio callbacks"])
def test_our_endpoint_compresses_where_a_client_asks(server: str) -> None:
    with serving(server, "asyncio") as port:
        peer = client.Client(port, 256, 2, deflate=True)
        assert peer.send(300) == 300
        peer.close()


def test_plain_tcp_echoes_octets() -> None:
    with serving(CEILING, "asyncio") as port:
        peer = client.Client(port, 256, 16, deflate=False, is_tcp=True)
        assert peer.send(16) == 16
        peer.close()


def test_our_endpoint_has_its_turns_with_plain_tcp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "ROUND", 0.001)
    found = measure.measure(OWN, WORKS, 0.01)
    assert [echo.failed for echo in found] == [""] * len(WORKS)
    for echo in found:
        expected = {OWN} if echo.work.deflate else {OWN, CEILING}
        assert echo.times.keys() == echo.rates.keys() == expected
        assert all(nanoseconds > 0 for nanoseconds in echo.times.values())


def test_it_comes_last_and_needs_nothing_installed() -> None:
    assert list(measure.planned(None))[-1] == OWN
    assert measure.missing(OWN) == []


def test_it_can_be_chosen_and_left_out() -> None:
    assert measure.planned([OWN]) == {OWN: WORKS}
    assert OWN not in measure.planned(["echo websockets"])


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def echoed(server: str, works: Any, seconds: float, progress: Any) -> list[Echo]:
        return [echo for echo in ECHOES if echo.work in works]

    monkeypatch.setattr(measure, "measure", echoed)
    monkeypatch.setattr(measure, "SERVERS", {OWN: servers.SERVERS[OWN]})


@pytest.mark.usefixtures("measured")
def test_it_stands_in_the_table_without_a_before(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.run(_options()) == 0
    said = capsys.readouterr().out
    rows = [line.split() for line in said.splitlines()]
    assert rows.count(["wsfast.aio", "3.00", "µs", "234,568"]) == len(WORKS)
    assert rows.count(["plain", "TCP", "2.00", "µs", "345,679"]) == len(WORKS) / 2


@pytest.mark.usefixtures("measured")
def test_its_figures_come_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.run(_options(json="-")) == 0
    found = json.loads(capsys.readouterr().out)["echo"]
    assert [(each["server"], each["ratio"]) for each in found] == [(OWN, None)] * len(WORKS)
    assert found[0]["nanoseconds"] == {OWN: 3000.0, CEILING: 2000.0}
    assert found[0]["messages_a_second"] == {OWN: 234568, CEILING: 345679}


def test_it_stands_in_the_picture(tmp_path: Any) -> None:
    if not plot.is_possible():
        pytest.skip("matplotlib is not installed")
    path = tmp_path / "out.svg"
    about = {"version": "1", "cpu": "a CPU", "python": "a Python"}
    plot.draw_libraries([], ECHOES, about, str(path))
    assert "wsfast.aio 256 octets" in path.read_text(encoding="utf-8")


def test_why_it_is_left_out_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    tables.print_all([], [Echo(WORKS[0], failed="it broke")], {"uvloop": None})
    assert "wsfast.aio left out 1 times: it broke" in capsys.readouterr().out
