"""The command line: `python -m wsfast info`, `check` and `bench`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import PurePath
from time import perf_counter
from typing import Any

from . import __version__
from .terminal import Progress, print_table

DESCRIPTION = """\
The WebSocket frame codec: tells what runs here, tests it, and measures it against its peers.
"""

EPILOG = """\
examples:
  %(prog)s info                  backend, kernels in use, and why not the others
  %(prog)s check                 test every kernel that can run here: exit code 0 or 1
  %(prog)s bench --quick         a first impression, in seconds
  %(prog)s bench --json out.json --plot out.svg

environment:
  WSFAST_BACKEND  auto, c (or the error that says why not) or python
  WSFAST_ISA      the highest instruction set to use: scalar, sse2, ssse3, avx2, avx512 or neon
"""

PLOT_SUFFIXES = (".svg", ".png", ".pdf")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code: 0, 1 where a check failed, 2 for wrong use."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    is_module = PurePath(sys.argv[0]).name == "__main__.py"
    parser = argparse.ArgumentParser(
        prog="python -m wsfast" if is_module else "wsfast",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"wsfast {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="command", required=True)

    about = "tell the version, the backend, the kernels in use, and why not the others"
    info = commands.add_parser("info", help=about, description=f"{about.capitalize()}.")
    info.add_argument("--json", action="store_true", help="print it as one JSON object")
    info.set_defaults(run=run_info)

    about = "test every kernel that can run here, and the pure side, against the RFCs' formulas"
    check = commands.add_parser("check", help=about, description=f"{about.capitalize()}.")
    check.add_argument("--json", action="store_true", help="print the outcome as one JSON object")
    check.set_defaults(run=run_check)

    about = "measure the codec and every installed peer on the same work, as ratios"
    bench = commands.add_parser(
        "bench",
        help=about,
        description=f"{about.capitalize()}. Peers that are not installed are left out, and named.",
    )
    bench.add_argument("--quick", action="store_true", help="fewer rounds: rougher, in seconds")
    bench.add_argument(
        "--only", metavar="NAME,…", type=_names, help="only the work whose name has one of these"
    )
    bench.add_argument("--json", metavar="FILE", help="write the figures as JSON ('-': to stdout)")
    bench.add_argument(
        "--plot", metavar="FILE", type=_plot_file, help="draw the ratios: .svg, .png or .pdf"
    )
    bench.set_defaults(run=run_bench)
    return parser


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError("expected names, separated by commas")
    return names


def _plot_file(text: str) -> str:
    if PurePath(text).suffix not in PLOT_SUFFIXES:
        raise argparse.ArgumentTypeError(f"{text!r} must end in {', '.join(PLOT_SUFFIXES)}")
    return text


def run_info(options: argparse.Namespace) -> int:
    from . import info

    facts = info.facts()
    if options.json:
        print(json.dumps(facts, indent=2))
        return 0
    backend = "c (compiled)" if facts["backend"] == "c" else "python (the pure side)"
    if facts["why_not_compiled"]:
        backend += f": {facts['why_not_compiled']}"
    lines = [
        ("wsfast", facts["version"]),
        ("backend", backend),
        ("Python", facts["python"]),
        ("system", facts["system"]),
        ("CPU", facts["cpu"]),
        ("instructions", " ".join(facts["instruction_sets"]) or "none that a kernel asks for"),
    ]
    for name, otherwise in info.SWITCHES.items():
        lines.append((name, facts["switches"][name] or f"not set: {otherwise}"))
    for title, value in lines:
        print(f"{title:<15} {value}")
    print()
    print_table(("operation", "in use", "can run too", "why not the others"), _kernel_rows(facts))
    return 0


def _kernel_rows(facts: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    rows = []
    for operation, kernels in facts["kernels"].items():
        by_state: dict[str, list[dict[str, str]]] = {}
        for kernel in kernels:
            by_state.setdefault(kernel["state"], []).append(kernel)
        why_not: dict[str, list[str]] = {}
        for state in ("not in use", "cannot run", "not compiled"):
            for kernel in by_state.get(state, []):
                why_not.setdefault(kernel["reason"], []).append(kernel["isa"])
        rows.append(
            (
                operation,
                " ".join(kernel["isa"] for kernel in by_state["in use"]),
                " ".join(kernel["isa"] for kernel in by_state.get("can run", [])),
                "; ".join(f"{' '.join(isas)}: {reason}" for reason, isas in why_not.items()),
            )
        )
    return rows


def run_check(options: argparse.Namespace) -> int:
    from . import selftest

    began = perf_counter()
    found = []
    total = len(selftest.implementations()) * len(selftest.CHECKS)
    # On a terminal the table at the end tells all; a log gets its lines as they come.
    in_lines = not options.json and not sys.stdout.isatty()
    with Progress(total) as progress:
        for outcome in selftest.outcomes(progress.step):
            found.append(outcome)
            if in_lines:
                print(_outcome_line(outcome), flush=True)
    failed = [outcome for outcome in found if outcome.faults]
    if options.json:
        outcomes = [outcome._asdict() for outcome in found]
        print(json.dumps({"ok": not failed, "outcomes": outcomes}, indent=2))
        return 1 if failed else 0
    if not in_lines:
        rows = [
            (outcome.implementation, outcome.check, f"{outcome.cases:,}", _verdict(outcome))
            for outcome in found
        ]
        print_table(("implementation", "check", "cases", ""), rows, right=(2,))
    for outcome in failed:
        for fault in outcome.faults:
            print(f"FAILED {outcome.implementation} {outcome.check}: {fault}")
    cases = sum(outcome.cases for outcome in found)
    took = perf_counter() - began
    print(f"{len(found) - len(failed)} of {len(found)} checks ok, {cases:,} cases in {took:.1f} s")
    return 1 if failed else 0


def _verdict(outcome: Any) -> str:
    return "FAILED" if outcome.faults else "ok"


def _outcome_line(outcome: Any) -> str:
    return f"{outcome.implementation} {outcome.check}: {outcome.cases:,} cases, {_verdict(outcome)}"


def run_bench(options: argparse.Namespace) -> int:
    from . import benchmark

    return benchmark.run(options)
