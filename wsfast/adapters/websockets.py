"""websockets: frames in and out of `Protocol`, for its asyncio, sync, trio and sans-I/O faces."""

from __future__ import annotations

import itertools
import secrets
import struct
import sys
from collections.abc import Callable, Generator, Iterator
from typing import Any

from ..frames import FrameSplitter, encode_frame
from ..protocol import FIN, MASK_BIT, OPCODE_BITS, RSV1, RSV2, RSV3, RSV_BITS, Opcode
from ._patch import Adapter, Members, Part, SelfCheckFailed
from ._samples import CUTS, SILENT, pieces, streams
from ._source import known

# What its tests replace to see what happens when a key is known, or when the parser breaks down.
_token_bytes = secrets.token_bytes
_unpack = struct.unpack

_PARSE = "websockets.protocol:Protocol.parse"
_RECEIVE_DATA = "websockets.protocol:Protocol.receive_data"
_RECV_FRAME = "websockets.protocol:Protocol.recv_frame"
_AT_EOF = "websockets.streams:StreamReader.at_eof"
_SERIALIZE = "websockets.frames:Frame.serialize"

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


def _build_receiving(originals: Members) -> Members:
    frames = sys.modules["websockets.frames"]
    protocol_module = sys.modules["websockets.protocol"]
    Frame = frames.Frame
    opcodes = {int(opcode): opcode for opcode in frames.Opcode}
    TEXT, BINARY = opcodes[Opcode.TEXT], opcodes[Opcode.BINARY]
    SERVER = protocol_module.Side.SERVER
    plain_parse: Callable[[Any], Generator[None, None, None]] = originals[_PARSE]
    plain_receive_data: Callable[[Any, Any], None] = originals[_RECEIVE_DATA]
    plain_recv_frame = originals[_RECV_FRAME]
    at_eof = originals[_AT_EOF].__code__
    limits = _limits if "current_size" in plain_parse.__code__.co_names else _limits_before_16
    # By whether there are extensions: they may want any reserved bits, and Frame.check() refuses
    # those that are left.
    server_side = (
        FrameSplitter("server").split,
        FrameSplitter("server", rsv=RSV_BITS).split,
    )
    client_side = (
        FrameSplitter("client").split,
        FrameSplitter("client", rsv=RSV_BITS).split,
    )

    class FrameParser:
        """Stands for the generator of Protocol.parse(), and falls back on it.

        The generator does what is not plain: frames that break a rule, the end of the stream. It
        begins and ends between two frames.
        """

        __slots__ = ("generator", "protocol", "splits", "wanted")

        def __init__(self, protocol: Any) -> None:
            self.protocol = protocol
            self.splits = server_side if protocol.side is SERVER else client_side
            # Octets that reader.buffer must hold before it is worth a look.
            self.wanted = 0
            self.generator: Generator[None, None, None] | None = None

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
                end, lacks = self.take(buffer)
                del buffer[:end]
                self.wanted = len(buffer) + lacks
                if not lacks:
                    self.fall_back()

        def take(self, data: bytes | bytearray) -> tuple[int, int]:
            """Take the frames that `data` begins with.

            Returns how many octets they had, and how many the next one lacks at least: 0 where it
            is for the generator.
            """
            protocol = self.protocol
            split = self.splits[bool(protocol.extensions)]
            end = 0
            while True:
                in_message, max_size = limits(protocol)
                found, end, lacks = split(data, end, in_message, max_size)
                if not found:
                    return end, lacks
                try:
                    if (
                        protocol.extensions
                        or protocol.debug
                        or getattr(protocol.recv_frame, "__func__", None) is not plain_recv_frame
                    ):
                        take_each(protocol, found, max_size)
                    else:
                        events = protocol.events
                        for first, payload in found:
                            if first == _WHOLE_BINARY:
                                events.append(Frame(BINARY, payload))
                            elif first == _WHOLE_TEXT:
                                events.append(Frame(TEXT, payload))
                            else:
                                protocol.recv_frame(new_frame(first, payload))
                except Exception as error:
                    self.fail(error)
                if protocol.parser is not self:
                    # A Close, or a failure: what comes after it is discarded.
                    return len(data), 1
                if end == len(data):
                    return end, lacks

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
            if waiting is not None and waiting.gi_code is at_eof:  # type: ignore[attr-defined]
                self.generator = None
                self.wanted = 0

    def new_frame(first: int, payload: bytes) -> Any:
        return Frame(
            opcodes[first & OPCODE_BITS],
            payload,
            bool(first & FIN),
            bool(first & RSV1),
            bool(first & RSV2),
            bool(first & RSV3),
        )

    def take_each(protocol: Any, found: list[tuple[int, Any]], max_size: int | None) -> None:
        for first, payload in found:
            frame = new_frame(first, payload)
            for extension in reversed(protocol.extensions):
                frame = extension.decode(frame, max_size=max_size)
            frame.check()
            if protocol.debug:
                protocol.logger.debug("< %s", frame)
            protocol.recv_frame(frame)

    def parse(self: Any) -> Iterator[None]:
        return FrameParser(self)

    def receive_data(self: Any, data: bytes | bytearray) -> None:
        parser = self.parser
        if type(parser) is FrameParser and type(data) is bytes:
            reader = self.reader
            if (
                not reader.buffer
                and not reader.eof
                and parser.generator is None
                and struct.unpack is _unpack
            ):
                end, lacks = parser.take(data)
                if end < len(data):
                    reader.buffer += memoryview(data)[end:]
                parser.wanted = len(data) - end + lacks
                if not lacks:
                    parser.fall_back()
                return
        plain_receive_data(self, data)

    return {_PARSE: parse, _RECEIVE_DATA: receive_data}


