"""The codec's implementations as the tests take them: the pure one, and the compiled one once for
each instruction set that this CPU has."""

from __future__ import annotations

import importlib
import os
from typing import Any

MODULES = ("mask", "utf8", "frames", "messages", "splitter", "kernels", "link")


class Implementation:
    """One side's modules; a compiled one with its kernels limited to `isa`."""

    def __init__(self, name: str) -> None:
        self.name = name
        side, _, self.isa = name.partition("-")
        package = "_speedups" if side == "c" else "_fallback"
        self.compiled = side == "c"
        found: dict[str, Any] = {
            module: importlib.import_module(f"wsfast.{package}.{module}") for module in MODULES
        }
        self.mask, self.utf8 = found["mask"], found["utf8"]
        self.frames, self.messages = found["frames"], found["messages"]
        self.splitter, self.kernels = found["splitter"], found["kernels"]
        self.link = found["link"]

    def choose_kernels(self) -> None:
        if self.compiled:
            self.kernels.select(self.isa)

    def restore_kernels(self) -> None:
        if self.compiled:
            self.kernels.select(os.environ.get("WSFAST_ISA"))

    def __repr__(self) -> str:
        return self.name


def compiled_isas() -> list[str]:
    """Instruction sets that any operation has a kernel for here, lowest first; ImportError where
    the compiled side is missing."""
    for module in MODULES:
        importlib.import_module(f"wsfast._speedups.{module}")
    available: dict[str, list[str]] = importlib.import_module(
        "wsfast._speedups.kernels"
    ).available()
    ranks = ("scalar", "sse2", "ssse3", "avx2", "avx512", "neon")
    found = {isa for isas in available.values() for isa in isas}
    return sorted(found, key=ranks.index)


def implementation_names(backend: str) -> tuple[list[str], str | None]:
    """What a run on `backend` tests, and why the compiled side is not among it."""
    if backend == "python":
        return ["python"], "not asked for"
    try:
        isas = compiled_isas()
    except ImportError as error:
        if backend == "c":
            raise
        return ["python"], str(error)
    return ["python", *(f"c-{isa}" for isa in isas)], None
