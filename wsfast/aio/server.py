"""WebSocket servers: `serve`, and the `Server` that it starts."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Generator, Sequence
from ssl import SSLContext
from typing import Any, Final, Literal, TypeAlias

from ..closing import State, encode_close
from ..handshake.fields import HeadersLike
from ..handshake.headers import Headers
from ..permessage_deflate import PermessageDeflate
from ..protocol import CloseCode
from .exceptions import ConnectionClosed
from .listening import Listener, Where
from .opening import READ_LENGTH, as_deflate, check_context, logger
from .registry import Registry
from .server_opening import ProcessRequest, SelectSubprotocol, ServerOpening, Terms
from .settings import Settings, check_count, check_seconds
from .websocket import WebSocket, check_callbacks

__all__ = ["Server", "serve"]

Handler: TypeAlias = Callable[[WebSocket], Awaitable[object]]

_DEFAULTS: Final = Settings()


class Server:
    """A server that listens; made by `serve`.

    An asynchronous context manager that closes it at the end.
    """

    def __init__(self, handler: Handler | None, terms: Terms, max_connections: int | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._handler = handler
        self._terms = terms
        self._registry = Registry(self._loop, max_connections)
        # One for all opening handshakes: what is read into it is taken out at once.
        self._buffer = bytearray(READ_LENGTH)
        self._listener: Listener | None = None

    async def _listen(self, where: Where) -> None:
        self._listener = await where.listen(self._opening)

    def _opening(self) -> ServerOpening:
        return ServerOpening(self._terms, self._registry, self._opened, self._buffer, self._loop)

    def _opened(self, ws: WebSocket) -> None:
        if self._handler is not None:
            self._registry.start(self._handle(ws, self._handler))

    async def _handle(self, ws: WebSocket, handler: Handler) -> None:
        try:
            await handler(ws)
        except Exception as error:
            if isinstance(error, ConnectionClosed) and ws.state is not State.OPEN:
                # The peer has left, or was sent away: no error of the handler's.
                logger.debug("handler ended: %s", error)
                await ws.close()
            else:
                logger.exception("handler failed")
                await ws.close(CloseCode.INTERNAL_ERROR)
        except BaseException:
            ws.abort()
            raise
        else:
            await ws.close()

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """The listening sockets; none once the server is closing."""
        return () if self._listener is None else self._listener.sockets

    @property
    def port(self) -> int:
        """The TCP port of the first socket that has one; ValueError if none has."""
        for listening in self.sockets:
            if listening.family in (socket.AF_INET, socket.AF_INET6):
                port: int = listening.getsockname()[1]
                return port
        raise ValueError("the server listens on no TCP port")

    @property
    def connections(self) -> frozenset[WebSocket]:
        """The connections that there are now, open or closing."""
        return frozenset(self._registry.connections)

    async def close(
        self,
        code: int = CloseCode.GOING_AWAY,
        reason: str = "",
        *,
        timeout: float | None = None,
    ) -> None:
        """Stop listening, and close all connections with `code` and `reason`.

        Clients that are still in the opening handshake get a 503. The closing handshakes, and then
        the handlers, have `timeout` seconds, None: the server's `close_timeout`. What there still
        is then, or when this call is cancelled, is aborted; handlers are cancelled, and waited for.
        A second call waits for the first, as `wait_closed` does.
        """
        encode_close(code, reason)
        check_seconds("timeout", timeout)
        if timeout is None:
            timeout = self._terms.settings.close_timeout
        registry = self._registry
        if not registry.is_closing:
            if self._listener is not None:
                self._listener.close()
            registry.close()
            for ws in list(registry.connections):
                ws.close(code, reason)
            try:
                await asyncio.wait({registry.closed}, timeout=timeout)
            finally:
                registry.abort()
        await self.wait_closed()

    async def wait_closed(self) -> None:
        """Wait until the server is closed, and all that it had going has ended."""
        await asyncio.wait({self._registry.closed})

    async def serve_forever(self) -> None:
        """Wait until the server is closed. If this call is cancelled, it closes the server."""
        try:
            await self.wait_closed()
        except asyncio.CancelledError:
            await self.close()
            raise

    async def __aenter__(self) -> Server:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Serving:
    """What `serve` returns: awaited, or entered by `async with`, it is the `Server`."""

    def __init__(
        self, handler: Handler | None, terms: Terms, where: Where, max_connections: int | None
    ) -> None:
        self._handler = handler
        self._terms = terms
        self._where = where
        self._max_connections = max_connections
        self._server: Server | None = None

    async def _start(self) -> Server:
        server = Server(self._handler, self._terms, self._max_connections)
        await server._listen(self._where)
        self._server = server
        return server

    def __await__(self) -> Generator[Any, None, Server]:
        return self._start().__await__()

    async def __aenter__(self) -> Server:
        return await self._start()

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            await self._server.close()


def serve(
    handler: Handler | None = None,
    host: str | Sequence[str] | None = None,
    port: int | None = None,
    *,
    on_open: Callable[[WebSocket], object] | None = None,
    on_message: Callable[[WebSocket, Any], object] | None = None,
    on_error: Callable[[WebSocket, Exception], object] | None = None,
    on_close: Callable[[WebSocket, int, str], object] | None = None,
    path: str | os.PathLike[str] | None = None,
    sock: socket.socket | None = None,
    ssl: SSLContext | None = None,
    backlog: int = 1024,
    reuse_port: bool | None = None,
    process_request: ProcessRequest | None = None,
    subprotocols: Sequence[str] = (),
    select_subprotocol: SelectSubprotocol | None = None,
    origins: Sequence[str | None] | None = None,
    headers: HeadersLike = (),
    compression: Literal["deflate"] | PermessageDeflate | None = None,
    max_connections: int | None = None,
    text: Literal["str", "bytes"] = "str",
    streaming: bool = False,
    max_message_length: int | None = _DEFAULTS.max_message_length,
    max_fragments: int | None = _DEFAULTS.max_fragments,
    receive_queue: int = _DEFAULTS.receive_queue,
    write_limit: int = _DEFAULTS.write_limit,
    open_timeout: float | None = _DEFAULTS.open_timeout,
    close_timeout: float | None = _DEFAULTS.close_timeout,
    ping_interval: float | None = _DEFAULTS.ping_interval,
    ping_timeout: float | None = _DEFAULTS.ping_timeout,
) -> Serving:
    """Listen for WebSocket connections. `async with` it, or await it, for the `Server`.

    Where: `host` (None or "": all interfaces) and `port` (0: any that is free), or the Unix socket
    `path`, or the bound socket `sock`; with TLS, if there is an `ssl` context. `backlog` and
    `reuse_port`, by which several processes share a port, are those of asyncio.

    Each connection is used in one of two ways. `handler`, a coroutine function, gets the
    `WebSocket`; when it returns, the connection is closed with 1000, when it raises, that is logged
    and it is closed with 1011. Or the functions `on_open(ws)`, `on_message(ws, message)`,
    `on_error(ws, error)`, `on_close(ws, code, reason)` are called as it happens; a handler may have
    them beside it, but for `on_message`.

    The opening handshake (RFC 6455 section 4.2): `process_request(request)`, a function or
    coroutine function, sees every HTTP request that is well formed, to upgrade or not. It returns
    None to go on, or what to answer instead: a `Response` or (status, headers, body). If it raises,
    that is logged, and the answer is 500. Of the `subprotocols`, best first, the first that the
    client offers is chosen, or what `select_subprotocol(request, offered)` returns. `origins` are
    the values of Origin allowed, None among them: no such header; `origins=None` allows all.
    `headers` go with every 101. `compression` is None, "deflate", or a `PermessageDeflate`; it
    costs much memory and time, so that it is off by default. Above `max_connections`, those still
    opening included, clients get a 503 at once.

    The limits and timeouts, and `text` and `streaming`, are those of `Settings`. `open_timeout`
    begins with the TCP connection. Wrong arguments raise ValueError or TypeError, here or when it
    is awaited; a place that can't be listened on OSError.
    """
    settings = Settings(
        text=text,
        streaming=streaming,
        max_message_length=max_message_length,
        max_fragments=max_fragments,
        receive_queue=receive_queue,
        write_limit=write_limit,
        open_timeout=open_timeout,
        close_timeout=close_timeout,
        ping_interval=ping_interval,
        ping_timeout=ping_timeout,
    )
    callbacks = {
        "on_open": on_open,
        "on_message": on_message,
        "on_error": on_error,
        "on_close": on_close,
    }
    check_callbacks(**callbacks, settings=settings)
    functions = {
        "handler": handler,
        "process_request": process_request,
        "select_subprotocol": select_subprotocol,
    }
    for name, function in functions.items():
        if function is not None and not callable(function):
            raise TypeError(f"{name} must be a function, not {type(function).__name__}")
    if handler is not None and on_message is not None:
        raise TypeError("handler and on_message given: expected one way to receive messages")
    if handler is None and not any(callbacks.values()):
        raise TypeError("serve() needs a handler, or callbacks such as on_message")
    check_context(ssl)
    check_count("max_connections", max_connections, or_none=True)
    terms = Terms(
        settings,
        ssl,
        subprotocols,
        select_subprotocol,
        as_deflate(compression),
        origins,
        Headers(headers),
        process_request,
        callbacks,
    )
    terms.check()
    where = Where(host, port, path, sock, backlog, reuse_port)
    return Serving(handler, terms, where, max_connections)
