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
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from types import FunctionType
from typing import Any, NamedTuple

from .. import _backend
from ._imports import is_ready
from ._source import Known, UnknownCode, unwrap, verify

logger = logging.getLogger("wsfast")

# By place.
Members = Mapping[str, Any]


class AdapterError(RuntimeError):
    """Something that enable(strict=True) was asked for can't be sped up; the message says why."""


class SelfCheckFailed(Exception):
    """Plain and replaced code differ; the message says in what."""


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
    # For a place "module:name": other modules that bind the object by `from module import name`.
    bound_in: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # The operations of wsfast.kernels() that serve it.
    operations: tuple[str, ...] = ()
    # Whether it is faster on the pure side, too.
    pure: bool = False
    # Which code it is for, where that depends on how the library was installed.
    applies: Callable[[], str | None] = lambda: None

    @property
    def modules(self) -> list[str]:
        places = [*self.replaces, *self.relies_on]
        return list(dict.fromkeys(place.partition(":")[0] for place in places))


@dataclass(frozen=True, eq=False)
class Adapter:
    """What is known of one library. `versions` is the first known, and the first not known."""

    name: str
    package: str
    versions: tuple[str, str]
    parts: tuple[Part, ...]


class Change(NamedTuple):
    """One attribute that was replaced."""

    place: str
    owner: Any
    attribute: str
    original: Any
    ours: Any

    def is_ours(self) -> bool:
        return vars(self.owner).get(self.attribute) is self.ours


class PartStatus(NamedTuple):
    """`state` is "replaced", "waiting", "off" or "left alone"; `reason` says why not replaced."""

    name: str
    state: str
    reason: str | None
    places: tuple[str, ...]
    kernels: dict[str, str]


class Library:
    """An adapter at work. Its owner holds a lock around every call."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter
        self.enabled = False
        self.strict = False
        self.changes: dict[Part, list[Change]] = {}
        self.refused: dict[Part, str] = {}
        self.said: set[tuple[Part, str]] = set()

    @property
    def version(self) -> str | None:
        try:
            return metadata.version(self.adapter.name)
        except metadata.PackageNotFoundError:
            return None

    def concerns(self, module: str) -> bool:
        return any(module in part.modules for part in self.adapter.parts)

    # Switching

    def enable(self, strict: bool) -> None:
        self.enabled = True
        self.strict = self.strict or strict
        self.refused.clear()
        self.update()

    def disable(self) -> list[str]:
        self.enabled = self.strict = False
        left = [line for part in list(self.changes) for line in self._release(part)]
        for line in left:
            logger.warning("%s: %s", self.adapter.name, line)
        return left

    def module_executed(self, module: str) -> None:
        """A module was imported, perhaps once more: what it held of ours is gone."""
        for part in self.adapter.parts:
            if module in part.modules:
                self.refused.pop(part, None)
                self._release(part)
        self.update(module)

    def update(self, executed: str | None = None) -> None:
        """Replace what can be replaced by now."""
        for part in self.adapter.parts:
            if not self.enabled or part in self.changes or part in self.refused:
                continue
            if not all(name == executed or is_ready(name) for name in part.modules):
                continue
            try:
                self._apply(part)
            except Exception as error:
                self._refuse(part, error)

    def _refuse(self, part: Part, error: Exception) -> None:
        known = isinstance(error, (UnknownCode, SelfCheckFailed))
        reason = str(error) if known else f"{type(error).__name__}: {error}"
        self.refused[part] = reason
        if self.strict:
            raise AdapterError(f"{self.adapter.name}: {part.name}: {reason}") from error
        if (part, reason) not in self.said:
            self.said.add((part, reason))
            logger.warning("%s: %s left alone: %s", self.adapter.name, part.name, reason)

    # One part

    def _apply(self, part: Part) -> None:
        check_version(self.adapter, self.version)
        reason = part.applies()
        if reason is not None:
            raise UnknownCode(reason)
        if _backend.BACKEND == "python" and not part.pure and not FORCED:
            raise UnknownCode("not faster on the pure side")
        originals = {}
        for place, known in {**part.replaces, **part.relies_on}.items():
            member = find(place)
            verify(place, member, known, self.version or "")
            originals[place] = member
        replacements = part.build(originals)
        if replacements.keys() != part.replaces.keys():
            raise SelfCheckFailed("the adapter replaces other places than it names")
        for place, ours in replacements.items():
            _dress(unwrap(ours), unwrap(originals[place]))
        part.check(originals, replacements)
        self.changes[part] = _replace(part, originals, replacements)
        logger.debug("%s: %s replaced", self.adapter.name, part.name)

    def _release(self, part: Part) -> list[str]:
        """Put the originals back, and tell what could not be."""
        changes = self.changes.pop(part, [])
        changes += _bound_since(part, changes)
        left = []
        for change in reversed(changes):
            if change.is_ours():
                setattr(change.owner, change.attribute, change.original)
            elif vars(change.owner).get(change.attribute) is not change.original:
                left.append(f"{change.place} is not restored: it is no longer ours")
        return left

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
            state, reason = "left alone", self.refused[part]
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
        raise UnknownCode("its version is not known: no metadata of the distribution")
    first, end = adapter.versions
    if not release_numbers(first) <= release_numbers(version) < release_numbers(end):
        raise UnknownCode(f"version {version}: {first} to below {end} is known")


def find(place: str) -> Any:
    """The raw attribute at a place: a staticmethod is itself, not its function."""
    owner, attribute = locate(place)
    try:
        return vars(owner)[attribute]
    except KeyError:
        raise UnknownCode(f"{place} is not there") from None


def locate(place: str) -> tuple[Any, str]:
    """The module or class that has the attribute, and the attribute's name."""
    module, _, path = place.partition(":")
    owner: Any = sys.modules[module]
    *outer, attribute = path.split(".")
    for name in outer:
        if name not in vars(owner):
            raise UnknownCode(f"{place} is not there")
        owner = vars(owner)[name]
    return owner, attribute


def _dress(ours: Any, original: Any) -> None:
    """Give a function the name, text and signature of what it replaces."""
    if isinstance(ours, FunctionType) and isinstance(original, FunctionType):
        functools.update_wrapper(ours, original)


def _replace(part: Part, originals: Members, replacements: Members) -> list[Change]:
    changes: list[Change] = []
    try:
        for place, ours in replacements.items():
            owner, attribute = locate(place)
            _put(changes, Change(place, owner, attribute, originals[place], ours))
            for name in part.bound_in.get(place, ()):
                module = sys.modules.get(name)
                if module is not None and vars(module).get(attribute) is originals[place]:
                    here = f"{name}:{attribute}"
                    _put(changes, Change(here, module, attribute, originals[place], ours))
    except BaseException:
        for change in reversed(changes):
            setattr(change.owner, change.attribute, change.original)
        raise
    return changes


def _put(changes: list[Change], change: Change) -> None:
    setattr(change.owner, change.attribute, change.ours)
    changes.append(change)


def _bound_since(part: Part, changes: list[Change]) -> list[Change]:
    """Where modules that were imported later have bound what was in place then: ours."""
    found = []
    known = {(id(change.owner), change.attribute) for change in changes}
    for change in changes:
        for name in part.bound_in.get(change.place, ()):
            module = sys.modules.get(name)
            if module is None or (id(module), change.attribute) in known:
                continue
            if vars(module).get(change.attribute) is change.ours:
                place = f"{name}:{change.attribute}"
                found.append(change._replace(place=place, owner=module))
    return found
