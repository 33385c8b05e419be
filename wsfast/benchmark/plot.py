"""The ratios as a picture, by matplotlib: one panel for each operation and text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from itertools import groupby
from typing import Any

from . import texts
from .cases import Case, size

NEEDS_MATPLOTLIB = "--plot needs matplotlib: pip install 'wsfast[plot]'"

_COLUMNS = 4


def is_possible() -> bool:
    return find_spec("matplotlib") is not None


def _title(case: Case) -> str:
    text = f"\n{texts.TEXTS[case.text]}" if case.text else ""
    return f"{'pure ' if case.pure else ''}{case.operation}{text}"


def draw(cases: Sequence[Case], about: Mapping[str, Any], path: str) -> None:
    """Writes the picture to `path`, in the format that its suffix names."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

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
        axis.set_yscale("log")
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} x"))
        axis.yaxis.set_minor_formatter(NullFormatter())
        labels = [size(case.octets) if case.octets else "" for case in group]
        axis.set_xticks(range(len(group)), labels, fontsize=8)
        axis.set_xlim(-0.4, len(group) - 0.6)
        axis.set_title(title, fontsize=9)
        axis.grid(True, which="major", axis="y", alpha=0.3)
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
