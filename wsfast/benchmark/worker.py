"""Measures one library, in a process of its own: what it imports and leaves in memory is gone then.

It is given a job as one line of JSON, and answers by lines of JSON: {"progress": …}, and at last
{"found": …}.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from importlib import import_module, metadata
from typing import Any

from .cells import Cell
from .child import own_stdout
from .turns import Turns

# Optional packages of other people that some libraries pick up by themselves, and which would make
# the plain side another one than most people have.
PICKED_UP = ("wsaccel", "wsaccel.utf8validator", "wsaccel.xormask")


def library_module(name: str) -> str:
    """Where the cells of a library are made."""
    return f"{__package__}.libraries.{name.replace('-', '_')}"


def hide(names: Sequence[str]) -> None:
    """Lets this process find none of these modules."""
    for name in names:
        sys.modules[name] = None  # type: ignore[assignment]


def job(name: str, cells: Sequence[Cell], seconds: float, with_wsaccel: bool = False) -> str:
    return json.dumps(
        {"name": name, "cells": cells, "seconds": seconds, "with_wsaccel": with_wsaccel}
    )


def main(arguments: Sequence[str]) -> None:
    answers = own_stdout()
    wanted = json.loads(sys.stdin.readline())

    def answer(**found: Any) -> None:
        print(json.dumps(found), file=answers)

    if not wanted["with_wsaccel"]:
        hide(PICKED_UP)
    name = wanted["name"]
    turns = Turns(
        name, import_module(library_module(name)), [Cell(*cell) for cell in wanted["cells"]]
    )
    measured = turns.measure(wanted["seconds"], lambda part: answer(progress=part))
    answer(
        found={
            "version": metadata.version(name),
            "parts": [part._asdict() for part in turns.status()],
            "cells": [each.as_json() for each in measured],
        }
    )
