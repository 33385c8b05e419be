"""Masking of payload data, RFC 6455 section 5.3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _backend

if TYPE_CHECKING:
    from ._fallback.mask import apply_mask, apply_mask_inplace, masking_key
else:
    apply_mask = _backend.mask.apply_mask
    apply_mask_inplace = _backend.mask.apply_mask_inplace
    masking_key = _backend.mask.masking_key

__all__ = ["apply_mask", "apply_mask_inplace", "masking_key"]
