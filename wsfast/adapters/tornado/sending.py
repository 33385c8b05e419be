"""tornado: frames and messages out."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial
from typing import Any

from ...frames import encode_frame
from ...protocol import (
    LENGTH_BITS,
    LENGTH_IS_16_BIT,
    MAX_CONTROL_PAYLOAD_LENGTH,
    RSV1,
    Opcode,
)
from .._patch import Members
from .receiving import PROTOCOL

WRITE_FRAME = f"{PROTOCOL}._write_frame"
WRITE_MESSAGE = f"{PROTOCOL}.write_message"

# What somebody replaces who wants to know a key.
_urandom = os.urandom

_DATA_OPCODES = frozenset(map(int, (Opcode.CONTINUATION, Opcode.TEXT, Opcode.BINARY)))


def build_sending(originals: Members) -> Members:
    plain: Callable[..., Any] = originals[WRITE_FRAME]
    plain_message: Callable[..., Any] = originals[WRITE_MESSAGE]

    def write_frame(self: Any, fin: bool, opcode: int, data: bytes, flags: int = 0) -> Any:
        mask = bool(self.mask_outgoing)
        if (
            type(data) is not bytes
            or opcode not in _DATA_OPCODES
            or (mask and os.urandom is not _urandom)
        ):
            return plain(self, fin, opcode, data, flags)
        if fin and not flags:
            frame = encode_frame(opcode, data, mask=mask)
        elif flags in (0, RSV1):
            frame = encode_frame(opcode, data, mask=mask, fin=bool(fin), rsv1=bool(flags))
        else:
            return plain(self, fin, opcode, data, flags)
        self._wire_bytes_out += len(frame)
        return self.stream.write(frame)

    def write_message(self: Any, message: Any, binary: bool = False) -> Any:
        mask = bool(self.mask_outgoing)
        if (
            (type(message) is not bytes and (binary or type(message) is not str))
            or self._compressor
            or (mask and os.urandom is not _urandom)
            or getattr(self._write_frame, "__func__", None) is not write_frame
        ):
            return plain_message(self, message, binary)
        try:
            frame = encode_frame(Opcode.BINARY if binary else Opcode.TEXT, message, mask=mask)
        except UnicodeEncodeError:
            return plain_message(self, message, binary)
        self._message_bytes_out += _payload_length(frame)
        self._wire_bytes_out += len(frame)
        try:
            written = self.stream.write(frame)
        except Exception as error:
            return answer(self, partial(_fail, error))
        if type(written) is asyncio.Future and written.done() and not written.cancelled():
            loop = asyncio._get_running_loop()
            if loop is not None and written.exception() is None:
                # As the original, it lets others run when it is awaited.
                done = loop.create_future()
                loop.call_soon(_set_done, done)
                return done
        return answer(self, lambda *arguments, **options: written)

    def answer(protocol: Any, write_frame: Callable[..., Any]) -> Any:
        """Let the original make its future, and its errors, of what the stream has answered."""
        protocol._write_frame = write_frame
        try:
            return plain_message(protocol, b"")
        finally:
            del protocol._write_frame

    return {WRITE_FRAME: write_frame, WRITE_MESSAGE: write_message}


def _payload_length(frame: bytes) -> int:
    second = frame[1]
    length = second & LENGTH_BITS
    if length <= MAX_CONTROL_PAYLOAD_LENGTH:
        return length
    return int.from_bytes(frame[2:4] if length == LENGTH_IS_16_BIT else frame[2:10], "big")


def _fail(error: Exception, *arguments: Any, **options: Any) -> None:
    raise error


def _set_done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
