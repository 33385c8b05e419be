"""One client's opening handshake, as the server sees it: RFC 6455 section 4.2."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from enum import Enum
from inspect import isawaitable
from typing import Any, TypeAlias, cast

from ..events import Request, Response
from ..exceptions import HandshakeError
from ..handshake import ServerHandshake
from ..handshake.fields import HeadersLike
from ..handshake.headers import DEFAULT_MAX_LENGTH, Headers
from ..permessage_deflate import PermessageDeflate
from .opening import Opening, logger
from .registry import Registry
from .settings import Settings
from .websocket import WebSocket

#: What `process_request` may answer; None lets the request go on.
Answer: TypeAlias = Response | tuple[int, HeadersLike, bytes] | None
ProcessRequest: TypeAlias = Callable[[Request], Answer | Awaitable[Answer]]
SelectSubprotocol: TypeAlias = Callable[[Request, Sequence[str]], str | None]

# In seconds: what a peer that is turned away has to read the answer, if that could be written.
# Without it a peer that still sends would lose the answer to a reset of TCP.
_LINGER = 1.0

# In octets: what is kept of what comes too early. More than a head and the octets behind it that
# ServerHandshake takes: who sends as much is refused in any case.
_MAX_EARLY = 2 * DEFAULT_MAX_LENGTH

# For a trial of the settings.
_REQUEST = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a server holds every client to, and what it makes of the connection."""

    settings: Settings
    ssl: ssl.SSLContext | None
    subprotocols: Sequence[str]
    select_subprotocol: SelectSubprotocol | None
    deflate: PermessageDeflate | None
    origins: Sequence[str | None] | None
    headers: Headers
    process_request: ProcessRequest | None
    #: The callbacks, as WebSocket takes them.
    callbacks: Mapping[str, Any]

    def handshake(self) -> ServerHandshake:
        return ServerHandshake(
            subprotocols=self.subprotocols, deflate=self.deflate, origins=self.origins
        )

    def check(self) -> None:
        """Raise the ValueError or TypeError that every handshake would."""
        handshake = self.handshake()
        handshake.receive_data(_REQUEST)
        # It may be that no client is let in without an Origin.
        if handshake.upgrade_error is None:
            handshake.accept(headers=self.headers)


class Phase(Enum):
    """Where an opening handshake is. In DECIDING the request has come and nothing more is read."""

    TCP = "TCP connection"
    TLS = "TLS handshake"
    HEAD = "request"
    DECIDING = "process_request"
    LEAVING = "answer"
    ENDED = "ended"


