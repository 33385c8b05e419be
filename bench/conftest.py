"""Each bench file has PLANS and one test; every library that does the planned work is measured.

What pytest-benchmark shows is the time of one round: so many runs of the same statement, as the
group's name says, for every library in the group. The time of one call, frame or message is in
`extra_info`. Bars are judged by gate.py, which measures both sides in turns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from wsfast.benchmark import cases, texts, timing
from wsfast.benchmark.peers import Field, Peer, find

ROUNDS = 20
# Longer than this many seconds a side's rounds shall not take altogether.
SECONDS = 2.0

# How often the statement runs in a round: one number for all libraries that do the same work.
RUNS: dict[str, int] = {}


@cache
def field(pure: bool) -> Field:
    return find(pure)


def _parameters(plans: tuple[cases.Plan, ...]) -> Iterator[Any]:
    for plan in plans:
        operation = cases.OPERATIONS[plan.operation]
        participants = field(plan.pure)
        for text, octets in plan.names():
            for peer in (participants.codec, *participants.peers):
                if operation.is_done_by(peer):
                    name = cases.case_name(plan.operation, octets, text, plan.pure)
                    yield pytest.param(plan, text, octets, peer, id=f"{name}: {peer.name}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    plans = getattr(metafunc.module, "PLANS", None)
    if plans is None:
        return
    metafunc.parametrize("plan, text, octets, peer", list(_parameters(plans)))


def pytest_report_header() -> list[str]:
    from wsfast.benchmark import report

    participants = field(False)
    return list(report.fact_lines(report.facts(participants.versions, participants.missing)))


@pytest.fixture
def measure(
    benchmark: Any, plan: cases.Plan, text: str, octets: int, peer: Peer
) -> Callable[[], None]:
    """Measures one library at one piece of work."""
    participants = field(plan.pure)
    case = cases.make(plan.operation, octets, text, participants, [peer.name])
    own, *others = (timing.Loop(side.statement, side.names) for side in case.sides.values())
    if peer is not participants.codec and not others:
        pytest.skip(case.failed.get(peer.name, "it does not do that"))
    loop = others[0] if others else own

    def run() -> None:
        runs = RUNS.setdefault(case.name, own.times)
        rounds = max(3, min(ROUNDS, round(SECONDS * 1e9 / (loop.round(1) * runs))))
        benchmark.group = f"{case.name}: {runs:,} runs"
        with timing.quiet():
            benchmark.pedantic(loop.round, args=(runs,), rounds=rounds, warmup_rounds=1)
        if benchmark.stats is not None:
            nanoseconds = benchmark.stats.stats.min * 1e9 / (runs * case.units)
            unit = cases.OPERATIONS[plan.operation].unit
            benchmark.extra_info.update(
                {f"nanoseconds a {unit}": round(nanoseconds, 2), "texts": texts.source()}
            )

    return run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.benchmark(timer=time.thread_time, disable_gc=True))
