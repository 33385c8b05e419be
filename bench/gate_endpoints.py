"""The bars of wsfast.aio, against other endpoints on the same event loop.

Of each load two ratios: of the CPU time that the server's process takes for a message, and of the
messages a second. All servers have their turns with it, round by round.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from itertools import chain
from statistics import median

import memory_endpoints
from bars import CALLBACKS, ENDPOINTS, HANDLER, IDLE_FACTOR, IDLE_PEERS, EndpointBar
from endpoints import Endpoints, Found, Samples, serving
from loads import Load, Opening
from result import Result

import wsfast
from wsfast.benchmark import report
from wsfast.benchmark.echo import measure as echo
from wsfast.benchmark.echo.servers import CEILING

LOOPS = ("asyncio", "uvloop")
# How often more is measured what is below its bar, for twice as long each.
AGAIN = 2
# The two quantities: what they are called, and whether the ratio is of CPU times.
QUANTITIES = (("CPU", True), ("rate", False))
STYLES = {CALLBACKS: "callbacks", HANDLER: "handler"}


def _work(loop: str, bar: EndpointBar, load: Load | Opening, quantity: str) -> str:
    return f"endpoint {loop} {load.name}, {STYLES[bar.own]}, {quantity}"


class EndpointGate:
    """Measures; `names` choose the work, if given, by parts of its name.

    `seconds` are those of each server with each load; `idle` is how many idle connections there
    are.
    """

    def __init__(self, seconds: float, names: Sequence[str] | None, idle: int) -> None:
        self._seconds = seconds
        self._names = names
        self._idle = idle

    def _wants(self, work: str) -> bool:
        return self._names is None or any(name in work for name in self._names)

    def results(self) -> Iterator[Result]:
        for loop in LOOPS:
            yield from self._speed(loop)
        for loop in LOOPS:
            for own, peers in IDLE_PEERS.items():
                work = f"endpoint {loop} memory of an idle connection, {STYLES[own]}"
                if self._wants(work):
                    yield self._memory(loop, work, own, peers)

    # Speed

    def _speed(self, loop: str) -> Iterator[Result]:
        loads = dict.fromkeys(
            load
            for bar in ENDPOINTS
            for load in bar.loads
            if any(self._wants(_work(loop, bar, load, name)) for name, _ in QUANTITIES)
        )
        if not loads:
            return
        wanted = {load: [bar for bar in ENDPOINTS if load in bar.loads] for load in loads}
        reason = "" if wsfast.BACKEND == "c" else "the compiled side is not in use"
        if find_spec(loop) is None:
            reason = f"not installed: {loop}"
        if reason:
            for load, bars in wanted.items():
                for bar in bars:
                    yield from self._left_out(loop, load, bar, reason)
            return
        servers = [
            name for name in _servers(chain.from_iterable(wanted.values())) if not _missing(name)
        ]
        with serving([*servers, CEILING], loop) as endpoints:
            for load, bars in wanted.items():
                yield from self._load(endpoints, loop, load, bars)

    def _left_out(
        self, loop: str, load: Load | Opening, bar: EndpointBar, reason: str
    ) -> Iterator[Result]:
        for name, _ in QUANTITIES:
            work = _work(loop, bar, load, name)
            if self._wants(work):
                yield Result(work, " or ".join(bar.against), None, bar.on(loop), note=reason)

    def _load(
        self, endpoints: Endpoints, loop: str, load: Load | Opening, bars: Sequence[EndpointBar]
    ) -> Iterator[Result]:
        names = [name for name in _servers(bars) if not _missing(name)]
        if isinstance(load, Load):
            names.append(CEILING)
        found = Found()
        for attempt in range(AGAIN + 1):
            endpoints.measure(load, names, self._seconds * len(names) * 2**attempt, found)
            results = [result for bar in bars for result in self._results(loop, load, bar, found)]
            if all(result.found is None or result.score >= 1 for result in results):
                break
        yield from results

    def _results(
        self, loop: str, load: Load | Opening, bar: EndpointBar, found: Found
    ) -> Iterator[Result]:
        own = found.samples.get(bar.own)
        others = {name: found.samples[name] for name in bar.against if name in found.samples}
        for name, is_cpu in QUANTITIES:
            work = _work(loop, bar, load, name)
            if not self._wants(work):
                continue
            against, at_least = " or ".join(bar.against), bar.on(loop)
            if own is None:
                yield Result(work, against, 0.0, at_least, note=found.failed[bar.own])
            elif not others:
                reasons = {found.failed.get(each, "not installed") for each in bar.against}
                yield Result(work, against, None, at_least, note="; ".join(sorted(reasons)))
            else:
                ratios = {each: _ratio(own, other, is_cpu) for each, other in others.items()}
                best = min(ratios, key=ratios.__getitem__)
                ceiling = found.samples.get(CEILING)
                note = _note(own, others[best], ceiling, is_cpu, at_least)
                yield Result(work, best, ratios[best], at_least, note=note)

    # Memory

    def _memory(self, loop: str, work: str, own: str, peers: Sequence[str]) -> Result:
        there = [name for name in peers if not _missing(name)]
        reason = ""
        if not memory_endpoints.is_possible():
            reason = "resident memory is told by Linux's /proc"
        elif find_spec(loop) is None or not there:
            reason = "not installed"
        if reason:
            return Result(work, " or ".join(peers), None, IDLE_FACTOR, "x", True, reason)
        taken = {name: memory_endpoints.taken_by(name, loop, self._idle) for name in (own, *there)}
        failed = {name: each.failed for name, each in taken.items() if each.failed}
        rivals = {name: taken[name].resident for name in there if name not in failed}
        if own in failed or not rivals:
            note = "; ".join(f"{name}: {why}" for name, why in failed.items())
            return Result(work, " or ".join(peers), float("inf"), IDLE_FACTOR, "x", True, note)
        least = min(rivals, key=rivals.__getitem__)
        note = ", ".join(f"{name} {each.resident / 1024:.1f} KiB" for name, each in taken.items())
        ratio = taken[own].resident / rivals[least]
        return Result(work, least, ratio, IDLE_FACTOR, "x", True, f"({note})")


def _servers(bars: Iterator[EndpointBar] | Sequence[EndpointBar]) -> list[str]:
    return list(dict.fromkeys(name for bar in bars for name in (bar.own, *bar.against)))


def _missing(server: str) -> bool:
    return bool(echo.missing(server))


def _ratio(own: Samples, other: Samples, is_cpu: bool) -> float:
    return own.cpu_ratio(other) if is_cpu else own.rate_ratio(other)


def _note(
    own: Samples, other: Samples, ceiling: Samples | None, is_cpu: bool, at_least: float
) -> str:
    """Both figures, and which share of what the event loop allows is reached."""
    if is_cpu:
        note = " against ".join(report.duration(median(each.cpu)) for each in (other, own))
    else:
        note = " against ".join(f"{median(each.rates):,.0f}/s" for each in (other, own))
    if ceiling is not None:
        note += f"; {_ratio(own, ceiling, is_cpu):.0%} of plain TCP"
        highest = _ratio(ceiling, other, is_cpu)
        if highest < at_least:
            note += f", which has {highest:.2f} x itself"
    return f"({note})"
