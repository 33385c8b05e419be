"""Frames, RFC 6455 section 5: the value, its encoder and its decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _backend
from .events import FramePart

if TYPE_CHECKING:
    from ._fallback.frames import Frame, FrameDecoder, encode_frame, encode_frames
    from ._fallback.splitter import FrameSplitter
else:
    Frame = _backend.frames.Frame
    FrameDecoder = _backend.frames.FrameDecoder
    encode_frame = _backend.frames.encode_frame
    encode_frames = _backend.frames.encode_frames
    FrameSplitter = _backend.splitter.FrameSplitter

__all__ = [
    "Frame",
    "FrameDecoder",
    "FramePart",
    "FrameSplitter",
    "encode_frame",
    "encode_frames",
]
