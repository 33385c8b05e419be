"""Attributes of other people's modules and classes: found, changed, put back."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ._imports import members
from ._source import UnknownCode

# By place, "module:path".
Members = Mapping[str, Any]


class Change(NamedTuple):
    """One attribute that was replaced."""

    place: str
    owner: Any
    attribute: str
    original: Any
    ours: Any

    def is_ours(self) -> bool:
        return vars(self.owner).get(self.attribute) is self.ours

    def undo(self) -> str | None:
        """Put the original back; returns why not, where somebody else has replaced it since."""
        if self.is_ours():
            try:
                setattr(self.owner, self.attribute, self.original)
            except Exception as error:
                return f"{self.place} is not restored: {type(error).__name__}: {error}"
        elif vars(self.owner).get(self.attribute) is not self.original:
            return f"{self.place} is not restored: it is no longer ours"
        return None


def find(place: str) -> Any:
    """The raw attribute at a place: a staticmethod is itself, not its function."""
    owner, attribute = locate(place)
    try:
        return vars(owner)[attribute]
    except (KeyError, TypeError):
        raise UnknownCode(f"{place} is not there") from None


def locate(place: str) -> tuple[Any, str]:
    """The module or class that has the attribute, and the attribute's name."""
    module, _, path = place.partition(":")
    if module not in sys.modules:
        raise UnknownCode(f"{module} is not imported")
    owner: Any = sys.modules[module]
    *outer, attribute = path.split(".")
    for name in outer:
        if name not in vars(owner):
            raise UnknownCode(f"{place} is not there")
        owner = vars(owner)[name]
    return owner, attribute


def replace(
    originals: Members, replacements: Members, bound_in: Mapping[str, tuple[str, ...]]
) -> list[Change]:
    """Replace all, or nothing: where one can't be, the others are put back, and it raises."""
    changes: list[Change] = []
    try:
        for change in _wanted(originals, replacements, bound_in):
            # First, in case that it is replaced and raises all the same.
            changes.append(change)
            setattr(change.owner, change.attribute, change.ours)
    except BaseException:
        for change in reversed(changes):
            with contextlib.suppress(Exception):
                change.undo()
        raise
    return changes


def _wanted(
    originals: Members, replacements: Members, bound_in: Mapping[str, tuple[str, ...]]
) -> Iterator[Change]:
    for place, ours in replacements.items():
        owner, attribute = locate(place)
        yield Change(place, owner, attribute, originals[place], ours)
        for name in bound_in.get(place, ()):
            module = sys.modules.get(name)
            if module is not None and members(module).get(attribute) is originals[place]:
                yield Change(f"{name}:{attribute}", module, attribute, originals[place], ours)


def bound_since(changes: Sequence[Change], bound_in: Mapping[str, tuple[str, ...]]) -> list[Change]:
    """Where modules that were imported later have bound what was in place then: ours."""
    found = []
    known = {(id(change.owner), change.attribute) for change in changes}
    for change in changes:
        for name in bound_in.get(change.place, ()):
            module = sys.modules.get(name)
            if module is None or (id(module), change.attribute) in known:
                continue
            if members(module).get(change.attribute) is change.ours:
                place = f"{name}:{change.attribute}"
                found.append(change._replace(place=place, owner=module))
    return found


def check_generation(modules: Sequence[str]) -> None:
    """Raises UnknownCode where one of the modules has classes of another as they were before that
    was imported anew: their objects are not of the classes that are found there now."""
    for name in modules:
        for value in list(members(sys.modules[name]).values()):
            if not issubclass(type(value), type) or value.__module__ == name:
                continue
            if value.__module__ not in modules:
                continue
            now = members(sys.modules[value.__module__]).get(value.__name__)
            if (
                now is not value
                and issubclass(type(now), type)
                and _described(now) == _described(value)
            ):
                raise UnknownCode(f"{value.__module__} was imported anew, and {name} was not")


def _described(cls: Any) -> tuple[str, str]:
    return cls.__module__, cls.__qualname__
