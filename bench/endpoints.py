"""Echo servers side by side: CPU time of each server's process for a message, messages a second.

Every server is a process of its own, on a core that the client does not use where there is another
one. They take turns, round by round, with one and the same client program.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from endpoint_client import Client, EndpointError, Openings
from loads import Load, Opening

from wsfast.benchmark import timing
from wsfast.benchmark.child import ChildError, started
from wsfast.benchmark.echo.measure import Running, cores
from wsfast.benchmark.echo.servers import CEILING

# Seconds of a round; rounds that every server gets.
ROUND = 0.01
LEAST_ROUNDS = 9
# Seconds after which there are new connections: before servers begin to ask whether they are alive.
LIFETIME = 12.0
# Seconds that the servers may run.
LIMIT = 3600.0


@dataclass
class Samples:
    """Of one server's rounds: nanoseconds of CPU for a message, and messages a second."""

    cpu: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    def cpu_ratio(self, other: Samples) -> float:
        """How many times the CPU time the other takes.

        Rounds that came one after the other are compared: what disturbs disturbs both. Of all
        these ratios it is the median.
        """
        return median(theirs / own for own, theirs in zip(self.cpu, other.cpu, strict=True))

    def rate_ratio(self, other: Samples) -> float:
        """How many times as many messages a second this one handles; in the same way."""
        return median(own / theirs for own, theirs in zip(self.rates, other.rates, strict=True))


@dataclass
class Found:
    """What was measured with one load, by server; and why there is nothing of some."""

    samples: dict[str, Samples] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def fail(self, name: str, reason: object) -> None:
        self.failed[name] = str(reason)
        self.samples.pop(name, None)


@dataclass
class Endpoints:
    """Servers that run, by name; and why others don't."""

    running: dict[str, Running] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def measure(
        self, load: Load | Opening, names: Sequence[str], seconds: float, found: Found
    ) -> None:
        """Adds so many seconds' rounds of these servers to what was found of them before."""
        for name in names:
            if name in self.failed:
                found.fail(name, self.failed[name])
        while True:
            part = min(seconds, LIFETIME)
            with contextlib.ExitStack() as stack:
                clients: dict[str, Client | Openings] = {}
                for name in names:
                    if name in found.failed:
                        continue
                    try:
                        clients[name] = self._client(name, load)
                    except (EndpointError, OSError) as error:
                        found.fail(name, error)
                        continue
                    stack.callback(clients[name].close)
                self._rounds(clients, part, found)
            seconds -= part
            if seconds <= 0:
                break

    def _client(self, name: str, load: Load | Opening) -> Client | Openings:
        port = self.running[name].port
        if isinstance(load, Opening):
            return Openings(port, load)
        return Client(port, load, is_tcp=name == CEILING)

    def _rounds(self, clients: dict[str, Client | Openings], seconds: float, found: Found) -> None:
        # Seconds for a message: a round's length is set by the least that were ever seen.
        paces: dict[str, float] = {}
        order = list(clients)
        shuffle = random.Random(0).shuffle
        rounds = 0
        ends = time.perf_counter() + seconds
        while order and (rounds < LEAST_ROUNDS or time.perf_counter() < ends):
            for name in list(order):
                try:
                    if name not in paces:
                        paces[name] = _pace(clients[name])
                    count = max(1, round(ROUND / paces[name]))
                    cpu, rate = self._round(name, clients[name], count)
                except (EndpointError, ChildError, OSError) as error:
                    found.fail(name, error)
                    order.remove(name)
                    continue
                paces[name] = min(paces[name], 1 / rate)
                samples = found.samples.setdefault(name, Samples())
                samples.cpu.append(cpu)
                samples.rates.append(rate)
            # Whatever comes and goes on this machine shall meet all of them alike.
            shuffle(order)
            rounds += 1

    def _round(self, name: str, client: Client | Openings, count: int) -> tuple[float, float]:
        server = self.running[name]
        before, begun = server.cpu_time(), time.perf_counter()
        sent = client.send(count)
        took = time.perf_counter() - begun
        cpu = server.cpu_time() - before
        client.rest()
        return cpu / sent, sent / took


def _pace(client: Client | Openings) -> float:
    """Seconds for a message."""
    count = 1
    while True:
        begun = time.perf_counter()
        sent = client.send(count)
        took = time.perf_counter() - begun
        client.rest()
        if took > ROUND / 4:
            return took / sent
        count = sent * 4


@contextlib.contextmanager
def serving(
    names: Sequence[str], loop: str, module: str = "wsfast.benchmark.echo.server"
) -> Iterator[Endpoints]:
    """Runs these servers on that event loop: `asyncio` or `uvloop`."""
    timing.prime_allocator()
    endpoints = Endpoints()
    with contextlib.ExitStack() as stack:
        core = stack.enter_context(cores())
        for name in names:
            arguments = (name, "plain", str(core), loop)
            child = stack.enter_context(started(module, arguments, LIMIT))
            endpoints.running[name] = Running(child)
        for name, each in [*endpoints.running.items()]:
            try:
                each.port = int(each.child.read())
            except ChildError as error:
                endpoints.failed[name] = str(error)
                del endpoints.running[name]
        yield endpoints
