"""websockets twice: as it is, and on this codec."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from types import SimpleNamespace
from typing import Any

import wsfast

MODULES = (
    "client",
    "server",
    "protocol",
    "frames",
    "exceptions",
    "streams",
    "extensions.permessage_deflate",
    "asyncio.client",
    "asyncio.connection",
    "asyncio.messages",
    "asyncio.server",
    "sync.messages",
    "legacy.framing",
    "legacy.protocol",
)
# Its face for trio there has been since 17.
HAS_TRIO = (
    importlib.util.find_spec("trio") is not None
    and importlib.util.find_spec("websockets") is not None
    and importlib.util.find_spec("websockets.trio") is not None
)


def _loaded() -> dict[str, Any]:
    return {name: sys.modules[name] for name in sys.modules if name.split(".")[0] == "websockets"}


def _imported() -> SimpleNamespace:
    with warnings.catch_warnings():
        # Legacy is deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        for name in MODULES:
            importlib.import_module(f"websockets.{name}")
    if HAS_TRIO:
        importlib.import_module("websockets.trio.messages")
    names = {name.partition(".")[2].replace(".", "_"): value for name, value in _loaded().items()}
    return SimpleNamespace(**{name: value for name, value in names.items() if name})


def _second_copy() -> SimpleNamespace:
    """The library once more: adapters don't know it."""
    wsfast.disable("websockets")
    first = _loaded()
    for name in first:
        del sys.modules[name]
    try:
        return _imported()
    finally:
        for name in _loaded():
            del sys.modules[name]
        sys.modules.update(first)


PLAIN = _second_copy()
OURS = _imported()


def seen(value: Any) -> Any:
    """A value of either copy, comparable with its counterpart. Payloads may be any octets."""
    if isinstance(value, BaseException):
        cause = value.__cause__
        return type(value).__name__, str(value), None if cause is None else seen(cause)
    if hasattr(value, "rsv1"):
        fields = ("opcode", "data", "fin", "rsv1", "rsv2", "rsv3")
        values = [getattr(value, field) for field in fields]
        values[1] = bytes(values[1])
        return type(value).__name__, type(values[0]).__name__, values
    if isinstance(value, int) and not isinstance(value, bool):
        return type(value).__name__, int(value)
    return type(value).__name__, str(value) if hasattr(value, "reason") else value
