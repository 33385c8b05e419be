"""The Python side of wsfast against the Python code of every peer that has some."""

from collections.abc import Callable

from bars import PURE

from wsfast.benchmark.cases import Plan

PLANS = tuple(Plan(bar.operation, bar.texts, bar.octets, True) for bar in PURE)


def test_pure(measure: Callable[[], None]) -> None:
    measure()
