"""What was measured: tables for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from math import prod
from typing import Any

from .. import BACKEND, __version__, kernels
from ..machine import cpu_name, python_name, system_name
from ..terminal import print_table
from . import texts, timing
from .cases import OPERATIONS, Case, size
from .peers import NOT_INSTALLED

LEGEND = """\
CPU time of one call, frame or message: the least of many rounds, all libraries taking turns in one
process. In brackets: how many times as long as wsfast it takes."""


def duration(nanoseconds: float) -> str:
    """Three figures and a unit: 36.2 ns, 4.20 µs, 127 ms."""
    for unit, name in ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1, "ns")):
        if nanoseconds >= unit * 0.9995 or unit == 1:
            value = nanoseconds / unit
            digits = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
            return f"{value:.{digits}f} {name}"
    raise AssertionError


def times(ratio: float) -> str:
    """A ratio: 0.85 x, 3.4 x, 127 x."""
    digits = 0 if ratio >= 9.95 else 1 if ratio >= 0.995 else 2
    return f"{ratio:,.{digits}f} x"


def machine() -> dict[str, Any]:
    """What ran on what."""
    return {
        "version": __version__,
        "backend": BACKEND,
        "kernels": kernels(),
        "python": python_name(),
        "system": system_name(),
        "cpu": cpu_name(),
        "texts": texts.source(),
        "clock": timing.clock().name,
    }


def facts(versions: Mapping[str, str], missing: Mapping[str, str]) -> dict[str, Any]:
    """The same, and who took part."""
    return {**machine(), "peers": dict(versions), "missing": dict(missing)}


def machine_lines(about: Mapping[str, Any]) -> Iterator[str]:
    backend = "compiled" if about["backend"] == "c" else "pure Python"
    in_use = ", ".join(f"{isa} ({operation})" for operation, isa in about["kernels"].items())
    if len(set(about["kernels"].values())) == 1:
        in_use = next(iter(about["kernels"].values()))
    yield f"wsfast    {about['version']}, {backend}; kernels: {in_use}"
    yield f"CPU       {about['cpu']}; {about['system']}"
    yield f"Python    {about['python']}"


def fact_lines(about: Mapping[str, Any]) -> Iterator[str]:
    yield from machine_lines(about)
    yield "peers     " + (", ".join(f"{n} {v}" for n, v in about["peers"].items()) or "none")
    absent = [name for name, reason in about["missing"].items() if reason == NOT_INSTALLED]
    if absent:
        yield f"          not installed: {', '.join(absent)} (pip install 'wsfast[bench]')"
    for name, reason in about["missing"].items():
        if reason != NOT_INSTALLED:
            yield f"          without {name}: {reason}"
    yield f"texts     {about['texts']}"


def rows_of(cases: Sequence[Case]) -> list[list[str]]:
    """For cases that differ in length only: a row for each library, the fastest first."""
    own = next(iter(cases[0].times))
    ratios: dict[str, list[float]] = {}
    for case in cases:
        for who, ratio in case.ratios().items():
            ratios.setdefault(who, []).append(ratio)
    by_ratio = sorted(ratios, key=lambda who: prod(ratios[who]) ** (1 / len(ratios[who])))
    rows = []
    for who in (own, *by_ratio):
        row = [who]
        for case in cases:
            if who not in case.times:
                row += ["", ""]
                continue
            bracket = "" if who == own else f"({times(case.ratios()[who])})"
            row += [duration(case.times[who]), bracket]
        rows.append(row)
    return rows


def _heading(case: Case) -> str:
    operation = OPERATIONS[case.operation]
    side = "pure Python alone: " if case.pure else ""
    return f"{side}{operation.title}: {case.operation}"


def print_tables(cases: Sequence[Case], about: Mapping[str, Any]) -> None:
    """All there is to say, on stdout."""
    print("\n".join(fact_lines(about)))
    print(f"\n{LEGEND}")
    for heading, group in groupby(cases, _heading):
        print(f"\n\n{heading}\n{'=' * len(heading)}")
        for text, alike in groupby(group, lambda case: case.text):
            same = list(alike)
            head = [texts.TEXTS.get(text, "")]
            for case in same:
                head += [size(case.octets) if case.octets else "time", ""]
            rows = rows_of(same)
            print()
            print_table(head, rows, right=range(1, len(head)))
    print("\n\nAgainst the fastest other\n=========================\n")
    print_table(("", "wsfast is", "the fastest other"), list(_summary(cases)))
    print()
    for case in cases:
        for who, reason in case.failed.items():
            print(f"{who} left out of {case.name}: {reason}")


def _fastest(case: Case) -> tuple[str, float] | None:
    others = {who: r for who, r in case.ratios().items() if who not in case.references}
    return min(others.items(), key=lambda item: item[1]) if others else None


def _summary(cases: Sequence[Case]) -> Iterator[tuple[str, str, str]]:
    for (_, text), group in groupby(cases, lambda case: (_heading(case), case.text)):
        found = [(case, fastest) for case in group if (fastest := _fastest(case))]
        if not found:
            continue
        case = found[0][0]
        name = f"{'pure ' if case.pure else ''}{case.operation}"
        if text:
            name += f", {texts.TEXTS[text]}"
        least = min(ratio for _, (_, ratio) in found)
        most = max(ratio for _, (_, ratio) in found)
        speed = times(least) if times(least) == times(most) else f"{times(least)} to {times(most)}"
        whos = dict.fromkeys(who for _, (who, _) in found)
        yield name, f"{speed} as fast as", ", ".join(whos)


def as_json(cases: Sequence[Case], about: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **about,
        "results": [
            {
                "work": case.name,
                "operation": case.operation,
                "pure": case.pure,
                "text": case.text or None,
                "octets": case.octets,
                "unit": OPERATIONS[case.operation].unit,
                "who": who,
                "nanoseconds": round(ns, 3),
                "ratio": round(ns / next(iter(case.times.values())), 3),
                "reference": who in case.references,
                "statement": case.sides[who].statement,
            }
            for case in cases
            for who, ns in case.times.items()
        ],
    }
