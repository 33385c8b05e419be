"""CPU time that an echo server takes for a message, plain and enabled in turns.

wsfast.aio is neither: it has its turns with a plain TCP echo, the most that the event loop allows.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .. import timing
from ..cases import size
from ..child import Child, ChildError, started
from ..drop_in import version
from .client import Client, EchoError
from .servers import CEILING, OWN, RIVALS, SERVERS

# Octets of a message, and how many are in flight.
IN_FLIGHT = {256: 16, 2**16: 4}

# Seconds of a round; rounds that every server gets.
ROUND = 0.02
LEAST_ROUNDS = 5
# Seconds that a server may run beyond what it is measured for.
GRACE = 120.0


class Work(NamedTuple):
    server: str
    octets: int
    deflate: bool

    @property
    def name(self) -> str:
        return f"echo {self.server} {size(self.octets)}{' deflate' if self.deflate else ''}"


@dataclass
class Echo:
    """Of one message: nanoseconds of the server's CPU, by side; and messages a second.

    The sides are plain and enabled, and perhaps a rival's name; or wsfast.aio and plain TCP.
    """

    work: Work
    times: dict[str, float] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    failed: str = ""

    @property
    def is_own(self) -> bool:
        """Whether it is wsfast.aio: there is no ratio then."""
        return self.work.server == OWN

    @property
    def ratio(self) -> float:
        return self.times["plain"] / self.times["enabled"]

    def take(self, side: str, nanoseconds: float, rate: float) -> None:
        self.times[side] = min(nanoseconds, self.times.get(side, nanoseconds))
        self.rates[side] = max(rate, self.rates.get(side, rate))


def planned(only: Sequence[str] | None) -> dict[str, list[Work]]:
    """What there is to measure, by server."""
    plan: dict[str, list[Work]] = {}
    for server, how in SERVERS.items():
        if how.library is None and server != OWN:
            continue
        for octets in IN_FLIGHT:
            for deflate in (False, True):
                work = Work(server, octets, deflate)
                if only is None or any(part in work.name for part in only):
                    plan.setdefault(server, []).append(work)
    return plan


def missing(server: str) -> list[str]:
    """The distributions that the server lacks here."""
    return [name for name in SERVERS[server].needs if version(name) is None]


def _sides(server: str) -> list[tuple[str, str, str]]:
    """What is measured in turns: its name, the server, and whether it is enabled."""
    if server == OWN:
        return [(OWN, OWN, "plain"), (CEILING, CEILING, "plain")]
    sides = [("plain", server, "plain"), ("enabled", server, "enabled")]
    rival = RIVALS.get(server)
    if rival is not None and not missing(rival):
        sides.append((rival, rival, "plain"))
    return sides


def measure(
    server: str,
    works: Sequence[Work],
    seconds: float,
    progress: Callable[[Work], None] = lambda work: None,
) -> list[Echo]:
    """Measures a server for about that long, all its work together."""
    timing.prime_allocator()
    found = [Echo(work) for work in works]
    sides = _sides(server)
    with contextlib.ExitStack() as stack:
        core = stack.enter_context(cores())
        servers: dict[str, Running] = {}
        try:
            for side, name, state in sides:
                child = stack.enter_context(
                    started(f"{__package__}.server", (name, state, str(core)), seconds + GRACE)
                )
                servers[side] = Running(child)
            for each in servers.values():
                each.port = int(each.child.read())
        except ChildError as error:
            for echo in found:
                echo.failed = str(error)
            return found
        for echo in found:
            progress(echo.work)
            try:
                _measure(echo, servers, seconds / len(found))
            except (EchoError, ChildError, OSError) as error:
                echo.failed = f"{type(error).__name__}: {error}"
                echo.times.clear()
    return found


@dataclass
class Running:
    """A server's process."""

    child: Child
    port: int = 0

    def cpu_time(self) -> int:
        """Nanoseconds of CPU time that it has taken so far."""
        self.child.write("")
        return int(self.child.read())


def _measure(echo: Echo, servers: dict[str, Running], seconds: float) -> None:
    work = echo.work
    ends = time.perf_counter() + seconds
    with contextlib.ExitStack() as stack:
        clients = {}
        for side, server in servers.items():
            is_tcp = side == CEILING
            if is_tcp and work.deflate:
                continue
            batch = IN_FLIGHT[work.octets]
            client = Client(server.port, work.octets, batch, work.deflate, is_tcp)
            stack.callback(client.close)
            clients[side] = client
        count = _fitting(next(iter(clients.values())))
        order = list(clients)
        rounds = 0
        while rounds < LEAST_ROUNDS or time.perf_counter() < ends:
            for side in order:
                before, begun = servers[side].cpu_time(), time.perf_counter()
                sent = clients[side].send(count)
                took = time.perf_counter() - begun
                echo.take(side, (servers[side].cpu_time() - before) / sent, sent / took)
            order.reverse()
            rounds += 1


def _fitting(client: Client) -> int:
    """How many messages a round has."""
    count = 1
    while True:
        begun = time.perf_counter()
        sent = client.send(count)
        took = time.perf_counter() - begun
        if took > ROUND / 4:
            return max(1, round(sent * ROUND / took))
        count = sent * 4


@contextlib.contextmanager
def cores() -> Iterator[int]:
    """Keeps this process on one core, and gives another one for servers; -1 where there is none."""
    if not hasattr(os, "sched_setaffinity"):
        yield -1
        return
    before = os.sched_getaffinity(0)
    if len(before) < 2:
        yield -1
        return
    os.sched_setaffinity(0, {min(before)})
    try:
        yield max(before)
    finally:
        os.sched_setaffinity(0, before)
