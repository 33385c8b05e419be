"""Its masks and its validator."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from typing import Any

from ...mask import apply_mask_inplace
from ...protocol import (
    MASKING_KEY_LENGTH,
)
from .._patch import Members, Part, SelfCheckFailed
from .._samples import KEY, TEXT
from .._source import known
from .._utf8_states import ACCEPT, REJECT, advance

_MASK = "ws4py.framing:Frame.mask"
_UNMASK = "ws4py.framing:Frame.unmask"
_VALIDATE = "ws4py.utf8validator:Utf8Validator.validate"


def _build_masks(originals: Members) -> Members:
    plain: Callable[[Any, Any], bytearray] = originals[_MASK]

    def mask(self: Any, data: Any) -> bytearray:
        key = self.masking_key
        # Its parser may have taken more than four octets for the key.
        if _is_octets(data) and _is_octets(key) and len(key) >= MASKING_KEY_LENGTH:
            masked = bytearray(data)
            apply_mask_inplace(masked, key[:MASKING_KEY_LENGTH])
            return masked
        return plain(self, data)

    return {_MASK: mask, _UNMASK: mask}


def _is_octets(data: object) -> bool:
    return type(data) is bytes or type(data) is bytearray


def _check_masks(originals: Members, replacements: Members) -> None:
    Frame = sys.modules["ws4py.framing"].Frame
    data = bytes(range(256))
    for length, key in itertools.product((0, 1, 7, 256), (KEY, bytearray(KEY), KEY + b"more")):
        frame = Frame(masking_key=key)
        expected = originals[_MASK](frame, data[:length])
        found = replacements[_MASK](frame, data[:length])
        if found != expected or type(found) is not type(expected):
            raise SelfCheckFailed(f"{length} octets masked differ")


def _build_validator(originals: Members) -> Members:
    plain: Callable[[Any, Any], tuple[bool, bool, int, int]] = originals[_VALIDATE]

    def validate(self: Any, ba: Any) -> tuple[bool, bool, int, int]:
        if not _is_octets(ba) or not ba or self.state == REJECT:
            return plain(self, ba)
        state, taken = advance(self.state, ba)
        self.state = state
        if state == REJECT:
            self.i += taken
            return False, False, taken, self.i
        # It counts to the last octet, not past it.
        self.i += taken - 1
        return True, state == ACCEPT, taken - 1, self.i

    return {_VALIDATE: validate}


def _check_validator(originals: Members, replacements: Members) -> None:
    Utf8Validator = sys.modules["ws4py.utf8validator"].Utf8Validator
    text = TEXT.encode()
    samples = [(text[:cut], text[cut:]) for cut in range(len(text) + 1)]
    samples += [(b"a\xe4", b"b"), (b"\xed", b"\xa0"), (b"\xf4\x90", b""), (b"\xc0", b"a")]
    for sample in samples:
        seen = []
        for validate in (originals[_VALIDATE], replacements[_VALIDATE]):
            validator = Utf8Validator()
            seen.append([(validate(validator, piece), vars(validator).copy()) for piece in sample])
        if seen[0] != seen[1]:
            raise SelfCheckFailed(f"the validation of {sample!r} differs")


MASKS = Part(
    name="masks",
    replaces={_MASK: known("b55963740435"), _UNMASK: known("b55963740435")},
    build=_build_masks,
    check=_check_masks,
    operations=("mask",),
    pure=True,
)

VALIDATOR = Part(
    name="validator",
    replaces={_VALIDATE: known("be935912ba2f")},
    relies_on={
        "ws4py.utf8validator:Utf8Validator.__init__": known("a036f0aa907f"),
        "ws4py.utf8validator:Utf8Validator.reset": known("ec6d595eb70b"),
    },
    build=_build_validator,
    check=_check_validator,
    operations=("utf8",),
    pure=True,
)
