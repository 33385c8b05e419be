"""The hot path of an asyncio endpoint: what one open connection reads and writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _backend

if TYPE_CHECKING:
    from ._fallback.link import (
        QUEUE_IS_FULL,
        READING_IS_OVER,
        SENT,
        WRITES_WAIT,
        Hub,
        Link,
        Receiving,
    )
else:
    QUEUE_IS_FULL = _backend.link.QUEUE_IS_FULL
    READING_IS_OVER = _backend.link.READING_IS_OVER
    SENT = _backend.link.SENT
    WRITES_WAIT = _backend.link.WRITES_WAIT
    Hub = _backend.link.Hub
    Link = _backend.link.Link
    Receiving = _backend.link.Receiving

__all__ = ["QUEUE_IS_FULL", "READING_IS_OVER", "SENT", "WRITES_WAIT", "Hub", "Link", "Receiving"]
