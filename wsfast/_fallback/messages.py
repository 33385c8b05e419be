"""Whole messages off the wire, RFC 6455 sections 5.4 to 5.6 and 8.1."""

from __future__ import annotations

import io
from codecs import utf_8_decode
from math import inf
from typing import Any, Literal, SupportsIndex, final, overload

from ..events import Inflater, MessagePart
from ..exceptions import ProtocolError, inflate_failed, message_too_long, not_a_text_type
from ..protocol import (
    CONTROL_BIT,
    DEFAULT_MAX_MESSAGE_LENGTH,
    FIN,
    OPCODE_BITS,
    RSV1,
    Opcode,
)
from .arguments import is_server, limit, octets
from .decoder import Decoder, Item, read_close
from .header import CLOSE, OPCODES, WHOLE_BINARY, WHOLE_TEXT, Rules
from .utf8 import check_begun, text_error

_BINARY = Opcode.BINARY
_TEXT = Opcode.TEXT


@final
class MessageDecoder(Decoder[Item]):
    """Octets off the wire to whole messages and control frames, in the order of their ends.

    `side` says whose end this is: "server" expects masked frames, "client" unmasked ones. `feed`
    and `buffer_updated` return tuples of an `Opcode` and a payload: `str` for TEXT, or `bytes`
    (valid UTF-8) with `text="bytes"`; `bytes` for BINARY, PING and PONG; `Close` for CLOSE. With
    `partial=True` they return a `MessagePart` for every piece that comes of a message, in
    constant memory.

    Limits, `None` for none: `max_message_length`, octets of a message's payload, inflated if it
    is compressed; `max_payload_length`, octets of a frame's payload on the wire; `max_fragments`,
    frames of a message. What exceeds one of the lengths fails at the header that declares it.
    Text fails at the first octet that isn't UTF-8.

    `inflater`, an `Inflater`, allows compressed messages (RSV1, RFC 7692). RFC 6455 sections 5 and
    8.1.
    """

    __slots__ = (
        "_alone",
        "_assembled",
        "_begun",
        "_compressed",
        "_inflater",
        "_opcode",
        "_partial",
        "_plain_binary",
        "_plain_text",
        "_taken",
        "_text_is_str",
    )
    __module__ = "wsfast.messages"

    @overload
    def __init__(
        self: MessageDecoder[tuple[Opcode, Any]],
        side: Literal["server", "client"],
        *,
        text: Literal["str", "bytes"] = "str",
        max_message_length: SupportsIndex | None = DEFAULT_MAX_MESSAGE_LENGTH,
        max_payload_length: SupportsIndex | None = None,
        max_fragments: SupportsIndex | None = None,
        inflater: Inflater | None = None,
        partial: Literal[False] = False,
    ) -> None: ...
    @overload
    def __init__(
        self: MessageDecoder[MessagePart],
        side: Literal["server", "client"],
        *,
        text: Literal["str", "bytes"] = "str",
        max_message_length: SupportsIndex | None = DEFAULT_MAX_MESSAGE_LENGTH,
        max_payload_length: SupportsIndex | None = None,
        max_fragments: SupportsIndex | None = None,
        inflater: Inflater | None = None,
        partial: Literal[True],
    ) -> None: ...
    def __init__(
        self,
        side: Literal["server", "client"],
        *,
        text: Literal["str", "bytes"] = "str",
        max_message_length: SupportsIndex | None = DEFAULT_MAX_MESSAGE_LENGTH,
        max_payload_length: SupportsIndex | None = None,
        max_fragments: SupportsIndex | None = None,
        inflater: Inflater | None = None,
        partial: bool = False,
    ) -> None:
        server = is_server(side)
        if not isinstance(text, str) or text not in ("str", "bytes"):
            raise not_a_text_type(text)
        max_message = limit("max_message_length", max_message_length)
        max_payload = limit("max_payload_length", max_payload_length)
        rsv = 0 if inflater is None else RSV1
        super().__init__(
            Rules(server, rsv, 0, max_payload, max_message, limit("max_fragments", max_fragments)),
            collects=False,
        )
        self._text_is_str = text == "str"
        self._inflater = inflater
        self._partial = bool(partial)
        # First octets of frames whose payload is handed out as it is.
        self._plain_text = -1 if self._partial else WHOLE_TEXT
        self._plain_binary = -1 if self._partial else WHOLE_BINARY
        # The message that isn't whole: octets taken (for a compressed one, inflated), those of
        # them that begin a character, and what is to be handed out in the end.
        self._opcode = _BINARY
        self._compressed = False
        self._taken = 0
        self._begun = b""
        # Its first piece alone, and all from the second on: many a message comes in two, and to
        # join those takes the least.
        self._alone: Any = None
        self._assembled: io.StringIO | io.BytesIO | None = None

    def _whole(self, first: int, payload: bytes, completed: list[Any]) -> None:
        if first == self._plain_text:
            try:
                text = payload.decode()
            except UnicodeDecodeError as error:
                raise text_error(error, 0) from None
            completed.append((_TEXT, text if self._text_is_str else payload))
        elif first == self._plain_binary:
            completed.append((_BINARY, payload))
        elif first & CONTROL_BIT:
            opcode = OPCODES[first & OPCODE_BITS]
            data: Any = payload
            if first == CLOSE:
                data = read_close(payload)
                self._closed = True
            completed.append(
                MessagePart(opcode, 0, data, True) if self._partial else (opcode, data)
            )
        else:
            self._begin(first, len(payload))
            self._piece(first, payload, True, completed)

    def _begin(self, first: int, length: int) -> None:
        self._rules.count(first, length)
        opcode = first & OPCODE_BITS
        if opcode:
            self._opcode = OPCODES[opcode]
            self._compressed = bool(first & RSV1)
            self._only_reads = self._text_is_str and first & ~FIN == Opcode.TEXT
            self._taken = 0

    def _piece(self, first: int, piece: bytes, last: bool, completed: list[Any]) -> None:
        ended = last and first >= FIN
        if not (piece or ended):
            return
        if self._compressed:
            piece = self._inflate(piece, ended)
        data: Any = piece
        offset = self._taken
        if self._opcode is _TEXT:
            data, offset = self._read_text(piece, ended, completed)
        self._taken += len(piece)
        if self._partial:
            self._hand_out(data, offset, ended, completed)
        else:
            self._assemble(data, ended, completed)

    def _read_text(self, piece: bytes, ended: bool, completed: list[Any]) -> tuple[Any, int]:
        """What to hand out of a text's next piece, and where that begins."""
        text = self._begun + piece if self._begun else piece
        start = self._taken - len(self._begun)
        data: str | bytes = piece
        offset = self._taken
        whole = len(text)
        try:
            if self._text_is_str or not text.isascii():
                characters, whole = utf_8_decode(text, "strict", ended)
                if whole < len(text):
                    check_begun(text, whole)
                if self._text_is_str:
                    data, offset = characters, start
        except UnicodeDecodeError as error:
            # What came before the octet at fault counts, however the stream was cut.
            failure = text_error(error, start)
            if self._text_is_str:
                self._hand_out(text[: error.start].decode(), start, False, completed)
            else:
                fault = failure.position or 0
                self._hand_out(piece[: fault - offset], offset, False, completed)
            raise failure from None
        self._begun = bytes(text[whole:])
        return data, offset

    def _hand_out(self, data: Any, offset: int, ended: bool, completed: list[Any]) -> None:
        if self._partial and (data or ended):
            completed.append(MessagePart(self._opcode, offset, data, ended))

    def _assemble(self, data: Any, ended: bool, completed: list[Any]) -> None:
        if self._assembled is not None:
            self._assembled.write(data)
            if ended:
                data = self._assembled.getvalue()
                self._assembled = None
        elif self._alone is None:
            self._alone = data
        elif ended:
            data = self._alone + data
        else:
            self._assembled = io.StringIO() if isinstance(data, str) else io.BytesIO()
            self._assembled.write(self._alone)
            self._assembled.write(data)
            self._alone = None
        if ended:
            completed.append((self._opcode, data))
            self._alone = None

    def _inflate(self, piece: bytes, ended: bool) -> bytes:
        assert self._inflater is not None  # RSV1 was allowed
        limit = self._rules.max_message
        room = None if limit == inf else int(limit) - self._taken
        try:
            inflated = self._inflater.inflate(piece, ended, room)
        except ProtocolError:
            raise
        except Exception as error:
            raise inflate_failed(error) from error
        data = octets("inflated data", inflated)
        if room is not None and len(data) > room:
            raise message_too_long(self._taken + len(data), int(limit))
        return data

    def _fail(self, error: ProtocolError) -> None:
        super()._fail(error)
        self._alone = self._assembled = None
