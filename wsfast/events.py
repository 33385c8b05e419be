"""What the decoders hand out besides frames and plain messages."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from .protocol import Opcode


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
