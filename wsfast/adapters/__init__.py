"""Other libraries on this codec: enable(), disable(), status().

Nothing is replaced on import. enable() imports no library either: what is imported is replaced now,
the rest when it is imported. What can't be verified is left alone; status() says why.
"""

from __future__ import annotations

import importlib
import sys
import threading
from importlib import metadata
from typing import Any, NamedTuple

from ._imports import Watch
from ._patch import AdapterError, Library, PartStatus, UnknownCode, check_version

__all__ = ["NAMES", "AdapterError", "LibraryStatus", "PartStatus", "disable", "enable", "status"]

# The distributions that there are adapters for, and the package of each.
NAMES = {
    "websockets": "websockets",
}

_lock = threading.RLock()
_libraries: dict[str, Library] = {}


class LibraryStatus(NamedTuple):
    """`version` is None where the library is not installed."""

    name: str
    version: str | None
    enabled: bool
    parts: list[PartStatus]

    def __str__(self) -> str:
        if self.version is None:
            return f"{self.name}: not installed"
        lines = [f"{self.name} {self.version}"]
        for part in self.parts:
            kernels = ", ".join(f"{name} {isa}" for name, isa in part.kernels.items())
            lines.append(f"  {part.name}: {part.state} {part.reason or kernels}".rstrip())
        return "\n".join(lines)


def enable(*names: str, strict: bool = False) -> None:
    """Let libraries run on this codec: those named, as their distributions are, or all known.

    What is imported is replaced now, the rest when it is imported. Code that is not known is left
    alone, which status() and a line in the log tell; with `strict`, AdapterError is raised: here,
    or from the import of the module in question. Open connections go on as they began. Calling it
    again does no harm. Raises ValueError for a name that is not known.
    """
    wanted = _known(names)
    being_imported = []
    with _lock:
        _watch.install()
        for name in wanted:
            if strict:
                _check_installed(name, required=bool(names))
            library = _library(name)
            library.enable(strict)
            being_imported += [
                module
                for part in library.adapter.parts
                for module in part.modules
                if module in sys.modules
            ]
    # Another thread may be in the midst of importing them: wait for it, without the lock.
    for module in being_imported:
        importlib.import_module(module)
    with _lock:
        for name in wanted:
            _libraries[name].update()


def disable(*names: str) -> list[str]:
    """Put back what enable() replaced, in the libraries named or in all.

    Returns a line for each place that is not restored, because somebody else has replaced it since.
    Open connections go on as they began.
    """
    left = []
    with _lock:
        for name in _known(names):
            if name in _libraries:
                left += _libraries[name].disable()
        if not any(library.enabled for library in _libraries.values()):
            _watch.remove()
    return left


def status() -> dict[str, LibraryStatus]:
    """What is replaced in each library known and what serves it, or why not, by its name."""
    with _lock:
        found = {}
        for name in NAMES:
            library = _library(name)
            found[name] = LibraryStatus(name, library.version, library.enabled, library.status())
        return found


def _known(names: tuple[str, ...]) -> list[str]:
    for name in names:
        if name not in NAMES:
            known = ", ".join(NAMES)
            raise ValueError(f"no adapter for {name!r}: there are adapters for {known}")
    return list(dict.fromkeys(names or NAMES))


def _check_installed(name: str, required: bool) -> None:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        if required:
            raise AdapterError(f"{name} is not installed") from None
        return
    try:
        check_version(_library(name).adapter, version)
    except UnknownCode as error:
        raise AdapterError(f"{name}: {error}") from error


def _library(name: str) -> Library:
    """The library's adapter, imported when it is first asked for."""
    if name not in _libraries:
        module: Any = importlib.import_module("." + name.replace("-", "_"), __name__)
        _libraries[name] = Library(module.ADAPTER)
    return _libraries[name]


def _wants(module: str) -> bool:
    package = module.partition(".")[0]
    return any(
        library.enabled and library.adapter.package == package and library.concerns(module)
        for library in list(_libraries.values())
    )


def _executed(module: str) -> None:
    with _lock:
        for library in _libraries.values():
            if library.enabled and library.concerns(module):
                library.module_executed(module)


_watch = Watch(_wants, _executed)
