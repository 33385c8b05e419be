"""One WebSocket connection without I/O, RFC 6455: octets in, events out; calls in, octets out."""

from __future__ import annotations

from collections.abc import Iterable
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex

from .closing import Closing, State, ended_without_close, refused
from .events import (
    BinaryMessage,
    Close,
    CloseReceived,
    Event,
    Inflater,
    Ping,
    Pong,
    Request,
    Response,
    TextMessage,
)
from .exceptions import (
    HandshakeError,
    LocalProtocolError,
    ProtocolError,
)
from .handshake import ClientHandshake, ServerHandshake
from .messages import MessageDecoder
from .protocol import DEFAULT_MAX_MESSAGE_LENGTH, CloseCode, Opcode
from .sending import Sender

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .handshake.fields import HeadersLike
    from .permessage_deflate import Agreement

_TEXT = Opcode.TEXT
_BINARY = Opcode.BINARY
_PING = Opcode.PING
_PONG = Opcode.PONG

_READING = (State.OPEN, State.CLOSING)


def not_on_a_client(what: str) -> LocalProtocolError:
    return LocalProtocolError(f"{what} on a client: only a server answers a request")


def wrong_handshake(side: str, handshake: object) -> TypeError:
    return TypeError(
        f"handshake of a {side} must be a {side.title()}Handshake, not {type(handshake).__name__}"
    )


