"""Masking keys, RFC 6455 section 10.3."""

from collections.abc import Callable

from wsfast.benchmark.cases import Plan

PLANS = (Plan("masking_key", ("",), (0,)),)


def test_keys(measure: Callable[[], None]) -> None:
    measure()
