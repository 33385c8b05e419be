"""Messages, RFC 6455 sections 5.4 to 5.6: frames put together, and text decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _backend
from .events import Close, Inflater, MessagePart

if TYPE_CHECKING:
    from ._fallback.messages import MessageDecoder
else:
    MessageDecoder = _backend.messages.MessageDecoder

__all__ = ["Close", "Inflater", "MessageDecoder", "MessagePart"]
