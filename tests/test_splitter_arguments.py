"""The twins of FrameSplitter on arguments of every kind: equal results, and equal errors."""

from __future__ import annotations

import array
from typing import Any

from implementations import Implementation
from oracle import BINARY
from streams import KEY, frame


class OctetsSubclass(bytes):
    pass


class Indexable:
    def __index__(self) -> int:
        return 2


class RaisesInIndex:
    def __index__(self) -> int:
        raise ZeroDivisionError("from __index__")


class RaisesInBool:
    def __bool__(self) -> bool:
        raise ZeroDivisionError("from __bool__")


WIRE = frame(BINARY, b"abc", key=KEY)
VALUES: list[Any] = [
    *(WIRE, b"", bytearray(WIRE), memoryview(WIRE)[::2], memoryview(WIRE + b"x").cast("H")),
    *("", "server", "client", "str", "bytes", None, True, False, 0, 1, 2, 0x40, 0x70, 0x80, -1),
    *(2**31, 2**32, 2**63 - 1, 2**63, 2**64 + 1, 2**100, -(2**100), 1.0, 1j, [1], (b"a",), object),
    *(Indexable(), RaisesInIndex(), RaisesInBool(), OctetsSubclass(WIRE), array.array("d", [1.5])),
]


def _outcome(call: Any, *args: Any, **named: Any) -> Any:
    try:
        found = call(*args, **named)
    except BaseException as error:
        return type(error), str(error)
    return found if isinstance(found, tuple) else type(found).__name__


def test_the_twins_agree_on_arguments(pure: Implementation, compiled: Implementation) -> None:
    one, other = pure.splitter.FrameSplitter, compiled.splitter.FrameSplitter

    def same(*args: Any, **named: Any) -> None:
        assert _outcome(one, *args, **named) == _outcome(other, *args, **named), (args, named)

    for value in VALUES:
        same(value)
        for side in ("server", "client"):
            same(side, rsv=value)
            same(side, text=value)
    same(side="server")
    first, second = one("server"), other("server")
    for args in (
        *((value,) for value in VALUES),
        *((WIRE, value) for value in VALUES),
        *((WIRE, 0, value) for value in VALUES),
        *((WIRE, 0, False, value) for value in VALUES),
        *((value, -1) for value in VALUES),
        *((WIRE, value, False, value) for value in VALUES),
    ):
        assert _outcome(first.split, *args) == _outcome(second.split, *args), args
    for name in ("data", "offset", "in_message", "max_payload_length"):
        named = {"data": WIRE, name: 1}
        assert _outcome(first.split, **named) == _outcome(second.split, **named), name
