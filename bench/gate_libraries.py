"""The bars of the libraries that run on wsfast: speed without sockets, echo servers, memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import memory_libraries
from bars import (
    DEFLATED,
    ECHO,
    IDLE_MARGIN,
    LIBRARIES,
    MEASUREMENTS,
    MESSAGE,
    MESSAGE_FACTOR,
    SLOWEST,
    LibraryBar,
)
from result import Result

import wsfast
from wsfast.benchmark import cases, drop_in, report
from wsfast.benchmark.cells import Cell, cells_of
from wsfast.benchmark.echo import measure as echo
from wsfast.benchmark.turns import Measured

# How often more is measured what is below its bar, for twice as long each.
AGAIN = 2
# An echo server's seconds for one load, as many times those of a cell.
LOAD = 4


class _Group(NamedTuple):
    """What is measured in one process."""

    library: str
    with_wsaccel: bool

    @property
    def suffix(self) -> str:
        return ", wsaccel there" if self.with_wsaccel else ""


def _why_not() -> str:
    return "" if wsfast.BACKEND == "c" else "the compiled side is not in use"


class LibraryGate:
    """Measures; `names` choose the work, if given, by parts of its name.

    `ways` are those of memory_libraries.WAYS in which a large message goes through each library.
    """

    def __init__(
        self, seconds: float, names: Sequence[str] | None, ways: Sequence[tuple[str, str, str]]
    ) -> None:
        self._seconds = seconds
        self._names = names
        self._ways = ways

    def _wants(self, work: str) -> bool:
        return self._names is None or any(name in work for name in self._names)

    def results(self) -> Iterator[Result]:
        for with_wsaccel in (False, True):
            for library in dict.fromkeys(bar.library for bar in LIBRARIES):
                yield from self._library(_Group(library, with_wsaccel))
        for server in echo.planned(None):
            yield from self._echo(server)
        for library in drop_in.libraries():
            yield from self._memory(library)

    # The libraries' tables

    def _library(self, group: _Group) -> Iterator[Result]:
        bars = {
            _cell(bar): bar.at_least
            for bar in LIBRARIES
            if (bar.library, bar.with_wsaccel) == group
            and self._wants(_cell(bar).name + group.suffix)
        }
        table = [] if group.with_wsaccel else [*filter(self._is_wanted, cells_of(group.library))]
        cells = list(dict.fromkeys([*bars, *table]))
        if not cells:
            return
        reason = _why_not() or self._lacks(group)
        found = {} if reason else self._measured(group, cells, self._seconds)
        for cell, at_least in bars.items():
            work = cell.name + group.suffix
            if reason:
                yield Result(work, "plain", None, at_least, note=reason)
                continue
            yield self._bar(group, work, found.get(cell), at_least)
        if table and not reason:
            yield self._slowest(group, [found[cell] for cell in table if cell in found])

    def _is_wanted(self, cell: Cell) -> bool:
        return self._wants(cell.name)

    @staticmethod
    def _lacks(group: _Group) -> str:
        if group.library not in drop_in.libraries():
            return "there is no adapter"
        absent = [
            name
            for name in (group.library, *["wsaccel"] * group.with_wsaccel)
            if drop_in.version(name) is None
        ]
        return f"not installed: {', '.join(absent)}" if absent else ""

    @staticmethod
    def _measured(group: _Group, cells: Sequence[Cell], seconds: float) -> dict[Cell, Measured]:
        found = drop_in.measure(
            group.library, cells, seconds * len(cells), with_wsaccel=group.with_wsaccel
        )
        if found.failed:
            failed = [Measured(cell, failed=found.failed) for cell in cells]
            return {each.cell: each for each in failed}
        return {each.cell: each for each in found.cells}

    def _bar(self, group: _Group, work: str, measured: Measured | None, at_least: float) -> Result:
        if measured is None:
            return Result(work, "plain", None, at_least, note="it has no such side")
        for attempt in range(AGAIN):
            if measured.failed or measured.ratio >= at_least:
                break
            again = self._measured(group, [measured.cell], self._seconds * 2 ** (attempt + 1))
            measured.merge(again[measured.cell])
        if measured.failed:
            return Result(work, "plain", 0.0, at_least, note=measured.failed)
        plain, enabled = (report.duration(measured.times[s]) for s in ("plain", "enabled"))
        return Result(work, "plain", measured.ratio, at_least, note=f"({plain} against {enabled})")

    def _slowest(self, group: _Group, cells: Sequence[Measured]) -> Result:
        """The least ratio, of each cell the best of so many measurements of its own."""
        work = f"{group.library}, its slowest cell"
        failed = [each for each in cells if each.failed]
        if failed:
            note = f"{failed[0].cell.name}: {failed[0].failed}"
            return Result(work, "plain", 0.0, SLOWEST, note=note)
        best = {each.cell: each.ratio for each in cells}
        for _ in range(MEASUREMENTS - 1):
            slow = [cell for cell, ratio in best.items() if ratio < SLOWEST]
            if not slow:
                break
            for cell, each in self._measured(group, slow, self._seconds).items():
                if not each.failed:
                    best[cell] = max(best[cell], each.ratio)
        slowest = min(best, key=best.__getitem__)
        slower = sum(ratio < SLOWEST for ratio in best.values())
        note = f"({slowest.row} {cases.size(slowest.octets)}; {slower} of {len(best)} below)"
        return Result(work, "plain", best[slowest], SLOWEST, note=note, tolerance=1)

    # Echo servers

    def _echo(self, server: str) -> Iterator[Result]:
        bars = {bar.octets: bar.at_least for bar in ECHO if bar.server == server}
        for work in echo.planned(None)[server]:
            if work.octets not in bars or not self._wants(work.name):
                continue
            at_least = DEFLATED if work.deflate else bars[work.octets]
            reason = _why_not()
            absent = echo.missing(server)
            if absent:
                reason = f"not installed: {', '.join(absent)}"
            if reason:
                yield Result(work.name, "plain", None, at_least, note=reason)
            else:
                yield self._load(work, at_least)

    def _load(self, work: echo.Work, at_least: float) -> Result:
        attempts = MEASUREMENTS if work.deflate else AGAIN + 1
        found: list[echo.Echo] = []
        for attempt in range(attempts):
            # What must not be below in each of so many measurements is measured alike.
            longer = 1 if work.deflate else 2**attempt
            (each,) = echo.measure(work.server, [work], self._seconds * LOAD * longer)
            if each.failed:
                return Result(work.name, "plain", 0.0, at_least, note=each.failed)
            found.append(each)
            if each.ratio >= at_least:
                break
        best = max(found, key=lambda each: each.ratio)
        times = {side: report.duration(ns) for side, ns in best.times.items()}
        note = f"({times.pop('plain')} against {times.pop('enabled')}"
        note += "".join(f"; {side} {took}" for side, took in times.items()) + ")"
        tolerance = {"tolerance": 1.0} if work.deflate else {}
        return Result(work.name, "plain", best.ratio, at_least, note=note, **tolerance)

    # Memory

    def _memory(self, library: str) -> Iterator[Result]:
        for side, direction, text in self._ways:
            work = f"memory {Cell(library, side, direction, text, MESSAGE).name}"
            if self._wants(work):
                yield from self._compared(work, library, side, direction, text)
        for side in memory_libraries.SIDES:
            work = f"memory {library} {side}, an idle connection"
            if self._wants(work):
                yield from self._compared(work, library, side, "idle", "")

    @staticmethod
    def _compared(
        work: str, library: str, side: str, direction: str, text: str
    ) -> Iterator[Result]:
        idle = direction == "idle"
        against = "plain, by tracemalloc" if idle else "plain, by VmHWM"
        bar, unit = (float(IDLE_MARGIN), "octets") if idle else (MESSAGE_FACTOR, "x")
        reason = _why_not()
        if drop_in.version(library) is None:
            reason = f"not installed: {library}"
        elif not idle and sys.platform != "linux":
            reason = "VmHWM is Linux's"
        if reason:
            yield Result(work, against, None, bar, unit, True, reason)
            return
        try:
            plain, enabled = (
                memory_libraries.taken_by(library, side, direction, text, state)
                for state in ("plain", "enabled")
            )
        except subprocess.CalledProcessError as error:
            note = error.stderr.strip().splitlines()[-1:]
            yield Result(work, against, float("inf"), bar, unit, True, "".join(note))
            return
        if plain is None or enabled is None:
            return
        if idle:
            note = f"({plain:,.0f} and {enabled:,.0f} octets)"
            yield Result(work, against, enabled - plain, bar, unit, True, note, 1.0)
        else:
            note = f"({plain / 2**20:.1f} and {enabled / 2**20:.1f} MiB)"
            yield Result(work, against, enabled / plain, bar, unit, True, note, 1.0)


def _cell(bar: LibraryBar) -> Cell:
    return Cell(bar.library, bar.side, bar.direction, bar.text, bar.octets)
