"""`python -m wsfast bench --codec`: the codec and every installed peer on the same work."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence

from ..terminal import Progress
from . import plot, report
from .cases import SUITE, Case, Plan, case_name, make
from .peers import Field, find

# Seconds for each library in each piece of work.
SECONDS = 0.22
QUICK_SECONDS = 0.02


def _planned(only: Sequence[str] | None) -> list[tuple[Plan, str, int]]:
    return [
        (plan, text, octets)
        for plan in SUITE
        for text, octets in plan.names()
        if only is None
        or any(name in case_name(plan.operation, octets, text, plan.pure) for name in only)
    ]


def _measured(
    planned: Sequence[tuple[Plan, str, int]], fields: dict[bool, Field], seconds: float
) -> Iterator[Case]:
    in_lines = not sys.stderr.isatty()
    with Progress(len(planned)) as progress:
        for number, (plan, text, octets) in enumerate(planned, 1):
            name = case_name(plan.operation, octets, text, plan.pure)
            progress.step(name)
            if in_lines:
                print(f"[{number}/{len(planned)}] {name}", file=sys.stderr, flush=True)
            case = make(plan.operation, octets, text, fields[plan.pure])
            case.measure(seconds * len(case.sides))
            yield case


def run(options: argparse.Namespace) -> int:
    """Measures, and reports as `options` say. Returns the exit code."""
    planned = _planned(options.only)
    if not planned:
        print(f"no work has a name with {' or '.join(options.only)} in it", file=sys.stderr)
        return 2
    fields = {pure: find(pure) for pure in {plan.pure for plan, _, _ in planned}}
    seconds = QUICK_SECONDS if options.quick else SECONDS
    cases = list(_measured(planned, fields, seconds))
    everybody = fields.get(False) or fields[True]
    about = report.facts(everybody.versions, everybody.missing)
    found = json.dumps(report.as_json(cases, about), indent=2, ensure_ascii=False) + "\n"
    if options.json == "-":
        print(found, end="")
    else:
        report.print_tables(cases, about)
        if options.json:
            with open(options.json, "w", encoding="utf-8") as file:
                file.write(found)
    if options.plot:
        plot.draw(cases, about, options.plot)
    return 0
