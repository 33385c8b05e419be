"""Fingerprints of other people's code: whether a function is still the one that we know."""

from __future__ import annotations

import functools
import hashlib
import inspect
import linecache
import os
import sys
import types
from collections import namedtuple
from collections.abc import Callable, Container, Iterator
from importlib.machinery import EXTENSION_SUFFIXES, SourceFileLoader
from pathlib import PurePath
from types import CodeType, FunctionType
from typing import Any

# Of SHA-256, so many hexadecimal digits.
DIGITS = 12


class Releases(frozenset[str]):
    """Known by the library's exact release: for what is compiled, and has no source to look at."""

    def __new__(cls, *versions: str) -> Releases:
        return super().__new__(cls, versions)


# Where the methods of named tuples are from.
_NAMEDTUPLE_FILE = namedtuple.__code__.co_filename

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
    if isinstance(member, functools.cached_property):
        return member.func
    return member


def functions(member: Any) -> list[Any]:
    """The functions of a class's raw attribute: those of a property are up to three."""
    if type(member) is property:
        return [part for part in (member.fget, member.fset, member.fdel) if part is not None]
    return [unwrap(member)]


def fingerprint(member: Any, plain: Callable[[Any], Any] = lambda member: member) -> str:
    """Twelve hexadecimal digits of a function's or class's source, comments and blank lines aside.

    Raises UnknownCode where there is no source to look at, or where it is not what runs. `plain`
    gives what was in a class before we replaced it.
    """
    texts = [_source(part, plain) for part in functions(member)]
    lines = (line.rstrip() for text in texts for line in text.splitlines())
    kept = [line for line in lines if line and not line.lstrip().startswith("#")]
    return hashlib.sha256("\n".join(kept).encode()).hexdigest()[:DIGITS]


def _source(subject: Any, plain: Callable[[Any], Any]) -> str:
    # By exact type: other tools' wrappers pass for what they wrap.
    if type(subject) is FunctionType:
        return _text(subject.__code__, subject.__globals__)
    if not issubclass(type(subject), type):
        raise UnknownCode("no source to look at")
    text = _text(subject, vars(sys.modules.get(subject.__module__, types)))
    return "\n".join([text, *_outsiders(subject, plain)])


def _text(subject: Any, namespace: dict[str, Any]) -> str:
    """Of a class, or of the code of a function, in the module that the namespace is of."""
    try:
        text = inspect.getsource(subject)
    except (OSError, TypeError) as error:
        raise UnknownCode("no source to look at") from error
    if isinstance(subject, CodeType) and not _is_in_file(subject, namespace):
        raise UnknownCode("its file says something else than what runs")
    return text


def _outsiders(cls: type, plain: Callable[[Any], Any]) -> list[str]:
    """A class's functions that its source doesn't define, such as somebody has put there since."""
    found = []
    namespace = vars(sys.modules.get(cls.__module__, types))
    for name, member in vars(cls).items():
        for part in functions(plain(member)):
            if type(part) is not FunctionType:
                continue
            code = part.__code__
            if code.co_filename == namespace.get("__file__"):
                if not _is_in_file(code, namespace):
                    raise UnknownCode(f"its file says something else than what runs: {name}")
            elif not (
                code.co_filename == _NAMEDTUPLE_FILE
                or (code.co_filename.startswith("<") and name.startswith("__"))
            ):
                # Not what namedtuple() and dataclass() give: it depends on Python's version.
                found.append(f"{name}@{PurePath(code.co_filename).stem}")
    return sorted(found)


def _is_in_file(code: CodeType, namespace: dict[str, Any]) -> bool:
    """Whether the file that a code names has this code: it may have changed since."""
    loader = namespace.get("__loader__")
    if type(loader) is SourceFileLoader and namespace.get("__file__") == code.co_filename:
        status = os.stat(loader.path)
        module = _loaded(loader, (status.st_mtime_ns, status.st_size))
    else:
        text = "".join(linecache.getlines(code.co_filename, namespace))
        module = _compiled(text, code.co_filename)
    return module is not None and any(other == code for other in _codes(module, code.co_name))


@functools.lru_cache(maxsize=2)
def _loaded(loader: SourceFileLoader, version: tuple[int, int]) -> CodeType | None:
    """What the file holds now; mostly by its .pyc file."""
    return loader.get_code(loader.name)


@functools.lru_cache(maxsize=2)
def _compiled(text: str, file: str) -> CodeType | None:
    try:
        compiled: CodeType = compile(text, file, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    return compiled


def _codes(module: CodeType, name: str) -> Iterator[CodeType]:
    for constant in module.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_name == name:
                yield constant
            yield from _codes(constant, name)


def verify(
    place: str,
    member: Any,
    known: Known,
    version: str,
    plain: Callable[[Any], Any] = lambda member: member,
) -> None:
    """Raises UnknownCode unless `member`, found at `place`, is known."""
    if isinstance(known, Releases):
        if not _is_compiled(unwrap(member)):
            raise UnknownCode(f"{place} is not the compiled one")
        if version not in known:
            raise UnknownCode(f"{place} is compiled, and of a release not known: {version}")
        return
    try:
        found = fingerprint(member, plain)
    except UnknownCode as error:
        raise UnknownCode(f"{place}: {error}") from error
    if found not in known:
        raise UnknownCode(f"{place} is not the code that is known ({found})")


_COMPILED = (
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
    types.WrapperDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
)


def _is_compiled(member: Any) -> bool:
    """Whether it is of an extension module: no function of Python's, no wrapper, no subclass."""
    if type(member) in _COMPILED or type(member).__name__ == "cython_function_or_method":
        return True
    if not issubclass(type(member), type):
        return False
    spec = vars(sys.modules.get(member.__module__, types)).get("__spec__")
    origin = getattr(spec, "origin", None) or ""
    return origin == "built-in" or origin.endswith(tuple(EXTENSION_SUFFIXES))
