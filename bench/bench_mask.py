"""Masking, RFC 6455 section 5.3."""

from collections.abc import Callable

from wsfast.benchmark.cases import Plan

KIB, MIB = 2**10, 2**20

PLANS = (
    Plan("apply_mask", ("",), (16, 125, KIB, 4 * KIB, 16 * KIB, 64 * KIB, MIB, 16 * MIB)),
    Plan("apply_mask_inplace", ("",), (16, 125, KIB, 4 * KIB, 16 * KIB, 64 * KIB, MIB)),
)


def test_masking(measure: Callable[[], None]) -> None:
    measure()
