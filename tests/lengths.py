"""Lengths and alignments at which vector code goes wrong."""

from __future__ import annotations

SHORT = range(301)
POWERS = tuple(2**n for n in range(9, 18))
AROUND_POWERS = tuple(length + step for length in POWERS for step in (-1, 0, 1))
ALIGNMENTS = range(64)
LONGEST = AROUND_POWERS[-1]
EVERY = (*SHORT, *AROUND_POWERS)
