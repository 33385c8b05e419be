"""The installed package, and what `python -m build` has made where WSFAST_DIST names its folder."""

from __future__ import annotations

import os
import tarfile
import zipfile
from importlib import metadata, resources
from pathlib import Path

import pytest

import wsfast


def test_the_version_is_that_of_the_package() -> None:
    assert metadata.version("wsfast") == wsfast.__version__


def test_the_package_is_typed() -> None:
    assert resources.files("wsfast").joinpath("py.typed").is_file()


def test_every_compiled_module_has_a_stub() -> None:
    folder = resources.files("wsfast").joinpath("_speedups")
    names = [entry.name for entry in folder.iterdir()]
    modules = {name.partition(".")[0] for name in names if name.endswith((".so", ".pyd"))}
    public = {
        "kernels",
        "mask",
        "utf8",
        "frames",
        "messages",
        "splitter",
        "message_queue",
        "reader",
    }
    assert not modules or public <= modules
    assert {f"{name}.pyi" for name in public} <= set(names)


@pytest.fixture(scope="module")
def dist() -> Path:
    if "WSFAST_DIST" not in os.environ:
        pytest.skip("WSFAST_DIST names no folder of distributions")
    return Path(os.environ["WSFAST_DIST"])


def test_the_sdist_has_all_sources_and_no_generated_c(dist: Path) -> None:
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"setup.py", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"} <= names
    assert {"src_c/cpu.c", "src_c/cpu.h", "src_c/platform.h", "src_c/frame/header.c"} <= names
    for operation in ("mask", "utf8", "text", "encode"):
        assert f"src_c/{operation}/dispatch.c" in names
        assert f"src_c/{operation}/{operation}.h" in names
    for module in ("kernels", "mask", "utf8", "frames", "messages"):
        assert f"wsfast/_speedups/{module}.pyx" in names
        assert f"wsfast/_speedups/{module}.pyi" in names
    assert {"wsfast/_speedups/kernels.pxd", "wsfast/py.typed"} <= names
    assert {"tests/conftest.py", ".ci/test", ".ci/run"} <= names
    assert any(name.startswith("bench/") for name in names)
    unwanted = (".so", ".pyd", ".o", ".pyc")
    assert [name for name in names if name.endswith(unwanted)] == []
    assert [name for name in names if name.startswith("wsfast/") and name.endswith(".c")] == []


def test_the_wheel_has_what_runs_and_nothing_else(dist: Path) -> None:
    (archive,) = dist.glob("*.whl")
    with zipfile.ZipFile(archive) as wheel:
        names = wheel.namelist()
    compiled = {name.split("/")[-1].partition(".")[0] for name in names if name.endswith(".so")}
    assert {"kernels", "mask", "utf8", "frames", "messages"} <= compiled
    assert {"wsfast/py.typed", "wsfast/_speedups/mask.pyi"} <= set(names)
    assert [name for name in names if name.endswith((".c", ".h", ".pyx"))] == []
    assert {name.partition("/")[0] for name in names} == {
        "wsfast",
        f"wsfast-{wsfast.__version__}.dist-info",
    }
