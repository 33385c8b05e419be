"""Text payloads: unmasked, validated and decoded (RFC 6455 sections 5.3 and 5.6)."""

from collections.abc import Callable

from wsfast.benchmark.cases import Plan
from wsfast.benchmark.texts import TEXTS

KIB, MIB = 2**10, 2**20

PLANS = (Plan("decode_text", tuple(TEXTS), (16, 125, KIB, 16 * KIB, 64 * KIB, MIB)),)


def test_decoding(measure: Callable[[], None]) -> None:
    measure()
