"""Fingerprints of other people's code: whether a function is still the one that we know."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Container
from types import FunctionType
from typing import Any

# Of SHA-256, so many hexadecimal digits.
DIGITS = 12


class Releases(frozenset[str]):
    """Known by the library's exact release: for what is compiled, and has no source to look at."""

    def __new__(cls, *versions: str) -> Releases:
        return super().__new__(cls, versions)


# What is known of one object: fingerprints of its source, or `Releases`.
Known = Container[str]


def known(*fingerprints: str) -> frozenset[str]:
    """The fingerprints of a source, one for each that it has had."""
    return frozenset(fingerprints)


class UnknownCode(Exception):
    """Code that is not what an adapter was written for; the message says which, and why."""


def unwrap(member: Any) -> Any:
    """The function of a class's raw attribute."""
    if isinstance(member, (staticmethod, classmethod)):
        return member.__func__
    return member


def fingerprint(member: Any) -> str:
    """Twelve hexadecimal digits of a function's or class's source, comments and blank lines aside.

    Raises UnknownCode where there is no source to look at.
    """
    member = unwrap(member)
    if isinstance(member, property):
        member = member.fget
    # Of its code: a wrapper made by functools.wraps() is itself, not what it wraps.
    subject = member.__code__ if isinstance(member, FunctionType) else member
    try:
        source = inspect.getsource(subject)
    except (OSError, TypeError) as error:
        raise UnknownCode("no source to look at") from error
    lines = (line.rstrip() for line in source.splitlines())
    kept = [line for line in lines if line and not line.lstrip().startswith("#")]
    return hashlib.sha256("\n".join(kept).encode()).hexdigest()[:DIGITS]


def verify(place: str, member: Any, known: Known, version: str) -> None:
    """Raises UnknownCode unless `member`, found at `place`, is known."""
    if isinstance(known, Releases):
        if isinstance(unwrap(member), FunctionType):
            raise UnknownCode(f"{place} is not the compiled one")
        if version not in known:
            raise UnknownCode(f"{place} is compiled, and of a release not known: {version}")
        return
    try:
        found = fingerprint(member)
    except UnknownCode as error:
        raise UnknownCode(f"{place}: {error}") from error
    if found not in known:
        raise UnknownCode(f"{place} is not the code that is known ({found})")
