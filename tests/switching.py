"""Libraries plain and sped up, for tests that compare the two."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from hypothesis import Phase, settings

import wsfast


@contextlib.contextmanager
def switched(name: str, on: bool) -> Iterator[None]:
    if on:
        wsfast.enable(name)
    try:
        yield
    finally:
        wsfast.disable(name)


def states(name: str) -> dict[str, str]:
    return {part.name: part.state for part in wsfast.status()[name].parts}


def runs(number: int) -> settings:
    """For tests whose example is two whole runs of a library: a failure is shown as it was found.

    Making it small, and explaining it, would take minutes.
    """
    return settings(max_examples=number, deadline=None, phases=(Phase.explicit, Phase.generate))
