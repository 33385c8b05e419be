"""The bars of the opening handshake without I/O: bench_handshake.py's work, all sides in turns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import bench_handshake
from bars import HANDSHAKE
from result import Result

import wsfast
from wsfast.benchmark import report, timing

OWN = "wsfast"
# How often more is measured what is below its bar, for twice as long each.
AGAIN = 3


class HandshakeGate:
    """Measures; `names` choose the work, if given, by parts of its name."""

    def __init__(self, seconds: float, names: Sequence[str] | None) -> None:
        self._seconds = seconds
        self._names = names

    def results(self) -> Iterator[Result]:
        for kind, request in bench_handshake.REQUESTS.items():
            work = f"handshake without I/O, server, {kind} request"
            if self._wants(work):
                yield self._compared(work, bench_handshake.SERVERS, request)
        work = "handshake without I/O, client"
        if self._wants(work):
            yield self._compared(work, bench_handshake.CLIENTS)

    def _wants(self, work: str) -> bool:
        return self._names is None or any(name in work for name in self._names)

    def _compared(
        self, work: str, makers: Mapping[str, Callable[[], Any]], *arguments: bytes
    ) -> Result:
        made: dict[str, Any] = {}
        for name, make in makers.items():
            try:
                made[name] = make()
            except (ImportError, AttributeError):
                continue
        peers = [name for name in makers if name != OWN]
        reason = "" if wsfast.BACKEND == "c" else "the compiled side is not in use"
        if made.keys() == {OWN}:
            reason = f"not installed: {', '.join(peers)}"
        if reason:
            return Result(work, " or ".join(peers), None, HANDSHAKE, note=reason)
        times = asyncio.run(self._times(made, arguments))
        best = min((name for name in times if name != OWN), key=times.__getitem__)
        own, other = (report.duration(times[name]) for name in (OWN, best))
        return Result(
            work, best, times[best] / times[OWN], HANDSHAKE, note=f"({other} against {own})"
        )

    async def _times(
        self, made: Mapping[str, Any], arguments: tuple[bytes, ...]
    ) -> dict[str, float]:
        """Nanoseconds of a handshake. One of the libraries asks for an event loop."""
        loops = [
            timing.Loop("shake(*arguments)", {"shake": shake, "arguments": arguments})
            for shake in made.values()
        ]
        shortest: list[float] | None = None
        for attempt in range(AGAIN + 1):
            shortest = timing.measure(loops, self._seconds * len(loops) * 2**attempt, shortest)
            times = dict(zip(made, shortest, strict=True))
            if min(times, key=times.__getitem__) == OWN:
                break
        return times
