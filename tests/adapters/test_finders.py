"""Libraries come by finders and loaders of every kind."""

from __future__ import annotations

import copy
import importlib
import importlib.util
import pickle
import sys
import types
import zipfile
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from typing import Any

import pytest
from made_library import FRAMES, PACKAGE, PROTOCOL, REPLACED, SOURCES, Library

import wsfast
from wsfast.adapters import _registry


def test_afterwards_modules_have_their_own_loaders(library: Library) -> None:
    library.enable()
    for module in library.load():
        assert type(module.__loader__) is type(module.__spec__.loader) is SourceFileLoader
        assert module.__spec__.loader is module.__loader__
        assert type(module.__spec__) is ModuleSpec
        assert pickle.loads(pickle.dumps(module.__spec__)).name == module.__name__


def test_before_it_is_imported_a_spec_can_be_used_as_ever(library: Library) -> None:
    library.enable()
    spec = importlib.util.find_spec(FRAMES)
    assert spec is not None and spec.loader is not None
    assert isinstance(spec.loader, SourceFileLoader)
    assert spec.loader.get_source(FRAMES) == SOURCES["frames"]
    assert spec.loader.is_package(FRAMES) is False
    for copied in (pickle.loads(pickle.dumps(spec)), copy.deepcopy(spec), copy.copy(spec)):
        assert copied.name == FRAMES
    assert type(pickle.loads(pickle.dumps(spec)).loader) is SourceFileLoader
    # A copy of one's own, beside the library's.
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.mask(b"x") == b"plain x"
    assert library.states() == ["waiting", "waiting"]


class Lazily:
    """A finder by which a library is imported when it is used."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        spec = PathFinder.find_spec(name, path, target) if name == FRAMES else None
        if spec is not None and spec.loader is not None:
            spec.loader = importlib.util.LazyLoader(spec.loader)
        return spec


@pytest.mark.parametrize("ours_is_outside", [False, True])
def test_a_lazy_module_is_replaced_when_it_is_loaded(
    library: Library, ours_is_outside: bool
) -> None:
    if ours_is_outside:
        sys.meta_path.insert(0, Lazily())
    library.enable()
    importlib.import_module(PACKAGE)
    spec = importlib.util.find_spec(FRAMES)
    assert spec is not None and spec.loader is not None
    if not ours_is_outside:
        spec.loader = importlib.util.LazyLoader(spec.loader)
    module = sys.modules[FRAMES] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert library.states() == ["waiting", "waiting"]
    assert type(module) is not types.ModuleType, "still lazy"
    assert module.mask(b"x") == b"fast x"
    assert library.states() == ["replaced", "waiting"]


def test_from_a_zip_file(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "library.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for name, source in SOURCES.items():
            made.writestr(f"{PACKAGE}/{name}.py", source)
    monkeypatch.syspath_prepend(str(archive))
    library.enable()
    frames, _ = library.load()
    assert "library.zip" in frames.__file__
    assert library.states() == REPLACED


def test_a_namespace_package(library: Library) -> None:
    (library.directory / PACKAGE / "__init__.py").unlink()
    library.enable()
    frames, _ = library.load()
    package = sys.modules[PACKAGE]
    assert package.__file__ is None and package.__spec__.submodule_search_locations
    assert library.states() == REPLACED
    assert frames.mask(b"x") == b"fast x"


class Delegating:
    """A finder that asks all others, as import hooks of monitoring tools do, and wraps loaders."""

    def __init__(self) -> None:
        self.in_progress: set[str] = set()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if not name.startswith(PACKAGE) or name in self.in_progress:
            return None
        self.in_progress.add(name)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self.in_progress.remove(name)
        return spec


class Naive(Delegating):
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        for finder in sys.meta_path:
            if finder is not self and name.startswith(PACKAGE):
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    return spec
        return None


class Plain:
    """Finds it by itself."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        return PathFinder.find_spec(name, path, target) if name.startswith(PACKAGE) else None


@pytest.mark.parametrize("kind", [Delegating, Naive, Plain])
@pytest.mark.parametrize("ahead", [True, False])
def test_other_finders(library: Library, kind: Callable[[], Any], ahead: bool) -> None:
    if not ahead:
        sys.meta_path.insert(0, kind())
    library.enable()
    if ahead:
        sys.meta_path.insert(0, kind())
    frames, _ = library.load()
    if ahead and kind is Plain:
        # We were not asked. status() finds out.
        assert frames.mask(b"x") == b"plain x"
    else:
        assert frames.mask(b"x") == b"fast x"
    assert library.states() == REPLACED
    assert frames.mask(b"x") == b"fast x"
    assert type(frames.__loader__) is SourceFileLoader


class OldLoader:
    """Has no exec_module()."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in (FRAMES, PROTOCOL):
            return None
        return ModuleSpec(name, self)  # type: ignore[arg-type]

    def load_module(self, name: str) -> Any:
        module = types.ModuleType(name)
        sys.modules[name] = module
        exec(SOURCES[name.rpartition(".")[2]], vars(module))
        return module


@pytest.mark.skipif(sys.version_info >= (3, 15), reason="importlib has given up load_module()")
@pytest.mark.filterwarnings("ignore::ImportWarning", "ignore::DeprecationWarning")
def test_loaders_without_exec_module(library: Library) -> None:
    sys.meta_path.insert(0, OldLoader())
    library.enable()
    frames, _ = library.load()
    assert frames.mask(b"x") == b"plain x"
    assert library.states() == ["left alone", "left alone"]
    assert "no source to look at" in str(library.status())


def test_modules_that_are_none_or_of_a_kind_of_their_own(library: Library) -> None:
    library.enable()
    sys.modules[FRAMES] = None  # type: ignore[assignment]
    assert library.states() == ["waiting", "waiting"]
    library.forget()
    sys.modules[FRAMES] = object()  # type: ignore[assignment]
    assert library.states() == ["left alone", "waiting"]
    library.forget()
    library.write("frames", SOURCES["frames"] + "\nimport sys\nsys.modules[__name__] = Frame\n")
    importlib.import_module(FRAMES)
    assert library.states() == ["left alone", "waiting"]


def test_the_finder_is_there_once_and_gone_when_it_is_not_needed(library: Library) -> None:
    def ours() -> list[Any]:
        return [finder for finder in sys.meta_path if finder is _registry._watch]

    for _ in range(3):
        library.enable()
        assert sys.meta_path[0] is _registry._watch
        assert len(ours()) == 1
    sys.meta_path.insert(0, Plain())
    library.enable()
    assert sys.meta_path[0] is _registry._watch
    expected = sys.meta_path[2:]
    # As another thread does that imports something just now.
    walk = iter(sys.meta_path)
    next(walk), next(walk)
    wsfast.disable(library.name)
    assert ours() == []
    assert list(walk) == expected
    wsfast.disable(library.name)
