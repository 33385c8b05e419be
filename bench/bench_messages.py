"""Text messages off the wire in reads of 64 KiB; long ones in fragments (RFC 6455 section 5.4)."""

from collections.abc import Callable

from wsfast.benchmark.cases import Plan

KIB, MIB = 2**10, 2**20

PLANS = (
    Plan("MessageDecoder", ("ascii", "latin", "chinese", "emoji"), (16, 125, KIB, 64 * KIB)),
    Plan("fragments", ("", "ascii", "chinese"), (4 * MIB, 8 * MIB)),
)


def test_messages(measure: Callable[[], None]) -> None:
    measure()
