"""A server of wsfast.benchmark.echo that also tells its memory, in octets.

`resident`: what of the process is in memory. `traced`: what tracemalloc has seen of it.
"""

from __future__ import annotations

import gc
import resource
import tracemalloc
from collections.abc import Sequence

from wsfast.benchmark.echo import server


def _resident() -> int:
    gc.collect()
    with open("/proc/self/statm") as fields:
        return int(fields.read().split()[1]) * resource.getpagesize()


def _traced() -> int:
    """From the first time on that it is asked for."""
    gc.collect()
    if not tracemalloc.is_tracing():
        tracemalloc.start()
    return tracemalloc.get_traced_memory()[0]


def main(arguments: Sequence[str]) -> None:
    server.COMMANDS.update(resident=_resident, traced=_traced)
    server.main(arguments)
