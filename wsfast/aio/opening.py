"""The transport's side of an opening handshake, RFC 6455 section 4, which both ends share."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from logging import getLogger
from ssl import SSLContext
from typing import Any, Final, cast

from ..permessage_deflate import PermessageDeflate

#: What an endpoint has to tell beyond errors that it raises: failed handlers and hooks (ERROR),
#: attempts to connect again (INFO), peers that were turned away (DEBUG).
logger: Final = getLogger("wsfast.aio")

# Octets of one read. A request or answer takes a few hundred, and what comes behind its head
# before there is a connection is limited by it.
READ_LENGTH: Final = 16 * 1024


class Opening(asyncio.BufferedProtocol):
    """Reads what belongs to the opening handshake, into a buffer that others may share.

    A buffered protocol like what takes its place: uvloop reads on in the way it has begun with.
    """

    __slots__ = ("_buffer", "transport")

    def __init__(self, buffer: bytearray) -> None:
        self._buffer = buffer
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(memoryview(self._buffer)[:nbytes]))

    def data_received(self, data: bytes) -> None:
        """Take what has come of the peer's part of the handshake, in any cuts."""
        raise NotImplementedError

    def abort(self) -> None:
        """Close the transport at once, if there is one."""
        if self.transport is not None:
            self.transport.abort()


def send_at_once(sock: Any) -> None:
    """Switch Nagle's algorithm off: small messages don't wait for acknowledgements.

    asyncio does that only where a socket was made with its protocol's number. What a listening
    socket accepts is as that one is.
    """
    if sock.family in (socket.AF_INET, socket.AF_INET6) and sock.proto != socket.IPPROTO_TCP:
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def check_context(context: object) -> None:
    """Check the argument `ssl`."""
    if context is not None and not isinstance(context, SSLContext):
        raise TypeError(f"ssl must be an SSLContext or None, not {type(context).__name__}")


def as_deflate(compression: object) -> PermessageDeflate | None:
    """What the argument `compression` says."""
    if compression is None or isinstance(compression, PermessageDeflate):
        return compression
    if compression == "deflate":
        return PermessageDeflate()
    raise ValueError(
        f"compression must be None, 'deflate' or a PermessageDeflate, not {compression!r}"
    )
