"""Frames in."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Generator
from typing import Any

from ...frames import FrameSplitter
from ...mask import apply_mask
from ...protocol import (
    FIN,
    LENGTH_BITS,
    LENGTH_IS_16_BIT,
    LENGTH_IS_64_BIT,
    MASK_BIT,
    MASKING_KEY_LENGTH,
    MAX_PAYLOAD_LENGTH,
    Opcode,
)
from ...utf8 import is_utf8
from .._patch import Members, Part, SelfCheckFailed
from .._samples import CUTS, pieces, streams
from .._source import known
from .._utf8_states import ACCEPT

_PARSING = "ws4py.framing:Frame._parsing"
_RECEIVER = "ws4py.streaming:Stream.receiver"

_WHOLE_TEXT = FIN | Opcode.TEXT
_WHOLE_BINARY = FIN | Opcode.BINARY
_EXTENDED_LENGTH = {LENGTH_IS_16_BIT: 2, LENGTH_IS_64_BIT: 8}

_Receiver = Generator[Any, Any, None]


def _build_receiving(originals: Members) -> Members:
    streaming = sys.modules["ws4py.streaming"]
    TextMessage, BinaryMessage = streaming.TextMessage, streaming.BinaryMessage
    plain_receiver: Callable[[Any], _Receiver] = originals[_RECEIVER]
    # By whether masks are expected.
    splits = (FrameSplitter("client").split, FrameSplitter("server").split)

    def receiver(self: Any) -> _Receiver:
        """Its text and binary messages of one frame, cut as it asks for them, or not at all.

        The library's own receiver does the rest. It asks for one octet at the beginning of a frame.
        """
        plain: _Receiver | None = None
        try:
            while True:
                chunk = yield 1
                if chunk is None or chunk == b"":
                    continue
                chunks: list[Any] = [chunk]
                first, payload = yield from receive(self, chunks)
                if payload is not None and deliver(self, first, payload):
                    del chunks, chunk, payload
                    continue
                if plain is None:
                    plain = plain_receiver(self)
                    next(plain)
                wanted = 1
                for chunk in chunks:
                    wanted = plain.send(chunk)
                del chunks, chunk, payload
                while wanted != 1 or not is_done(self.message) or not is_between(plain):
                    wanted = plain.send((yield wanted))
        except GeneratorExit:
            if plain is not None:
                plain.close()
            self._cleanup()

    def receive(stream: Any, chunks: list[Any]) -> Generator[int, Any, tuple[int, bytes | None]]:
        """Receive a frame; gathers its octets. Without a payload it is for the library's own."""
        chunk = chunks[0]
        if type(chunk) is not bytes or not is_done(stream.message):
            return 0, None
        expects_mask = bool(stream.expect_masking)
        first = chunk[0]
        if first != _WHOLE_TEXT and first != _WHOLE_BINARY:
            return 0, None
        if len(chunk) > 2:
            # The library drops what comes after the frame.
            found, end, _ = splits[expects_mask](chunk)
            if len(found) != 1 or end != len(chunk):
                return 0, None
            whole: tuple[int, Any] = found[0]
            return whole
        if len(chunk) == 1:
            chunk = yield 1
            chunks.append(chunk)
            if type(chunk) is not bytes or len(chunk) != 1:
                return 0, None
        second = chunk[-1]
        if bool(second & MASK_BIT) != expects_mask:
            return 0, None
        length = second & LENGTH_BITS
        if length in _EXTENDED_LENGTH:
            wanted = _EXTENDED_LENGTH[length]
            chunk = yield wanted
            chunks.append(chunk)
            if type(chunk) is not bytes or len(chunk) != wanted:
                return 0, None
            length = int.from_bytes(chunk, "big")
            if length > MAX_PAYLOAD_LENGTH:
                return 0, None
        key = b""
        if expects_mask:
            key = yield MASKING_KEY_LENGTH
            chunks.append(key)
            if type(key) is not bytes or len(key) != MASKING_KEY_LENGTH:
                return 0, None
        start = len(chunks)
        while length:
            chunk = yield length
            chunks.append(chunk)
            if type(chunk) is not bytes or len(chunk) > length:
                return 0, None
            length -= len(chunk)
        payload = chunk if len(chunks) == start + 1 else b"".join(chunks[start:])
        return first, apply_mask(payload, key) if key else payload

    def is_done(message: Any) -> bool:
        """Whether it is complete; where nobody took it, the library's own code decodes it again."""
        if message is None:
            return True
        if not message.completed or type(message.data) is not bytes:
            return False
        kind = type(message)
        return kind is BinaryMessage or (kind is TextMessage and is_utf8(message.data))

    def deliver(stream: Any, first: int, payload: bytes) -> bool:
        if first == _WHOLE_BINARY:
            message = streaming.BinaryMessage(payload)
        elif is_utf8(payload):
            message = streaming.TextMessage(payload)
        else:
            return False
        message.completed = True
        stream.message = message
        return True

    return {_RECEIVER: receiver}


def is_between(receiver: Any) -> bool:
    """Whether the library's own receiver has no frame begun, and its validator no text."""
    found = receiver.gi_frame.f_locals
    between: bool = found["frame"].opcode is None and found["utf8validator"].state == ACCEPT
    return between


def _check_receiving(originals: Members, replacements: Members) -> None:
    plain = sys.modules["ws4py.streaming"].Stream
    ours = type("Stream", (plain,), {"receiver": replacements[_RECEIVER]})
    for masked in (True, False):
        for stream, cuts in itertools.product(streams(masked), (*CUTS, None)):
            if _run(ours, masked, stream, cuts) != _run(plain, masked, stream, cuts):
                raise SelfCheckFailed("frames received differ")


def _run(cls: Any, masked: bool, octets: bytes, cuts: tuple[int, ...] | None) -> list[Any]:
    """All that a stream shows of itself, fed piece by piece or, without cuts, with what it asks."""
    stream = cls(expect_masking=masked)
    seen: list[Any] = []
    wanted = 2
    parts = pieces(octets, cuts or ())
    while parts:
        if cuts is None and wanted < len(parts[0]):
            parts = [parts[0][:wanted], parts[0][wanted:]]
        try:
            wanted = stream.parser.send(parts.pop(0)) or 2
        except ValueError as error:
            seen.append(repr(error))
            break
        message = stream.message
        if message is not None:
            seen.append((type(message), message.data, message.completed))
            if message.completed and len(seen) % 3:
                stream.message = None
        seen.append(wanted)
        seen += [[frame.data for frame in found] for found in (stream.pings, stream.pongs)]
        seen.append([(error.code, error.reason) for error in stream.errors])
        seen.append(stream.closing and (stream.closing.code, stream.closing.reason))
    stream.parser.close()
    seen.append((stream.message, stream.errors))
    return seen


RECEIVING = Part(
    name="frames in",
    replaces={_RECEIVER: known("5a078a7c2122")},
    relies_on={
        "ws4py.streaming:Stream._cleanup": known("b5cc22993920"),
        "ws4py.streaming:Stream.parser": known("3b7fd243693b"),
        "ws4py.framing:Frame.__init__": known("180357a8390c"),
        _PARSING: known("3ab67be412fc"),
        "ws4py.messaging:TextMessage.__init__": known("d38d8a3b948a"),
        "ws4py.messaging:BinaryMessage.__init__": known("da21328eaae7"),
        "ws4py.messaging:Message.__init__": known("6928cff5cfb7"),
        "ws4py.messaging:Message.completed": known("f3fd4158da61"),
    },
    build=_build_receiving,
    check=_check_receiving,
    operations=("mask", "utf8"),
)
