"""Code that is not known to the octet is left alone: changed, wrapped, or without a source."""

from __future__ import annotations

import builtins
import functools
import logging
import types
from typing import Any

import pytest
from made_library import ENCODE, FRAMES, MASK, SOURCES, Library, fast_encode

import wsfast
from wsfast.adapters import AdapterError, _patch
from wsfast.adapters._source import Releases, UnknownCode, fingerprint, verify

TAMPERED = {
    "changed": SOURCES["frames"].replace('b"plain " + self.payload', 'b"other " + self.payload'),
    "gone": SOURCES["frames"].replace("def encode", "def encode_it"),
    "a property": SOURCES["frames"].replace("    def encode", "    @property\n    def encode"),
    "not a function": SOURCES["frames"].replace("def mask", "mask = b''.join\n\ndef other"),
}


@pytest.mark.parametrize("how", TAMPERED)
@pytest.mark.parametrize("before", [True, False])
def test_other_code_is_left_alone_and_said_once(
    library: Library, how: str, before: bool, caplog: pytest.LogCaptureFixture
) -> None:
    library.write("frames", TAMPERED[how])
    if before:
        library.enable()
    frames, protocol = library.load()
    library.enable()
    library.enable()
    assert library.states() == ["left alone", "left alone"]
    assert all(getattr(frames.Frame, name, None) is not fast_encode for name in ("encode",))
    assert protocol.mask is frames.mask is not library.ours[MASK]
    lines = [record.getMessage() for record in caplog.records if record.name == "wsfast"]
    assert len(lines) == len(set(lines)) == 2
    assert all("left alone: " in line and FRAMES in line for line in lines)
    assert all(record.levelno == logging.WARNING for record in caplog.records)
    assert wsfast.disable(library.name) == []


def _wrapped(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


class Proxy:
    """Passes for a function, as wrapt's wrappers do."""

    def __init__(self, wrapped: Any) -> None:
        self.__wrapped__ = wrapped

    @property
    def __class__(self) -> Any:
        return types.FunctionType

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)

    def __call__(self, *args: Any) -> Any:
        return self.__wrapped__(*args)


def _executed(function: Any) -> Any:
    namespace = dict(function.__globals__)
    exec("def mask(payload):\n    return b'plain ' + payload\n", namespace)
    return namespace["mask"]


def _lying_about_its_file(function: Any) -> Any:
    namespace = dict(function.__globals__)
    source = SOURCES["frames"].replace('b"plain " + payload', 'b"tampered " + payload')
    exec(compile(source, function.__code__.co_filename, "exec"), namespace)
    return namespace["mask"]


@pytest.mark.parametrize(
    "tamper",
    [
        _wrapped,
        Proxy,
        functools.lru_cache,
        functools.partial,
        _executed,
        _lying_about_its_file,
        lambda function: len,
        lambda function: None,
    ],
)
def test_another_tools_wrapper_is_left_alone(library: Library, tamper: Any) -> None:
    frames, _ = library.load()
    plain_encode = frames.Frame.encode
    theirs = frames.mask = tamper(frames.mask)
    library.enable()
    assert library.states() == ["left alone", "left alone"]
    assert frames.mask is theirs
    assert frames.Frame.encode is plain_encode
    with pytest.raises(AdapterError, match=f"{library.name}: frames: {MASK}"):
        library.enable(strict=True)


def test_no_source_is_left_alone(library: Library) -> None:
    frames, _ = library.load()
    # As for a library of which there are only .pyc files.
    (library.directory / FRAMES.replace(".", "/")).with_suffix(".py").unlink()
    library.enable()
    assert library.reasons()[0] == f"{ENCODE}: no source to look at"
    assert frames.mask(b"x") == b"plain x"


def test_a_file_changed_since_its_import_is_no_proof(library: Library) -> None:
    library.write("frames", SOURCES["frames"].replace('b"plain " + payload', 'b"older " + payload'))
    frames, _ = library.load()
    library.write("frames", SOURCES["frames"])
    library.enable()
    assert library.states() == ["left alone", "left alone"]
    assert frames.mask(b"x") == b"older x"


def test_the_setter_of_a_property_counts(library: Library) -> None:
    place = f"{FRAMES}:Frame.size"
    library.learn(place)
    library.parts, library.relies_on = {"size": [place]}, {}
    library.ours[place] = property(lambda self: 99)
    library.write("frames", SOURCES["frames"].replace("bytes(size)", "bytes(size + 1)"))
    library.load()
    library.enable()
    assert library.states() == ["left alone"]


def test_a_class_with_a_strange_method_is_not_known(library: Library) -> None:
    frames, _ = library.load()
    place = f"{FRAMES}:Frame"
    known = frozenset([fingerprint(frames.Frame)])
    verify(place, frames.Frame, known, "1.5")
    plain = frames.Frame.encode
    frames.Frame.encode = _wrapped(plain)
    with pytest.raises(UnknownCode, match="is not the code that is known"):
        verify(place, frames.Frame, known, "1.5")
    # What another part of ours has put there is no stranger.
    ours = frames.Frame.encode
    verify(place, frames.Frame, known, "1.5", lambda member: plain if member is ours else member)


def test_an_unknown_release_is_left_alone(
    library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    library.release("2.0")
    frames, _ = library.load()
    library.enable()
    assert library.reasons() == ["version 2.0: 1.0 to below 2 is known"] * 2
    assert frames.mask(b"x") == b"plain x"
    expected = f"{library.name} left alone: version 2.0: 1.0 to below 2 is known"
    assert [record.getMessage() for record in caplog.records] == [expected]
    library.release("1.9.9rc1")
    library.enable()
    assert library.states() == ["replaced", "replaced"]


def test_no_metadata_no_release(library: Library) -> None:
    library.release(None)
    library.load()
    library.enable()
    assert library.states() == ["left alone", "left alone"]
    assert "no metadata" in str(library.status())
    assert library.status().version == "unknown"


@pytest.mark.parametrize(
    ("version", "numbers"),
    [
        ("17.4", (17, 4)),
        ("17.0.1rc2", (17, 0, 1)),
        ("1", (1,)),
        ("2.0.dev3", (2, 0)),
        ("0.10.1+local", (0, 10, 1)),
        ("", ()),
        ("x", ()),
    ],
)
def test_release_numbers(version: str, numbers: tuple[int, ...]) -> None:
    assert _patch.release_numbers(version) == numbers


def test_compiled_parts_are_known_by_their_release() -> None:
    verify("x:mask", len, Releases("1.5"), "1.5")
    verify("x:mask", bytes, Releases("1.5"), "1.5")
    with pytest.raises(UnknownCode, match=r"of a release not known: 1\.6"):
        verify("x:mask", len, Releases("1.5"), "1.6")
    for theirs in (_wrapped(len), functools.partial(len), type("sub", (bytes,), {}), Proxy(len)):
        with pytest.raises(UnknownCode, match="is not the compiled one"):
            verify("x:mask", theirs, Releases("1.5"), "1.5")
    assert builtins.len is len
