"""What the tests of the adapters share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_library import NAME, PACKAGE, Library

import wsfast
from wsfast import adapters
from wsfast.adapters import _patch, _registry


@pytest.fixture(scope="module", autouse=True)
def forced() -> Iterator[None]:
    """Every part is replaced on the pure side, too: there it is slower, but has to be right."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_patch, "FORCED", True)
        yield


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    made = Library(tmp_path)
    made.learn()
    monkeypatch.setitem(adapters.NAMES, NAME, PACKAGE)
    yield made
    if NAME in _registry._libraries or NAME in _registry._enabled:
        wsfast.disable(NAME)
    _registry._libraries.pop(NAME, None)
    sys.modules.pop(f"wsfast.adapters.{PACKAGE}", None)
    made.forget()
