"""The libraries at work: which are enabled, one lock around them all, and the watch on imports.

An adapter is only imported when its library is, or when somebody asks about it.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from . import NAMES, AdapterError, LibraryStatus
from ._imports import Watch

if TYPE_CHECKING:
    from ._patch import Library

_lock = threading.RLock()
_libraries: dict[str, Library] = {}
# The names that are enabled, and whether strictly.
_enabled: dict[str, bool] = {}


def enable(names: Sequence[str], strict: bool, required: bool) -> None:
    """`required`: with `strict`, a library that is not installed is an error, too."""
    with _lock:
        before = dict(_enabled)
        try:
            for name in names:
                if strict:
                    check_installed([name], required)
                _enabled[name] = _enabled.get(name, False) or strict
            # Before a look at what is imported: from here on, nothing is missed.
            _watch_enabled()
            for name in names:
                if name in _libraries or NAMES[name] in sys.modules:
                    _library(name).enable(_enabled[name])
        except AdapterError:
            # What this call has changed is changed back.
            _disable([name for name in names if name not in before])
            _enabled.update(before)
            for name in before:
                if name in _libraries:
                    _libraries[name].strict = before[name]
            raise


def disable(names: Sequence[str]) -> list[str]:
    with _lock:
        return _disable(names)


def _disable(names: Sequence[str]) -> list[str]:
    left = []
    for name in names:
        _enabled.pop(name, None)
        if name in _libraries:
            left += _libraries[name].disable()
    _watch_enabled()
    return left


def status(names: Sequence[str]) -> dict[str, LibraryStatus]:
    with _lock:
        found = {}
        for name in names:
            library = _library(name)
            library.catch_up()
            version = library.version or ("unknown" if _is_importable(name) else None)
            found[name] = LibraryStatus(name, version, name in _enabled, library.status())
        return found


def modules(name: str) -> list[str]:
    """What a library's adapter is about."""
    with _lock:
        parts = _library(name).adapter.parts
        return list(dict.fromkeys(module for part in parts for module in part.modules))


def _watch_enabled() -> None:
    _watch.watch(frozenset(NAMES[name] for name in _enabled))


def _library(name: str) -> Library:
    library = _libraries.get(name)
    if library is None:
        from ._patch import Library

        module: Any = importlib.import_module("." + name.replace("-", "_"), __package__)
        library = _libraries[name] = Library(module.ADAPTER)
        library.enabled, library.strict = name in _enabled, _enabled.get(name, False)
    return library


def check_installed(names: Iterable[str], required: bool) -> None:
    """Raises AdapterError for a release that is not known or, if `required`, a missing library."""
    from ._patch import UnknownCode, check_version

    with _lock:
        for name in names:
            if name not in NAMES:
                continue
            library = _library(name)
            if library.version is None and not _is_importable(name):
                if required:
                    raise AdapterError(f"{name} is not installed")
                continue
            try:
                check_version(library.adapter, library.version)
            except UnknownCode as error:
                raise AdapterError(f"{name}: {error}") from error


def _is_importable(name: str) -> bool:
    package = NAMES[name]
    return package in sys.modules or find_spec(package) is not None


# Around the execution of modules


def _of_module(module: str) -> str | None:
    """The enabled library that a module is of."""
    package = module.partition(".")[0]
    return next((name for name in list(_enabled) if NAMES[name] == package), None)


def _begun(module: str) -> None:
    with _lock:
        library = _libraries.get(_of_module(module) or "")
        if library is not None:
            library.module_begun(module)


def _executed(module: str) -> None:
    with _lock:
        name = _of_module(module)
        if name is None:
            return
        try:
            _library(name).module_executed(module)
        except AdapterError:
            raise
        except Exception:
            # Nobody's import fails for us.
            from ._patch import logger

            logger.exception("%s left alone: its adapter failed", name)
            _disable([name])


_watch = Watch(_begun, _executed)


def _forget_lock() -> None:
    """In a forked process: whoever held it is not there."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_lock)
