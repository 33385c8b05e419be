"""The opening handshake as the client sees it, RFC 6455 section 4.1."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from ..exceptions import HandshakeError, HandshakeRejected
from ..handshake import ClientHandshake
from .opening import READ_LENGTH, Opening
from .settings import Settings
from .websocket import WebSocket


class ClientOpening(Opening):
    """From the server's answer to the WebSocket connection, `opened`, or to an error."""

    __slots__ = ("_callbacks", "_handshake", "_settings", "_ws", "opened")

    def __init__(
        self, handshake: ClientHandshake, settings: Settings, callbacks: Mapping[str, Any]
    ) -> None:
        super().__init__(bytearray(READ_LENGTH))
        self._handshake = handshake
        self._settings = settings
        self._callbacks = callbacks
        self._ws: WebSocket | None = None
        self.opened: asyncio.Future[WebSocket] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport is not None
        self.transport.write(self._handshake.data_to_send())

    def data_received(self, data: bytes) -> None:
        if self.opened.done():
            # Failed or cancelled: the transport is on its way out.
            return
        handshake = self._handshake
        try:
            response = handshake.receive_data(data)
        except HandshakeError as error:
            self._fail(error)
            return
        if response is None:
            return
        transport = self.transport
        assert transport is not None
        self._ws = ws = WebSocket(
            "client",
            transport,
            self._settings,
            request=handshake.request,
            response=response,
            subprotocol=handshake.subprotocol,
            deflate=handshake.deflate,
            **self._callbacks,
        )
        transport.set_protocol(ws)
        self.opened.set_result(ws)
        ws.start(handshake.excess)

    def eof_received(self) -> None:
        if not self.opened.done():
            try:
                self._handshake.receive_eof()
            except HandshakeRejected as error:
                self._fail(error)
            except HandshakeError as error:
                self._fail(ConnectionError(str(error)))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.opened.done():
            self._fail(exc or ConnectionError("the connection was lost in the opening handshake"))

    def _fail(self, error: Exception) -> None:
        self.opened.set_exception(error)
        self.abort()

    def abort(self) -> None:
        if not self.opened.cancel() and not self.opened.cancelled():
            # Nobody may be left to look at it.
            self.opened.exception()
        if self._ws is not None:
            self._ws.abort()
        else:
            super().abort()
