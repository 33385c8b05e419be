"""The ratios as a picture, by matplotlib: a panel for each library, or operation and text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import groupby
from typing import Any

from . import texts
from .cases import Case, size
from .drop_in import Found
from .echo.measure import Echo
from .echo.servers import OWN

NEEDS_MATPLOTLIB = "--plot needs matplotlib: pip install 'wsfast[plot]'"

_COLUMNS = 4
_LIBRARY_COLUMNS = 3


def is_possible() -> bool:
    return find_spec("matplotlib") is not None


def _title(case: Case) -> str:
    text = f"\n{texts.TEXTS[case.text]}" if case.text else ""
    return f"{'pure ' if case.pure else ''}{case.operation}{text}"


def _ratios_upwards(axis: Any) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} x"))
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.grid(True, which="major", axis="y", alpha=0.3)


def draw(cases: Sequence[Case], about: Mapping[str, Any], path: str) -> None:
    """Writes the picture to `path`, in the format that its suffix names."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    panels = [(title, list(group)) for title, group in groupby(cases, _title)]
    everybody = list(dict.fromkeys(who for case in cases for who in case.ratios()))
    colours = pyplot.get_cmap("tab20").resampled(max(len(everybody), 1))
    rows = -(-len(panels) // _COLUMNS)
    figure, axes = pyplot.subplots(
        rows, _COLUMNS, figsize=(4 * _COLUMNS, 2.9 * rows + 1), squeeze=False
    )
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    for axis, (title, group) in zip(axes.flat, panels, strict=False):
        axis.axhline(1, color="black", linewidth=1.5)
        for number, who in enumerate(everybody):
            points = [(n, c.ratios()[who]) for n, c in enumerate(group) if who in c.ratios()]
            if points:
                x, y = zip(*points, strict=True)
                axis.plot(x, y, marker="o", color=colours(number), label=who)
        _ratios_upwards(axis)
        labels = [size(case.octets) if case.octets else "" for case in group]
        axis.set_xticks(range(len(group)), labels, fontsize=8)
        axis.set_xlim(-0.4, len(group) - 0.6)
        axis.set_title(title, fontsize=9)
    handles = {}
    for axis in axes.flat:
        handles.update(dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True)))
    figure.suptitle(
        f"Time against wsfast {about['version']} (black line): higher is slower\n"
        f"{about['cpu']}, {about['python']}"
    )
    figure.legend(handles.values(), handles.keys(), loc="lower center", ncols=6, fontsize=9)
    figure.tight_layout(rect=(0, 0.8 / (2.9 * rows + 1), 1, 1 - 0.1 / rows))
    figure.savefig(path)
    pyplot.close(figure)


def draw_libraries(
    libraries: Sequence[Found], echoes: Sequence[Echo], about: Mapping[str, Any], path: str
) -> None:
    """Writes the picture of what the libraries gain to `path`."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = [found for found in libraries if found.measured]
    measured = [echo for echo in echoes if not echo.failed]
    gained = [echo for echo in measured if not echo.is_own]
    panels = max(len(shown) + bool(gained) + bool(measured), 1)
    rows = -(-panels // _LIBRARY_COLUMNS)
    figure, axes = pyplot.subplots(
        rows, _LIBRARY_COLUMNS, figsize=(5 * _LIBRARY_COLUMNS, 3.6 * rows + 1.2), squeeze=False
    )
    for axis in axes.flat[panels if shown or measured else 0 :]:
        axis.set_visible(False)
    lines = list(dict.fromkeys(each.cell.row for found in shown for each in found.measured))
    colours = pyplot.get_cmap("tab20").resampled(max(len(lines), 1))
    for axis, found in zip(axes.flat, shown, strict=False):
        _draw_library(axis, found, {line: colours(n) for n, line in enumerate(lines)})
    if gained:
        _draw_echo(axes.flat[len(shown)], gained)
    if measured:
        _draw_echo_times(axes.flat[panels - 1], measured)
    handles = {}
    for axis in axes.flat[: len(shown)]:
        handles.update(dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True)))
    figure.suptitle(
        f"Times as fast with wsfast {about['version']} (black line: without it)\n"
        f"{about['cpu']}, {about['python']}"
    )
    figure.legend(handles.values(), handles.keys(), loc="lower center", ncols=6, fontsize=9)
    figure.tight_layout(rect=(0, 0.8 / (3.6 * rows + 1.2), 1, 1 - 0.1 / rows))
    figure.savefig(path)
    pyplot.close(figure)


def _draw_library(axis: Any, found: Found, colours: Mapping[str, Any]) -> None:
    sizes = sorted({each.cell.octets for each in found.measured})
    axis.axhline(1, color="black", linewidth=1.5)
    for row, group in groupby(found.measured, lambda each: each.cell.row):
        points = [(sizes.index(each.cell.octets), each.ratio) for each in group]
        x, y = zip(*points, strict=True)
        axis.plot(x, y, marker="o", markersize=4, color=colours[row], label=row)
    _ratios_upwards(axis)
    axis.set_xticks(range(len(sizes)), [size(octets) for octets in sizes], fontsize=8)
    axis.set_xlim(-0.4, len(sizes) - 0.6)
    axis.set_title(f"{found.name} {found.version}", fontsize=10)


def _draw_echo(axis: Any, echoes: Sequence[Echo]) -> None:
    labels = [echo.work.name.removeprefix("echo ") for echo in echoes]
    axis.barh(labels, [echo.ratio for echo in echoes])
    axis.axvline(1, color="black", linewidth=1.5)
    axis.invert_yaxis()
    axis.tick_params(axis="y", labelsize=6)
    axis.set_title("echo servers, CPU of a message", fontsize=10)


def _draw_echo_times(axis: Any, echoes: Sequence[Echo]) -> None:
    """wsfast.aio beside the others: each server, those of libraries plain and enabled."""
    bars = [
        (f"{name} {size(echo.work.octets)}", nanoseconds / 1000, echo.is_own and name == OWN)
        for echo in sorted(echoes, key=lambda echo: echo.work.octets)
        if not echo.work.deflate
        for name, nanoseconds in _named(echo)
    ]
    labels, times, own = zip(*bars, strict=True) if bars else ((), (), ())
    axis.barh(labels, times, color=["tab:red" if each else "tab:blue" for each in own])
    axis.set_xscale("log")
    axis.invert_yaxis()
    axis.tick_params(axis="y", labelsize=5)
    axis.set_title("echo servers, µs of CPU a message", fontsize=10)


def _named(echo: Echo) -> Iterator[tuple[str, float]]:
    names = {"plain": echo.work.server, "enabled": f"{echo.work.server}, enabled"}
    for side, nanoseconds in echo.times.items():
        yield names.get(side, side), nanoseconds
