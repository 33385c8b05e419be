"""Other libraries on this codec: enable(), disable(), status().

Nothing is replaced on import. enable() imports no library either: what is imported is replaced now,
the rest when it is imported. What can't be verified is left alone; status() says why.
"""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

__all__ = ["NAMES", "AdapterError", "LibraryStatus", "PartStatus", "disable", "enable", "status"]

# The distributions that there are adapters for, and the package of each.
NAMES = {
    "aiohttp": "aiohttp",
    "autobahn": "autobahn",
    "gevent-websocket": "geventwebsocket",
    "tornado": "tornado",
    "uvicorn": "uvicorn",
    "websocket-client": "websocket",
    "ws4py": "ws4py",
    "websockets": "websockets",
    "wsproto": "wsproto",
}

# It has to be asked for by its name, and is not among all: it is for where wsaccel isn't installed.
STAND_IN = "wsaccel"

# Switch: which libraries enable() and `python -m wsfast run` are for, where they don't say it.
SWITCH = "WSFAST_ADAPTERS"


class AdapterError(RuntimeError):
    """Something that enable(strict=True) was asked for can't be sped up; the message says why."""


class PartStatus(NamedTuple):
    """`state` is "replaced", "waiting", "off", "left alone" or, where it is for another build of
    the library than the one that is there, "not applicable"; `reason` says why not replaced."""

    name: str
    state: str
    reason: str | None
    places: tuple[str, ...]
    kernels: dict[str, str]

    def __str__(self) -> str:
        kernels = ", ".join(f"{operation} {isa}" for operation, isa in self.kernels.items())
        told = [f"{self.name}: {self.state}"]
        if kernels:
            told.append(f"({kernels})")
        if self.reason is not None and self.state != "off":
            told.append(f"- {self.reason}")
        return " ".join(told)


class LibraryStatus(NamedTuple):
    """`version` is None where the library is not installed, "unknown" where it has no metadata."""

    name: str
    version: str | None
    enabled: bool
    parts: list[PartStatus]

    def __str__(self) -> str:
        if self.version is None:
            asked = ", enabled" if self.enabled else ""
            return f"{self.name}: not installed{asked}"
        state = "enabled" if self.enabled else "not enabled"
        return "\n  ".join([f"{self.name} {self.version}: {state}", *map(str, self.parts)])


# What does it is imported when it is asked for: `import wsfast` is to cost nothing for it.


def enable(*names: str, strict: bool = False, shadow: bool = False) -> None:
    """Let libraries run on this codec: those named, as their distributions are, or all known.

    What is imported is replaced now, the rest when it is imported. Code that is not known is left
    alone, which status() and a line in the log tell; with `strict`, AdapterError is raised: here,
    and then nothing is enabled, or from the import of the module in question. Open connections go
    on as they began. Calling it again does no harm. Raises ValueError for a name that is not known.

    Without names, WSFAST_ADAPTERS may say which, or `none`. "wsaccel" is a stand-in for a library
    that is not installed, or with `shadow` for one that is.
    """
    from . import _registry

    wanted = known_names(names) if names else switched()
    if wanted is None:
        wanted = list(NAMES)
    if STAND_IN not in wanted:
        _registry.enable(wanted, strict, required=bool(names))
        return
    from .wsaccel import LIBRARY

    before = LIBRARY.enabled
    LIBRARY.enable(strict, shadow)
    try:
        others = [name for name in wanted if name != STAND_IN]
        _registry.enable(others, strict, required=bool(names))
    except AdapterError:
        if not before:
            LIBRARY.disable()
        raise


def disable(*names: str) -> list[str]:
    """Put back what enable() replaced, in the libraries named or in all.

    Returns a line for each place that is not restored, because somebody else has replaced it since.
    Open connections go on as they began.
    """
    from . import _registry

    wanted = known_names(names or (*NAMES, STAND_IN))
    left = []
    if STAND_IN in wanted:
        wanted.remove(STAND_IN)
        if f"{__name__}.wsaccel" in sys.modules:
            from .wsaccel import LIBRARY

            left = LIBRARY.disable()
    return left + _registry.disable(wanted)


def status() -> dict[str, LibraryStatus]:
    """What is replaced in each library known and what serves it, or why not, by its name."""
    from . import _registry

    found = _registry.status(list(NAMES))
    if f"{__name__}.wsaccel" in sys.modules:
        from .wsaccel import LIBRARY

        found[STAND_IN] = LIBRARY.status()
    return found


def known_names(names: tuple[str, ...]) -> list[str]:
    """The names without repetitions; raises ValueError for one that is not known."""
    for name in names:
        if name not in NAMES and name != STAND_IN:
            known = ", ".join((*NAMES, STAND_IN))
            raise ValueError(f"no adapter for {name!r}: there are adapters for {known}")
    return list(dict.fromkeys(names))


def listed(text: str) -> list[str]:
    """The libraries that a list like "websockets,aiohttp" says, or "all", or "none"."""
    if text.strip() in ("all", "none"):
        return list(NAMES) if text.strip() == "all" else []
    return known_names(tuple(name.strip() for name in text.split(",") if name.strip()))


def switched() -> list[str] | None:
    """What WSFAST_ADAPTERS says; None where it is not set. Raises ValueError."""
    text = os.environ.get(SWITCH, "").strip()
    try:
        return listed(text) if text else None
    except ValueError as error:
        raise ValueError(f"{SWITCH}={text!r}: {error}") from None
