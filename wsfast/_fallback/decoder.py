"""What FrameDecoder and MessageDecoder have in common: the read buffer, headers, payloads."""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING, Any, Generic, SupportsIndex, TypeVar

from ..events import Close
from ..exceptions import (
    ProtocolError,
    broke_off,
    buffer_is_exported,
    close_code_not_allowed,
    ended_inside_frame,
    ended_inside_message,
    in_use,
    no_buffer,
    short_close_payload,
    wrong_update,
)
from ..protocol import (
    CONTROL_BIT,
    MASKING_KEY_LENGTH,
    RECEIVE_BUFFER_LENGTH,
    CloseCode,
    is_close_code_on_the_wire,
)
from .arguments import integer, octets
from .header import Rules
from .mask import masked, masked_buffer, rotated
from .utf8 import text_error

if TYPE_CHECKING:
    from typing_extensions import Buffer

Item = TypeVar("Item")


class Decoder(Generic[Item]):
    """All but what becomes of the payloads."""

    __slots__ = (
        "_carried",
        "_closed",
        "_collected",
        "_collects",
        "_failure",
        "_first",
        "_key",
        "_left",
        "_length",
        "_lent",
        "_only_reads",
        "_owner",
        "_rules",
        "_view",
    )

    def __init__(self, rules: Rules, collects: bool) -> None:
        self._rules = rules
        # Payloads of data frames are collected and come whole, else piece by piece.
        self._collects = collects
        # Pieces are only read, and kept by nobody: they needn't be bytes, which saves a copy.
        self._only_reads = False
        self._owner = threading.Lock()
        self._closed = False
        self._failure: ProtocolError | None = None
        # What get_buffer() has lent: the memory, and the view of it.
        self._lent: bytearray | None = None
        self._view: memoryview | None = None
        # What has come of a header.
        self._carried = b""
        # The frame whose payload isn't whole: octets that are still to come, and what has come
        # of it, still masked, if it is collected.
        self._first = 0
        self._length = 0
        self._left = 0
        self._key = b""
        self._collected: io.BytesIO | None = None

    @property
    def closed(self) -> bool:
        """Whether a Close frame has come: whatever follows it is dropped."""
        return self._closed

    def feed(self, data: Buffer) -> list[Item]:
        """Take octets off the wire, cut anywhere; return what they complete, in order.

        Any C-contiguous buffer is taken, as its octets in memory order. At the first octet that
        breaks a rule of RFC 6455 or a limit, raises RemoteProtocolError, with the `close_code` to
        fail the connection with and, in `completed`, what this call had completed; every later
        call raises the same error, with nothing completed. A call while another is under way,
        from another thread or from within, is a RuntimeError. After a Close frame returns [].
        """
        self._claim()
        try:
            if self._lent is not None:
                self._take_back(self._lent)
            return self._receive(octets("data", data))
        finally:
            self._owner.release()

    def get_buffer(self, sizehint: SupportsIndex = -1) -> memoryview:
        """Lend a writable buffer for `recv_into`, of 64 KiB or more, whatever `sizehint` says.

        It stays the same until `buffer_updated`, or until `feed` takes it back. Together they are
        what `asyncio.BufferedProtocol` needs.
        """
        self._claim()
        try:
            integer("sizehint", sizehint)
            if self._lent is None:
                self._lent = bytearray(RECEIVE_BUFFER_LENGTH)
            if self._view is None:
                self._view = memoryview(self._lent)
            return self._view
        finally:
            self._owner.release()

    def buffer_updated(self, nbytes: SupportsIndex) -> list[Item]:
        """Take the first `nbytes` octets of the buffer that `get_buffer` has lent, as `feed` does.

        Without such a buffer it is a RuntimeError; `nbytes` below 0 or above its length is a
        ValueError. The buffer's view is released.
        """
        self._claim()
        try:
            if self._lent is None:
                raise no_buffer()
            count = integer("nbytes", nbytes)
            if not 0 <= count <= len(self._lent):
                raise wrong_update(count, len(self._lent))
            data = bytes(memoryview(self._lent)[:count])
            try:
                if self._view is not None:
                    self._view.release()
            except BufferError:
                # Somebody still has a view of the buffer: it is theirs, `data` is a copy.
                pass
            self._lent = self._view = None
            return self._receive(data)
        finally:
            self._owner.release()

    def finish(self) -> None:
        """Say that the stream has ended.

        Raises RemoteProtocolError if it ended inside a frame or between two frames of a message;
        not after a Close frame.
        """
        self._claim()
        try:
            if self._closed:
                return
            if self._carried or self._left:
                raise ended_inside_frame()
            if self._rules.in_message:
                raise ended_inside_message()
        finally:
            self._owner.release()

    # One call at a time.

    def _claim(self) -> None:
        if not self._owner.acquire(blocking=False):
            raise in_use(type(self).__name__)
        if self._failure is not None:
            self._owner.release()
            raise self._failure.again()

    def _take_back(self, lent: bytearray) -> None:
        try:
            if self._view is not None:
                self._view.release()
                self._view = None
            # That can't be done while anybody has a view of it.
            lent.clear()
        except BufferError:
            raise buffer_is_exported() from None
        self._lent = None

    def _receive(self, data: bytes) -> list[Item]:
        completed: list[Item] = []
        try:
            if not self._closed:
                self._take(data, completed)
        except ProtocolError as error:
            error.completed = completed
            self._fail(error)
            raise
        except BaseException as error:
            self._fail(broke_off(error))
            raise
        return completed

    def _fail(self, error: ProtocolError) -> None:
        self._failure = error.again()
        self._collected = None

    # What a decoder makes of payloads, unmasked.

    def _whole(self, first: int, payload: bytes, completed: list[Item]) -> None:
        """Take the whole of a frame."""
        raise NotImplementedError

    def _begin(self, first: int, length: int) -> None:
        """Take the header of a data frame that isn't whole, nor to be collected."""
        raise NotImplementedError

    def _piece(self, first: int, piece: bytes, last: bool, completed: list[Item]) -> None:
        """Take a piece of its payload: not an empty one; with `_only_reads`, maybe a bytearray."""
        raise NotImplementedError

    # From octets to payloads.

    def _take(self, data: bytes, completed: list[Item]) -> None:
        if self._carried:
            data = self._carried + data
            self._carried = b""
        size = len(data)
        position = self._take_payload(data, 0, completed) if self._left else 0
        rules = self._rules
        mask_bit = rules.mask_bit
        header_length = 2 + MASKING_KEY_LENGTH if mask_bit else 2
        while position < size and not self._closed:
            start = position + header_length
            if (
                start <= size
                and 0 <= (length := data[position + 1] - mask_bit) <= rules.short
                and rules.accepted[data[position]]
            ):
                first = data[position]
            else:
                header = rules.read(data, position)
                if header is None:
                    self._carried = data[position:]
                    return
                first, length, start = header
            key = data[start - MASKING_KEY_LENGTH : start] if mask_bit else b""
            position = start + length
            if position <= size:
                payload = data[start:position]
                self._whole(first, masked(payload, key) if key else payload, completed)
            else:
                self._begin_payload(first, length, key)
                self._take_payload(data, start, completed)

    def _begin_payload(self, first: int, length: int, key: bytes) -> None:
        self._first = first
        self._length = self._left = length
        self._key = key
        if self._collects or first & CONTROL_BIT:
            self._collected = io.BytesIO()
        else:
            self._begin(first, length)

    def _take_payload(self, data: bytes, start: int, completed: list[Item]) -> int:
        """Take what there is at `start` of a payload that isn't whole; return where it ends."""
        piece = data[start : start + self._left]
        if not piece:
            return start
        first = self._first
        offset = self._length - self._left
        self._left -= len(piece)
        if self._collected is not None:
            self._collected.write(piece)
            if not self._left:
                payload = self._collected.getvalue()
                self._collected = None
                self._whole(first, masked(payload, self._key) if self._key else payload, completed)
        else:
            unmasked: Any = piece
            if self._key:
                unmask = masked_buffer if self._only_reads else masked
                unmasked = unmask(piece, rotated(self._key, offset))
            self._piece(first, unmasked, not self._left, completed)
        return start + len(piece)


def read_close(payload: bytes) -> Close:
    """The close code and reason, RFC 6455 section 5.5.1, of a Close frame's payload."""
    if not payload:
        return Close(CloseCode.NO_STATUS_RCVD.value, "")
    if len(payload) == 1:
        raise short_close_payload()
    code = int.from_bytes(payload[:2], "big")
    if not is_close_code_on_the_wire(code):
        raise close_code_not_allowed(code)
    try:
        return Close(code, payload[2:].decode())
    except UnicodeDecodeError as error:
        raise text_error(error, 0) from None
