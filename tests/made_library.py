"""A library of the tests' own, made anew for each test, and the adapter for it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import wsfast
from wsfast import adapters
from wsfast.adapters import _patch, _registry
from wsfast.adapters._source import fingerprint

NAME, PACKAGE = "wsfast-test-library", "wsfast_test_library"

SOURCES = {
    "__init__": "",
    "frames": '''
class Frame:
    def __init__(self, payload):
        self.payload = payload

    def encode(self):
        """Plain."""
        return b"plain " + self.payload

    @classmethod
    def of(cls, payload):
        return cls(payload)

    @staticmethod
    def limit():
        return 1

    @property
    def size(self):
        return len(self.payload)

    @size.setter
    def size(self, size):
        self.payload = bytes(size)


def mask(payload):
    return b"plain " + payload
''',
    "protocol": f"""
from {PACKAGE}.frames import Frame, mask


class Protocol:
    def send(self, payload):
        return mask(Frame(payload).encode())
""",
    "late": f"from {PACKAGE}.frames import mask\n",
}

FRAMES, PROTOCOL, LATE = (f"{PACKAGE}.{module}" for module in ("frames", "protocol", "late"))
ENCODE, MASK, SEND = f"{FRAMES}:Frame.encode", f"{FRAMES}:mask", f"{PROTOCOL}:Protocol.send"

REPLACED = ["replaced", "replaced"]


def fast_encode(self: Any) -> bytes:
    return b"fast " + bytes(self.payload)


def fast_mask(payload: bytes) -> bytes:
    return b"fast " + payload


def fast_send(self: Any, payload: bytes) -> bytes:
    return b"fast all " + payload


class Library:
    """The library and what its adapter says; a test may change both before it enables it."""

    name = NAME

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ours: dict[str, Any] = {ENCODE: fast_encode, MASK: fast_mask, SEND: fast_send}
        self.bound_in = {MASK: (PROTOCOL, LATE)}
        self.build: Callable[[Any], Any] | None = None
        self.check: Callable[[Any, Any], None] = lambda originals, replacements: None
        self.applies: Callable[[], str | None] = lambda: None
        self.parts = {"frames": [ENCODE, MASK], "protocol": [SEND]}
        self.relies_on: dict[str, list[str]] = {"protocol": [ENCODE, MASK]}
        self.versions = ("1.0", "2")
        self.known: dict[str, Any] = {}
        for module, source in SOURCES.items():
            self.write(module, source)
        self.release("1.5")

    def write(self, module: str, source: str) -> None:
        file = self.directory / PACKAGE / f"{module}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(source, encoding="utf-8")
        importlib.invalidate_caches()

    def release(self, version: str | None) -> None:
        metadata = self.directory / f"{PACKAGE}-1.dist-info" / "METADATA"
        metadata.parent.mkdir(exist_ok=True)
        metadata.unlink(missing_ok=True)
        if version is not None:
            text = f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {version}\n"
            metadata.write_text(text, encoding="utf-8")
        else:
            metadata.parent.rmdir()
        importlib.invalidate_caches()

    def learn(self, *places: str) -> None:
        """Take what is there now for known."""
        for place in places or (ENCODE, MASK, SEND):
            importlib.import_module(place.partition(":")[0])
            self.known[place] = frozenset([fingerprint(_patch.find(place))])
        self.forget()

    def forget(self) -> None:
        for module in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[module]

    @property
    def adapter(self) -> _patch.Adapter:
        def part(name: str, places: list[str]) -> _patch.Part:
            return _patch.Part(
                name=name,
                replaces={place: self.known[place] for place in places},
                relies_on={place: self.known[place] for place in self.relies_on.get(name, [])},
                build=self.build
                or (lambda originals: {place: self.ours[place] for place in places}),
                check=lambda originals, replacements: self.check(originals, replacements),
                bound_in=self.bound_in,
                pure=True,
                applies=lambda: self.applies(),
            )

        parts = tuple(part(name, places) for name, places in self.parts.items())
        return _patch.Adapter(NAME, PACKAGE, self.versions, parts)

    def enable(self, strict: bool = False) -> None:
        if NAME not in _registry._libraries:
            module: Any = ModuleType("adapter")
            module.ADAPTER = self.adapter
            sys.modules[f"wsfast.adapters.{PACKAGE}"] = module
            adapters.NAMES[NAME] = PACKAGE
        wsfast.enable(NAME, strict=strict)

    def status(self) -> adapters.LibraryStatus:
        return wsfast.status()[NAME]

    def states(self) -> list[str]:
        return [part.state for part in self.status().parts]

    def reasons(self) -> list[str | None]:
        return [part.reason for part in self.status().parts]

    def load(self) -> tuple[Any, Any]:
        return importlib.import_module(FRAMES), importlib.import_module(PROTOCOL)
