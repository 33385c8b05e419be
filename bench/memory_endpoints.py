"""How much memory a server takes for each of many idle connections.

    python bench/memory_endpoints.py [--connections N] [--loop asyncio|uvloop] [--octets N]

Each server runs in a process of its own. Every connection has had a message echoed; then nothing
happens. "resident" is what the process has grown by (Linux; what the kernel keeps for a socket is
not in it), "Python" what tracemalloc has seen of it, in another process with fewer connections.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import NamedTuple

from endpoint_client import Client, EndpointError
from endpoints import serving
from loads import Load

from wsfast.benchmark.child import ChildError
from wsfast.benchmark.echo import measure as echo
from wsfast.benchmark.echo.servers import CEILING
from wsfast.terminal import print_table

CONNECTIONS = 10_000
# Where tracemalloc watches, it takes its time.
TRACED = 1_000
# Connections that are made before the first look, so that all is imported and made.
FIRST = 50
# Files that a process has open besides.
OTHER_FILES = 100

SERVERS = (
    "wsfast.aio callbacks",
    "wsfast.aio",
    "picows",
    "picows.websockets",
    "websockets",
    "aiohttp",
    "uvicorn websockets-sansio",
    CEILING,
)


class Taken(NamedTuple):
    """Octets for each connection; `failed` says why there are none."""

    resident: float = 0.0
    traced: float = 0.0
    failed: str = ""


def is_possible() -> bool:
    return sys.platform == "linux"


def room_for(connections: int) -> int:
    """How many of these connections the system lets a process have; the limit is raised to it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + FIRST + OTHER_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted - FIRST - OTHER_FILES


def _grown_by(server: str, loop: str, load: Load, command: str) -> float:
    """Octets for each of `load.connections`."""
    with serving([server], loop, "measured_server") as endpoints, contextlib.ExitStack() as stack:
        if server in endpoints.failed:
            raise EndpointError(endpoints.failed[server])
        running = endpoints.running[server]

        def connect(connections: int) -> float:
            client = Client(
                running.port, load._replace(connections=connections), is_tcp=server == CEILING
            )
            stack.callback(client.close)
            running.child.write(command)
            return float(running.child.read())

        before = connect(FIRST)
        return (connect(load.connections) - before) / load.connections


def taken_by(server: str, loop: str, connections: int, octets: int = 16) -> Taken:
    """What a fresh process takes for each of so many connections, or as many as there is room."""
    count = room_for(connections)
    try:
        resident = _grown_by(server, loop, Load(octets, connections=count), "resident")
        traced = _grown_by(server, loop, Load(octets, connections=min(count, TRACED)), "traced")
    except (EndpointError, ChildError, OSError) as error:
        return Taken(failed=f"{type(error).__name__}: {error}")
    return Taken(resident, traced)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--octets", type=int, default=16, help="of each connection's one message")
    parser.add_argument("servers", nargs="*", default=SERVERS, help=", ".join(SERVERS))
    options = parser.parse_args(arguments)
    if not is_possible() or find_spec(options.loop) is None:
        print("it takes Linux's /proc, and the event loop", file=sys.stderr)
        return 2
    count = room_for(options.connections)
    if count < options.connections:
        print(f"RLIMIT_NOFILE has room for {count:,} connections, not {options.connections:,}")
    print(f"{count:,} idle connections, {options.loop}; KiB for each\n")
    rows: list[tuple[str, ...]] = []
    for server in options.servers:
        if absent := echo.missing(server):
            rows.append((server, "", "", f"not installed: {', '.join(absent)}"))
            continue
        taken = taken_by(server, options.loop, count, options.octets)
        figures = [f"{each / 1024:.1f}" for each in (taken.resident, taken.traced)]
        rows.append((server, *(["", ""] if taken.failed else figures), taken.failed))
    print_table(("", "resident", "Python", ""), rows, right=(1, 2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
