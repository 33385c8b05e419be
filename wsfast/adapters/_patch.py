"""Replacing parts of a library: checked, all or nothing, idempotent, reversible.

A part is what is replaced together, or not at all. It names places as "module:path", for instance
"websockets.protocol:Protocol.parse". It is replaced as soon as all of its modules are imported, if

- the library's version is in the adapter's range,
- every place holds the code that the adapter was written for (its source's fingerprint),
- plain and replaced do the same in the part's own check,
- and it is faster so: on the pure side, that is the exception.

Anything else leaves the part alone and says why.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any
from weakref import WeakSet

from .. import _backend
from . import AdapterError, PartStatus
from ._imports import is_ready
from ._places import Change, Members, bound_since, check_generation, find, replace
from ._source import Known, UnknownCode, functions, verify

__all__ = [
    "Adapter",
    "AdapterError",
    "Library",
    "Members",
    "Part",
    "PartStatus",
    "SelfCheckFailed",
    "UnknownCode",
    "check_version",
    "find",
]

logger = logging.getLogger("wsfast")


class SelfCheckFailed(Exception):
    """Plain and replaced code differ; the message says in what."""


class NotApplicable(UnknownCode):
    """A part is not for the code that is there; another one may be."""


class NotFaster(UnknownCode):
    """A part gains nothing on this side."""


class UnknownRelease(UnknownCode):
    """None of the library's parts is for this release of it."""


@dataclass(frozen=True, eq=False)
class Part:
    """What is replaced together.

    `build` is given the originals by place and returns their replacements by place; `check` is
    given both, and raises SelfCheckFailed where they differ. Both run before anything is replaced,
    when the modules of the part are imported, and they import nothing of the library.
    """

    name: str
    replaces: Mapping[str, Known]
    build: Callable[[Members], Members]
    check: Callable[[Members, Members], None]
    # Places that are not replaced, on whose code the replacements rest.
    relies_on: Mapping[str, Known] = field(default_factory=dict)
    # The same, of modules that may never be imported: it is replaced anew when they are.
    relies_on_imported: Mapping[str, Known] = field(default_factory=dict)
    # For a place "module:name": other modules that bind the object by `from module import name`.
    bound_in: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # The operations of wsfast.kernels() that serve it.
    operations: tuple[str, ...] = ()
    # Whether it is faster on the pure side, too.
    pure: bool = False
    # Says why it is not for the code that is there, where that depends on how the library was
    # installed; None where it is.
    applies: Callable[[], str | None] = lambda: None

    @property
    def modules(self) -> list[str]:
        places = [*self.replaces, *self.relies_on]
        return _modules(places)


def _modules(places: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(place.partition(":")[0] for place in places))


@dataclass(frozen=True, eq=False)
class Adapter:
    """What is known of one library. `versions` is the first known, and the first not known."""

    name: str
    package: str
    versions: tuple[str, str]
    parts: tuple[Part, ...]


# Of one library, another's adapter may have replaced what a part rests on.
_libraries: WeakSet[Library] = WeakSet()


