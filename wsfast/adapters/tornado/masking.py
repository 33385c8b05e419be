"""tornado: its masking function, compiled or not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ...mask import apply_mask
from ...protocol import MASKING_KEY_LENGTH
from .._patch import Members, SelfCheckFailed
from .._samples import KEY

MASK = "tornado.util:_websocket_mask"


def build_mask(originals: Members) -> Members:
    plain: Callable[[Any, Any], bytes] = originals[MASK]

    def _websocket_mask(mask: bytes, data: bytes) -> bytes:
        if type(mask) is bytes and type(data) is bytes and len(mask) == MASKING_KEY_LENGTH:
            return apply_mask(data, mask)
        return plain(mask, data)

    return {MASK: _websocket_mask}


def compiled() -> str | None:
    return None if "tornado.speedups" in sys.modules else "masking is not compiled here"


def not_compiled() -> str | None:
    return "masking is compiled here" if "tornado.speedups" in sys.modules else None


def check_mask(originals: Members, replacements: Members) -> None:
    plain, ours = originals[MASK], replacements[MASK]
    for length in (0, 1, 7, 8, 63, 64, 255, 4099):
        data = bytes(octet & 255 for octet in range(length))
        if ours(KEY, data) != plain(KEY, data):
            raise SelfCheckFailed(f"{length} octets masked differ")
