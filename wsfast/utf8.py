"""UTF-8 as RFC 3629 has it: validation, whole or in pieces, and decoding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _backend

if TYPE_CHECKING:
    from ._fallback.utf8 import Utf8Validator, decode_text, is_utf8
else:
    Utf8Validator = _backend.utf8.Utf8Validator
    decode_text = _backend.utf8.decode_text
    is_utf8 = _backend.utf8.is_utf8

__all__ = ["Utf8Validator", "decode_text", "is_utf8"]
