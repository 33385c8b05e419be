"""WebSocket endpoints for asyncio, RFC 6455."""

from __future__ import annotations

from .broadcast import broadcast
from .client import Connecting, connect
from .exceptions import ConnectionClosed
from .reconnecting import Backoff
from .server import Server, serve
from .settings import Settings
from .streams import MessageStream
from .websocket import WebSocket

__all__ = [
    "Backoff",
    "Connecting",
    "ConnectionClosed",
    "MessageStream",
    "Server",
    "Settings",
    "WebSocket",
    "broadcast",
    "connect",
    "serve",
]
