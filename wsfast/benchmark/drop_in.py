"""Each installed library plain and enabled: which cells there are, and how they are measured."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib import metadata
from importlib.util import find_spec
from typing import Any, NamedTuple

from ..adapters import NAMES, PartStatus
from .cells import Cell, cells_of
from .child import ChildError, started
from .turns import Measured
from .worker import job, library_module

# A cell with a lower ratio than this is slower, unless it is noise: it is measured again.
SLOWER = 0.95

# What a library may take beyond its time: imports, and a few rounds of what is slow.
GRACE = 240.0


class Found(NamedTuple):
    """Of one library. `failed`: why there is nothing of it."""

    name: str
    version: str
    parts: list[PartStatus]
    cells: list[Measured]
    failed: str = ""

    @property
    def measured(self) -> list[Measured]:
        return [each for each in self.cells if not each.failed]

    @property
    def slower(self) -> list[Measured]:
        return [each for each in self.measured if each.ratio < SLOWER]

    def merge(self, other: Found) -> None:
        """Take what a later measurement of some cells has found, too."""
        later = {each.cell: each for each in other.measured}
        for each in self.measured:
            if each.cell in later:
                each.merge(later[each.cell])


def libraries() -> list[str]:
    """The distributions that there is an adapter for, and a way to measure it."""
    return [name for name in NAMES if find_spec(library_module(name))]


def version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def planned(only: Sequence[str] | None) -> dict[str, list[Cell]]:
    """The cells by library; `only`: those with one of these in their name."""
    plan = {}
    for name in libraries():
        cells = [
            cell
            for cell in cells_of(name)
            if only is None or any(part in cell.name for part in only)
        ]
        if cells:
            plan[name] = cells
    return plan


def measure(
    name: str,
    cells: Sequence[Cell],
    seconds: float,
    progress: Callable[[float], None] = lambda part: None,
    with_wsaccel: bool = False,
) -> Found:
    """Measures cells of one library for about that long, in a process of its own."""
    try:
        with started(f"{__package__}.worker", limit=seconds + GRACE) as child:
            child.write(job(name, cells, seconds, with_wsaccel))
            while "found" not in (answer := json.loads(child.read())):
                progress(answer["progress"])
    except ChildError as error:
        return Found(name, version(name) or "", [], [], str(error))
    found: dict[str, Any] = answer["found"]
    return Found(
        name,
        found["version"],
        [PartStatus(**part) for part in found["parts"]],
        [Measured.from_json(each) for each in found["cells"]],
    )
