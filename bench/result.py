"""One line of bench/gate.py."""

from __future__ import annotations

from typing import NamedTuple

from bars import TOLERANCE


class Result(NamedTuple):
    work: str
    against: str
    found: float | None  # None: left out
    bar: float
    unit: str = "x"
    is_limit: bool = False  # the bar is a most, not a least
    note: str = ""
    tolerance: float = TOLERANCE

    @property
    def score(self) -> float:
        """At least 1 where the bar is reached."""
        assert self.found is not None
        if not self.is_limit:
            return self.found / self.bar
        return self.bar / self.found if self.found > 0 else float("inf")

    @property
    def verdict(self) -> str:
        if self.found is None:
            return "left out"
        return "OK" if self.score >= 1 else "WARN" if self.score >= self.tolerance else "FAIL"

    def line(self) -> str:
        sign = "<=" if self.is_limit else ">="
        found = "" if self.found is None else f"{self.found:,.2f} {self.unit}"
        bar = f"{sign} {self.bar:,.4g} {self.unit}"
        line = f"{self.verdict:<8} {self.work:<60} {found:>12}  {bar:<14} {self.against}"
        return f"{line}  {self.note}".rstrip()
