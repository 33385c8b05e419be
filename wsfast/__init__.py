"""The WebSocket codec, RFC 6455: wire octets to messages and back, at the speed of memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _backend
from .adapters import disable, enable, status
from .events import (
    BinaryMessage,
    Close,
    CloseReceived,
    FramePart,
    MessagePart,
    Ping,
    Pong,
    Request,
    Response,
    TextMessage,
)
from .exceptions import (
    HandshakeError,
    HandshakeRejected,
    LocalProtocolError,
    ProtocolError,
    RemoteProtocolError,
)
from .frames import Frame, FrameDecoder, encode_frame, encode_frames
from .mask import apply_mask, apply_mask_inplace, masking_key
from .messages import MessageDecoder
from .protocol import CloseCode, Opcode
from .utf8 import Utf8Validator, decode_text, is_utf8

if TYPE_CHECKING:
    from .connection import Connection
else:

    def __getattr__(name: str) -> object:
        # With the opening handshake it takes longer to import than all the rest.
        if name == "Connection":
            from .connection import Connection

            return Connection
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__version__ = "0.1.0"

BACKEND = _backend.BACKEND
kernels = _backend.kernels.active

__all__ = [
    "BACKEND",
    "BinaryMessage",
    "Close",
    "CloseCode",
    "CloseReceived",
    "Connection",
    "Frame",
    "FrameDecoder",
    "FramePart",
    "HandshakeError",
    "HandshakeRejected",
    "LocalProtocolError",
    "MessageDecoder",
    "MessagePart",
    "Opcode",
    "Ping",
    "Pong",
    "ProtocolError",
    "RemoteProtocolError",
    "Request",
    "Response",
    "TextMessage",
    "Utf8Validator",
    "__version__",
    "apply_mask",
    "apply_mask_inplace",
    "decode_text",
    "disable",
    "enable",
    "encode_frame",
    "encode_frames",
    "is_utf8",
    "kernels",
    "masking_key",
    "status",
]
