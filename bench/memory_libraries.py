"""How much memory a library takes for a large message, and for an idle connection.

    python bench/memory_libraries.py LIBRARY {server,client} {in,out,idle} TEXT {plain,enabled}

TEXT: ascii, mixed, …, or '' for binary. Prints octets. in, out: the peak of resident memory
(VmHWM, Linux) while one message of 16 MiB is handled, of it and what it comes from. idle: what a
connection keeps after a message of 16 octets, the mean of many, as tracemalloc sees it.
Nothing where the library has no such side.
"""

from __future__ import annotations

import gc
import importlib
import os
import subprocess
import sys
import tracemalloc

from bars import MESSAGE
from memory import peak

import wsfast
from wsfast.benchmark.cells import SIDES, Cell
from wsfast.benchmark.worker import PICKED_UP, hide, library_module

__all__ = ["QUICK_WAYS", "SIDES", "WAYS", "taken_by"]

# A server's and a client's end of a message in, and of one out.
WAYS = tuple(
    (side, direction, text)
    for side in SIDES
    for direction in ("in", "out")
    for text in ("", "ascii", "mixed")
)
QUICK_WAYS = (("server", "in", "mixed"), ("client", "out", ""))

CONNECTIONS = 200


def _resident() -> int:
    with open("/proc/self/statm") as fields:
        return int(fields.read().split()[1]) * 4096


def peak_of(cell: Cell) -> int | None:
    """Octets beyond what was resident before the message, but for what it comes from."""
    library = importlib.import_module(library_module(cell.library))
    # Whatever is imported or made at first use.
    first = cell._replace(octets=16).prepare(library)
    if first is None:
        return None
    first()
    handle = cell.prepare(library)
    assert handle is not None
    gc.collect()
    before = _resident()
    # What has gone on until now is forgotten.
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    result = handle()
    found = peak() - before + MESSAGE
    cell.verify(result)
    return found


def idle_of(cell: Cell) -> float | None:
    """Octets that a connection keeps."""
    library = importlib.import_module(library_module(cell.library))
    if cell.prepare(library) is None:
        return None

    def connected() -> object:
        handle = cell.prepare(library)
        assert handle is not None
        handle()
        return handle

    kept = [connected() for _ in range(10)]
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept += [connected() for _ in range(CONNECTIONS)]
    gc.collect()
    return (tracemalloc.get_traced_memory()[0] - before) / CONNECTIONS


def taken_by(library: str, side: str, direction: str, text: str, state: str) -> float | None:
    """The same, of a fresh process."""
    command = [sys.executable, __file__, library, side, direction, text, state]
    # Blocks that are freed go back to the system, and are not there for the next ones unseen.
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": str(2**18)}
    said = subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment
    ).stdout
    return float(said) if said.strip() else None


def main(library: str, side: str, direction: str, text: str, state: str) -> None:
    hide(PICKED_UP)
    if state == "enabled":
        wsfast.enable(library)
    if direction == "idle":
        taken = idle_of(Cell(library, side, "in", "", 16))
    else:
        taken = peak_of(Cell(library, side, direction, text, MESSAGE))
    if taken is not None:
        print(taken)


if __name__ == "__main__":
    main(*sys.argv[1:])
