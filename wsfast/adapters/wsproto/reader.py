"""Whole frames, and what has come of others: a stand-in for the generator of `FrameProtocol`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

from ...frames import FrameSplitter
from ...mask import apply_mask
from ...protocol import (
    CONTROL_BIT,
    FIN,
    LENGTH_BITS,
    LENGTH_IS_16_BIT,
    LENGTH_IS_64_BIT,
    MASKING_KEY_LENGTH,
    OPCODE_BITS,
    RSV1,
    RSV2,
    RSV3,
    RSV_BITS,
    Opcode,
)

WHOLE_TEXT = FIN | Opcode.TEXT
WHOLE_BINARY = FIN | Opcode.BINARY

# Octets that are taken apart at once, or else one frame that has more: many small frames take a
# multiple of their octets.
_BATCH = 2**16 + 14

# By the 7-bit length, octets that the length has besides.
_MORE_LENGTH = {LENGTH_IS_16_BIT: 2, LENGTH_IS_64_BIT: 8}

_NOTHING: Iterator[tuple[int, Any]] = iter(())

# By whether it is the client's end.
_SPLITS = (
    FrameSplitter("server", text="str").split,
    FrameSplitter("client", text="str").split,
)
# Extensions are given octets, and say themselves which reserved bits they want.
_EXTENDED_SPLITS = (
    FrameSplitter("server", rsv=RSV_BITS).split,
    FrameSplitter("client", rsv=RSV_BITS).split,
)


def build_reader(
    payload_types: tuple[Callable[[Any], Any], Callable[[Any], Any]],
    data_type: Callable[[Any], Any] | None,
) -> type[Any]:
    """The class of readers.

    `payload_types` make what this release has in its frames, at a server's end and at a client's;
    `data_type`, where it is another one, what it has in its binary messages.
    """
    library = sys.modules["wsproto.frame_protocol"]
    Buffer, no_bits = library.Buffer, library.RsvBits(False, False, False)
    XorMaskerNull, XorMaskerSimple = library.XorMaskerNull, library.XorMaskerSimple
    Frame, Header, RsvBits = library.Frame, library.Header, library.RsvBits
    opcodes = {int(opcode): opcode for opcode in library.Opcode}
    CONTINUATION, TEXT = opcodes[Opcode.CONTINUATION], opcodes[Opcode.TEXT]
    CLOSE = opcodes[Opcode.CLOSE]

    class Unmasked:
        """The masker of a payload that is no longer masked."""

        def __init__(self, client: bool) -> None:
            self.process = payload_types[client]

    maskers = Unmasked(False), Unmasked(True)

    class FrameReader:
        """Stands for the generator of _parse_more_gen().

        What it keeps of its own is not in the buffer: `ahead`, the first octets and payloads of
        whole frames, and behind them `unread`, what came to an empty buffer, from `offset` on.
        """

        __slots__ = (
            "ahead",
            "client",
            "closed",
            "decoder",
            "extended",
            "messages",
            "offset",
            "protocol",
            "split",
            "started",
            "to_data",
            "unread",
        )

        def __init__(self, protocol: Any) -> None:
            self.protocol = protocol
            self.decoder = protocol._frame_decoder
            self.messages = protocol._message_decoder
            self.client = bool(self.decoder.client)
            self.extended = bool(self.decoder.extensions)
            self.to_data = data_type or payload_types[self.client]
            self.split = (_EXTENDED_SPLITS if self.extended else _SPLITS)[self.client]
            self.ahead = _NOTHING
            self.unread: bytes | None = None
            self.offset = 0
            self.started = False
            self.closed = False

        def __iter__(self) -> Iterator[Any]:
            return self

        def __next__(self) -> Any:
            """The next frame, or None where it takes more octets."""
            if self.closed:
                raise StopIteration
            try:
                if not self.started:
                    self.started = True
                    extensions = self.protocol.extensions
                    self.protocol.extensions = [each for each in extensions if each.enabled()]
                if self.extended and self.decoder.header is not None:
                    return self.any(self.protocol._frame_decoder)
                for first, payload in self.ahead:
                    return self.frame(first, payload)
                if self.is_changed():
                    return self.any(self.protocol._frame_decoder)
                if self.fill():
                    return self.frame(*next(self.ahead))
                return self.rest()
            except BaseException:
                self.closed = True
                raise

        def fill(self) -> bool:
            """Take the frames that have come whole, and tell whether there are any."""
            decoder = self.decoder
            if self.closed or decoder.header is not None:
                return False
            buffer = decoder.buffer.buffer
            if buffer:
                self.flush()
            data: Any = buffer if self.unread is None else self.unread
            start = self.offset
            if len(data) - start <= _BATCH:
                found, end, lacks = self.split(data, start, self.messages.opcode is not None)
            else:
                found, end, lacks = self.split_some(data, start, self.messages.opcode is not None)
            if found:
                self.ahead = iter(found)
            elif lacks and not self.extended:
                end = self.begin(data, start)
            if data is buffer:
                del buffer[:end]
            elif end < len(data):
                self.offset = end
            else:
                self.unread, self.offset = None, 0
            return bool(found)

        def split_some(self, data: Any, start: int, in_message: bool) -> tuple[Any, int, int]:
            with memoryview(data) as view:
                with view[: start + _BATCH] as some:
                    found, end, lacks = self.split(some, start, in_message)
                if not found and lacks:
                    with view[: start + _BATCH + lacks] as some:
                        found, end, lacks = self.split(some, start, in_message)
            return found, end, lacks

        def begin(self, data: bytes | bytearray, start: int) -> int:
            """Take the header of a frame that breaks no rule, if that much has come.

            Returns where its payload begins, or else `start`.
            """
            if len(data) - start < 2:
                return start
            first, length = data[start], data[start + 1] & LENGTH_BITS
            end = start + 2
            more = _MORE_LENGTH.get(length, 0)
            if more:
                length = int.from_bytes(data[end : end + more], "big")
                end += more
            key = None if self.client else bytearray(data[end : end + MASKING_KEY_LENGTH])
            end += 0 if key is None else MASKING_KEY_LENGTH
            if end > len(data):
                return start
            opcode = opcodes[first & OPCODE_BITS]
            decoder = self.decoder
            decoder.masker = XorMaskerNull() if key is None else XorMaskerSimple(key)
            decoder.header = Header(bool(first & FIN), no_bits, opcode, length, None)
            decoder.effective_opcode = opcode
            decoder.payload_required = length if opcode & CONTROL_BIT else 0
            decoder.payload_consumed = 0
            return end

        def flush(self) -> None:
            """Let all that is unread be in the buffer."""
            if self.unread is not None:
                self.decoder.buffer.buffer[:0] = self.unread[self.offset :]
                self.unread, self.offset = None, 0

        def is_changed(self) -> bool:
            """Whether somebody has put something else in the place of the library's objects."""
            protocol = self.protocol
            return (
                protocol._frame_decoder is not self.decoder
                or protocol._message_decoder is not self.messages
            )

        def frame(self, first: int, payload: Any) -> Any:
            """The frame that has come whole."""
            if self.extended:
                return self.checked(self.extended_frame(first, payload))
            if first == WHOLE_TEXT:
                return Frame(TEXT, payload, True, True)
            payload = payload_types[self.client](payload)
            fin = bool(first & FIN)
            return self.checked(Frame(opcodes[first & OPCODE_BITS], payload, True, fin))

        def checked(self, frame: Any) -> Any:
            """A frame as part of a message, or as the control frame that it is."""
            opcode = frame.opcode
            if not opcode & CONTROL_BIT:
                return self.protocol._message_decoder.process_frame(frame)
            if opcode is CLOSE:
                self.closed = True
                return self.protocol._process_close(frame)
            return frame

        def extended_frame(self, first: int, payload: bytes) -> Any:
            """Let the library's own code pass a payload, no longer masked, through extensions."""
            decoder = self.decoder
            opcode = opcodes[first & OPCODE_BITS]
            rsv = RsvBits(bool(first & RSV1), bool(first & RSV2), bool(first & RSV3))
            decoder.extension_processing(opcode, rsv, len(payload))
            decoder.header = Header(bool(first & FIN), rsv, opcode, len(payload), None)
            decoder.effective_opcode = opcode
            decoder.masker = maskers[self.client]
            decoder.payload_required = decoder.payload_consumed = 0
            waiting = decoder.buffer
            decoder.buffer = Buffer(payload)
            try:
                return decoder.process_buffer()
            finally:
                decoder.buffer = waiting

        def rest(self) -> Any:
            """What else there is: a frame that breaks a rule, or what has come of one."""
            decoder = self.decoder
            if self.closed:
                return None
            header = decoder.header
            if header is not None and not self.extended and not header.opcode & CONTROL_BIT:
                return self.piece()
            return self.any(decoder)

        def any(self, decoder: Any) -> Any:
            """Whatever the library's own code finds."""
            if self.unread is not None:
                self.flush()
            frame = decoder.process_buffer()
            return None if frame is None else self.checked(frame)

        def piece(self) -> Any:
            """What has come of a data frame's payload."""
            decoder = self.decoder
            header = decoder.header
            buffer = decoder.buffer.buffer
            if buffer:
                self.flush()
            data: Any = buffer if self.unread is None else self.unread
            start = self.offset
            end = min(len(data), start + header.payload_len - decoder.payload_consumed)
            if start == end:
                return None
            masker = decoder.masker
            with memoryview(data) as view, view[start:end] as come:
                if type(masker) is XorMaskerSimple:
                    key, used = masker._masking_key, len(come) % MASKING_KEY_LENGTH
                    masker._masking_key = key[used:] + key[:used]
                    payload = apply_mask(come, key)
                else:
                    payload = (
                        data if type(data) is bytes and len(come) == len(data) else bytes(come)
                    )
            if data is buffer:
                del buffer[:end]
            elif end < len(data):
                self.offset = end
            else:
                self.unread, self.offset = None, 0
            decoder.payload_consumed += end - start
            finished = decoder.payload_consumed == header.payload_len
            frame = Frame(
                decoder.effective_opcode,
                payload_types[self.client](payload),
                finished,
                header.fin,
            )
            if finished:
                decoder.header = decoder.effective_opcode = decoder.masker = None
            else:
                decoder.effective_opcode = CONTINUATION
            return self.messages.process_frame(frame)

    return FrameReader
