"""What runs: Python only, whatever instruction sets there are."""

from __future__ import annotations

import os

from ..exceptions import unknown_isa

_OPERATIONS = ("mask", "utf8", "text", "encode")

# What WSFAST_ISA may say, lowest first: a ceiling for the compiled twin's kernels.
ISAS = ["scalar", "sse2", "ssse3", "avx2", "avx512", "neon"]


def active() -> dict[str, str]:
    """Tell for each operation which instruction set's kernel runs: here, `python`."""
    return dict.fromkeys(_OPERATIONS, "python")


def available() -> dict[str, list[str]]:
    """Tell for each operation which kernels can run on this machine, best first."""
    return {operation: ["python"] for operation in _OPERATIONS}


def compiled() -> dict[str, list[str]]:
    """Tell for each operation which kernels there are, best first."""
    return available()


def cpu() -> list[str]:
    """Tell which instruction sets the CPU and the operating system have: Python can't know."""
    return []


def select(isa: str | None) -> None:
    """Choose the kernels anew, none above `isa` (`None`: the best ones); here that changes nothing.

    An unknown name is a ValueError.
    """
    if isa is not None and isa not in ISAS:
        raise unknown_isa(isa, ISAS)


select(os.environ.get("WSFAST_ISA") or None)
