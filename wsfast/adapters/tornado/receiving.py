"""tornado: frames in."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any

from ...mask import apply_mask
from ...protocol import (
    FIN,
    LENGTH_BITS,
    LENGTH_IS_16_BIT,
    MASK_BIT,
    MASKING_KEY_LENGTH,
    MAX_CONTROL_PAYLOAD_LENGTH,
    RSV1,
    Opcode,
)
from ...utf8 import decode_text
from .._patch import Members

PROTOCOL = "tornado.websocket:WebSocketProtocol13"
RECEIVE_FRAME = f"{PROTOCOL}._receive_frame"
READ_BYTES = f"{PROTOCOL}._read_bytes"
HANDLE_MESSAGE = f"{PROTOCOL}._handle_message"
RUN_CALLBACK = "tornado.websocket:WebSocketProtocol._run_callback"
STREAM = "tornado.iostream:BaseIOStream"
STREAM_READ_BYTES = f"{STREAM}.read_bytes"
CONSUME = f"{STREAM}._consume"

_HEADER_LENGTH = 2
# A payload of so many octets is taken out of what was read by a view, not by a copy.
_WORTH_A_VIEW = 1024
# One of so many is read apart from the key: what a view shows is copied to be decoded.
_WORTH_A_READ = 1 << 18
_WHOLE_TEXT = FIN | Opcode.TEXT
_WHOLE_BINARY = FIN | Opcode.BINARY
# By the first octet of a frame that is a whole message, its opcode.
_PLAIN = {_WHOLE_TEXT: Opcode.TEXT.value, _WHOLE_BINARY: Opcode.BINARY.value}
_WITH_DEFLATE = {first | rsv1: _PLAIN[first] for first in _PLAIN for rsv1 in (0, RSV1)}


def build_receiving(originals: Members) -> Members:
    plain: Callable[[Any], Awaitable[None]] = originals[RECEIVE_FRAME]
    plain_read_bytes = originals[READ_BYTES]
    plain_handle_message = originals[HANDLE_MESSAGE]
    plain_run_callback = originals[RUN_CALLBACK]
    BaseIOStream = sys.modules["tornado.iostream"].BaseIOStream
    stream_read_bytes = originals[STREAM_READ_BYTES]
    # Up to 6.2 a stream leaves what was read in its buffer for a while.
    has_position = "_read_buffer_pos" in originals[CONSUME].__code__.co_names

    async def receive_frame(self: Any) -> None:
        """Take a frame that is a whole message; leave any other, and errors, to the original."""
        if (
            self._fragmented_message_buffer is not None
            or type(self)._read_bytes is not plain_read_bytes
        ):
            await plain(self)
            return
        stream = self.stream
        read_bytes = stream.read_bytes
        opcodes = _PLAIN if self._decompressor is None else _WITH_DEFLATE
        whole = None
        key: bytes | None = None
        payload: bytes | memoryview
        has_buffer = (
            isinstance(stream, BaseIOStream)
            and getattr(read_bytes, "__func__", None) is stream_read_bytes
            and stream._read_future is None
        )
        if has_buffer and stream._read_buffer_size >= _HEADER_LENGTH:
            whole = take_buffered(stream, opcodes, self.params.max_message_size)
        if whole is not None:
            first, key, payload, size = whole
        else:
            header = await read_bytes(_HEADER_LENGTH)
            first, second = header
            if first not in opcodes:
                await go_on(self, [header])
                return
            length = second & LENGTH_BITS
            size = _HEADER_LENGTH + length
            if length > MAX_CONTROL_PAYLOAD_LENGTH:
                extended = await read_bytes(2 if length == LENGTH_IS_16_BIT else 8)
                length = int.from_bytes(extended, "big")
                size = _HEADER_LENGTH + len(extended) + length
                if length > self.params.max_message_size:
                    await go_on(self, [header, extended])
                    return
            elif length > self.params.max_message_size:
                await go_on(self, [header])
                return
            if second < MASK_BIT:
                payload = await read_bytes(length)
            else:
                size += MASKING_KEY_LENGTH
                rest = length + MASKING_KEY_LENGTH
                if length >= _WORTH_A_READ or (has_buffer and stream._read_buffer_size < rest):
                    key = await read_bytes(MASKING_KEY_LENGTH)
                    payload = await read_bytes(length)
                else:
                    if has_buffer:
                        data = stream._consume(rest)
                        stream._maybe_add_error_listener()
                    else:
                        data = await read_bytes(rest)
                    key = data[:MASKING_KEY_LENGTH]
                    if length < _WORTH_A_VIEW:
                        payload = data[MASKING_KEY_LENGTH:]
                    else:
                        payload = memoryview(data)[MASKING_KEY_LENGTH:]

        self._wire_bytes_in += size
        if opcodes is not _PLAIN:
            self._frame_compressed = bool(first & RSV1)
        handle_message = self._handle_message
        message: Any = None
        if not self._frame_compressed and not self.client_terminated:
            try:
                if (
                    handle_message.__func__ is plain_handle_message
                    and type(self)._run_callback is plain_run_callback
                ):
                    if first == _WHOLE_TEXT:
                        message = decode_text(payload, key)
                    else:
                        message = payload if key is None else apply_mask(payload, key)
            except (AttributeError, UnicodeDecodeError):
                pass
        if message is None:
            handled = handle_message(
                opcodes[first], payload if key is None else apply_mask(payload, key)
            )
        else:
            self._message_bytes_in += len(payload)
            handled = None
            try:
                result = self.handler.on_message(message)
            except BaseException as error:
                handled = self._run_callback(raise_again, error)
            else:
                if result is not None:
                    handled = self._run_callback(lambda: result)
        if handled is not None:
            await handled

    def raise_again(error: BaseException) -> None:
        """For the original to deal with what a callback has raised: without our frame in it."""
        traceback = error.__traceback__
        raise error.with_traceback(traceback and traceback.tb_next)

    def take_buffered(
        stream: Any, opcodes: dict[int, int], max_length: int
    ) -> tuple[int, bytes | None, bytes | memoryview, int] | None:
        """The frame that the stream's buffer begins with: its first octet, key, payload and size.

        None where it is not there whole, or not one for us.
        """
        buffer = stream._read_buffer
        position = stream._read_buffer_pos if has_position else 0
        first = buffer[position]
        if first not in opcodes:
            return None
        second = buffer[position + 1]
        start = _HEADER_LENGTH
        length = second & LENGTH_BITS
        if length > MAX_CONTROL_PAYLOAD_LENGTH:
            start += 2 if length == LENGTH_IS_16_BIT else 8
            if stream._read_buffer_size < start:
                return None
            extended = buffer[position + _HEADER_LENGTH : position + start]
            length = int.from_bytes(extended, "big")
        key = None
        if second & MASK_BIT:
            key = bytes(buffer[position + start : position + start + MASKING_KEY_LENGTH])
            start += MASKING_KEY_LENGTH
        size = start + length
        if length > max_length or stream._read_buffer_size < size:
            return None
        if key is None or length >= _WORTH_A_READ:
            stream._consume(start)
            payload = stream._consume(length)
        else:
            payload = memoryview(stream._consume(size))[start:]
        stream._maybe_add_error_listener()
        return first, key, payload, size

    def go_on(protocol: Any, read: list[bytes]) -> Awaitable[None]:
        """Let the original receive a frame of whose header we have read something."""

        async def read_again(length: int) -> bytes:
            data = read.pop(0)
            protocol._wire_bytes_in += length
            if not read:
                del protocol._read_bytes
            return data

        protocol._read_bytes = read_again
        return plain(protocol)

    return {RECEIVE_FRAME: receive_frame}
