"""One echo server, in a process of its own.

It prints its port. Then, for each line on its standard input, it prints what COMMANDS has for it:
for an empty one the nanoseconds of CPU time that it has taken. It ends with its standard input.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import IO, Any

from ... import adapters
from .. import timing
from ..child import own_stdout
from .servers import SERVERS

# Connections that wait to be accepted; those who listen once more have the same default.
BACKLOG = 100

COMMANDS: dict[str, Callable[[], float]] = {"": time.process_time_ns}


def _tell(answers: IO[str]) -> None:
    for line in sys.stdin:
        print(COMMANDS[line.strip()](), file=answers)
    os._exit(0)


async def _serve(
    serve: Callable[[socket.socket], Awaitable[None]], listening: socket.socket, answers: IO[str]
) -> None:
    asyncio.get_running_loop().call_soon(lambda: print(listening.getsockname()[1], file=answers))
    await serve(listening)


def main(arguments: Sequence[str]) -> None:
    """Arguments: the server's name, plain or enabled, the core to run on or -1; the loop's module.

    Without the last it is uvloop where that is installed.
    """
    name, state, core, *loop_module = arguments
    answers = own_stdout()
    if int(core) >= 0:
        os.sched_setaffinity(0, {int(core)})
    # As `python -m wsfast run` does it: before the library is imported.
    if state == "enabled":
        adapters.enable()
    timing.prime_allocator()
    default = "uvloop" if find_spec("uvloop") else "asyncio"
    loops: Any = import_module(*(loop_module or [default]))
    # asyncio switches Nagle's algorithm off only where the protocol has been named.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen(BACKLOG)
    threading.Thread(target=_tell, args=(answers,), daemon=True).start()
    loop = loops.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(_serve(SERVERS[name].serve, listening, answers))
