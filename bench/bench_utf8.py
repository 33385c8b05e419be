"""UTF-8 validation, RFC 3629: whole payloads, and texts that come in chunks of 1 KiB."""

from collections.abc import Callable

from wsfast.benchmark.cases import Plan
from wsfast.benchmark.texts import TEXTS

KIB, MIB = 2**10, 2**20

PLANS = (
    Plan("is_utf8", tuple(TEXTS), (KIB, 64 * KIB, MIB)),
    Plan("Utf8Validator", tuple(TEXTS), (KIB,)),
)


def test_validation(measure: Callable[[], None]) -> None:
    measure()
