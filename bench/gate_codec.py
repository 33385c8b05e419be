"""The codec's bars."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import memory
from bars import (
    COMPILED,
    FRAGMENTED,
    FRAGMENTED_GROWTH,
    FRAGMENTED_TEXTS,
    KEY_MARGIN,
    LARGE,
    LARGE_FACTOR,
    LARGE_MARGIN,
    PURE,
    Bar,
)
from result import Result

import wsfast
from wsfast import _backend
from wsfast.benchmark import cases, report, timing
from wsfast.benchmark.peers import Field, find

# How often more is measured what is below its bar, for twice as long each.
AGAIN = 3


def _left_out(bar: Bar) -> str:
    """Why a bar doesn't hold here; empty where it does."""
    if bar.pure:
        return ""
    if wsfast.BACKEND != "c":
        return "the compiled side is not in use"
    if bar.kernel and (active := wsfast.kernels()[bar.kernel]) != "avx512":
        if "avx512" not in _backend.kernels.cpu():
            return "set for AVX-512, which this CPU lacks"
        return f"set for AVX-512, but the kernel in use is {active}"
    return ""


class CodecGate:
    """Measures; `names` choose the work, if given, by parts of its name."""

    def __init__(self, seconds: float, names: Sequence[str] | None) -> None:
        self._seconds = seconds
        self._names = names
        self._fields: dict[bool, Field] = {}

    def field(self, pure: bool) -> Field:
        if pure not in self._fields:
            self._fields[pure] = find(pure)
        return self._fields[pure]

    def _wants(self, work: str) -> bool:
        return self._names is None or any(name in work for name in self._names)

    def results(self) -> Iterator[Result]:
        for bar in (*COMPILED, *PURE):
            for text, octets in bar.work():
                if self._wants(cases.case_name(bar.operation, octets, text, bar.pure)):
                    yield self._ratio(bar, text, octets)
        if self._wants("masking_key less getrandbits"):
            yield self._key_margin()
        for text in FRAGMENTED_TEXTS:
            if self._wants(cases.case_name("fragments", FRAGMENTED, text)):
                yield self._growth(text)
        for kind in memory.KINDS:
            for way in memory.WAYS:
                if self._wants(f"memory {kind} by {way}"):
                    yield self._memory(kind, way)

    def _ratio(self, bar: Bar, text: str, octets: int) -> Result:
        name = cases.case_name(bar.operation, octets, text, bar.pure)
        against = " or ".join(bar.against)
        reason = _left_out(bar)
        if reason:
            return Result(name, against, None, bar.at_least, note=reason)
        case = cases.make(bar.operation, octets, text, self.field(bar.pure), bar.against or None)
        rivals = [who for who in case.sides if who not in case.references or bar.against]
        if len(rivals) < 2:
            failed = "; ".join(f"{who}: {why}" for who, why in case.failed.items())
            return Result(name, against, None, bar.at_least, note=failed or "not installed")
        seconds = self._seconds * len(case.sides)
        for attempt in range(AGAIN + 1):
            case.measure(seconds * 2**attempt, again=attempt > 0)
            ratios = {who: ratio for who, ratio in case.ratios().items() if who in rivals}
            fastest = min(ratios, key=ratios.__getitem__)
            if ratios[fastest] >= bar.at_least:
                break
        own, other = (report.duration(case.times[who]) for who in (rivals[0], fastest))
        return Result(name, fastest, ratios[fastest], bar.at_least, note=f"({other} against {own})")

    def _key_margin(self) -> Result:
        work, against = "masking_key less getrandbits", "random.getrandbits(32)"
        if wsfast.BACKEND != "c":
            reason = "the compiled side is not in use"
            return Result(work, against, None, KEY_MARGIN, "ns", True, reason)
        case = cases.make("masking_key", 0, "", self.field(False), [against])
        for attempt in range(AGAIN + 1):
            own, other = case.measure(self._seconds * 2 ** (attempt + 1), attempt > 0).values()
            if own - other <= KEY_MARGIN:
                break
        note = f"({report.duration(other)} against {report.duration(own)})"
        return Result(work, against, own - other, KEY_MARGIN, "ns", True, note)

    def _growth(self, text: str) -> Result:
        work = cases.case_name("fragments", FRAGMENTED, text)
        against = cases.size(2 * FRAGMENTED)
        codec = Field(self.field(False).codec, [], {}, {})
        loops = [
            timing.Loop(side.statement, side.names)
            for octets in (FRAGMENTED, 2 * FRAGMENTED)
            for side in cases.make("fragments", octets, text, codec).sides.values()
        ]
        shortest: list[float] | None = None
        for attempt in range(AGAIN + 1):
            shortest = timing.measure(loops, self._seconds * 2 ** (attempt + 1), shortest)
            growth = shortest[1] / shortest[0]
            if growth <= FRAGMENTED_GROWTH:
                break
        note = "({1} against {0})".format(*map(report.duration, shortest or ()))
        return Result(work, against, growth, FRAGMENTED_GROWTH, is_limit=True, note=note)

    def _memory(self, kind: str, way: str) -> Result:
        work = f"memory {kind} by {way} {cases.size(LARGE)}"
        bar = (LARGE * LARGE_FACTOR + LARGE_MARGIN) / 2**20
        reason = ""
        if wsfast.BACKEND != "c":
            reason = "the compiled side is not in use"
        elif sys.platform != "linux":
            reason = "VmHWM is Linux's"
        if reason:
            return Result(work, "VmHWM", None, bar, "MiB", True, reason)
        taken = memory.peak_of(kind, way, LARGE) - memory.peak_of(kind, way, 0)
        return Result(work, "VmHWM", taken / 2**20, bar, "MiB", True)
