"""Masks, where a frame is not taken apart or put together at once: `XorMaskerSimple`."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from typing import Any

from ...mask import apply_mask, apply_mask_inplace
from ...protocol import MASKING_KEY_LENGTH
from .._patch import Members, Part, SelfCheckFailed
from .._samples import KEY
from .._source import fingerprint, known

_PROCESS = "wsproto.frame_protocol:XorMaskerSimple.process"
_GIVES_BYTEARRAY = "27332878cb91"


def is_octets(data: object) -> bool:
    return type(data) is bytes or type(data) is bytearray


def _build(originals: Members) -> Members:
    plain_process: Callable[[Any, Any], Any] = originals[_PROCESS]
    gives_bytearray = fingerprint(plain_process) == _GIVES_BYTEARRAY

    def process(self: Any, data: Any) -> Any:
        key = self._masking_key
        if not (data and is_octets(data) and is_octets(key) and len(key) == MASKING_KEY_LENGTH):
            return plain_process(self, data)
        # The next call goes on where this one stops.
        used = len(data) % MASKING_KEY_LENGTH
        self._masking_key = key[used:] + key[:used]
        if not gives_bytearray:
            return apply_mask(data, key)
        data = bytearray(data)
        apply_mask_inplace(data, key)
        return data

    return {_PROCESS: process}


def _check(originals: Members, replacements: Members) -> None:
    masker = sys.modules["wsproto.frame_protocol"].XorMaskerSimple
    for key, kind in itertools.product((KEY, bytearray(KEY)), (bytes, bytearray)):
        plain, ours = masker(key), masker(key)
        for length in (0, 1, 2, 7, 4, 125, 4096):
            data = kind(range(256)) * 16
            expected = originals[_PROCESS](plain, data[:length])
            found = replacements[_PROCESS](ours, data[:length])
            if (type(found), found) != (type(expected), expected):
                raise SelfCheckFailed(f"{length} octets are masked otherwise")
            if ours._masking_key != plain._masking_key:
                raise SelfCheckFailed(f"after {length} octets the key goes on otherwise")


MASKS = Part(
    name="masks",
    replaces={_PROCESS: known("e69e1b75a97b", _GIVES_BYTEARRAY)},
    relies_on={
        "wsproto.frame_protocol:XorMaskerSimple.__init__": known("fe63e048d404", "488ee21d38a9")
    },
    build=_build,
    check=_check,
    operations=("mask",),
)
