"""A stand-in for wsaccel, for programs that look for it: its modules, on this codec.

It is there when it is asked for by name, and where wsaccel is not installed; or, if that is asked
for, in place of an installed one. Who has imported names out of it keeps them.
"""

from __future__ import annotations

import importlib.util
import logging
import operator
import sys
import threading
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from .. import _backend
from ..mask import apply_mask
from ..protocol import MASKING_KEY_LENGTH
from . import AdapterError, LibraryStatus, PartStatus
from ._utf8_states import ACCEPT, REJECT, advance

logger = logging.getLogger("wsfast")

NAME = "wsaccel"
# What wsaccel 0.6.7 says of itself.
_VERSION = "0.6.6"

_OCTETS = ("B", "@B", "<B", "c", "?")
# By the codes of the struct module, the types that other items than octets are of.
_ITEMS = {
    "b": "signed char",
    "h": "short",
    "H": "unsigned short",
    "i": "int",
    "I": "unsigned int",
    "l": "long",
    "L": "unsigned long",
    "q": "long long",
    "Q": "unsigned long long",
    "f": "float",
    "d": "double",
}


def _octets(buffer: Any) -> bytes:
    """A buffer of one dimension, contiguous or not; None stands for an empty one."""
    if buffer is None:
        return b""
    try:
        view = memoryview(buffer)
    except TypeError:
        kind = type(buffer).__name__
        raise TypeError(f"a bytes-like object is required, not {kind!r}") from None
    with view:
        if view.ndim != 1:
            raise ValueError(f"Buffer has wrong number of dimensions (expected 1, got {view.ndim})")
        if view.itemsize != 1 or view.format not in _OCTETS:
            found = _ITEMS.get(view.format, view.format)
            raise ValueError(
                f"Buffer dtype mismatch, expected 'const unsigned char' but got {found!r}"
            )
        return view.tobytes()


# wsaccel.utf8validator

# By octet, how many leading bits say nothing of the code point, as wsaccel's table has it: runs of
# octets, and their number.
_RUNS = (
    *((0x80, 0), (0x10, 1), (0x10, 9), (0x20, 7), (2, 8), (30, 2), (1, 10), (12, 3), (1, 4)),
    *((2, 3), (1, 11), (3, 6), (1, 5), (11, 8)),
)
_PREFIX_LENGTHS = b"".join(bytes((number,)) * octets for octets, number in _RUNS)


class Utf8Validator:
    """Validates a text that comes in pieces. `state` is 0 between two characters, and 1 after an
    octet that can't be there; `i` is how many octets have come."""

    __slots__ = ("codepoint", "i", "state")

    UTF8_ACCEPT = ACCEPT
    UTF8_REJECT = REJECT

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.state = ACCEPT
        self.codepoint = 0
        self.i = 0

    def decode(self, b: int) -> int:
        """Take one octet; returns the state after it."""
        octet = operator.index(b)
        if self.state != ACCEPT:
            # An int of 32 bits, as theirs: after an octet at fault it only grows.
            grown = octet & 0x3F | self.codepoint << 6
            self.codepoint = (grown + 2**31) % 2**32 - 2**31
        else:
            self.codepoint = 0xFF >> _PREFIX_LENGTHS[octet] & octet
        self.state = advance(self.state, bytes((octet,)))[0]
        return self.state

    def validate(self, buf: Any) -> tuple[bool, bool, int, int]:
        """Take the next piece; returns whether it is valid so far, whether it ends between two
        characters, and where it ends or fails, counted in this piece and in all."""
        if type(buf) is not bytes and type(buf) is not bytearray:
            if buf is None:
                raise TypeError("'NoneType' is not iterable")
            buf = _octets(buf)
        self.state, taken = advance(self.state, buf)
        self.i += taken
        if self.state == REJECT and buf:
            return False, False, taken, self.i
        return True, self.state == ACCEPT, taken, self.i


# wsaccel.xormask


class XorMaskerNull:
    """Hands data on as it is."""

    __slots__ = ("_pointer",)

    def __init__(self, mask: object = None) -> None:
        self._pointer = 0

    def pointer(self) -> int:
        return self._pointer

    def reset(self) -> None:
        self._pointer = 0

    def process(self, data: Any) -> Any:
        self._pointer += len(data)
        return data


class XorMaskerSimple:
    """Masks a payload that comes in pieces."""

    __slots__ = ("_key", "_pointer")

    def __init__(self, mask: Any) -> None:
        key = mask if type(mask) is bytes else _octets(mask)
        if len(key) != MASKING_KEY_LENGTH:
            raise ValueError("mask should be 4byte.")
        self._key = key
        self._pointer = 0

    def pointer(self) -> int:
        return self._pointer

    def reset(self) -> None:
        self._pointer = 0

    def process(self, data: Any) -> bytes:
        if type(data) is not bytes and type(data) is not bytearray:
            data = _octets(data)
        start = self._pointer
        self._pointer = start + len(data)
        return apply_mask(data, self._key, start % MASKING_KEY_LENGTH)