class ServerOpening(Opening):
    """From the peer's TCP connection to the WebSocket connection, or to an answer without one."""

    __slots__ = (
        *("_early", "_handshake", "_loop", "_opened", "_phase", "_registry"),
        *("_task", "_terms", "_timer"),
    )

    def __init__(
        self,
        terms: Terms,
        registry: Registry,
        opened: Callable[[WebSocket], None],
        buffer: bytearray,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(buffer)
        self._opened = opened
        self._terms = terms
        self._registry = registry
        self._loop = loop
        self._handshake = terms.handshake()
        self._phase = Phase.TCP
        # What came before this end could go on: of TLS's handshake, or behind it.
        self._early = b""
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        welcome = self._registry.enter(self)
        if not welcome and (self._registry.is_closing or self._registry.is_crowded):
            self.abort()
            return
        if (timeout := self._terms.settings.open_timeout) is not None:
            self._timer = self._loop.call_later(timeout, self._time_out)
        if self._terms.ssl is not None:
            self._task = self._loop.create_task(self._start_tls(self._terms.ssl, welcome))
        else:
            self._begin(welcome)

    async def _start_tls(self, context: ssl.SSLContext, welcome: bool) -> None:
        """Begin TLS, only now, so that a peer which never ends it counts, and can be aborted."""
        beneath = self.transport
        assert beneath is not None
        if self._phase is Phase.ENDED:
            return
        self._phase = Phase.TLS
        if self._early:
            early, self._early = self._early, b""
            # Comes before what start_tls() itself puts off, and that is when reading goes on.
            self._loop.call_soon(_pass_on, beneath, early)
        transport = None
        try:
            transport = await self._loop.start_tls(
                beneath,
                self,
                context,
                server_side=True,
                ssl_handshake_timeout=self._terms.settings.open_timeout,
            )
        except OSError as error:
            self._log("TLS handshake failed: %s", error)
        finally:
            self._task = None
            if transport is None or transport.is_closing():
                # Where the peer has left in between, nobody says so.
                beneath.abort()
                self._end()
        if transport is not None and self._phase is Phase.TLS:
            self.transport = transport
            self._begin(welcome)

    def _begin(self, welcome: bool) -> None:
        self._phase = Phase.HEAD
        if not welcome:
            self._reject(503, body=b"There are too many connections.\n")
        elif self._early:
            data, self._early = self._early, b""
            self.data_received(data)

    def data_received(self, data: bytes) -> None:
        if self._phase is Phase.HEAD:
            try:
                request = self._handshake.receive_data(data)
            except HandshakeError as error:
                self._reject_error(error)
            else:
                if request is not None:
                    self._phase = Phase.DECIDING
                    self._process(request)
        elif self._phase in (Phase.TCP, Phase.TLS):
            if self._phase is Phase.TCP:
                # uvloop reads before start_tls() can be called.
                assert self.transport is not None
                self.transport.pause_reading()
            if len(self._early) <= _MAX_EARLY:
                self._early += data

    def _process(self, request: Request) -> None:
        hook = self._terms.process_request
        if hook is None:
            self._accept(request)
            return
        try:
            answer = hook(request)
        except Exception:
            self._hook_failed("process_request")
            return
        if isawaitable(answer):
            assert self.transport is not None
            self.transport.pause_reading()
            self._task = self._loop.create_task(self._wait_for(answer, request))
        else:
            self._decide(answer, request)

    async def _wait_for(self, answer: Awaitable[Answer], request: Request) -> None:
        try:
            decided = await answer
        except Exception:
            self._task = None
            self._hook_failed("process_request")
        except BaseException:
            # Cancelled, by the end of this handshake or by somebody else.
            if self._phase is Phase.DECIDING:
                self.abort()
            raise
        else:
            self._task = None
            if self._phase is Phase.DECIDING:
                self._decide(decided, request)

    def _decide(self, answer: Answer, request: Request) -> None:
        if answer is None:
            self._accept(request)
            return
        try:
            status, headers, body = (
                (answer.status, answer.headers, answer.body)
                if isinstance(answer, Response)
                else answer
            )
            self._reject(status, headers, body)
        except Exception:
            self._hook_failed("process_request")

    def _accept(self, request: Request) -> None:
        handshake = self._handshake
        if handshake.upgrade_error is not None:
            self._reject_error(handshake.upgrade_error)
            return
        terms = self._terms
        select = terms.select_subprotocol
        try:
            if select is None:
                head = handshake.accept(headers=terms.headers)
            else:
                chosen = select(request, handshake.offered_subprotocols)
                head = handshake.accept(subprotocol=chosen, headers=terms.headers)
        except Exception:
            self._hook_failed("select_subprotocol")
            return
        transport = self.transport
        assert transport is not None
        if transport.is_closing():
            # Over TLS, it would be too late for the WebSocket to be told.
            self._end()
            return
        self._finish()
        transport.write(head)
        ws = WebSocket(
            "server",
            transport,
            terms.settings,
            loop=self._loop,
            request=request,
            subprotocol=handshake.subprotocol,
            deflate=handshake.deflate,
            on_lost=self._registry.lose,
            **terms.callbacks,
        )
        self._registry.connect(self, ws)
        transport.set_protocol(ws)
        # Paused while process_request ran; resuming does nothing where it wasn't.
        transport.resume_reading()
        ws.start(handshake.excess)
        self._opened(ws)

    # Turning a peer away

    def _hook_failed(self, name: str) -> None:
        logger.exception("%s failed", name)
        if self._phase is Phase.DECIDING:
            self._reject(500)

    def _reject_error(self, error: HandshakeError) -> None:
        self._log("opening handshake refused: %s", error)
        self._reject(error.status, error.headers, f"{error}\n".encode())

    def _reject(self, status: int, headers: HeadersLike = (), body: bytes = b"") -> None:
        headers = Headers(headers)
        if "Date" not in headers:
            headers = Headers([("Date", formatdate(usegmt=True)), *headers.items()])
        self._dismiss(self._handshake.reject(status, headers=headers, body=body))

    def _dismiss(self, answer: bytes) -> None:
        """Send the last that there is to send, and close once the peer has had time to read it."""
        transport = self.transport
        assert transport is not None
        self._finish(Phase.LEAVING)
        self._registry.turn_away(self)
        if transport.is_closing():
            return
        transport.write(answer)
        if self._registry.is_crowded:
            transport.abort()
            return
        if transport.can_write_eof():
            try:
                transport.write_eof()
            except OSError:
                # The peer has gone meanwhile.
                transport.abort()
                return
        elif self._handshake.request is not None and not self._handshake.excess:
            # TLS, which can't be half-closed. Nothing more has come, as far as is known.
            transport.close()
        transport.resume_reading()
        timeout = self._terms.settings.close_timeout
        until = None if timeout is None else self._loop.time() + timeout
        self._timer = self._loop.call_later(_LINGER, self._linger, until)

    def _linger(self, until: float | None) -> None:
        assert self.transport is not None
        unsent = self.transport.get_write_buffer_size() > 0
        if unsent and (until is None or self._loop.time() < until):
            self._timer = self._loop.call_later(_LINGER, self._linger, until)
        elif not self.transport.is_closing():
            self._timer = self._loop.call_later(_LINGER, self.abort)
            self.transport.close()
        else:
            self.abort()

    def _time_out(self) -> None:
        self._log("opening handshake took too long, in its %s", self._phase.value)
        if self._phase is Phase.HEAD:
            self._reject(408)
        elif self._phase is Phase.DECIDING:
            self._reject(503)
        else:
            self.stop()

    def stop(self) -> None:
        """Send the peer away, by 503 if it can be told: the server closes."""
        if self._phase in (Phase.HEAD, Phase.DECIDING):
            self._reject(503)
        elif self._phase in (Phase.TCP, Phase.TLS):
            self.abort()

    # The end

    def _finish(self, phase: Phase = Phase.ENDED) -> None:
        """End what is under way."""
        self._phase = phase
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._phase is Phase.TLS:
            # It sees for itself that the connection is lost.
            self._task = None
        self._end()

    def _end(self) -> None:
        if self._phase is not Phase.ENDED:
            self._finish()
            self._registry.leave(self)

    def _log(self, what: str, about: object) -> None:
        peer = None if self.transport is None else self.transport.get_extra_info("peername")
        logger.debug(f"%s: {what}", peer, about)


def _pass_on(transport: asyncio.Transport, data: bytes) -> None:
    """Let the transport's protocol have what somebody else has read."""
    protocol = cast(asyncio.BufferedProtocol, transport.get_protocol())
    while data:
        buffer = memoryview(protocol.get_buffer(len(data)))
        length = min(len(buffer), len(data))
        buffer[:length] = data[:length]
        protocol.buffer_updated(length)
        data = data[length:]
