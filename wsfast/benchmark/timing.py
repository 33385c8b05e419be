"""How long a Python statement takes: CPU time, the least of many rounds, several in turns.

What disturbs a measurement only ever makes it longer, and the machine's speed changes from one
second to the next. So the sides of a comparison take turns, in short rounds, in one process; and
of each side the shortest round counts.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import repeat
from typing import NamedTuple

# Nanoseconds that one round of a side should take, where one call is shorter.
ROUND = 400_000
# Rounds that every side gets, however long they take.
LEAST_ROUNDS = 5
# Below this many nanoseconds a call, the loop around it would count: it's written out ten times.
SHORT = 2_000
UNROLLED = 10
# A clock that ticks more slowly than this many nanoseconds can't time a round.
COARSE = 50_000

_SOURCE = """
def run(times, clock, {parameters}):
    begun = clock()
    for _ in times:
{body}
    return clock() - begun
"""


class Clock(NamedTuple):
    name: str
    read: Callable[[], int]  # nanoseconds
    tick: int  # the least step seen, in nanoseconds


def _tick(read: Callable[[], int]) -> int:
    least = 10**9
    for _ in range(20):
        begun = read()
        now = read()
        while now == begun:
            now = read()
        least = min(least, now - begun)
    return least


@cache
def clock() -> Clock:
    """The finer of this system's clocks of CPU time; the wall's where both are too coarse.

    The thread's clock unless it is much the coarser: what shows progress runs in another thread.
    """
    names = ("thread_time_ns", "process_time_ns", "perf_counter_ns")
    thread, process, wall = (Clock(name, read, _tick(read)) for name, read in _clocks(names))
    finer = process if process.tick * 4 < thread.tick else thread
    return wall if finer.tick > COARSE else finer


def _clocks(names: Sequence[str]) -> Iterator[tuple[str, Callable[[], int]]]:
    for name in names:
        # Not every system has a clock for a thread.
        yield name, getattr(time, name, time.process_time_ns)


@cache
def prime_allocator() -> None:
    """Makes the C library's allocator serve large blocks from its heap, as in a grown process.

    glibc maps and unmaps each large block anew until one has been freed; what would be measured
    then is the kernel clearing pages.
    """
    bytes(30 * 2**20)


class Loop:
    """One statement, compiled, with its names as local variables; runs it as often as asked."""

    def __init__(self, statement: str, names: Mapping[str, object]) -> None:
        self.statement = statement
        self._names = dict(names)
        prime_allocator()
        self._compile(1)
        self.times = self._calibrated()

    def _compile(self, copies: int) -> None:
        lines = [" " * 8 + line for line in self.statement.splitlines()] * copies
        parameters = ", ".join(f"{name}={name}" for name in self._names)
        namespace = dict(self._names)
        exec(_SOURCE.format(parameters=parameters, body="\n".join(lines)), namespace)
        self._run: Callable[..., int] = namespace["run"]  # type: ignore[assignment]
        self._copies = copies

    def _calibrated(self) -> int:
        """How often the statement runs in a round; the loop is written out if that's often."""
        runs = 1
        while (took := self.round(runs) * runs) < ROUND / 8:
            runs *= 4
        each = took / runs
        if self._copies == 1 and each < SHORT and "\n" not in self.statement:
            self._compile(UNROLLED)
            return self._calibrated()
        return max(1, round(ROUND / each / self._copies)) * self._copies

    def round(self, runs: int | None = None) -> float:
        """Runs the statement as often as fits a round, or `runs` times: nanoseconds of each run."""
        turns = max(1, (runs or self.times) // self._copies)
        return self._run(repeat(None, turns), clock().read) / (turns * self._copies)


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps Python's garbage collector out."""
    collected = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()


def measure(
    loops: Sequence[Loop], seconds: float, shortest: Sequence[float] | None = None
) -> list[float]:
    """Nanoseconds of one run of each loop: of its shortest round within `seconds` for all of them.

    The loop that has had the least time goes next, so that all get equal shares, in turns.
    `shortest` is what an earlier call has returned, to go on from.
    """
    found = list(shortest) if shortest is not None else [float("inf")] * len(loops)
    used = [0.0] * len(loops)
    rounds = [0] * len(loops)
    with quiet():
        ends = time.perf_counter() + seconds
        while time.perf_counter() < ends or min(rounds) < LEAST_ROUNDS:
            turn = min(range(len(loops)), key=used.__getitem__)
            if time.perf_counter() >= ends:
                turn = min(range(len(loops)), key=rounds.__getitem__)
            each = loops[turn].round()
            used[turn] += each * loops[turn].times
            rounds[turn] += 1
            found[turn] = min(found[turn], each)
    return found
