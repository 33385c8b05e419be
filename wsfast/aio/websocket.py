"""A WebSocket connection that is open: what handlers, clients and callbacks work with."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Literal, cast
from weakref import WeakKeyDictionary

from ..closing import Closing, State
from ..events import Request, Response
from ..frames import encode_frame
from ..link import SENT, Hub, Receiving
from ..messages import MessageDecoder
from ..permessage_deflate import Agreement
from ..protocol import Opcode
from .ending import Ending
from .keepalive import Keepalive
from .later import Later
from .settings import Settings
from .streams import MessageStream, Outbox

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["WebSocket"]

# By event loop; those that have ended are forgotten.
_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()

# Transports known to try to write at once, and what for: sockets, without TLS between.
_PLAIN_TRANSPORTS = ("asyncio.selector_events", "uvloop.loop")

# Octets of a Ping's payload that nobody else can guess.
_PING_LENGTH = 4


def _hub_of(loop: asyncio.AbstractEventLoop) -> Hub:
    hub = _hubs.get(loop)
    if hub is None:
        hub = _hubs[loop] = Hub(
            asyncio.current_task, asyncio.CancelledError, asyncio.get_running_loop
        )
    return hub


def _socket_of(transport: asyncio.Transport) -> Any:
    """The socket that is written to as it is; None if there is none."""
    sock = transport.get_extra_info("socket")
    if sock is None or transport.get_extra_info("ssl_object") is not None:
        return None
    # Without asyncio's wrapping, which takes time to go through.
    return getattr(sock, "_sock", sock)


class WebSocket(Ending, asyncio.BufferedProtocol):
    """A WebSocket connection, RFC 6455: made by `serve` and `connect`, never by you.

    A handler reads by `async for message in ws` or `await ws.recv()`, and sends by
    `await ws.send(message)`. With the callback on_message, messages are given to that instead, as
    they come, and are answered by `ws.write(message)`. A str is a text message, bytes are a binary
    one. Only the event loop's thread may use it.
    """

    __slots__ = (
        "_on_open",
        "_side",
        "_stream",
        "context",
        "deflate",
        "latency",
        "request",
        "response",
        "subprotocol",
    )

    def __init__(
        self,
        side: Literal["server", "client"],
        transport: asyncio.Transport,
        settings: Settings,
        *,
        loop: asyncio.AbstractEventLoop | None = None,
        request: Request | None = None,
        response: Response | None = None,
        subprotocol: str | None = None,
        deflate: Agreement | None = None,
        on_open: Callable[[Any], object] | None = None,
        on_message: Callable[[Any, Any], object] | None = None,
        on_error: Callable[[Any, BaseException], object] | None = None,
        on_close: Callable[[Any, int, str], object] | None = None,
        on_lost: Callable[[Any], object] | None = None,
    ) -> None:
        loop = asyncio.get_running_loop() if loop is None else loop
        options: dict[str, Any] = {
            "text": settings.text,
            "max_message_length": settings.max_message_length,
            "max_fragments": settings.max_fragments,
            "inflater": None if deflate is None else deflate.inflater(side),
            "partial": settings.streaming,
        }
        decoder: MessageDecoder[Any] = MessageDecoder(side, **options)
        super().__init__(
            _hub_of(loop),
            loop,
            transport,
            decoder,
            side == "client",
            on_message,
            settings.receive_queue,
            deflate is not None,
            settings.streaming,
        )
        self._side: Literal["server", "client"] = side
        self._settings = settings
        self._closing = Closing(side)
        self._keepalive = Keepalive(self, settings.ping_interval, settings.ping_timeout)
        self._close_timer = None
        self._error = None
        self._eof = self._is_lost = False
        self._drains = set()
        self._farewells = set()
        self._pings = {}
        self._pong_due = None
        self._deflater = None
        if deflate is not None:
            self._deflater = deflate.deflater(side)
            self._deflate = self._deflater.deflate
            self._min_length = deflate.min_length
        self._on_open = on_open
        self._on_error = on_error
        self._on_close = on_close
        self._on_lost = on_lost
        # Of messages that come in parts, and of one that is being sent in parts.
        self._stream: MessageStream | None = None
        self._outbox = None
        #: The opening handshake's request; and on a client the answer, on a server None.
        self.request: Request = cast("Request", request)
        self.response = response
        #: What was agreed on in it: a subprotocol or None, and permessage-deflate or None.
        self.subprotocol = subprotocol
        self.deflate = deflate
        #: Seconds that the last Ping's Pong took to come; None: there was none yet.
        self.latency: float | None = None
        #: For whatever you like.
        self.context: Any = None
        transport.set_write_buffer_limits(settings.write_limit)

    def start(self, excess: bytes = b"") -> None:
        """Begin, as the transport's protocol, by what came behind the opening handshake."""
        if type(self.transport).__module__ in _PLAIN_TRANSPORTS:
            self._write_to(_socket_of(self.transport))
        self._keepalive.start()
        on_open, self._on_open = self._on_open, None
        if on_open is not None:
            try:
                on_open(self)
            except Exception as error:
                self._callback_failed(error)
        if excess:
            self._receive(excess)

    # Sending

    def drain(self) -> Any:
        """Wait as long as more than `write_limit` octets wait to be sent. For `write`."""
        return self._wait_to_send() if self._has_to_wait() else SENT

    def ping(self, data: Buffer | str | None = None) -> asyncio.Future[float]:
        """Send a Ping; the result is the seconds until its Pong has come. RFC 6455 section 5.5.2.

        `data`, at most 125 octets, must differ from that of all Pings that wait for their Pong;
        None: 4 random octets. A Pong answers all Pings before the one that it repeats, too. The
        Future may be left alone. Raises ConnectionClosed if the connection isn't open.
        """
        self._check_open()
        if data is None:
            payload = secrets.token_bytes(_PING_LENGTH)
            while payload in self._pings:
                payload = secrets.token_bytes(_PING_LENGTH)
        else:
            payload = data.encode() if isinstance(data, str) else bytes(data)
        if payload in self._pings:
            raise ValueError(f"a Ping with the payload {payload!r} waits for its Pong")
        self._write_frame(encode_frame(Opcode.PING, payload, mask=self._masks))
        pong: asyncio.Future[float] = self._loop.create_future()
        self._pings[payload] = pong, time.perf_counter()
        return pong

    def pong(self, data: Buffer | str = b"") -> None:
        """Send a Pong that nobody has asked for, RFC 6455 section 5.5.3: at most 125 octets."""
        self._check_open()
        self._write_frame(encode_frame(Opcode.PONG, data, mask=self._masks))

    def _check_open(self) -> None:
        if not self.is_open:
            raise self._closed()

    def _write_otherwise(self, message: Any) -> None:
        self._check_open()
        if self._outbox is not None:
            self._outbox.put(message)

    def _send_otherwise(self, message: Any) -> Later[None]:
        self._check_open()
        if self._outbox is None:
            self._outbox = Outbox(self)
        return self._outbox.stream(message)

    def _wait_to_send(self) -> Later[None]:
        outbox = self._outbox
        if outbox is None or outbox.put_in == outbox.sent:
            return Later(self.drained)
        number = outbox.put_in
        return Later(lambda: self._wait_for_outbox(outbox, number))

    async def _wait_for_outbox(self, outbox: Outbox, number: int) -> None:
        """Wait until so many messages have been sent that are put in there."""
        while outbox.sent < number:
            self._check_open()
            await self._wait_in(self._drains)
        await self.drained()

    async def drained(self) -> None:
        """What `drain` waits for, without regard to a message that is sent in fragments."""
        if not self._waits:
            # Who sends in a loop lets the event loop do its work: read, and see what is lost.
            await asyncio.sleep(0)
        while self._waits:
            await self._wait_in(self._drains)
        if self._closing.state is State.CLOSED:
            raise self._closed()

    # Receiving

    def _control_received(self, opcode: Opcode, payload: Any) -> None:
        if opcode is Opcode.CLOSE:
            self._close_received(payload)
        elif opcode is Opcode.PING:
            self._ping_received(payload)
        else:
            self._pong_received(payload)

    def _ping_received(self, payload: bytes) -> None:
        if self._waits:
            # Of several, the last may be answered alone: RFC 6455 section 5.5.3.
            self._pong_due = payload
        elif self.is_open:
            self._write_frame(encode_frame(Opcode.PONG, payload, mask=self._masks))

    def _pong_received(self, payload: bytes) -> None:
        if payload not in self._pings:
            return
        now = time.perf_counter()
        for sent in list(self._pings):
            pong, began = self._pings.pop(sent)
            if not pong.done():
                pong.set_result(now - began)
            if sent == payload:
                self.latency = now - began
                return

    def _part_received(self, part: Any) -> None:
        if part.opcode > Opcode.BINARY:
            self._control_received(part.opcode, part.data)
        else:
            self._put(part)

    def _recv_stream(self, iterates: bool) -> Any:
        return Later(lambda: self._follow(iterates))

    async def _follow(self, iterates: bool) -> MessageStream:
        """The message behind the one that is coming, of which the rest is dropped."""
        if self._stream is not None:
            await self._stream.skip()
        self._stream = stream = MessageStream(self, await Receiving(self, iterates))
        return stream

    # What there is to know

    @property
    def close_code(self) -> int | None:
        """That of the peer's Close frame; 1005 without one in it, 1006 without a Close frame.

        None as long as it isn't known. RFC 6455 section 7.1.5.
        """
        return self._closing.code

    @property
    def close_reason(self) -> str:
        """That of the peer's Close frame. RFC 6455 section 7.1.6."""
        return self._closing.reason

    @property
    def side(self) -> Literal["server", "client"]:
        """Whose end this is."""
        return self._side

    @property
    def remote_address(self) -> Any:
        """The peer's address, as its kind of socket has it; None where it has none."""
        return self.transport.get_extra_info("peername")

    @property
    def local_address(self) -> Any:
        """The address of this end."""
        return self.transport.get_extra_info("sockname")

    def __repr__(self) -> str:
        return f"<WebSocket {self._side} {self.state.name} {self.remote_address!r}>"


def check_callbacks(
    on_open: object, on_message: object, on_error: object, on_close: object, settings: Settings
) -> None:
    """Raise TypeError for a callback that can't be one."""
    callbacks = {
        "on_open": on_open,
        "on_message": on_message,
        "on_error": on_error,
        "on_close": on_close,
    }
    for name, callback in callbacks.items():
        if callback is None:
            continue
        if not callable(callback):
            raise TypeError(f"{name} must be a function, not {type(callback).__name__}")
        if iscoroutinefunction(callback):
            raise TypeError(
                f"{name} must not be a coroutine function: callbacks aren't awaited, use a handler"
            )
    if on_message is not None and settings.streaming:
        raise TypeError("on_message takes whole messages: use a handler for streaming")
