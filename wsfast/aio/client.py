"""WebSocket clients: `connect`."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ssl import SSLContext, create_default_context
from types import TracebackType
from typing import Any, Final, Literal

from .. import __version__
from ..exceptions import HandshakeRejected
from ..handshake import URI, ClientHandshake
from ..handshake.fields import HeadersLike
from ..handshake.headers import Headers
from ..permessage_deflate import PermessageDeflate
from ..protocol import CloseCode
from .client_opening import ClientOpening
from .opening import as_deflate, check_context, send_at_once
from .reconnecting import Backoff, reconnecting
from .settings import Settings, check_count
from .websocket import WebSocket, check_callbacks

__all__ = ["Connecting", "connect"]

_DEFAULTS: Final = Settings()

# RFC 9110 section 15.4, of which RFC 6455 section 4.1 speaks.
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
# What was meant for one origin only: RFC 9110 section 15.4 and the Fetch standard.
_PRIVATE = frozenset(("authorization", "cookie", "host", "proxy-authorization"))


@lru_cache(maxsize=1)
def _default_context() -> SSLContext:
    """Made once: it reads all certificates that the system trusts."""
    return create_default_context()


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a client asks for, wherever it is led."""

    settings: Settings
    origin: str | None
    subprotocols: Sequence[str]
    deflate: PermessageDeflate | None
    callbacks: Mapping[str, Any]

    def opening(self, uri: URI, headers: Headers) -> ClientOpening:
        handshake = ClientHandshake(
            uri,
            origin=self.origin,
            subprotocols=self.subprotocols,
            deflate=self.deflate,
            headers=headers,
        )
        return ClientOpening(handshake, self.settings, self.callbacks)


@dataclass(frozen=True, slots=True)
class Way:
    """How the server is reached, beyond what the URI says."""

    path: str | os.PathLike[str] | None
    sock: socket.socket | None
    local_addr: tuple[str, int] | None
    ssl: SSLContext | None
    server_hostname: str | None

    async def dial(self, uri: URI, opening: ClientOpening) -> None:
        """Connect to the server, with TLS for `wss`; OSError where that can't be."""
        loop = asyncio.get_running_loop()
        options: dict[str, Any] = {}
        if uri.secure:
            options["ssl"] = self.ssl or _default_context()
            options["server_hostname"] = self.server_hostname or uri.host
        if self.path is not None:
            await loop.create_unix_connection(lambda: opening, os.fspath(self.path), **options)
        elif self.sock is not None:
            send_at_once(self.sock)
            await loop.create_connection(lambda: opening, sock=self.sock, **options)
        else:
            if self.local_addr is not None:
                options["local_addr"] = self.local_addr
            await loop.create_connection(lambda: opening, uri.host, uri.port, **options)

    def elsewhere(self) -> Way | None:
        """The way to another server, which the first has led to; None if there is none."""
        if self.path is not None or self.sock is not None:
            return None
        return Way(None, None, self.local_addr, self.ssl, None)


class Connecting:
    """What `connect` returns: awaited, or entered by `async with`, it is the `WebSocket`."""

    def __init__(
        self,
        uri: URI,
        headers: Headers,
        wishes: Wishes,
        way: Way,
        max_redirects: int,
        backoff: Backoff,
    ) -> None:
        self._uri = uri
        self._headers = headers
        self._wishes = wishes
        self._way = way
        self._max_redirects = max_redirects
        self._backoff = backoff
        self._ws: WebSocket | None = None

    async def _open(self) -> WebSocket:
        timeout = self._wishes.settings.open_timeout
        task = asyncio.get_running_loop().create_task(self._follow())
        try:
            await asyncio.wait({task}, timeout=timeout)
        except asyncio.CancelledError:
            await _discard(task)
            raise
        if not task.done():
            await _discard(task)
            raise TimeoutError(f"no opening handshake with {self._uri} within {timeout} s")
        return task.result()

    async def _follow(self) -> WebSocket:
        """Connect to the server, or to where that one leads."""
        uri, headers, way = self._uri, self._headers, self._way
        for _ in range(self._max_redirects):
            try:
                return await self._attempt(uri, headers, way)
            except HandshakeRejected as rejected:
                target = _redirected(rejected, uri)
                if target is None:
                    raise
                if not target.is_same_origin(uri):
                    elsewhere = way.elsewhere()
                    if elsewhere is None:
                        raise
                    way = elsewhere
                    headers = _public(headers)
                elif way.sock is not None:
                    raise
                uri = target
        return await self._attempt(uri, headers, way)

    async def _attempt(self, uri: URI, headers: Headers, way: Way) -> WebSocket:
        opening = self._wishes.opening(uri, headers)
        try:
            await way.dial(uri, opening)
            return await opening.opened
        except BaseException:
            opening.abort()
            raise

    def __await__(self) -> Generator[Any, None, WebSocket]:
        return self._open().__await__()

    async def __aenter__(self) -> WebSocket:
        self._ws = ws = await self._open()
        return ws

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._ws is not None:
            if error is None:
                code = CloseCode.NORMAL_CLOSURE
            elif isinstance(error, Exception):
                code = CloseCode.INTERNAL_ERROR
            else:
                code = CloseCode.GOING_AWAY
            await self._ws.close(code)

    def __aiter__(self) -> AsyncGenerator[WebSocket, None]:
        if self._way.sock is not None:
            raise ValueError("sock is good for one connection: it can't be connected again")
        return reconnecting(self._open, self._backoff)


