"""Measures a library plain and enabled, in turns: enable() and disable() between rounds.

After each switch all of the library's cells have their turn, on connections made anew, since a
connection goes on as it began. CPU time; of each side of a cell the shortest round counts.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from itertools import repeat
from typing import Any

from .. import adapters
from . import timing
from .cells import Cell, Handle

SIDES = ("plain", "enabled")

# Nanoseconds that a round takes, where one message takes less; rounds of a connection.
ROUND = 200_000
ROUNDS = 5
# Turns that every cell gets, however long they take.
LEAST_TURNS = 3
# A message that takes more nanoseconds than this is handled once in a turn.
LONG = 20_000_000


@dataclass
class Measured:
    """`times`: nanoseconds of one message, by side; `failed` says why there are none."""

    cell: Cell
    times: dict[str, float] = field(default_factory=dict)
    rounds: int = 0
    failed: str = ""

    @property
    def ratio(self) -> float:
        return self.times["plain"] / self.times["enabled"]

    def merge(self, other: Measured) -> None:
        """Take what a later measurement has found, too."""
        self.failed = other.failed
        self.rounds += other.rounds
        for side, ns in other.times.items():
            self.times[side] = min(ns, self.times.get(side, ns))

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"cell": list(self.cell)}

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Measured:
        return cls(**found | {"cell": Cell(*found["cell"])})


@dataclass
class _Share:
    """What a cell has had: seconds, and turns of both sides. `runs` in a round, by side.

    `texts` is what the user gets of a text message: str, or its octets.
    """

    seconds: float = 0.0
    turns: int = 0
    runs: dict[str, int] = field(default_factory=dict)
    texts: set[bool] = field(default_factory=set)


class Turns:
    """One library's cells. Those that it has no side for are left out."""

    def __init__(self, name: str, library: Any, cells: Iterable[Cell]) -> None:
        self._name = name
        self._library = library
        self._found = {cell: Measured(cell) for cell in cells}
        self._shares = {cell: _Share() for cell in self._found}

    def measure(self, seconds: float, progress: Callable[[float], None]) -> list[Measured]:
        """Measures for about that long; `progress` is told which part of it is over."""
        timing.prime_allocator()
        self._warm_up()
        order = SIDES
        begun = time.perf_counter()
        with _few_objects(), self._switched():
            while due := self._due(passed := time.perf_counter() - begun, seconds):
                progress(passed / seconds if passed < seconds else 1.0)
                for side in order:
                    self._turn(side, due)
                # Plain first, then last: whatever drifts disturbs both.
                order = order[::-1]
        return list(self._found.values())

    def _warm_up(self) -> None:
        """What is done once shall not be in the time that is shared: texts, imports."""
        for cell in self._found:
            cell.payload()
        for small in dict.fromkeys(cell._replace(octets=16) for cell in self._found):
            # What fails here fails again, and is told then.
            with suppress(Exception):
                handle = small.prepare(self._library)
                if handle is not None:
                    handle()

    def status(self) -> list[adapters.PartStatus]:
        """What is replaced while it is enabled."""
        with self._switched():
            adapters.enable(self._name)
            return adapters.status()[self._name].parts

    def _due(self, passed: float, seconds: float) -> list[Cell]:
        """Cells that have had less than their share of the time that has passed."""
        needy = [cell for cell, share in self._shares.items() if share.turns < LEAST_TURNS]
        if passed >= seconds or not self._shares:
            return needy
        fair = max(passed / len(self._shares), min(s.seconds for s in self._shares.values()))
        return [
            cell
            for cell, share in self._shares.items()
            if share.turns < LEAST_TURNS or share.seconds <= fair
        ]

    @contextmanager
    def _switched(self) -> Iterator[None]:
        try:
            yield
        finally:
            adapters.disable(self._name)

    def _turn(self, side: str, due: Sequence[Cell]) -> None:
        if side == "enabled":
            adapters.enable(self._name)
        else:
            adapters.disable(self._name)
        # Connections may be cycles.
        gc.collect()
        for cell in due:
            share = self._shares.get(cell)
            if share is None:
                continue
            begun = time.perf_counter()
            try:
                is_there = self._rounds(cell, side, share)
            except Exception as error:
                # Whatever a library raises, it is the cell that is left out.
                self._found[cell].failed = f"{side}: {type(error).__name__}: {error}"
                del self._shares[cell]
                continue
            if not is_there:
                del self._shares[cell], self._found[cell]
            share.seconds += time.perf_counter() - begun
            share.turns += side == "enabled"

    def _rounds(self, cell: Cell, side: str, share: _Share) -> bool:
        """The rounds of a new connection; False where the library has no such side."""
        handle = cell.prepare(self._library)
        if handle is None:
            return False
        if side not in share.runs:
            share.runs[side], is_str = _verified_and_calibrated(cell, handle)
            share.texts.add(is_str)
            if len(share.texts) > 1:
                raise ValueError("a text is a str on one side, and octets on the other")
        runs = share.runs[side]
        if runs > 1:
            # The first message may cost more than those after it.
            handle()
        measured = self._found[cell]
        for _ in range(ROUNDS if runs > 1 else 1):
            took = _timed(handle, runs)
            measured.times[side] = min(took, measured.times.get(side, took))
            measured.rounds += 1
        if runs > 1:
            share.runs[side] = _fitting(measured.times[side])
        return True


def _timed(handle: Handle, runs: int) -> float:
    """Nanoseconds of one call, of so many."""
    clock = timing.clock().read
    times = repeat(None, runs)
    begun = clock()
    for _ in times:
        handle()
    return (clock() - begun) / runs


def _verified_and_calibrated(cell: Cell, handle: Handle) -> tuple[int, bool]:
    """How often a round is to handle the message, and whether what it gives is a str."""
    for _ in range(2):
        begun = time.perf_counter_ns()
        result = handle()
        took: float = time.perf_counter_ns() - begun
        cell.verify(result)
        if took > LONG:
            return 1, isinstance(result, str)
    return _fitting(min(_timed(handle, 2) for _ in range(3))), isinstance(result, str)


def _fitting(nanoseconds: float) -> int:
    return max(2, round(ROUND / max(nanoseconds, 1)))


@contextmanager
def _few_objects() -> Iterator[None]:
    """Keeps the garbage collector out of the rounds, and lets it see only what they leave."""
    with timing.quiet():
        # Not every Python has it.
        getattr(gc, "freeze", int)()
        try:
            yield
        finally:
            getattr(gc, "unfreeze", int)()
