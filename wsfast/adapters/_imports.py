"""Telling when modules have been imported, without importing them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any
from weakref import WeakValueDictionary

# Modules whose import was seen to its end, by name. Their specs say so only a little later.
_executed: WeakValueDictionary[str, Any] = WeakValueDictionary()


def is_ready(name: str) -> bool:
    """Whether a module is imported, and not still being so."""
    module = sys.modules.get(name)
    if module is None:
        return False
    if _executed.get(name) is module:
        return True
    return not _is_lazy(module) and not _is_initializing(module)


def members(module: Any) -> dict[str, Any]:
    """A module's own, without a look that would load a lazy one."""
    found: dict[str, Any] = object.__getattribute__(module, "__dict__")
    return found


def _is_lazy(module: Any) -> bool:
    """Whether it would only be loaded by a look at it (importlib.util.LazyLoader)."""
    util = sys.modules.get("importlib.util")
    return util is not None and type(module) is getattr(util, "_LazyModule", None)


def _is_initializing(module: Any) -> bool:
    try:
        spec = members(module).get("__spec__")
    except AttributeError:
        return False
    return bool(getattr(spec, "_initializing", False))


class Watch:
    """The first finder: it finds nothing of its own, and calls back when modules are executed.

    `begun` is told the name of a module that is about to be executed, perhaps once more; `executed`
    of one that has been. find_spec() takes no lock and imports nothing, since importlib calls it
    with its own lock held.
    """

    def __init__(self, begun: Callable[[str], None], executed: Callable[[str], None]) -> None:
        self.begun = begun
        self.executed = executed
        self.packages: frozenset[str] = frozenset()
        # The names that are being looked for: other finders may ask all finders in their turn.
        self.finding = threading.local()

    def watch(self, packages: frozenset[str]) -> None:
        """Watch the modules of these packages from now on, and those being imported just now."""
        added, self.packages = packages - self.packages, packages
        wanted = [finder for finder in sys.meta_path if finder is not self]
        if packages:
            wanted.insert(0, self)
        if sys.meta_path != wanted:
            # Another list: from under an import in another thread, nothing may be taken away.
            sys.meta_path = wanted
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in added and _is_initializing(module):
                self.await_end(name, module)

    def await_end(self, name: str, module: Any) -> None:
        """Call back when an import ends that began unwatched: importlib then sets a flag."""
        spec = members(module)["__spec__"]
        plain = type(spec)

        def get(spec: Any) -> bool:
            return bool(vars(spec)["_initializing"])

        def set_flag(spec: Any, value: bool) -> None:
            try:
                if not value:
                    spec.__class__ = plain
                    if sys.modules.get(name) is module:
                        self.is_executed(name)
            finally:
                vars(spec)["_initializing"] = value

        if "_initializing" in getattr(spec, "__dict__", ()):
            spec.__class__ = type(
                plain.__name__, (plain,), {"_initializing": property(get, set_flag)}
            )
            if not spec._initializing:
                # It has ended in the meantime.
                spec._initializing = False

    def is_executed(self, name: str) -> None:
        try:
            _executed[name] = sys.modules[name]
        except TypeError:
            # Not a module, and it can't be referred to weakly: it is ready when its spec says so.
            pass
        self.executed(name)

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        if fullname.partition(".")[0] not in self.packages:
            return None
        finding: set[str] = self.finding.__dict__.setdefault("names", set())
        if fullname in finding:
            return None
        finding.add(fullname)
        try:
            spec = self.ask_others(fullname, path, target)
        finally:
            finding.remove(fullname)
        if hasattr(getattr(spec, "loader", None), "exec_module"):
            spec.loader = _Loader(spec.loader, self)
        return spec

    def ask_others(self, fullname: str, path: Any, target: Any) -> Any:
        for finder in list(sys.meta_path):
            if finder is not self and hasattr(finder, "find_spec"):
                spec = finder.find_spec(fullname, path, target)
                if spec is not None:
                    return spec
        return None


def _same(loader: Any) -> Any:
    return loader


class _Loader:
    """Loads by another loader, for which it can be taken, and is gone as soon as that has begun."""

    def __init__(self, loader: Any, watch: Watch) -> None:
        self._loader = loader
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self._loader)

    def __reduce__(self) -> Any:
        return _same, (self._loader,)

    def exec_module(self, module: ModuleType) -> None:
        loader, watch = self._loader, self._watch
        for holder, name in ((module.__spec__, "loader"), (module, "__loader__")):
            if getattr(holder, name, None) is self:
                setattr(holder, name, loader)
        name = module.__name__
        # Otherwise somebody loads a copy of their own.
        counts = sys.modules.get(name) is module
        if counts:
            _executed.pop(name, None)
            watch.begun(name)
        was_lazy = _is_lazy(module)
        loader.exec_module(module)
        if _is_lazy(module) and not was_lazy:
            # It has only been prepared: the loader that it is left with executes it.
            spec = members(module)["__spec__"]
            spec.loader = _Loader(spec.loader, watch)
        elif counts and name in sys.modules:
            watch.is_executed(name)

    # importlib leaves the frames of its own files out of tracebacks: this one, too.
    exec_module.__code__ = exec_module.__code__.replace(
        co_filename="<frozen importlib._bootstrap_external>"
    )
