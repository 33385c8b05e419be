"""What a connection and the decoders hand out besides frames and plain messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, TypeVar

from .exceptions import ProtocolError
from .protocol import Opcode

if TYPE_CHECKING:
    from .handshake.headers import Headers

_Kind = TypeVar("_Kind")


def _own_kind(kind: type[_Kind]) -> type[_Kind]:
    """Make a named tuple equal to its own kind only: a Ping is no Pong."""

    def equal(self: Any, other: object) -> bool:
        return type(other) is kind and tuple.__eq__(self, other)

    def unequal(self: Any, other: object) -> bool:
        return type(other) is not kind or tuple.__ne__(self, other)

    for name, method in (("__eq__", equal), ("__ne__", unequal), ("__hash__", tuple.__hash__)):
        setattr(kind, name, method)
    return kind


@_own_kind
class Request(NamedTuple):
    """A client's opening handshake, RFC 6455 section 4.1, or any other HTTP request without a body.

    `target` stands as sent, percent-encoded: RFC 6455's resource name.
    """

    method: str
    target: str
    headers: Headers

    @property
    def path(self) -> str:
        """What stands before the first `?` of `target`."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """What stands behind the first `?` of `target`; empty where there is none."""
        return self.target.partition("?")[2]


@_own_kind
class Response(NamedTuple):
    """A server's opening handshake, RFC 6455 section 4.2.2, or why there is none.

    `status` is the HTTP status code, 101 when the connection is open, and `reason` its phrase,
    which may be empty. `body` is what came of it, in octets; a 101 has none.
    """

    status: int
    reason: str
    headers: Headers
    body: bytes = b""


@_own_kind
class TextMessage(NamedTuple):
    """A whole text message, RFC 6455 section 5.6: `str`, or its UTF-8 as `bytes` if so asked."""

    data: Any


@_own_kind
class BinaryMessage(NamedTuple):
    """A whole binary message, RFC 6455 section 5.6."""

    data: bytes


@_own_kind
class Ping(NamedTuple):
    """A Ping frame, RFC 6455 section 5.5.2. `data` has at most 125 octets."""

    data: bytes


@_own_kind
class Pong(NamedTuple):
    """A Pong frame, RFC 6455 section 5.5.3: of the Ping with the same data, or unsolicited."""

    data: bytes


@_own_kind
class CloseReceived(NamedTuple):
    """The peer's Close frame, RFC 6455 section 5.5.1: the last that comes from it.

    `code` is 1005 (NO_STATUS_RCVD) when the frame had no payload; `reason` is then empty.
    """

    code: int
    reason: str


#: What comes from the peer of a connection.
Event: TypeAlias = (
    Request | Response | TextMessage | BinaryMessage | Ping | Pong | CloseReceived | ProtocolError
)


class Close(NamedTuple):
    """The payload of a Close frame, RFC 6455 section 5.5.1.

    `code` is 1005 (NO_STATUS_RCVD) when the frame had no payload; `reason` is then empty.
    """

    code: int
    reason: str


class FramePart(NamedTuple):
    """What has come of one frame's payload: from a `FrameDecoder` with `partial=True`.

    `number` counts the frames of the stream from 0; `length` is the payload's length as declared
    and `offset` where `data` stands in it, both in octets; `last` marks the frame's last part.
    Control frames always come in one part.
    """

    number: int
    opcode: Opcode
    fin: bool
    rsv1: bool
    rsv2: bool
    rsv3: bool
    length: int
    offset: int
    data: bytes
    last: bool


class MessagePart(NamedTuple):
    """What has come of one message: from a `MessageDecoder` with `partial=True`.

    `offset` counts the octets of the message (of a text's UTF-8) handed out in earlier parts;
    `data` is `str`, whole characters only, or `bytes`, as the decoder's `text` says; for a Close
    frame it is a `Close`. `last` marks the message's last part, whose data may be empty. Control
    frames always come in one part.
    """

    opcode: Opcode
    offset: int
    data: Any
    last: bool


class Inflater(Protocol):
    """What a `MessageDecoder` needs to read compressed messages, RFC 7692 section 7.2.2.

    One object serves all messages of a connection, in order.
    """

    def inflate(self, data: bytes, last: bool, max_length: int | None, /) -> bytes:
        """Inflate the next piece of a message, as it came off the wire and unmasked.

        `last` is true for the message's last piece, once a message; that piece may be empty, no
        other is. At most `max_length` octets are wanted (`None`: any number): return one more
        than that, not all there are, of a message that is longer. Any exception fails the
        connection: a `ProtocolError` as it is, others with close code 1007.
        """
        ...