class Connection:
    """One end of a connection, over whatever carries octets in order. It does no I/O.

    Give what comes from the peer to `receive_data`, and act on the events that it returns; after
    every call, send what `data_to_send` returns. `side` says whose end this is. `handshake` is the
    opening handshake: of a client `ClientHandshake(uri)`, whose request is queued at once; of a
    server by default `ServerHandshake()`, which is answered by `accept` or `reject`. Where another
    protocol has opened the connection, begin by `Connection.after_handshake`.

    Limits, `None` for none: `max_message_length`, octets of a message received, inflated if it is
    compressed; `max_fragments`, frames of one. `text="bytes"` hands texts out as their UTF-8,
    validated. Each Ping is answered by a Pong as it comes, unless `answer_pings` is false; the
    peer's Close frame always is, by one with its code.

    A call that this state doesn't allow, or that would send what RFC 6455 forbids, raises
    LocalProtocolError, wrong arguments TypeError or ValueError; such a call changes nothing.
    """

    __slots__ = (
        "_answer_pings",
        "_closing",
        "_decoder",
        "_handshake",
        "_options",
        "_sender",
        "_side",
        "deflate",
        "request",
        "response",
        "subprotocol",
    )

    _handshake: ServerHandshake | ClientHandshake | None
    #: The client's opening handshake, once it is there; and the server's, on the client.
    request: Request | None
    response: Response | None
    #: What they agreed on; None for no subprotocol, and for no compression.
    subprotocol: str | None
    deflate: Agreement | None

    def __init__(
        self,
        side: Literal["server", "client"],
        *,
        handshake: ServerHandshake | ClientHandshake | None = None,
        text: Literal["str", "bytes"] = "str",
        max_message_length: int | None = DEFAULT_MAX_MESSAGE_LENGTH,
        max_fragments: int | None = None,
        answer_pings: bool = True,
    ) -> None:
        self._begin(side, text, max_message_length, max_fragments, answer_pings)
        if handshake is None and side == "server":
            handshake = ServerHandshake()
        if not isinstance(handshake, ServerHandshake if side == "server" else ClientHandshake):
            raise wrong_handshake(side, handshake)
        self._handshake = handshake
        if isinstance(handshake, ClientHandshake):
            self.request = handshake.request
            self._sender.octets(handshake.data_to_send())

    @classmethod
    def after_handshake(
        cls,
        side: Literal["server", "client"],
        *,
        deflate: Agreement | None = None,
        subprotocol: str | None = None,
        text: Literal["str", "bytes"] = "str",
        max_message_length: int | None = DEFAULT_MAX_MESSAGE_LENGTH,
        max_fragments: int | None = None,
        answer_pings: bool = True,
    ) -> Connection:
        """A connection that is open: only frames go over it.

        For what opens it otherwise, as HTTP/2 (RFC 8441) and HTTP/3 (RFC 9220) do. `deflate` is
        what was agreed on for compression, `subprotocol` what was chosen there.
        """
        connection = cls.__new__(cls)
        connection._begin(side, text, max_message_length, max_fragments, answer_pings)
        connection._open(deflate, subprotocol)
        return connection

    def _begin(
        self,
        side: Literal["server", "client"],
        text: Literal["str", "bytes"],
        max_message_length: int | None,
        max_fragments: int | None,
        answer_pings: bool,
    ) -> None:
        self._side = side
        self._closing = Closing(side, State.CONNECTING)
        self._sender = Sender(side)
        self._answer_pings = answer_pings
        self._options: dict[str, Any] = {
            "text": text,
            "max_message_length": max_message_length,
            "max_fragments": max_fragments,
        }
        self._decoder = self._new_decoder(None)
        self._handshake = None
        self.request = self.response = None
        self.subprotocol = self.deflate = None

    def _new_decoder(self, inflater: Inflater | None) -> MessageDecoder[tuple[Opcode, Any]]:
        return MessageDecoder(self._side, inflater=inflater, **self._options)

    def _open(self, deflate: Agreement | None, subprotocol: str | None) -> None:
        if deflate is not None:
            self._decoder = self._new_decoder(deflate.inflater(self._side))
            self._sender.compress_by(deflate.deflater(self._side))
        self.deflate = deflate
        self.subprotocol = subprotocol
        self._closing.open()

    # What comes

    def receive_data(self, data: Buffer) -> list[Event]:
        """Take octets from the peer, cut anywhere; return what they bring, in order.

        Where the peer breaks a rule or exceeds a limit, the last event is the error, a
        RemoteProtocolError; the connection has failed then, and a Close frame with its code is
        queued, or on a server whose opening handshake failed, the response. What comes after an
        error or a Close frame is dropped.
        """
        events: list[Event] = []
        state = self._closing.state
        if state in _READING:
            self._receive_frames(data, events)
        elif state is State.CONNECTING:
            self._receive_handshake(data, events)
        return events

    def receive_eof(self) -> list[Event]:
        """Say that nothing more comes from the peer; return the error that this is, if it is one.

        It is one without a Close frame before, whatever was going on: a RemoteProtocolError with
        the code 1006, or a HandshakeError.
        """
        events: list[Event] = []
        state = self._closing.state
        if state in _READING:
            try:
                self._decoder.finish()
                events.append(ended_without_close())
            except ProtocolError as error:
                events.append(error)
        elif state is State.CONNECTING and self._handshake is not None:
            try:
                self._handshake.receive_eof()
                events.append(HandshakeError("the stream ended before the request was answered"))
            except HandshakeError as error:
                events.append(error)
        self._closing.receive_eof()
        return events

    def _receive_handshake(self, data: Any, events: list[Event]) -> None:
        handshake = self._handshake
        assert handshake is not None
        try:
            head = handshake.receive_data(data)
        except HandshakeError as error:
            self._refuse(error)
            events.append(error)
            return
        if isinstance(head, Request):
            self.request = head
            events.append(head)
        elif isinstance(head, Response):
            self.response = head
            events.append(head)
            self._begin_frames(handshake, events)

    def _begin_frames(
        self, handshake: ServerHandshake | ClientHandshake, events: list[Event]
    ) -> None:
        self._handshake = None
        self._open(handshake.deflate, handshake.subprotocol)
        self._receive_frames(handshake.excess, events)

    def _receive_frames(self, data: Buffer, events: list[Event]) -> None:
        try:
            received = self._decoder.feed(data)
        except ProtocolError as error:
            self._take(error.completed, events)
            self._closing.fail(error.close_code, str(error))
            self._send_close_due()
            events.append(error)
        else:
            self._take(received, events)

    def _take(self, received: Iterable[tuple[Opcode, Any]], events: list[Event]) -> None:
        for opcode, payload in received:
            if opcode is _TEXT:
                events.append(TextMessage(payload))
            elif opcode is _BINARY:
                events.append(BinaryMessage(payload))
            elif opcode is _PING:
                events.append(Ping(payload))
                # Also behind our own Close frame: only the peer's ends that duty (section 5.5.2).
                if self._answer_pings:
                    self._sender.control(_PONG, payload)
            elif opcode is _PONG:
                events.append(Pong(payload))
            else:
                events.append(CloseReceived(*payload))
                self._closing.receive_close(payload)
                self._send_close_due()

    def _send_close_due(self) -> None:
        payload = self._closing.answer()
        if payload is not None:
            self._sender.control(Opcode.CLOSE, payload)

    # The server's answer

    @property
    def upgrade_error(self) -> HandshakeError | None:
        """Why a server can't accept the request, though it is a valid one; None if it can."""
        handshake = self._handshake
        return handshake.upgrade_error if isinstance(handshake, ServerHandshake) else None

    def accept(
        self, *, subprotocol: str | EllipsisType | None = ..., headers: HeadersLike = ()
    ) -> list[Event]:
        """Open the connection, RFC 6455 section 4.2.2; on a server that has got the `Request`.

        Returns what the octets that came behind the request bring. Where there is an
        `upgrade_error`, the request is rejected as that says, and the error is returned. By default
        the subprotocol is the first of the server's own that the client offers.
        """
        handshake = self._answering("accept()")
        if handshake.upgrade_error is not None:
            error = handshake.upgrade_error.again()
            self._refuse(error)
            return [error]
        self._sender.octets(handshake.accept(subprotocol=subprotocol, headers=headers))
        events: list[Event] = []
        self._begin_frames(handshake, events)
        return events

    def reject(self, status: int, *, headers: HeadersLike = (), body: bytes = b"") -> None:
        """Answer the request by another HTTP status, 200 to 599; the connection ends then.

        On a server, before `accept`. A request that doesn't ask for a WebSocket, say for a health
        check, is answered so as well.
        """
        handshake = self._answering("reject()")
        self._sender.octets(handshake.reject(status, headers=headers, body=body))
        self._closing.fail(CloseCode.PROTOCOL_ERROR)

    def _answering(self, what: str) -> ServerHandshake:
        if self._closing.state is not State.CONNECTING:
            raise refused(what, self._closing.state)
        if not isinstance(self._handshake, ServerHandshake):
            raise not_on_a_client(what)
        return self._handshake

    def _refuse(self, error: HandshakeError) -> None:
        if isinstance(self._handshake, ServerHandshake):
            self._sender.octets(self._handshake.reject_error(error))
        # No frame says so: the state is CONNECTING.
        self._closing.fail(CloseCode.PROTOCOL_ERROR)

    # What goes out

    def data_to_send(self) -> bytes:
        """Return all that is to be sent, in the order in which it was queued, and forget it."""
        return self._sender.take()

    def send_text(self, data: str | Buffer, *, fin: bool = True) -> None:
        """Queue a text message, `str` or UTF-8; with `fin=False` the next fragment of one.

        A fragment that is no `str` must have whole characters. The message ends by the call with
        `fin=True`; only control frames may stand between.
        """
        self._check_open("send_text()")
        self._sender.text(data, fin)

    def send_binary(self, data: Buffer, *, fin: bool = True) -> None:
        """Queue a binary message; with `fin=False` the next fragment of one, as in `send_text`."""
        self._check_open("send_binary()")
        self._sender.binary(data, fin)

    def send_ping(self, data: Buffer = b"") -> None:
        """Queue a Ping frame with at most 125 octets, RFC 6455 section 5.5.2."""
        self._check_open("send_ping()")
        self._sender.control(_PING, data)

    def send_pong(self, data: Buffer = b"") -> None:
        """Queue a Pong frame with at most 125 octets, RFC 6455 section 5.5.3."""
        self._check_open("send_pong()")
        self._sender.control(_PONG, data)

    def send_close(self, code: SupportsIndex = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Queue a Close frame, RFC 6455 section 5.5.1: the last frame of this end.

        `code` is 1000 to 1003, 1007 to 1014, 3000 to 4999, or 1005 for an empty frame; `reason` has
        at most 123 octets in UTF-8. Messages may still come, until the peer's Close frame does.
        """
        self._sender.control(Opcode.CLOSE, self._closing.send_close(code, reason))

    def _check_open(self, what: str) -> None:
        if self._closing.state is not State.OPEN:
            raise refused(what, self._closing.state)

    # How it stands

    @property
    def state(self) -> State:
        """Where the connection is: `wsfast.closing` has the table."""
        return self._closing.state

    @property
    def close_sent(self) -> Close | None:
        """What the Close frame of this end says; None if none was queued."""
        return self._closing.sent

    @property
    def close_received(self) -> Close | None:
        """What the peer's Close frame says; None if none has come."""
        return self._closing.received

    @property
    def close_code(self) -> int | None:
        """The connection's close code, RFC 6455 section 7.1.5: that of the peer's Close frame.

        1005 if it had none, 1006 without such a frame; None while one may come.
        """
        return self._closing.code

    @property
    def close_reason(self) -> str:
        """The connection's close reason, RFC 6455 section 7.1.6; empty where there is none."""
        return self._closing.reason

    @property
    def should_close(self) -> bool:
        """Whether this end is to close the transport, once `data_to_send` is sent.

        After the closing handshake, and after a failure, the server closes it first. The client
        waits for that, for some time at least, and calls `receive_eof` (RFC 6455 section 7.1.1).
        """
        return self._closing.should_close
