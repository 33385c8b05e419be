"""The plain case of a library's reader of messages."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

from ..exceptions import RemoteProtocolError
from ..protocol import CONTROL_BIT, FIN, MASK_BIT, MASKING_KEY_LENGTH, OPCODE_BITS, RSV1
from .header import WHOLE_BINARY, WHOLE_TEXT, Rules
from .mask import masked
from .message_queue import ReaderSettings

__all__ = ["MessageReader"]

# `_state` between two frames, `_opcode` between two messages, `_compressed` before the first.
_AT_A_HEADER = 1
_NO_OPCODE = -1
_NOT_SET = -1
# The least second octet of a masked frame.
_MASKED = bytes((MASK_BIT,))


class MessageReader:
    """The first base of a reader that fills such a queue; the library's own reader is the second.

    Both work on the same attributes. Frames that are whole and break no rule are taken here, what
    else there is goes to the library's own code: control frames, and errors. `plain` says whether
    anything is taken here. Octets are held back only at the beginning of a frame.
    """

    __slots__ = (
        "_compress",
        "_compressed",
        "_decode_text",
        "_exc",
        "_failure",
        "_frame_fin",
        "_held",
        "_max_msg_size",
        "_opcode",
        "_partial",
        "_stalled",
        "_state",
        "_tail",
        "_wanted",
        "_weak_self",
        "plain",
        "queue",
        "settings",
    )

    settings: ReaderSettings
    plain: bool
    queue: Any
    _exc: Exception | None
    _weak_self: Any
    _tail: bytes
    _partial: bytearray
    _state: int
    _opcode: int
    _compressed: int
    _frame_fin: bool
    _compress: bool
    _decode_text: bool
    _max_msg_size: int
    _handle_frame: Callable[[bool, int, bytes, int], None]
    # Octets of frames that are not complete yet, or wait for room in the queue.
    _held: bytearray | None
    # So many must be held before it is worth a look.
    _wanted: int
    # Held because the queue was full.
    _stalled: bool
    # On its way into the library's own code.
    _failure: Exception | None

    def __new__(cls, *args: Any, **named: Any) -> Any:
        reader = object.__new__(cls)
        reader.plain = reader._stalled = False
        reader._held = reader._failure = None
        reader._decode_text = True
        return reader

    def feed_data(self, data: Any) -> Any:
        """Take in what was read; returns what the library's own method does."""
        if not self.plain or type(data) is not bytes or self._exc is not None:
            return self.settings.feed_data(self, data)
        try:
            self._feed(data)
        except Exception as error:
            # It comes back as _feed_data(b"").
            self._failure = error
            return self.settings.feed_data(self, b"")
        return False, b""

    def _feed_data(self, data: bytes) -> None:
        """The same without what is to be done with exceptions."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if self.plain:
            self._feed(data)
        else:
            self.settings.parse(self, data)

    def _feed(self, data: bytes) -> None:
        if self.settings.stalls:
            self.queue._stalled_reader = None
        if self._state != _AT_A_HEADER or self._tail:
            # The library's own code is within a frame.
            self.settings.parse(self, data)
            return
        held = self._held
        if held is None:
            self._run(data)
            return
        held += data
        if (self._stalled or data) and self._is_full():
            self._stall()
            return
        self._stalled = False
        if len(held) < self._wanted:
            return
        self._held = None
        self._run(bytes(held))

    def _run(self, data: bytes) -> None:
        position = 0
        while position < len(data):
            if self._is_full():
                self._hold(data, position, 0)
                self._stall()
                return
            left = len(data) - position
            try:
                header = self._read_header(data, position)
            except RemoteProtocolError:
                size = left
            else:
                if header is None:
                    self._hold(data, position, left + 1)
                    return
                first, length, start = header
                size = start - position + length
                if self._is_for_us(first):
                    if size > left:
                        self._hold(data, position, size)
                        return
                    key = None
                    if data[position + 1] & MASK_BIT:
                        key = data[start - MASKING_KEY_LENGTH : start]
                    if self._take(first, data[start : position + size], key):
                        position += size
                        continue
            self.settings.parse(self, data[position : position + size])
            position += size

    def _is_full(self) -> bool:
        queue = self.queue
        return self.settings.stalls and bool(queue._size > queue._limit)

    def _stall(self) -> None:
        self._stalled = True
        self.queue._stalled_reader = self._weak_self

    def _hold(self, data: bytes, position: int, wanted: int) -> None:
        self._held = bytearray(data[position:])
        self._wanted = wanted

    def _read_header(self, data: bytes, position: int) -> tuple[int, int, int] | None:
        # Whether frames must be masked is not looked at by the library, either.
        is_masked = data[position + 1 : position + 2] >= _MASKED
        rsv = RSV1 if self._compress and self._begins_message() else 0
        # A message must be shorter. What is too long is so as soon as its length is there.
        longest = max(self._room() - 1, 0) if self._max_msg_size else inf
        rules = Rules(is_masked, rsv, rsv, longest)
        rules.expect(self._opcode != _NO_OPCODE, inf, inf)
        return rules.read(data, position)

    def _is_for_us(self, first: int) -> bool:
        """Whether it is a data frame that is not too long."""
        return not first & CONTROL_BIT and (not self._max_msg_size or self._room() > 0)

    def _begins_message(self) -> bool:
        """Whether the next data frame says if its message is compressed."""
        return self._frame_fin or self._compressed == _NOT_SET

    def _room(self) -> int:
        """What is left for the message of its octets, if they are limited."""
        if self._opcode == _NO_OPCODE:
            return self._max_msg_size
        return self._max_msg_size - len(self._partial)

    def _take(self, first: int, payload: bytes, key: bytes | None) -> bool:
        """Take a frame; False if there is something wrong with it."""
        settings = self.settings
        if key is not None:
            payload = masked(payload, key)
        compressed = bool(first & RSV1)
        cls, kind = settings.message, settings.binary
        content: bytes | str = payload
        if first == WHOLE_TEXT:
            kind = settings.text
            if self._decode_text:
                try:
                    content = payload.decode()
                except UnicodeDecodeError:
                    return False
            else:
                cls = settings.message_of_octets
        elif first != WHOLE_BINARY:
            if not self._begins_message():
                compressed = bool(self._compressed)
            self._compressed = int(compressed)
            self._frame_fin = bool(first & FIN)
            self._handle_frame(self._frame_fin, first & OPCODE_BITS, payload, int(compressed))
            return True
        self._compressed = 0
        self._frame_fin = True
        message = tuple.__new__(cls, (kind, content, settings.extra))
        self.queue.feed_data(message, len(payload))
        return True