async def _discard(task: asyncio.Task[WebSocket]) -> None:
    """End an attempt that nobody waits for any more, and what came of it."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled() and task.exception() is None:
        task.result().abort()


def _redirected(rejected: HandshakeRejected, uri: URI) -> URI | None:
    """Where the answer leads to; None if it leads nowhere."""
    response = rejected.response
    locations = response.headers.get_all("Location")
    if response.status not in _REDIRECTS or len(locations) != 1:
        return None
    return uri.join(locations[0])


def _public(headers: Headers) -> Headers:
    """What another server may be sent, too."""
    return Headers([field for field in headers.items() if field[0].lower() not in _PRIVATE])


def connect(
    uri: str | URI,
    *,
    on_open: Callable[[WebSocket], object] | None = None,
    on_message: Callable[[WebSocket, Any], object] | None = None,
    on_error: Callable[[WebSocket, Exception], object] | None = None,
    on_close: Callable[[WebSocket, int, str], object] | None = None,
    path: str | os.PathLike[str] | None = None,
    sock: socket.socket | None = None,
    local_addr: tuple[str, int] | None = None,
    ssl: SSLContext | None = None,
    server_hostname: str | None = None,
    origin: str | None = None,
    subprotocols: Sequence[str] = (),
    headers: HeadersLike = (),
    compression: Literal["deflate"] | PermessageDeflate | None = None,
    max_redirects: int = 5,
    backoff: Backoff | None = None,
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
) -> Connecting:
    """Connect to the WebSocket server at `uri`, ws or wss. Await it for the `WebSocket`.

    `async with` closes the connection at the end: with 1000, or after an error with 1011. `async
    for ws in connect(…)` makes one connection after the other, each closed before the next. It
    waits as `backoff` says before it connects again, and tries again where that may help: after
    OSError and TimeoutError, but for a certificate that isn't accepted, and after answers of 500,
    502, 503 and 504. Other errors it raises. Leaving the loop closes the connection.

    The way there: the Unix socket `path`, or `sock`, which is connected already, through a proxy
    for example, instead of the URI's host and port; from the address `local_addr`. With wss, the
    context `ssl` (else Python's default), and `server_hostname`, the name that the certificate must
    have (else the URI's).

    The opening handshake (RFC 6455 section 4.1): user name and password of the URI are sent by
    Basic authentication. `headers` are added to the request. `compression` is None, "deflate", or a
    `PermessageDeflate`. At most `max_redirects` redirects are followed, never from wss to ws; on
    the way to another origin, user name, password, cookies and the like stay behind; `sock` leads
    nowhere else, nor does `path`.

    With the functions `on_open(ws)`, `on_message(ws, message)`, `on_error(ws, error)` and
    `on_close(ws, code, reason)` it calls them as it happens; without `on_message`, messages are
    received by the `WebSocket`. The limits and timeouts, and `text` and `streaming`, are those of
    `Settings`. `open_timeout` is for all, from the look-up of the name to the last redirect.

    Raises OSError if there is no connection, TimeoutError if it takes too long, `HandshakeRejected`
    on an answer other than 101, `HandshakeError` if it is malformed; ValueError or TypeError on
    wrong arguments, here or when it is awaited.
    """
    callbacks = {
        "on_open": on_open,
        "on_message": on_message,
        "on_error": on_error,
        "on_close": on_close,
    }
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
    check_callbacks(**callbacks, settings=settings)
    check_context(ssl)
    check_count("max_redirects", max_redirects)
    if path is not None and sock is not None:
        raise ValueError("path and sock given: expected one of them at most")
    added = Headers(headers)
    if "User-Agent" not in added:
        added = Headers([("User-Agent", f"wsfast/{__version__}"), *added.items()])
    return Connecting(
        uri if isinstance(uri, URI) else URI.parse(uri),
        added,
        Wishes(settings, origin, subprotocols, as_deflate(compression), callbacks),
        Way(path, sock, local_addr, ssl, server_hostname),
        max_redirects,
        backoff or Backoff(),
    )