def createXorMasker(mask: Any, len: object = None) -> XorMaskerSimple:
    return XorMaskerSimple(mask)


# wsaccel


def patch_autobahn() -> None:
    """As wsaccel does it: today's autobahn doesn't look there any more."""
    websocket: Any = importlib.import_module("autobahn.websocket")
    websocket.Utf8Validator = Utf8Validator
    websocket.XorMaskerNull = XorMaskerNull
    websocket.XorMaskerSimple = XorMaskerSimple
    websocket.XorMaskerShifted1 = XorMaskerSimple


def patch_ws4py() -> None:
    framing: Any = importlib.import_module("ws4py.framing")
    streaming: Any = importlib.import_module("ws4py.streaming")

    def mask(self: Any, data: Any) -> Any:
        return XorMaskerSimple(self.masking_key).process(data) if self.masking_key else data

    streaming.Utf8Validator = Utf8Validator
    framing.Frame.mask = framing.Frame.unmask = mask


def _modules() -> dict[str, ModuleType]:
    members: dict[str, tuple[Any, ...]] = {
        "wsaccel.utf8validator": (Utf8Validator,),
        "wsaccel.xormask": (XorMaskerNull, XorMaskerSimple, createXorMasker),
        "wsaccel": (patch_autobahn, patch_ws4py),
    }
    modules = {}
    for name, objects in members.items():
        module = modules[name] = ModuleType(name, __doc__)
        module.__spec__ = ModuleSpec(name, None, origin="wsfast", is_package=name == NAME)
        for member in objects:
            member.__module__ = name
            setattr(module, member.__name__, member)
    package = modules[NAME]
    package.__path__ = []
    package.__version__ = _VERSION  # type: ignore[attr-defined]
    for name, module in modules.items():
        if name != NAME:
            setattr(package, name.partition(".")[2], module)
    return modules


class StandIn:
    """What a Library is for the others."""

    def __init__(self) -> None:
        self.enabled = False
        self.lock = threading.RLock()
        self.modules = _modules()
        # What else was under their names, while ours are there.
        self.shadowed: dict[str, Any] | None = None
        self.refused: str | None = None

    def enable(self, strict: bool, shadow: bool) -> None:
        with self.lock:
            if self.shadowed is None:
                self.refused = None if shadow else self.obstacle()
                if self.refused is not None and strict:
                    raise AdapterError(f"{NAME}: {self.refused}")
                if self.refused is None:
                    self.shadowed = {
                        name: module
                        for name, module in list(sys.modules.items())
                        if name.partition(".")[0] == NAME
                    }
                    for name in self.shadowed:
                        del sys.modules[name]
                    sys.modules.update(self.modules)
            if self.refused is not None and not self.enabled:
                logger.warning("%s: left alone: %s", NAME, self.refused)
            self.enabled = True

    def obstacle(self) -> str | None:
        if NAME in sys.modules:
            there = sys.modules[NAME] is not None
            return "it is imported" if there else "its import is blocked"
        return None if importlib.util.find_spec(NAME) is None else "it is installed"

    def disable(self) -> list[str]:
        with self.lock:
            self.enabled = False
            self.refused = None
            if self.shadowed is None:
                return []
            left = []
            for name, module in self.modules.items():
                if sys.modules.get(name) is module:
                    del sys.modules[name]
                else:
                    left.append(f"{name} is not restored: it is no longer ours")
            if not left:
                sys.modules.update(self.shadowed)
            self.shadowed = None
            for line in left:
                logger.warning("%s: %s", NAME, line)
            return left

    def status(self) -> LibraryStatus:
        with self.lock:
            kernels: dict[str, str] = {}
            version, reason = None, self.refused
            if self.shadowed is not None:
                state, version = "replaced", _VERSION
                active = _backend.kernels.active()
                kernels = {operation: active[operation] for operation in ("mask", "utf8")}
                lost = [
                    name for name in self.modules if sys.modules.get(name) is not self.modules[name]
                ]
                if lost:
                    reason = f"replaced by somebody else since: {', '.join(lost)}"
            else:
                version = _installed_version()
                state = "left alone" if reason else "off"
                reason = reason or "not enabled"
            part = PartStatus("stand-in", state, reason, tuple(self.modules), kernels)
            return LibraryStatus(NAME, version, self.enabled, [part])


def _installed_version() -> str | None:
    from importlib import metadata

    try:
        return metadata.version(NAME)
    except metadata.PackageNotFoundError:
        return None


LIBRARY = StandIn()
