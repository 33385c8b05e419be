"""Imports point down only: the layers of the package, each importing nothing of those above it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

# The sources: a wheel has no Cython modules.
PACKAGE = Path(__file__).parent.parent / "wsfast"
if not PACKAGE.is_dir():
    pytest.skip("a wheel is tested, away from the sources", allow_module_level=True)

# Lowest first. A layer may import what stands in the rows before its own, and of its own row what
# is said below.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("protocol", "exceptions", "events"),
    ("_fallback", "_speedups"),
    ("_backend",),
    ("mask", "utf8", "frames", "messages", "link"),
    (*("connection", "sending", "closing", "handshake", "permessage_deflate", "deflating"),),
    (
        *("uvicorn", "aio", "adapters", "launcher", "startup"),
        *("cli", "echo", "info", "selftest", "benchmark", "machine", "terminal"),
    ),
)
RANK = {name: rank for rank, row in enumerate(LAYERS) for name in row}
EDGES = len(LAYERS) - 1
# Within a row: exceptions and events speak of the protocol's numbers, sans-I/O modules and edges of
# one another; the twins never, nor do the modules of the codec.
SAME_ROW = {0, 4, EDGES}
# A pickle names the function that makes its object anew by whichever twin there is.
UPWARDS = {("_fallback", "_backend"), ("_speedups", "_backend")}
# What only edges may touch.
IO = {"asyncio", "socket", "ssl", "selectors", "select", "http", "urllib"}

_CYTHON_IMPORT = re.compile(r"^\s*(?:from\s+(\.[\w.]*|[\w.]+)\s+c?import\s+(.*)|c?import\s+(.*))$")


def _sources() -> list[Path]:
    found = [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyx"), *PACKAGE.rglob("*.pxd")]
    return sorted(path.relative_to(PACKAGE) for path in found)


def _absolute(module: str, level: int, path: Path) -> str:
    """The full name of a module that `path` imports."""
    if level == 0:
        return module
    package = ["wsfast", *path.parts[:-1]]
    base = package[: len(package) - level + 1]
    return ".".join([*base, module] if module else base)


def _names(module: str, names: list[str]) -> list[str]:
    """`from . import a` imports the module a; of any other module only itself counts."""
    packages = {"wsfast", "wsfast._fallback", "wsfast._speedups"}
    return [f"{module}.{name}" for name in names] if module in packages else [module]


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _python_imports(path: Path) -> Iterator[str]:
    """What the module imports when it runs; imports for type checkers only are none."""
    nodes: list[ast.AST] = [ast.parse((PACKAGE / path).read_text(encoding="utf-8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(node.module or "", node.level, path)
            yield from _names(module, [alias.name for alias in node.names])
        elif isinstance(node, ast.If) and _is_type_checking(node):
            nodes.extend(node.orelse)
        else:
            nodes.extend(ast.iter_child_nodes(node))


def _cython_imports(path: Path) -> Iterator[str]:
    for line in (PACKAGE / path).read_text(encoding="utf-8").splitlines():
        found = _CYTHON_IMPORT.match(line)
        if found is None or '"' in line:
            continue
        where, names, plain = found.groups()
        if where is None:
            yield from (name.split()[0] for name in plain.split(","))
            continue
        level = len(where) - len(where.lstrip("."))
        module = _absolute(where.lstrip("."), level, path)
        listed = [name.split()[0] for name in names.strip("(\\ ").split(",") if name.strip()]
        yield from _names(module, listed)


def _imports(path: Path) -> set[str]:
    return set(_python_imports(path) if path.suffix == ".py" else _cython_imports(path))


def _layer(name: str) -> str | None:
    """The part of the package that a full name belongs to; None for other packages."""
    parts = name.split(".")
    if parts[0] != "wsfast":
        return None
    return parts[1] if len(parts) > 1 and parts[1] in RANK else "__init__"


SOURCES = [path for path in _sources() if path.name not in ("__main__.py",)]


def test_every_module_has_its_layer() -> None:
    tops = {path.parts[0].partition(".")[0] for path in SOURCES} - {"__init__"}
    assert tops <= set(RANK), "name the layer of the new module here"
    assert len(SOURCES) > 15


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_imports_point_down_only(path: Path) -> None:
    own = path.parts[0].partition(".")[0]
    if own == "__init__":
        return
    for name in _imports(path):
        other = _layer(name)
        if other is None or other == own or (own, other) in UPWARDS:
            continue
        if other == "__init__":
            assert RANK[own] == EDGES, f"{path} imports the package itself"
            continue
        if RANK[other] == RANK[own]:
            assert RANK[own] in SAME_ROW, f"{path} imports {name}, its neighbour"
        assert RANK[other] <= RANK[own], f"{path} imports {name}, which is above it"


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_only_the_backend_and_the_self_test_know_the_twins(path: Path) -> None:
    own = path.parts[0].partition(".")[0]
    if own in ("_backend", "_fallback", "_speedups", *LAYERS[EDGES]):
        return
    assert not {_layer(name) for name in _imports(path)} & {"_fallback", "_speedups"}


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_nothing_below_the_edges_does_io(path: Path) -> None:
    own = path.parts[0].partition(".")[0]
    if own == "__init__" or RANK[own] == EDGES:
        return
    assert not {name.partition(".")[0] for name in _imports(path)} & IO


def test_a_pickle_is_the_only_thing_that_looks_up() -> None:
    for path in SOURCES:
        if path.parts[0] in ("_fallback", "_speedups") and path.suffix != ".pxd":
            text = (PACKAGE / path).read_text(encoding="utf-8")
            lines = [line for line in text.splitlines() if "_backend" in line and "import" in line]
            assert all(line.strip() == "from .._backend import restore" for line in lines)
            assert all(line.startswith("        ") for line in lines), "at the time of pickling"


def test_the_twins_have_the_same_modules() -> None:
    pure = {path.stem for path in SOURCES if path.parts[0] == "_fallback"}
    compiled = {path.stem for path in SOURCES if path.parts[0] == "_speedups"}
    shared = {"kernels", "mask", "utf8", "frames", "messages", "splitter", "link"}
    assert shared <= pure
    assert shared <= compiled


def test_the_reader_of_imports_finds_them() -> None:
    # The tests above would pass on a reader that finds nothing.
    found = _imports(Path("frames.py"))
    assert "wsfast._backend" in found
    assert not any("_fallback" in name for name in found)
    assert "wsfast.exceptions" in _imports(Path("_fallback", "frames.py"))
    assert "wsfast.exceptions" in _imports(Path("_speedups", "mask.pyx"))
    assert {"wsfast._speedups.frames", "wsfast._fallback.frames"} <= _imports(Path("_backend.py"))
