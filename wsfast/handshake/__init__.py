"""Opening handshakes without I/O, RFC 6455 section 4: octets in any cuts in, octets out."""

from __future__ import annotations

from .client import ClientHandshake
from .fields import accept_key
from .headers import Headers
from .server import ServerHandshake
from .uri import URI

__all__ = ["URI", "ClientHandshake", "Headers", "ServerHandshake", "accept_key"]
