"""Text payloads: unmasked, validated and decoded (RFC 6455 sections 5.3 and 5.6)."""

from collections.abc import Callable

from wsfast.benchmark.cases import Plan

KIB, MIB = 2**10, 2**20

TEXTS = ("ascii", "latin", "russian", "chinese", "emoji", "mixed")

PLANS = (Plan("decode_text", TEXTS, (16, KIB, 64 * KIB, MIB)),)


def test_decoding(measure: Callable[[], None]) -> None:
    measure()
