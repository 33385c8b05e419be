"""Sequences of octets on the borders of RFC 3629's grammar, each with whether it is UTF-8."""

from __future__ import annotations

import itertools

from oracle import is_utf8

# Octets on both sides of every border that the grammar draws.
BORDERS = bytes.fromhex("00 7f 80 8f 90 9f a0 bf c0 c1 c2 df e0 e1 ec ed ee ef f0 f1 f3 f4 f5 ff")
LEADS_OF_FOUR = bytes.fromhex("ef f0 f1 f3 f4 f5 f8 ff")
TAILS = bytes.fromhex("00 7f 80 8f 90 9f a0 bf c0 f0 ff")


def _with_verdict(*octets: bytes) -> list[tuple[bytes, bool]]:
    sequences = map(bytes, itertools.product(*octets))
    return [(sequence, is_utf8(sequence)) for sequence in sequences]


THREES = _with_verdict(BORDERS, BORDERS, BORDERS)
FOURS = _with_verdict(LEADS_OF_FOUR, TAILS, TAILS, TAILS)
