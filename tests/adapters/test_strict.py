"""strict=True raises where anything asked for stays unpatched; and which names can be asked for."""

from __future__ import annotations

import sys

import pytest
from made_library import ENCODE, FRAMES, SEND, SOURCES, Library

import wsfast
from wsfast.adapters import AdapterError


def test_strict_raises_at_once_and_leaves_all_as_it_was(library: Library) -> None:
    library.write("protocol", SOURCES["protocol"].replace("mask(Frame", "mask( Frame"))
    frames, _ = library.load()
    with pytest.raises(AdapterError, match=f"{library.name}: protocol: {SEND} is not the code"):
        library.enable(strict=True)
    assert library.states() == ["off", "off"]
    assert frames.mask(b"x") == b"plain x"
    library.enable()
    assert library.states() == ["replaced", "left alone"]
    with pytest.raises(AdapterError):
        library.enable(strict=True)
    # It was enabled, if not strictly, and so it stays.
    library.load()
    assert library.states() == ["replaced", "left alone"]


def test_strict_raises_from_the_import(library: Library) -> None:
    library.write("frames", SOURCES["frames"].replace("plain", "other"))
    library.enable(strict=True)
    for _ in range(2):
        with pytest.raises(AdapterError, match=f"{ENCODE} is not the code that is known"):
            library.load()
        assert FRAMES not in sys.modules
    wsfast.disable(library.name)
    frames, _ = library.load()
    assert frames.mask(b"x") == b"other x"


def test_strict_wants_a_known_release_at_once(library: Library) -> None:
    library.release("3.0")
    with pytest.raises(AdapterError, match=r"version 3\.0: 1\.0 to below 2 is known"):
        library.enable(strict=True)
    assert not library.status().enabled
    library.release(None)
    with pytest.raises(AdapterError, match="no metadata"):
        library.enable(strict=True)


def test_strict_wants_what_is_named_to_be_installed(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.release(None)
    monkeypatch.setattr(
        sys, "path", [entry for entry in sys.path if entry != str(library.directory)]
    )
    with pytest.raises(AdapterError, match=f"{library.name} is not installed"):
        library.enable(strict=True)
    library.enable()
    assert str(library.status()) == f"{library.name}: not installed, enabled"


def test_names_that_are_not_known() -> None:
    for call in (wsfast.enable, wsfast.disable):
        with pytest.raises(ValueError, match="no adapter for 'socket': there are adapters for "):
            call("socket")
    assert not any(status.enabled for status in wsfast.status().values())


def test_without_names_the_environment_may_say_which(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.enable()
    for text, enabled in {
        "none": False,
        library.name: True,
        "all": True,
        "websockets": False,
    }.items():
        wsfast.disable()
        monkeypatch.setenv("WSFAST_ADAPTERS", text)
        wsfast.enable()
        assert library.status().enabled is enabled
    wsfast.disable()
    wsfast.enable(library.name)
    assert library.status().enabled
    monkeypatch.setenv("WSFAST_ADAPTERS", "websockets, socket")
    with pytest.raises(ValueError, match=r"WSFAST_ADAPTERS='websockets, socket': no adapter for"):
        wsfast.enable()
    wsfast.disable()
