"""Frames in: `FrameProtocol`'s parser, message assembly, and the events of `Connection`."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from typing import Any

from ...frames import encode_frame
from ...protocol import Opcode
from .._patch import Members, Part, SelfCheckFailed
from .._samples import CUTS, KEY, pieces, streams
from .._source import fingerprint, known
from .reader import WHOLE_BINARY, WHOLE_TEXT, build_reader

_FRAMES = "wsproto.frame_protocol:"
_PARSE_MORE = _FRAMES + "FrameProtocol._parse_more_gen"
_PROCESS_BUFFER = _FRAMES + "FrameDecoder.process_buffer"
_INBOUND_HEADER = "wsproto.extensions:PerMessageDeflate.frame_inbound_header"
_RECEIVE_DATA = "wsproto.connection:Connection.receive_data"
_EVENTS = "wsproto.connection:Connection.events"

_PROCESS_BUFFER_GIVES_BYTES = "ba74d26903fe"
_EVENTS_GIVE_BYTEARRAY = "8b03676a00c7"


def _build(originals: Members) -> Members:
    library = sys.modules["wsproto.frame_protocol"]
    connection = sys.modules["wsproto.connection"]
    FrameProtocol, ParseFailed = library.FrameProtocol, library.ParseFailed
    FrameDecoder, MessageDecoder = library.FrameDecoder, library.MessageDecoder
    Connection, ConnectionState = connection.Connection, connection.ConnectionState
    OPEN = ConnectionState.OPEN
    CloseConnection, Ping, Pong = connection.CloseConnection, connection.Ping, connection.Pong
    TextMessage, BytesMessage = connection.TextMessage, connection.BytesMessage
    TEXT, CLOSE = library.Opcode(Opcode.TEXT), library.Opcode(Opcode.CLOSE)
    PING, PONG = library.Opcode(Opcode.PING), library.Opcode(Opcode.PONG)
    plain_parse_more: Callable[[Any], Iterator[Any]] = originals[_PARSE_MORE]
    plain_receive_data: Callable[[Any, Any], None] = originals[_RECEIVE_DATA]
    plain_events: Callable[[Any], Iterator[Any]] = originals[_EVENTS]
    # At a server's end, and at a client's.
    payload_types: tuple[Callable[[Any], Any], Callable[[Any], Any]] = (bytes, bytes)
    if fingerprint(originals[_PROCESS_BUFFER]) != _PROCESS_BUFFER_GIVES_BYTES:
        payload_types = (_bytes_unless_empty, bytearray)
    # Of binary messages, where it isn't the frame's.
    data_type = bytearray if fingerprint(plain_events) == _EVENTS_GIVE_BYTEARRAY else None
    FrameReader = build_reader(payload_types, data_type)

    def parse_more(self: Any) -> Iterator[Any]:
        if (
            type(self) is FrameProtocol
            and type(self._frame_decoder) is FrameDecoder
            and type(self._message_decoder) is MessageDecoder
        ):
            reader: Iterator[Any] = FrameReader(self)
            return reader
        return plain_parse_more(self)

    def receive_data(self: Any, data: Any) -> None:
        if type(data) is bytes and self._state is OPEN and type(self) is Connection:
            reader = self._proto._parse_more
            if type(reader) is FrameReader and not reader.extended and not reader.is_changed():
                buffer = reader.decoder.buffer.buffer
                if data and not buffer and reader.unread is None:
                    reader.unread = data
                else:
                    buffer += data
                return
        plain_receive_data(self, data)

    def events(self: Any) -> Iterator[Any]:
        reader = self._proto._parse_more
        if type(reader) is not FrameReader or reader.extended or reader.is_changed():
            return plain_events(self)
        return events_of(self, reader)

    def events_of(self: Any, reader: Any) -> Iterator[Any]:
        while self._events:
            yield self._events.popleft()
        buffer = reader.decoder.buffer.buffer
        try:
            while True:
                for first, payload in reader.ahead:
                    if first == WHOLE_TEXT:
                        yield TextMessage(payload)
                    elif first == WHOLE_BINARY:
                        yield BytesMessage(reader.to_data(payload))
                    else:
                        yield event_of(self, reader.frame(first, payload))
                if reader.unread is None and not buffer:
                    return
                if not reader.fill():
                    frame = reader.rest()
                    if frame is None:
                        return
                    yield event_of(self, frame)
        except ParseFailed as error:
            reader.closed = True
            yield CloseConnection(code=error.code, reason=str(error))

    def event_of(self: Any, frame: Any) -> Any:
        opcode, payload, frame_finished, message_finished = frame
        if opcode is TEXT:
            return TextMessage(payload, frame_finished, message_finished)
        if opcode is PING:
            return Ping(payload)
        if opcode is PONG:
            return Pong(payload)
        if opcode is CLOSE:
            closing = self.state is ConnectionState.LOCAL_CLOSING
            self._state = ConnectionState.CLOSED if closing else ConnectionState.REMOTE_CLOSING
            code, reason = payload
            return CloseConnection(code=code, reason=reason)
        if data_type is not None:
            payload = data_type(payload)
        return BytesMessage(payload, frame_finished, message_finished)

    return {_PARSE_MORE: parse_more, _RECEIVE_DATA: receive_data, _EVENTS: events}


def _bytes_unless_empty(payload: Any) -> bytes | bytearray:
    return bytes(payload) or bytearray()


def _check(originals: Members, replacements: Members) -> None:
    connection = sys.modules["wsproto.connection"]
    for side in connection.ConnectionType:
        masked = side is connection.ConnectionType.SERVER
        for stream, cuts in itertools.product(streams(masked), CUTS):
            if _run(originals, side, stream, cuts) != _run(replacements, side, stream, cuts):
                raise SelfCheckFailed(f"events of a {side.name.lower()} differ")
        deflated = encode_frame(
            Opcode.BINARY,
            bytes.fromhex("f248cdc9c90700"),
            mask=masked,
            rsv1=True,
            masking_key=KEY if masked else None,
        )
        for stream in (deflated + deflated, deflated + streams(masked)[1]):
            if _run(originals, side, stream, (), True) != _run(
                replacements, side, stream, (), True
            ):
                raise SelfCheckFailed(f"events of a {side.name.lower()} with extensions differ")


def _run(
    members: Members, side: Any, stream: bytes, cuts: tuple[int, ...], deflate: bool = False
) -> list[Any]:
    """All that a connection shows of itself while it receives a stream."""
    extensions = []
    if deflate:
        extensions.append(sys.modules["wsproto.extensions"].PerMessageDeflate())
        extensions[0].finalize("permessage-deflate")
    connection = sys.modules["wsproto.connection"].Connection(side, extensions)
    connection._proto._parse_more = members[_PARSE_MORE](connection._proto)
    seen: list[Any] = []
    for piece in pieces(stream, cuts):
        if connection.state.name == "OPEN":
            members[_RECEIVE_DATA](connection, piece)
        for event in members[_EVENTS](connection):
            values = vars(event)
            seen += [type(event), values, [type(value) for value in values.values()]]
            seen.append(connection.state)
    return seen


FRAMES_IN = Part(
    name="frames in",
    replaces={
        _PARSE_MORE: known("6735209208f0", "b8a78d1702db"),
        _RECEIVE_DATA: known("9045211340dc", "20b75a2ae6f3"),
        _EVENTS: known("8aa55fc92b90", _EVENTS_GIVE_BYTEARRAY, "fa84c3c9aa78"),
    },
    relies_on={
        _PROCESS_BUFFER: known("e975866751fc", _PROCESS_BUFFER_GIVES_BYTES),
        _FRAMES + "XorMaskerSimple.__init__": known("fe63e048d404", "488ee21d38a9"),
        _FRAMES + "XorMaskerSimple.process": known("e69e1b75a97b", "27332878cb91"),
        _FRAMES + "Buffer": known("a64928d3d2a1", "f1026c2932ae"),
        _FRAMES + "MessageDecoder.__init__": known("f135265e90bd", "58a4d9f99ff5"),
        _FRAMES + "MessageDecoder.process_frame": known("3e505200d812", "9408762ae86f"),
        _FRAMES + "FrameDecoder.__init__": known("ac4ad28156d6", "6c2dfeb6dc86"),
        _FRAMES + "FrameDecoder.receive_bytes": known("9a45b84a5ecf"),
        _FRAMES + "FrameDecoder.parse_header": known("69eaadd66ed1", "b14e9a1e8502"),
        _FRAMES + "FrameDecoder.parse_extended_payload_length": known(
            "c65ff0de898b", "b92cc5cd896e"
        ),
        _FRAMES + "FrameDecoder.extension_processing": known("d375013a54a3", "9d22ebfe1008"),
        _FRAMES + "FrameProtocol.__init__": known("b348dacb88e5", "bfe341e4fa75"),
        _FRAMES + "FrameProtocol._process_close": known("476d390bf353", "468343f79668"),
        _FRAMES + "FrameProtocol.receive_bytes": known("40b1706427d3"),
        _FRAMES + "FrameProtocol.received_frames": known("1ec426717620"),
        "wsproto.connection:Connection.__init__": known("2b22170cafb0", "db21041c00ac"),
        "wsproto.connection:Connection.state": known("eed66bcdfa1d"),
        _INBOUND_HEADER: known("7ee6f97adf73", "f5ec02f1f012"),
    },
    build=_build,
    check=_check,
    operations=("mask", "text"),
)
