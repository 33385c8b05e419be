"""websockets: its legacy face, which uvicorn's `--ws websockets` is built on."""

from __future__ import annotations

import struct
import sys
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from ...mask import apply_mask
from ...protocol import (
    FIN,
    LENGTH_BITS,
    LENGTH_IS_16_BIT,
    LENGTH_IS_64_BIT,
    MASK_BIT,
    MASKING_KEY_LENGTH,
    Opcode,
)
from ...utf8 import decode_text
from .._patch import Members, Part, SelfCheckFailed
from .._samples import TEXT as SAMPLE
from .._samples import streams
from .._source import known

_READ = "websockets.legacy.framing:Frame.read"
_READ_MESSAGE = "websockets.legacy.protocol:WebSocketCommonProtocol.read_message"

_Reader = Callable[[int], Awaitable[bytes]]

# What its tests replace to see what happens when the parser breaks down.
_unpack = struct.unpack

_LONGEST_16_BIT = 0xFFFF


def _again(header: bytes, reader: _Reader) -> _Reader:
    """A reader that begins with a header that was read already."""
    begun = [header]

    async def read(count: int) -> bytes:
        return begun.pop() if begun else await reader(count)

    return read


def _build_frames(originals: Members) -> Members:
    opcodes = sys.modules["websockets.frames"].Opcode
    whole = {FIN | Opcode.TEXT: opcodes.TEXT, FIN | Opcode.BINARY: opcodes.BINARY}
    plain_read: Callable[..., Awaitable[Any]] = originals[_READ].__func__

    async def read(
        cls: Any,
        reader: _Reader,
        *,
        mask: bool,
        max_size: int | None = None,
        extensions: Any = None,
    ) -> Any:
        header = await reader(2)
        opcode = whole.get(header[0])
        length = header[1] & LENGTH_BITS
        longest = _LONGEST_16_BIT if length == LENGTH_IS_16_BIT else length
        if (
            opcode is None
            or extensions
            or bool(header[1] & MASK_BIT) is not mask
            or length == LENGTH_IS_64_BIT
            or (max_size is not None and longest > max_size)
            or struct.unpack is not _unpack
        ):
            begun = _again(header, reader)
            return await plain_read(cls, begun, mask=mask, max_size=max_size, extensions=extensions)
        if length == LENGTH_IS_16_BIT:
            length = int.from_bytes(await reader(2), "big")
        if not mask:
            return cls(True, opcode, await reader(length))
        masking_key = await reader(MASKING_KEY_LENGTH)
        return cls(True, opcode, apply_mask(await reader(length), masking_key))

    return {_READ: classmethod(read)}


class _Begun:
    """A connection whose next data frame was read already, as far as read_message() looks at it."""

    def __init__(self, connection: Any, frame: Any) -> None:
        self.connection = connection
        self.frame = frame
        self.max_size = connection.max_size

    async def read_data_frame(self, max_size: int | None) -> Any:
        frame, self.frame = self.frame, None
        return await self.connection.read_data_frame(max_size) if frame is None else frame


def _build_messages(originals: Members) -> Members:
    opcodes = sys.modules["websockets.frames"].Opcode
    TEXT, BINARY = opcodes.TEXT, opcodes.BINARY
    plain_read_message: Callable[[Any], Awaitable[Any]] = originals[_READ_MESSAGE]

    async def read_message(self: Any) -> Any:
        frame = await self.read_data_frame(max_size=self.max_size)
        if frame is None:
            return None
        if frame.fin and type(frame.data) is bytes:
            if frame.opcode is TEXT:
                return decode_text(frame.data)
            if frame.opcode is BINARY:
                return frame.data
        return await plain_read_message(_Begun(self, frame))

    return {_READ_MESSAGE: read_message}


# Checks


def _finish(coroutine: Any) -> Any:
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise SelfCheckFailed("it waits for what is there")


def _check_frames(originals: Members, replacements: Members) -> None:
    Frame = sys.modules["websockets.legacy.framing"].Frame

    def told(read: Callable[..., Any], stream: bytes, mask: bool) -> list[Any]:
        position = 0
        seen: list[Any] = []

        async def reader(count: int) -> bytes:
            nonlocal position
            if position + count > len(stream):
                raise EOFError(f"{count} octets at {position}")
            position += count
            return stream[position - count : position]

        while True:
            try:
                frame = _finish(read(Frame, reader, mask=mask, max_size=2**17))
                seen.append((type(frame), frame))
            except Exception as error:
                return [*seen, repr(error), position]

    for mask in (True, False):
        for stream in streams(mask):
            plain = originals[_READ].__func__
            if told(replacements[_READ].__func__, stream, mask) != told(plain, stream, mask):
                raise SelfCheckFailed("frames read differ")


def _check_messages(originals: Members, replacements: Members) -> None:
    Frame = sys.modules["websockets.legacy.framing"].Frame
    opcodes = sys.modules["websockets.frames"].Opcode

    def told(read_message: Callable[..., Any], frames: list[Any]) -> object:
        left = iter(frames)

        async def read_data_frame(max_size: int | None) -> Any:
            return next(left, None)

        stub = SimpleNamespace(max_size=2**16, read_data_frame=read_data_frame)
        try:
            got = _finish(read_message(stub))
        except Exception as error:
            return repr(error)
        return type(got), got

    for payload in (SAMPLE.encode(), b"", b"cut \xf0\x9f\x8c", b"\xed\xa0\x80"):
        rest = Frame(True, opcodes(Opcode.CONTINUATION), payload[5:])
        for opcode in (opcodes.TEXT, opcodes.BINARY):
            begun = Frame(False, opcode, payload[:5])
            for frames in ([Frame(True, opcode, payload)], [begun, rest], [begun], [rest], []):
                plain = told(originals[_READ_MESSAGE], frames)
                if told(replacements[_READ_MESSAGE], frames) != plain:
                    raise SelfCheckFailed("messages made of frames differ")


FRAMES = Part(
    name="legacy frames in",
    replaces={_READ: known("ab9538f89672")},
    relies_on={"websockets.frames:Frame.check": known("c0c310e919ef")},
    build=_build_frames,
    check=_check_frames,
    operations=("mask",),
)

MESSAGES = Part(
    name="legacy messages",
    replaces={_READ_MESSAGE: known("8f182196c773", "b90d0fc341da", "8372ca383064")},
    build=_build_messages,
    check=_check_messages,
    operations=("text",),
)
