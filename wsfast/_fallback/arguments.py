"""Arguments from outside: bytes-like objects and integers, checked as the compiled twin does."""

from __future__ import annotations

import operator
from math import inf
from typing import TYPE_CHECKING, Literal, SupportsIndex

from ..exceptions import (
    negative,
    not_a_side,
    not_an_integer,
    not_bytes_like,
    not_contiguous,
    wrong_key_length,
)
from ..protocol import MASKING_KEY_LENGTH

if TYPE_CHECKING:
    from typing_extensions import Buffer


def view_of(name: str, value: Buffer, also: str = "") -> memoryview:
    """Any C-contiguous buffer, whatever its items and dimensions."""
    try:
        view = memoryview(value)
    except TypeError:
        raise not_bytes_like(name, value, also) from None
    if not view.c_contiguous:
        raise not_contiguous(name, value)
    return view


def octets(name: str, value: Buffer, also: str = "") -> bytes:
    """The octets of a buffer in memory order; an exact `bytes` object as it is."""
    if type(value) is bytes:
        return value
    with view_of(name, value, also) as view:
        return view.tobytes()


def key_octets(masking_key: Buffer) -> bytes:
    if type(masking_key) is not bytes:
        masking_key = octets("masking_key", masking_key)
    if len(masking_key) != MASKING_KEY_LENGTH:
        raise wrong_key_length(len(masking_key))
    return masking_key


def integer(name: str, value: SupportsIndex) -> int:
    if type(value) is int:
        return value
    if not hasattr(type(value), "__index__"):
        raise not_an_integer(name, value)
    return operator.index(value)


def natural(name: str, value: SupportsIndex) -> int:
    number = integer(name, value)
    if number < 0:
        raise negative(name, number)
    return number


def limit(name: str, value: SupportsIndex | None) -> float:
    """An integer of 0 or more; `None` is no limit."""
    return inf if value is None else natural(name, value)


def is_server(side: Literal["server", "client"]) -> bool:
    if not isinstance(side, str) or side not in ("server", "client"):
        raise not_a_side(side)
    return side == "server"
