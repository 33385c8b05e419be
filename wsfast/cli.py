"""The command line: `python -m wsfast run`, `status`, `info`, `check`, `bench` and `echo`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import PurePath
from time import perf_counter
from typing import Any

from . import __version__, adapters, launcher
from .protocol import DEFAULT_MAX_MESSAGE_LENGTH
from .terminal import Progress, print_table

DESCRIPTION = """\
The WebSocket frame codec: runs programs on it, tells what runs here, tests it, measures what it
gains, and talks to any WebSocket server or client.
"""

EPILOG = """\
examples:
  %(prog)s run -m uvicorn app:app
                                 the program as ever, its WebSocket library on this codec
  %(prog)s status                what is replaced in each installed library, or why not
  %(prog)s info                  backend, kernels in use, and why not the others
  %(prog)s check                 test every kernel that can run here: exit code 0 or 1
  %(prog)s bench --quick         what the libraries gain: a first impression
  %(prog)s bench --only websockets,"in mixed 64 KiB"
  %(prog)s bench --codec         the codec and its peers
  %(prog)s bench --json out.json --plot out.svg
  %(prog)s echo                  an echo server on ws://127.0.0.1:8765/
  %(prog)s echo --connect URI    a client that prints what comes and sends what you type

environment:
  WSFAST_BACKEND  auto, c (or the error that says why not) or python
  WSFAST_ISA      the highest instruction set to use: scalar, sse2, ssse3, avx2, avx512 or neon
  WSFAST_ADAPTERS libraries that `run`, or enable() without names, is for: names, all or none
