"""What the libraries gain: tables for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from statistics import median
from typing import Any

from ..terminal import print_table
from .cases import size
from .drop_in import Found
from .echo.measure import IN_FLIGHT, Echo
from .report import duration, machine_lines, times
from .turns import Measured

LIBRARIES_LEGEND = """\
How many times as fast each library is with wsfast.enable(), and the CPU time of one message before
and after: through its public API, without sockets. The least of many rounds, sides taking turns."""

ECHO_LEGEND = """\
Echo over loopback: CPU time of the server's process for one message, before and after, and messages
a second. Text of mixed scripts; {batches}; {loop}.
wsfast.aio is this package's own endpoint: there is no before. A plain TCP echo is the most that the
event loop allows."""


def fact_lines(about: Mapping[str, Any]) -> Iterator[str]:
    yield from machine_lines(about)
    yield f"texts     {about['texts']}"
    if about["missing"]:
        names = " ".join(about["missing"])
        yield f"left out  not installed: {', '.join(about['missing'])} (pip install {names})"


def pair(before: float, after: float) -> str:
    """Two durations: 4.3 → 1.5 µs, or 11 ms → 36 µs."""
    first, second = duration(before).split(), duration(after).split()
    if first[1] == second[1]:
        return f"{first[0]} → {second[0]} {second[1]}"
    return f"{' '.join(first)} → {' '.join(second)}"


def _library_rows(cells: Sequence[Measured]) -> Iterator[list[str]]:
    sizes = sorted({each.cell.octets for each in cells})
    for row, group in groupby(cells, lambda each: each.cell.row):
        by_size = {each.cell.octets: each for each in group}
        line = [row]
        for octets in sizes:
            each = by_size.get(octets)
            if each is None or each.failed:
                line += ["", "failed" if each else ""]
            else:
                line += [times(each.ratio), pair(each.times["plain"], each.times["enabled"])]
        yield line


def _print_library(found: Found) -> None:
    heading = f"{found.name} {found.version}"
    print(f"\n\n{heading}\n{'=' * len(heading)}\n")
    if found.failed:
        print(f"not measured: {found.failed}")
        return
    for part in found.parts:
        if part.state == "left alone" or (part.state == "replaced" and part.reason):
            print(f"{part.name}: {part.state}: {part.reason}\n")
    sizes = sorted({each.cell.octets for each in found.cells})
    head = [""]
    for octets in sizes:
        head += ["", size(octets)]
    print_table(head, list(_library_rows(found.cells)), right=range(1, len(head)))
    for line in _left_out(found):
        print(line)


def _left_out(found: Found) -> Iterator[str]:
    failed: dict[str, list[str]] = {}
    for each in found.cells:
        if each.failed:
            failed.setdefault(each.failed, []).append(each.cell.name)
    for reason, names in failed.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield f"{names[0]}{more} left out: {reason}"


def _summary(found: Found) -> list[str]:
    heading = f"{found.name} {found.version}"
    if not found.measured:
        return [heading, "", "", "", found.failed or "nothing measured"]
    ratios = sorted(each.ratio for each in found.measured)
    slower = ", ".join(f"{each.cell.row} {size(each.cell.octets)}" for each in found.slower)
    note = f"slower: {slower}" if slower else ""
    failed = sum(bool(each.failed) for each in found.cells)
    if failed:
        note = f"{failed} failed; {note}".rstrip("; ")
    return [heading, times(ratios[0]), times(median(ratios)), times(ratios[-1]), note]


def _echo_rows(echo: Echo) -> Iterator[list[str]]:
    """The server, and a rival that was measured beside it."""
    for side, ns in echo.times.items():
        if side == "enabled":
            yield [
                echo.work.server,
                times(echo.ratio),
                pair(echo.times["plain"], ns),
                f"{echo.rates['plain']:,.0f} → {echo.rates[side]:,.0f}",
            ]
        elif side != "plain":
            yield [side, "", duration(ns), f"{echo.rates[side]:,.0f}"]


def _print_echo(echoes: Sequence[Echo], loop: str | None) -> None:
    batches = " and ".join(
        f"{count} of {size(octets)} in flight" for octets, count in IN_FLIGHT.items()
    )
    print("\n\nEcho servers\n============\n")
    print(ECHO_LEGEND.format(batches=batches, loop=f"uvloop {loop}" if loop else "asyncio's loop"))

    def load(echo: Echo) -> tuple[int, bool]:
        return echo.work.octets, echo.work.deflate

    for (octets, deflate), group in groupby(sorted(echoes, key=load), load):
        rows = [row for echo in group if not echo.failed for row in _echo_rows(echo)]
        if rows:
            extension = ", permessage-deflate" if deflate else ""
            head = (f"{size(octets)}{extension}", "", "CPU of a message", "messages a second")
            print()
            print_table(head, rows, right=(1, 2, 3))
    failed: dict[tuple[str, str], list[str]] = {}
    for echo in echoes:
        if echo.failed:
            failed.setdefault((echo.work.server, echo.failed), []).append(echo.work.name)
    for (server, reason), names in failed.items():
        print(f"\n{server} left out {len(names)} times: {reason}")


def print_all(libraries: Sequence[Found], echoes: Sequence[Echo], about: Mapping[str, Any]) -> None:
    """All there is to say, on stdout."""
    if libraries:
        print(f"\n{LIBRARIES_LEGEND}")
    for found in libraries:
        _print_library(found)
    if echoes:
        _print_echo(echoes, about["uvloop"])
    if libraries:
        print("\n\nAltogether\n==========\n")
        head = ("times as fast", "least", "median", "most", "")
        print_table(head, [_summary(found) for found in libraries], right=(1, 2, 3))


def as_json(
    libraries: Sequence[Found], echoes: Sequence[Echo], about: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        **about,
        "libraries": [
            {
                "library": found.name,
                "version": found.version,
                "failed": found.failed or None,
                "parts": [part._asdict() for part in found.parts],
                "cells": [_cell_as_json(each) for each in found.cells],
            }
            for found in libraries
        ],
        "echo": [
            {
                "server": echo.work.server,
                "octets": echo.work.octets,
                "deflate": echo.work.deflate,
                "ratio": None if echo.failed or echo.is_own else round(echo.ratio, 3),
                "nanoseconds": {side: round(ns, 1) for side, ns in echo.times.items()},
                "messages_a_second": {side: round(rate) for side, rate in echo.rates.items()},
                "failed": echo.failed or None,
            }
            for echo in echoes
        ],
    }


def _cell_as_json(each: Measured) -> dict[str, Any]:
    return {
        "cell": each.cell.name,
        "side": each.cell.side,
        "direction": each.cell.direction,
        "text": each.cell.text or None,
        "octets": each.cell.octets,
        "plain": None if each.failed else round(each.times["plain"], 2),
        "enabled": None if each.failed else round(each.times["enabled"], 2),
        "ratio": None if each.failed else round(each.ratio, 3),
        "rounds": each.rounds,
        "failed": each.failed or None,
    }