def _build_sending(originals: Members) -> Members:
    Frame = sys.modules["websockets.frames"].Frame
    plain_serialize: Callable[..., bytes] = originals[_SERIALIZE]

    def serialize(self: Any, *, mask: bool, extensions: Any = None) -> bytes:
        if type(self) is not Frame or (mask and secrets.token_bytes is not _token_bytes):
            return plain_serialize(self, mask=mask, extensions=extensions)
        self.check()
        frame = self
        if extensions is not None:
            for extension in extensions:
                frame = extension.encode(frame)
        data = frame.data
        if type(data) is not bytes and not _is_octets(data):
            # Its errors, or a copy of what is not contiguous.
            return plain_serialize(frame, mask=mask)
        if frame.fin and not (frame.rsv1 or frame.rsv2 or frame.rsv3):
            return encode_frame(frame.opcode, data, mask=mask)
        return encode_frame(
            frame.opcode,
            data,
            mask=mask,
            fin=frame.fin,
            rsv1=frame.rsv1,
            rsv2=frame.rsv2,
            rsv3=frame.rsv3,
        )

    return {_SERIALIZE: serialize}


def _is_octets(data: object) -> bool:
    return type(data) is bytearray or (type(data) is memoryview and data.c_contiguous)


def _check_receiving(originals: Members, replacements: Members) -> None:
    protocol_module = sys.modules["websockets.protocol"]
    plain = protocol_module.Protocol
    members = {"parse": replacements[_PARSE], "receive_data": replacements[_RECEIVE_DATA]}
    ours = type("Protocol", (plain,), members)
    for side in protocol_module.Side:
        masked = side is protocol_module.Side.SERVER
        for stream, cuts in itertools.product(streams(masked), CUTS):
            if _run(ours, side, stream, cuts) != _run(plain, side, stream, cuts):
                raise SelfCheckFailed(f"frames received by a {side.name.lower()} differ")


def _run(cls: Any, side: Any, stream: bytes, cuts: tuple[int, ...]) -> list[Any]:
    """All that a protocol shows of itself while it receives a stream."""
    protocol = cls(side, max_size=2**17, logger=SILENT)
    seen: list[Any] = []
    for piece in pieces(stream, cuts):
        protocol.receive_data(piece)
        events = protocol.events_received()
        seen += [(event.opcode, bytes(event.data), event.fin) for event in events]
        # What a client sends is masked by a key that nobody knows.
        seen += [sent if side.name == "SERVER" else len(sent) for sent in protocol.data_to_send()]
        seen.append((protocol.state, repr(protocol.parser_exc)))
    return seen


def _check_sending(originals: Members, replacements: Members) -> None:
    frames = sys.modules["websockets.frames"]
    plain, ours = originals[_SERIALIZE], replacements[_SERIALIZE]
    for opcode, length in itertools.product((0, 1, 2), (0, 125, 126, 2**16)):
        frame = frames.Frame(frames.Opcode(opcode), bytes(length), opcode != 0)
        expected = bytearray(plain(frame, mask=False))
        if ours(frame, mask=False) != expected:
            raise SelfCheckFailed(f"an unmasked frame of {length} octets differs")
        masked = ours(frame, mask=True)
        header = len(expected) - length
        key = masked[header : header + 4]
        expected[1] |= MASK_BIT
        expected[header:] = key + frames.apply_mask(bytes(length), key)
        if masked != expected:
            raise SelfCheckFailed(f"a masked frame of {length} octets differs")


ADAPTER = Adapter(
    name="websockets",
    package="websockets",
    versions=("15.0", "18"),
    parts=(
        Part(
            name="frames in",
            replaces={
                _PARSE: known("58456369a38b", "c89353666e12"),
                _RECEIVE_DATA: known("83124c8825d0", "b27da326dc5a"),
            },
            relies_on={
                _RECV_FRAME: known("5c7e70d6a289", "6e9d32f9fe5d", "7515f33f2f5d"),
                "websockets.frames:Frame.parse": known("0c9e7f5b2ded", "12d3061ce791"),
                "websockets.frames:Frame.check": known("c0c310e919ef"),
                _AT_EOF: known("6a93c11321a4"),
                "websockets.streams:StreamReader.feed_data": known("b73be9e456f7", "b7b6695da0fc"),
                "websockets.streams:StreamReader.discard": known("d28122913af4"),
                "websockets.streams:StreamReader.read_exact": known("b2d8920282b2", "df934e79c5f6"),
            },
            build=_build_receiving,
            check=_check_receiving,
            operations=("mask",),
        ),
        Part(
            name="frames out",
            replaces={_SERIALIZE: known("e7ed51572dbb", "f7a5bf484e05")},
            relies_on={"websockets.frames:Frame.check": known("c0c310e919ef")},
            build=_build_sending,
            check=_check_sending,
            operations=("mask",),
        ),
    ),
)
