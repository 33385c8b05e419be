"""Frames, RFC 6455 section 5.2: off the wire in reads of 64 KiB, and to the wire."""

from collections.abc import Callable

from wsfast.benchmark.cases import Plan

KIB = 2**10

PLANS = (
    Plan("FrameDecoder", ("",), (16, 125, KIB, 64 * KIB)),
    Plan("encode_frame", ("",), (16, 125, KIB, 64 * KIB)),
    Plan("encode_frame unmasked", ("",), (16, 125, KIB)),
    Plan("encode_frame str", ("ascii", "latin", "chinese", "emoji"), (16, KIB, 64 * KIB)),
)


def test_frames(measure: Callable[[], None]) -> None:
    measure()
