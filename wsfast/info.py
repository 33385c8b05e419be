"""What `python -m wsfast info` tells: the backend, the kernels, and why not the others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from . import __version__, _backend
from ._fallback.kernels import ISAS
from .machine import cpu_name, python_name, system_name

# Switch: what it is where the environment doesn't say.
SWITCHES = {
    "WSFAST_BACKEND": "auto",
    "WSFAST_ISA": "the best of this CPU",
    "WSFAST_ADAPTERS": "all, for enable() and `run`",
    "WSFAST_ADAPTERS_STRICT": "0",
}

# Instruction sets of which some kernels need a later part too.
_LATER_PARTS = {"avx512": "avx512-vbmi"}


def facts() -> dict[str, Any]:
    """Everything that `info` tells, ready for JSON."""
    return {
        "version": __version__,
        "backend": _backend.BACKEND,
        "why_not_compiled": _backend.REASON,
        "python": python_name(),
        "system": system_name(),
        "cpu": cpu_name(),
        "instruction_sets": _backend.kernels.cpu(),
        "kernels": {
            operation: list(_kernels(operation)) for operation in _backend.kernels.active()
        },
        "switches": {name: os.environ.get(name) for name in SWITCHES},
    }


def _kernels(operation: str) -> Iterator[dict[str, str]]:
    """The operation's kernels, best first, then those that this build doesn't have."""
    kernels = _backend.kernels
    active = kernels.active()[operation]
    compiled = kernels.compiled()[operation]
    available = kernels.available()[operation]
    above = available[: available.index(active)]
    for isa in compiled:
        if isa == active:
            yield {"isa": isa, "state": "in use", "reason": ""}
        elif isa in above:
            ceiling = os.environ.get("WSFAST_ISA", "")
            yield {"isa": isa, "state": "not in use", "reason": f"above WSFAST_ISA={ceiling}"}
        elif isa in available:
            yield {"isa": isa, "state": "can run", "reason": f"{active} is better"}
        else:
            yield {"isa": isa, "state": "cannot run", "reason": f"this CPU lacks {_lacking(isa)}"}
    somewhere = {isa for isas in kernels.compiled().values() for isa in isas}
    for isa in ISAS:
        if _backend.BACKEND == "c" and isa not in compiled:
            reason = "no kernel of its own" if isa in somewhere else "another architecture"
            yield {"isa": isa, "state": "not compiled", "reason": reason}


def _lacking(isa: str) -> str:
    return isa if isa not in _backend.kernels.cpu() else _LATER_PARTS.get(isa, f"a part of {isa}")