"""

PLOT_SUFFIXES = (".svg", ".png", ".pdf")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code: 0, 1 where a check failed, 2 for wrong use."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    program: list[str] = []
    if given[:1] == ["run"]:
        own, program = launcher.divide(given[1:])
        given[1:] = own
    options = _parser().parse_args(given, argparse.Namespace(program=program))
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

    about = "run a program with its WebSocket libraries on this codec"
    run = commands.add_parser(
        "run",
        help=about,
        usage="%(prog)s [--adapters NAME,…] [--strict] script.py|-m module|-c code [argument …]",
        description="Run a program with its WebSocket libraries on this codec, and the processes "
        "that it starts, too; apart from that as Python runs it. Options of Python's own may stand "
        "before the program.",
    )
    run.add_argument(
        "--adapters", metavar="NAME,…", type=_adapters, help="the libraries: all that are known"
    )
    run.add_argument(
        "--strict", action="store_true", help="fail where one of them can't be sped up"
    )
    run.set_defaults(run=run_program)

    about = "tell what is replaced in each library that is installed, or why not"
    status = commands.add_parser(
        "status",
        help=about,
        description=f"{about.capitalize()}. It imports the libraries to find out.",
    )
    status.add_argument("--json", action="store_true", help="print it as one JSON object")
    status.set_defaults(run=run_status)

    about = "tell the version, the backend, the kernels in use, and why not the others"
    info = commands.add_parser("info", help=about, description=f"{about.capitalize()}.")
    info.add_argument("--json", action="store_true", help="print it as one JSON object")
    info.set_defaults(run=run_info)

    about = "test every kernel that can run here, and the pure side, against the RFCs' formulas"
    check = commands.add_parser("check", help=about, description=f"{about.capitalize()}.")
    check.add_argument("--json", action="store_true", help="print the outcome as one JSON object")
    check.set_defaults(run=run_check)

    about = "measure what each installed library gains, message by message and as an echo server"
    bench = commands.add_parser(
        "bench",
        help=about,
        description=f"{about.capitalize()}. Those that are not installed are named.",
    )
    part = bench.add_mutually_exclusive_group()
    part.add_argument("--echo", action="store_true", help="the echo servers only")
    part.add_argument(
        "--codec", action="store_true", help="the codec and its peers on the same work, instead"
    )
    bench.add_argument("--quick", action="store_true", help="fewer rounds: rougher, in seconds")
    bench.add_argument(
        "--only", metavar="NAME,…", type=_names, help="only what has one of these in its name"
    )
    bench.add_argument("--json", metavar="FILE", help="write the figures as JSON ('-': to stdout)")
    bench.add_argument(
        "--plot", metavar="FILE", type=_plot_file, help="draw the ratios: .svg, .png or .pdf"
    )
    bench.set_defaults(run=run_bench)

    about = "an echo server, or a client that prints what comes and sends what you type"
    echo = commands.add_parser(
        "echo",
        help=about,
        usage="%(prog)s [option …]\n       %(prog)s --connect URI [option …]",
        description=f"{about.capitalize()}. Ctrl-C ends it, with close code 1001 to every peer.",
    )
    echo.add_argument("--path", metavar="FILE", help="a Unix socket, in place of host and port")
    echo.add_argument(
        "--subprotocol", metavar="NAME", action="append", help="to offer, or to accept; any number"
    )
    echo.add_argument(
        "--compression", choices=("none", "deflate"), default="none", help="default: none"
    )
    echo.add_argument(
        "--max-message-length",
        metavar="OCTETS",
        type=_octets,
        default=DEFAULT_MAX_MESSAGE_LENGTH,
        help="of a message that comes, or none: no limit; default: %(default)s",
    )
    server = echo.add_argument_group("the server")
    server.add_argument("--host", metavar="HOST", help="default: 127.0.0.1")
    server.add_argument("--port", metavar="PORT", type=_port, help="0: any; default: 8765")
    server.add_argument("--certificate", metavar="FILE", help="its certificates, PEM, for wss")
    server.add_argument("--key", metavar="FILE", help="the private key, if not in the same file")
    client = echo.add_argument_group("the client")
    client.add_argument("--connect", metavar="URI", help="ws://… or wss://…")
    client.add_argument(
        "--trust", metavar="FILE", help="certificates, PEM; default: what the system trusts"
    )
    client.add_argument(
        "--header", metavar="'NAME: VALUE'", type=_header, action="append", help="any number"
    )
    client.add_argument(
        "--wait",
        metavar="SECONDS",
        type=_seconds,
        help="how long to stay at the end of input, inf: until the server closes; default: until "
        "as many messages have come as lines were sent, or none for 5 s",
    )
    echo.set_defaults(run=run_echo)
    return parser


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError("expected names, separated by commas")
    return names


def _adapters(text: str) -> list[str]:
    try:
        return adapters.listed(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _plot_file(text: str) -> str:
    if PurePath(text).suffix not in PLOT_SUFFIXES:
        raise argparse.ArgumentTypeError(f"{text!r} must end in {', '.join(PLOT_SUFFIXES)}")
    return text


def _octets(text: str) -> int | None:
    if text == "none":
        return None
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number of octets, or none")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r}: expected 0 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number of seconds, or inf")
    return seconds


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a name, a colon and a value")
    return name, value.strip()


def run_program(options: argparse.Namespace) -> int:
    try:
        launcher.run(options.program, options.adapters, options.strict)
    except (launcher.UsageError, ValueError, adapters.AdapterError) as error:
        print(f"wsfast run: error: {error}", file=sys.stderr)
        return 1 if isinstance(error, adapters.AdapterError) else 2


def run_status(options: argparse.Namespace) -> int:
    from .adapters._survey import survey

    found = survey(list(adapters.NAMES)).values()
    if options.json:
        told = [
            {**status._asdict(), "parts": [part._asdict() for part in status.parts]}
            for status in found
        ]
        print(json.dumps({"libraries": told}, indent=2))
        return 0
    rows = []
    for status in found:
        name, version = status.name, status.version or ""
        if not status.parts:
            rows.append((name, version, "", "", "", "can't be imported"))
        for part in status.parts:
            kernels = ", ".join(f"{operation} {isa}" for operation, isa in part.kernels.items())
            installed = status.version is not None
            state = part.state if installed else "not installed"
            rows.append((name, version, part.name, state, kernels, part.reason or ""))
            if not installed:
                break
            name = version = ""
    print_table(("library", "version", "part", "state", "kernels", "why not"), rows)
    return 0


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
    width = max(len(title) for title, _ in lines)
    for title, value in lines:
        print(f"{title:<{width}} {value}")
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


def run_echo(options: argparse.Namespace) -> int:
    from . import echo

    return echo.run(options)
