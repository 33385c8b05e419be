"""Its masks."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from ...mask import apply_mask
from ...protocol import MASKING_KEY_LENGTH
from .._patch import Members, Part, SelfCheckFailed
from .._samples import KEY
from .._source import known

_MASK = "websocket._core:ABNF.mask"


def _build_masks(originals: Members) -> Members:
    plain: Callable[[Any, Any], bytes] = originals[_MASK].__func__

    def mask(mask_key: Any, data: Any) -> bytes:
        if isinstance(mask_key, str):
            mask_key = mask_key.encode("latin-1")
        if isinstance(data, str):
            data = data.encode("latin-1")
        if _is_octets(mask_key) and len(mask_key) == MASKING_KEY_LENGTH and _is_octets(data):
            return apply_mask(data, mask_key)
        return plain(mask_key, data)

    return {_MASK: staticmethod(mask)}


def _is_octets(data: object) -> bool:
    return type(data) is bytes or type(data) is bytearray


def _check_masks(originals: Members, replacements: Members) -> None:
    plain, ours = originals[_MASK].__func__, replacements[_MASK].__func__
    for data, key in itertools.product(
        (b"", "Gr\xfc\xdfe", bytearray(range(256)), None, [1, 2, 3]), (KEY, "abcd", bytearray(KEY))
    ):
        if ours(key, data) != plain(key, data):
            raise SelfCheckFailed(f"{data!r} masked differs")


MASKS = Part(
    name="masks",
    replaces={_MASK: known("50d742f285dc", "76cb076ec94d", "827c2fb5adde")},
    build=_build_masks,
    check=_check_masks,
    operations=("mask",),
    pure=True,
)