class Library:
    """An adapter at work. Its owner holds a lock around every call."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter
        _libraries.add(self)
        self.enabled = False
        self.strict = False
        self.changes: dict[Part, list[Change]] = {}
        self.built: dict[Part, tuple[Members, Members]] = {}
        # State and reason of those that could be replaced by now, and are not.
        self.refused: dict[Part, tuple[str, str]] = {}
        self.said: set[str] = set()
        self.applying: set[Part] = set()
        # Read once for all parts.
        self.release: str | None = None

    @property
    def version(self) -> str | None:
        from importlib import metadata

        try:
            return metadata.version(self.adapter.name)
        except Exception:
            # There is no metadata, or they are damaged.
            return None

    # Switching

    def enable(self, strict: bool) -> None:
        self.enabled = True
        self.strict = self.strict or strict
        self.refused.clear()
        self.release = None
        self.update()

    def disable(self) -> list[str]:
        self.enabled = self.strict = False
        self.refused.clear()
        left = [line for part in list(self.changes) for line in self._release(part)]
        for line in left:
            logger.warning("%s: %s", self.adapter.name, line)
        return left

    def module_begun(self, module: str) -> None:
        """A module is about to be executed, perhaps once more: nothing of ours is to be in it."""
        for part in self.adapter.parts:
            if module in part.modules or module in _modules(part.relies_on_imported):
                self.refused.pop(part, None)
                self._release(part)

    def module_executed(self, module: str) -> None:
        """Raises AdapterError if strict; the module's import fails with it."""
        for part in self.adapter.parts:
            if module in _modules(part.relies_on_imported):
                self.refused.pop(part, None)
                self._release(part)
        try:
            self.update()
        except AdapterError:
            self.module_begun(module)
            raise

    def update(self) -> None:
        """Replace what can be replaced by now."""
        for part in self.adapter.parts:
            if not self.enabled or part in self.changes or part in self.refused:
                continue
            if part in self.applying or not all(is_ready(name) for name in part.modules):
                continue
            self.applying.add(part)
            try:
                self._apply(part)
            except Exception as error:
                self._refuse(part, error)
            finally:
                self.applying.remove(part)

    def catch_up(self) -> None:
        """Replace what was imported past the watch, by finders or loaders of other kinds."""
        try:
            self.update()
        except AdapterError:
            # Its status tells.
            pass

    def _refuse(self, part: Part, error: Exception) -> None:
        known = isinstance(error, (UnknownCode, SelfCheckFailed))
        reason = str(error) if known else f"{type(error).__name__}: {error}"
        if isinstance(error, NotApplicable):
            self.refused[part] = "not applicable", reason
            return
        self.refused[part] = "left alone", reason
        what = f"{self.adapter.name}: {part.name}"
        if isinstance(error, UnknownRelease):
            what = self.adapter.name
        if self.strict:
            raise AdapterError(f"{what}: {reason}") from error
        line = f"{what} left alone: {reason}"
        if line not in self.said:
            self.said.add(line)
            # On the pure side it is as it should be.
            logger.log(logging.INFO if isinstance(error, NotFaster) else logging.WARNING, line)

    # One part

    def _apply(self, part: Part) -> None:
        self.release = version = self.release or self.version
        check_version(self.adapter, version)
        reason = part.applies()
        if reason is not None:
            raise NotApplicable(reason)
        if _backend.BACKEND == "python" and not part.pure and not FORCED:
            raise NotFaster("not faster on the pure side")
        imported = [name for name in _modules(part.relies_on_imported) if is_ready(name)]
        check_generation([*part.modules, *imported])
        plain = self._plain()
        originals = {}
        relies_on = {
            place: known
            for place, known in part.relies_on_imported.items()
            if place.partition(":")[0] in imported
        }
        for place, known in {**part.replaces, **part.relies_on, **relies_on}.items():
            member = find(place)
            if place not in part.replaces:
                member = plain(member)
            verify(place, member, known, version or "", plain)
            originals[place] = member
        replacements = self._replacements(part, originals)
        part.check(originals, replacements)
        self.changes[part] = replace(originals, replacements, part.bound_in)
        logger.debug("%s: %s replaced", self.adapter.name, part.name)

    def _replacements(self, part: Part, originals: Members) -> Members:
        """Those of last time where they are for the same originals: Python has got used to them."""
        before, replacements = self.built.get(part, ({}, {}))
        if before.keys() == originals.keys() and all(
            before[place] is originals[place] for place in before
        ):
            return replacements
        replacements = part.build(originals)
        if replacements.keys() != part.replaces.keys():
            raise SelfCheckFailed("the adapter replaces other places than it names")
        for place, ours in replacements.items():
            _dress(ours, originals[place])
        self.built[part] = (originals, replacements)
        return replacements

    def _plain(self) -> Callable[[Any], Any]:
        """What tells the original of what other parts have replaced, those of others included."""
        libraries = list(_libraries)
        changes = [
            change
            for library in libraries
            for changes in library.changes.values()
            for change in changes
        ]
        originals = {id(change.ours): change.original for change in changes}
        return lambda member: originals.get(id(member), member)

    def _release(self, part: Part) -> list[str]:
        """Put the originals back, and tell what could not be."""
        changes = self.changes.pop(part, [])
        changes += bound_since(changes, part.bound_in)
        left = [change.undo() for change in reversed(changes)]
        return [line for line in left if line is not None]

    # Telling

    def status(self) -> list[PartStatus]:
        return [self._part_status(part) for part in self.adapter.parts]

    def _part_status(self, part: Part) -> PartStatus:
        kernels: dict[str, str] = {}
        if part in self.changes:
            lost = [change.place for change in self.changes[part] if not change.is_ours()]
            state, reason = "replaced", None
            if lost:
                reason = f"replaced by somebody else since: {', '.join(lost)}"
            active = _backend.kernels.active()
            kernels = {operation: active[operation] for operation in part.operations}
        elif part in self.refused:
            state, reason = self.refused[part]
        elif not self.enabled:
            state, reason = "off", "not enabled"
        else:
            missing = [name for name in part.modules if not is_ready(name)]
            state, reason = "waiting", f"not imported yet: {', '.join(missing)}"
        return PartStatus(part.name, state, reason, tuple(part.replaces), kernels)


# For tests: replace every part on the pure side, too.
FORCED = os.environ.get("WSFAST_ADAPTERS_FORCE") == "1"


def release_numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: (17, 0, 1) of "17.0.1rc2"."""
    numbers: list[int] = []
    for piece in version.split("."):
        digits = piece[: len(piece) - len(piece.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != piece:
            break
    return tuple(numbers)


def check_version(adapter: Adapter, version: str | None) -> None:
    """Raises UnknownCode unless the version is one that the adapter was written for."""
    if version is None:
        raise UnknownRelease("its version is not known: no metadata of the distribution")
    first, end = adapter.versions
    if not release_numbers(first) <= release_numbers(version) < release_numbers(end):
        raise UnknownRelease(f"version {version}: {first} to below {end} is known")


def _dress(ours: Any, original: Any) -> None:
    """Give functions the name, text and signature of what they replace."""
    for our_function, plain in zip(functions(ours), functions(original), strict=False):
        if type(our_function) is FunctionType and type(plain) is FunctionType:
            functools.update_wrapper(our_function, plain)
