"""`python -m wsfast bench`: what the libraries that are installed gain.

Each library plain and enabled, message by message; then echo servers on them. `--echo`: only the
servers. `--codec`: the codec and its peers on the same work, instead.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from .. import BACKEND
from ..terminal import Progress
from . import codec, drop_in, plot, report, tables, texts
from .echo import measure as echo

# Seconds for all libraries together, and at most for a cell.
SECONDS, QUICK_SECONDS = 85.0, 12.0
CELL_SECONDS, QUICK_CELL_SECONDS = 0.5, 0.05
# At most for the cells of a library that are slower, which are measured once more.
AGAIN_SECONDS = 2.0
# For each echo server; its start comes on top.
ECHO_SECONDS, QUICK_ECHO_SECONDS = 6.0, 1.0
# Steps that the progress of one library is shown in.
STEPS = 10

PURE = """\
wsfast runs on its pure side here: only what is faster in Python, too, is replaced, so most ratios
are 1. `python -m wsfast info` says why nothing is compiled."""


def run(options: argparse.Namespace) -> int:
    """Measures, and reports as `options` say. Returns the exit code."""
    if options.plot and not plot.is_possible():
        print(plot.NEEDS_MATPLOTLIB, file=sys.stderr)
        return 2
    try:
        texts.folder()
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return codec.run(options) if options.codec else _run_libraries(options)


def _run_libraries(options: argparse.Namespace) -> int:
    cells = {} if options.echo else drop_in.planned(options.only)
    works = echo.planned(options.only)
    if not cells and not works:
        print(f"nothing has a name with {' or '.join(options.only)} in it", file=sys.stderr)
        return 2
    absent = [name for name in cells if drop_in.version(name) is None]
    lacking = {server: echo.missing(server) for server in works}
    absent += [name for names in lacking.values() for name in names]
    cells = {name: cells[name] for name in cells if name not in absent}
    works = {server: works[server] for server in works if not lacking[server]}
    about = {
        **report.machine(),
        "missing": list(dict.fromkeys(absent)),
        "uvloop": drop_in.version("uvloop"),
    }
    if not options.json == "-":
        print("\n".join(tables.fact_lines(about)))
        if BACKEND != "c":
            print(f"\n{PURE}")
        sys.stdout.flush()
    libraries, echoes = _measured(cells, works, options.quick)
    found = tables.as_json(libraries, echoes, about)
    written = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    if options.json == "-":
        print(written, end="")
    else:
        tables.print_all(libraries, echoes, about)
        if options.json:
            with open(options.json, "w", encoding="utf-8") as file:
                file.write(written)
    if options.plot:
        plot.draw_libraries(libraries, echoes, about, options.plot)
    is_measured = any(found.measured for found in libraries) or not all(e.failed for e in echoes)
    return 0 if is_measured else 1


def _measured(
    cells: Mapping[str, Sequence[Any]], works: Mapping[str, Sequence[Any]], quick: bool
) -> tuple[list[drop_in.Found], list[echo.Echo]]:
    total = sum(map(len, cells.values()))
    seconds = min(
        QUICK_SECONDS if quick else SECONDS,
        total * (QUICK_CELL_SECONDS if quick else CELL_SECONDS),
    )
    libraries: list[drop_in.Found] = []
    echoes: list[echo.Echo] = []
    in_lines = not sys.stderr.isatty()

    def say(line: str) -> None:
        if in_lines:
            print(line, file=sys.stderr, flush=True)

    with Progress(len(cells) * STEPS + sum(map(len, works.values()))) as progress:
        for name, planned in cells.items():
            shown = 0

            def advance(part: float, name: str = name) -> None:
                nonlocal shown
                while shown < min(int(part * STEPS) + 1, STEPS):
                    shown += 1
                    progress.step(name)

            say(f"[{len(libraries) + 1}/{len(cells)}] {name}: {len(planned)} cells")
            found = drop_in.measure(name, planned, seconds * len(planned) / total, advance)
            advance(1)
            if found.slower and not quick:
                again = [each.cell for each in found.slower]
                longer = min(CELL_SECONDS * len(again), AGAIN_SECONDS)
                found.merge(drop_in.measure(name, again, longer))
            libraries.append(found)
        for server, planned in works.items():
            say(f"echo {server}")
            share = (QUICK_ECHO_SECONDS if quick else ECHO_SECONDS) * len(planned) / 4
            echoes += echo.measure(server, planned, share, lambda work: progress.step(work.name))
    return libraries, echoes
