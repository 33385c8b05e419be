"""Fetching the sources of a library's tests, by the ordinary package clients."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

# The release of Debian whose source package of websockets has all of its tests.
DEBIAN = "trixie"
DEBIAN_PACKAGES = {"websockets": "python-websockets"}


class NoSource(Exception):
    """The tests can't be had here; the message says why."""


def sdist(python: str, name: str, version: str, keep: Sequence[str], target: Path) -> Path:
    """Unpack the library's sdist under `target`, or of it what is in `keep`."""
    archives = target / "archives"
    _run(
        [python, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"],
        [f"{name}=={version}", "-d", str(archives)],
    )
    return _unpack(next(archives.glob("*.tar.gz")), keep, target / "sources")


def debian(name: str, version: str, keep: Sequence[str], target: Path) -> Path:
    """The same of the original archive of Debian's source package."""
    if shutil.which("apt-get") is None:
        raise NoSource("no apt-get")
    archives = target / "archives"
    lists = target / "lists"
    for folder in (archives, lists / "partial"):
        folder.mkdir(parents=True, exist_ok=True)
    (target / "sources.list").write_text(f"deb-src {_mirror()} {DEBIAN} main\n")
    apt = [
        "apt-get",
        *("-o", f"Dir::Etc::SourceList={target / 'sources.list'}"),
        *("-o", "Dir::Etc::SourceParts=/dev/null"),
        *("-o", f"Dir::State::Lists={lists}"),
        *("-o", "APT::Sandbox::User=root"),
        *("-o", "Acquire::AllowInsecureRepositories=true"),
    ]
    _run(apt, ["update", "-qq"])
    # It fails at the files behind the original archive where a mirror lacks them.
    subprocess.run(
        [*apt, "source", "--download-only", "--allow-unauthenticated", DEBIAN_PACKAGES[name]],
        cwd=archives,
        capture_output=True,
        check=False,
    )
    found = [path for path in archives.glob("*.orig.tar.*") if version in path.name]
    if not found:
        raise NoSource(f"Debian's source package of {name} {version} was not found")
    return _unpack(found[0], keep, target / "sources")


def _mirror() -> str:
    """The archive that this Debian system installs from."""
    for path in (Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")):
        if path.is_file():
            text = path.read_text(errors="replace")
            found = re.search(r"^(?:URIs:|deb(?: \[.*?\])?)\s+(\S+/debian/?)(?:\s|$)", text, re.M)
            if found:
                return found[1]
    raise NoSource("no Debian archive in this system's lists")


def _unpack(archive: Path, keep: Sequence[str], target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    with tarfile.open(archive) as tar:
        tar.extractall(target, filter="data")
    (root,) = target.iterdir()
    if keep:
        for path in root.iterdir():
            if path.name in keep:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    return root


def _run(program: Sequence[str], arguments: Sequence[str]) -> None:
    done = subprocess.run([*program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoSource(f"{program[0]} failed: {done.stderr.strip()[-500:]}")
