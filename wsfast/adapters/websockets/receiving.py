"""websockets: frames into `Protocol`, for its asyncio, sync, trio and sans-I/O faces."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterator
from typing import Any

from ...frames import FrameSplitter
from ...protocol import (
    FIN,
    LENGTH_BITS,
    LENGTH_IS_16_BIT,
    LENGTH_IS_64_BIT,
    MAX_HEADER_LENGTH,
    OPCODE_BITS,
    RSV1,
    RSV2,
    RSV3,
    RSV_BITS,
    Opcode,
)
from .._patch import Members, Part, SelfCheckFailed
from .._samples import CUTS, SILENT, pieces, streams
from .._source import known

# What its tests replace to see what happens when the parser breaks down.
_unpack = struct.unpack

_PARSE = "websockets.protocol:Protocol.parse"
_RECEIVE_DATA = "websockets.protocol:Protocol.receive_data"
_RECV_FRAME = "websockets.protocol:Protocol.recv_frame"
_FRAME_PARSE = "websockets.frames:Frame.parse"
_FRAME_CHECK = "websockets.frames:Frame.check"
_AT_EOF = "websockets.streams:StreamReader.at_eof"

_MIN_HEADER_LENGTH = 2
# By the 7-bit length, octets that the length has besides.
_MORE_LENGTH = {LENGTH_IS_16_BIT: 2, LENGTH_IS_64_BIT: 8}

_WHOLE_TEXT = FIN | Opcode.TEXT
_WHOLE_BINARY = FIN | Opcode.BINARY


def _limits(protocol: Any) -> tuple[bool, int | None]:
    """Whether a fragmented message is open, and how long the next frame may be."""
    current: int | None = protocol.current_size
    maximum: int | None = protocol.max_message_size
    if maximum is not None and current is not None:
        maximum -= current
    fragment: int | None = protocol.max_fragment_size
    if fragment is not None and (maximum is None or fragment < maximum):
        maximum = fragment
    return current is not None, maximum


def _limits_before_16(protocol: Any) -> tuple[bool, int | None]:
    current, maximum = protocol.cur_size, protocol.max_size
    if maximum is not None and current is not None:
        maximum -= current
    return current is not None, maximum


def _build(originals: Members) -> Members:
    frames = sys.modules["websockets.frames"]
    protocol_module = sys.modules["websockets.protocol"]
    SERVER = protocol_module.Side.SERVER
    Frame = frames.Frame
    opcodes = {int(opcode): opcode for opcode in frames.Opcode}
    # The members themselves: they are compared by identity.
    TEXT, BINARY = opcodes[Opcode.TEXT], opcodes[Opcode.BINARY]
    plain_parse: Callable[[Any], Any] = originals[_PARSE]
    plain_receive_data: Callable[[Any, Any], None] = originals[_RECEIVE_DATA]
    plain_recv_frame = originals[_RECV_FRAME]
    plain_frame_parse, plain_check = originals[_FRAME_PARSE], originals[_FRAME_CHECK]
    at_eof = originals[_AT_EOF].__code__
    new = object.__new__
    since_16 = "current_size" in plain_parse.__code__.co_names
    limits = _limits if since_16 else _limits_before_16
    # Without extensions and with: they may want any reserved bits, and Frame.check() refuses those
    # that are left.
    server_side = FrameSplitter("server").split, FrameSplitter("server", rsv=RSV_BITS).split
    client_side = FrameSplitter("client").split, FrameSplitter("client", rsv=RSV_BITS).split

    class FrameParser:
        """Stands for the generator of Protocol.parse(), and falls back on it.

        The generator does what is not plain: frames that break a rule, the end of the stream. It
        begins and ends between two frames.
        """

        __slots__ = ("extended", "generator", "protocol", "split", "wanted")

        def __init__(self, protocol: Any) -> None:
            self.protocol = protocol
            self.split, self.extended = server_side if protocol.side is SERVER else client_side
            # Octets that reader.buffer must hold before it is worth a look.
            self.wanted = 0
            self.generator: Any = None

        def __iter__(self) -> Iterator[None]:
            return self

        def __next__(self) -> None:
            """Take what is in reader.buffer, as the generator would."""
            protocol = self.protocol
            if protocol.parser is not self:
                # Called by a generator that has parsed the opening handshake, and is done.
                protocol.parser = self
            reader = protocol.reader
            if reader.eof or self.generator is not None or struct.unpack is not _unpack:
                self.fall_back()
                return
            buffer = reader.buffer
            if len(buffer) >= self.wanted:
                end, lacks = self.take(buffer, 0)
                del buffer[:end]
                self.await_more(lacks)

        def take(self, data: bytes | bytearray, end: int) -> tuple[int, int]:
            """Take the frames that `data` has from `end` on.

            Returns the offset after them, and how many octets the next one lacks at least: 0 where
            it is for the generator.
            """
            protocol = self.protocol
            split = self.extended if protocol.extensions else self.split
            while True:
                in_message, max_size = limits(protocol)
                try:
                    found, end, lacks = split(data, end, in_message, max_size)
                except Exception:
                    # A limit that it doesn't take, such as one that was lowered below what a
                    # message has already: the generator knows what to make of it.
                    return end, 0
                try:
                    for first, payload in found:
                        take_frame(protocol, first, payload, max_size)
                except Exception as error:
                    self.fail(error)
                if protocol.parser is not self:
                    # A Close, or a failure: what comes after it is discarded.
                    return len(data), 1
                if not found or end == len(data):
                    return end, lacks

        def keep(self, data: bytes, end: int, lacks: int) -> None:
            """Leave what follows the last frame taken to the generator, or to the next read."""
            if end < len(data):
                self.protocol.reader.buffer += memoryview(data)[end:]
            self.await_more(lacks)

        def await_more(self, lacks: int) -> None:
            """Wait until reader.buffer has what it lacks, or let the generator have it now."""
            length = len(self.protocol.reader.buffer)
            if length < MAX_HEADER_LENGTH and self.is_too_long(self.protocol.reader.buffer):
                lacks = 0
            if not lacks:
                self.fall_back()
            else:
                self.wanted = length + (lacks if length >= MAX_HEADER_LENGTH else 1)

        def is_too_long(self, begun: bytearray) -> bool:
            """Whether a header tells of too much, even if its masking key is not there yet."""
            if len(begun) < _MIN_HEADER_LENGTH:
                return False
            length = begun[1] & LENGTH_BITS
            more = _MORE_LENGTH.get(length)
            if more is not None:
                field = begun[_MIN_HEADER_LENGTH : _MIN_HEADER_LENGTH + more]
                if len(field) < more:
                    return False
                length = int.from_bytes(field, "big")
            max_size = limits(self.protocol)[1]
            return max_size is not None and length > max_size

        def fail(self, error: Exception) -> None:
            """Let the generator deal with an error that it would have run into itself."""
            protocol = self.protocol
            protocol.reader.discard()
            generator = plain_parse(protocol)
            next(generator)
            generator.throw(error)

        def fall_back(self) -> None:
            if self.generator is None:
                self.generator = plain_parse(self.protocol)
            next(self.generator)
            waiting = self.generator.gi_yieldfrom
            if waiting is not None and waiting.gi_code is at_eof:
                self.generator = None
                self.wanted = 0

    def take_frame(protocol: Any, first: int, payload: Any, max_size: int | None) -> None:
        frame = Frame(
            opcodes[first & OPCODE_BITS],
            payload,
            bool(first & FIN),
            bool(first & RSV1),
            bool(first & RSV2),
            bool(first & RSV3),
        )
        if protocol.extensions:
            for extension in reversed(protocol.extensions):
                frame = extension.decode(frame, max_size=max_size)
            frame.check()
        if protocol.debug:
            protocol.logger.debug("< %s", frame)
        protocol.recv_frame(frame)

    def parse(self: Any) -> Iterator[None]:
        if (
            protocol_module.Frame is not Frame
            or vars(Frame).get("parse") is not plain_frame_parse
            or Frame.check is not plain_check
        ):
            # Frames of somebody else.
            plain: Iterator[None] = plain_parse(self)
            return plain
        return FrameParser(self)

    def receive_data(self: Any, data: bytes | bytearray) -> None:
        parser = self.parser
        reader = self.reader
        if (
            type(parser) is not FrameParser
            or type(data) is not bytes
            or parser.generator is not None
            or reader.buffer
            or reader.eof
            or struct.unpack is not _unpack
        ):
            plain_receive_data(self, data)
        elif (
            # Where recv_frame() does no more with a whole message than to hand it on.
            since_16
            and self.current_size is None
            and self.max_fragment_size is None
            and not self.extensions
            and not self.debug
            and type(self).recv_frame is plain_recv_frame
            and "recv_frame" not in self.__dict__
        ):
            try:
                found, end, lacks = parser.split(data, 0, False, self.max_message_size)
            except Exception:
                found, end, lacks = [], 0, 0
            for first, payload in found:
                if first == _WHOLE_BINARY or first == _WHOLE_TEXT:
                    # As Frame() makes it, without a call: that would cost as much as all the rest.
                    frame = new(Frame)
                    frame.opcode = BINARY if first == _WHOLE_BINARY else TEXT
                    frame.data = payload
                    frame.fin = True
                    frame.rsv1 = frame.rsv2 = frame.rsv3 = False
                    self.events.append(frame)
                else:
                    # The last one found.
                    try:
                        take_frame(self, first, payload, None)
                    except Exception as error:
                        parser.fail(error)
                    if self.parser is not parser:
                        return
                    end, lacks = parser.take(data, end)
                    if self.parser is not parser:
                        return
            if end < len(data):
                parser.keep(data, end, lacks)
            else:
                parser.wanted = lacks
        else:
            end, lacks = parser.take(data, 0)
            parser.keep(data, end, lacks)

    return {_PARSE: parse, _RECEIVE_DATA: receive_data}


def _check(originals: Members, replacements: Members) -> None:
    protocol_module = sys.modules["websockets.protocol"]
    plain = protocol_module.Protocol
    members = {"parse": replacements[_PARSE], "receive_data": replacements[_RECEIVE_DATA]}
    ours = type("Protocol", (plain,), members)
    for side in protocol_module.Side:
        masked = side is protocol_module.Side.SERVER
        plain_stream, *broken = streams(masked)
        samples = [(plain_stream, cuts) for cuts in CUTS] + [
            (stream, CUTS[-1]) for stream in broken
        ]
        for stream, cuts in samples:
            if _run(ours, side, stream, cuts) != _run(plain, side, stream, cuts):
                raise SelfCheckFailed(f"frames received by a {side.name.lower()} differ")


def _run(cls: Any, side: Any, stream: bytes, cuts: tuple[int, ...]) -> list[Any]:
    """All that a protocol shows of itself while it receives a stream."""
    protocol = cls(side, max_size=2**17, logger=SILENT)
    seen: list[Any] = []
    for piece in pieces(stream, cuts):
        protocol.receive_data(piece)
        events = protocol.events_received()
        seen += [{**vars(event), "data": bytes(event.data)} for event in events]
        # What a client sends is masked by a key that nobody knows.
        seen += [sent if side.name == "SERVER" else len(sent) for sent in protocol.data_to_send()]
        seen.append((protocol.state, repr(protocol.parser_exc)))
    return seen


RECEIVING = Part(
    name="frames in",
    replaces={
        _PARSE: known("58456369a38b", "c89353666e12"),
        _RECEIVE_DATA: known("83124c8825d0", "b27da326dc5a"),
    },
    relies_on={
        _RECV_FRAME: known("5c7e70d6a289", "6e9d32f9fe5d", "7515f33f2f5d"),
        _FRAME_PARSE: known("0c9e7f5b2ded", "12d3061ce791"),
        _FRAME_CHECK: known("c0c310e919ef"),
        _AT_EOF: known("6a93c11321a4"),
        "websockets.streams:StreamReader.feed_data": known("b73be9e456f7", "b7b6695da0fc"),
        "websockets.streams:StreamReader.discard": known("d28122913af4"),
        "websockets.streams:StreamReader.read_exact": known("b2d8920282b2", "df934e79c5f6"),
    },
    build=_build,
    check=_check,
    operations=("mask",),
)
