"""websockets: its asyncio connection, around the protocol."""

from __future__ import annotations

import secrets
import sys
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from ...frames import encode_frame
from ...protocol import Opcode
from .._patch import Members, Part, SelfCheckFailed
from .._samples import TEXT as SAMPLE
from .._source import known
from .sending import SENDING, token_bytes

_CONNECTION = "websockets.asyncio.connection:Connection"
_SEND = f"{_CONNECTION}.send"
_DATA_RECEIVED = f"{_CONNECTION}.data_received"
_PROCESS_EVENT = f"{_CONNECTION}.process_event"
_SERIALIZE = "websockets.frames:Frame.serialize"
_PUT = "websockets.asyncio.messages:Assembler.put"

# What is taken a short way around, if nobody has put anything else in its place: by both, and by
# send().
_BYPASSED_BY_BOTH = {
    f"{_CONNECTION}.send_data": known("a16389388e41", "6c2a6fcc2407"),
    "websockets.protocol:Protocol.data_to_send": known("63e24bfd0336"),
    "websockets.protocol:Protocol.close_expected": known("08f9fe032f8a"),
}
_BYPASSED = {
    **_BYPASSED_BY_BOTH,
    f"{_CONNECTION}.send_context": known("beb6c00b424d"),
    f"{_CONNECTION}.drain": known("07d00285a530", "4eb54d08652f"),
    "websockets.protocol:Protocol.send_text": known("8fe2d68056d2", "77c927f46d0d"),
    "websockets.protocol:Protocol.send_binary": known("bb11646f0bb3", "c3fafeb4ae16"),
    "websockets.protocol:Protocol.send_frame": known("17c1dc9ec2c0"),
    _SERIALIZE: SENDING.replaces[_SERIALIZE],
}


def _is_since_16() -> str | None:
    send = vars(sys.modules["websockets.asyncio.connection"].Connection).get("send")
    names = getattr(getattr(send, "__code__", None), "co_names", ())
    return "for websockets 16 and above" if "fragmented_send_waiter" in names else None


def _build_send(originals: Members) -> Members:
    protocol_module = sys.modules["websockets.protocol"]
    OPEN, CLIENT = protocol_module.State.OPEN, protocol_module.Side.CLIENT
    Frame = sys.modules["websockets.frames"].Frame
    # Plain, or ours: it is replaced before.
    serialize = Frame.serialize
    plain_send: Callable[..., Any] = originals[_SEND]
    bypassed = {place.rpartition(".")[2]: originals[place] for place in _BYPASSED}
    plain_context, plain_send_data = bypassed["send_context"], bypassed["send_data"]
    plain_drain, plain_close_expected = bypassed["drain"], bypassed["close_expected"]
    plain_text, plain_binary = bypassed["send_text"], bypassed["send_binary"]
    plain_frame, plain_data_to_send = bypassed["send_frame"], bypassed["data_to_send"]

    def is_plain(self: Any, protocol: Any) -> bool:
        connection_type, protocol_type = type(self), type(protocol)
        members, protocol_members = self.__dict__, protocol.__dict__
        return (
            connection_type.send_context is plain_context
            and connection_type.send_data is plain_send_data
            and connection_type.drain is plain_drain
            and protocol_type.send_text is plain_text
            and protocol_type.send_binary is plain_binary
            and protocol_type.send_frame is plain_frame
            and protocol_type.data_to_send is plain_data_to_send
            and protocol_type.close_expected is plain_close_expected
            and Frame.serialize is serialize
            and "send_context" not in members
            and "send_data" not in members
            and "drain" not in members
            and "send_text" not in protocol_members
            and "send_binary" not in protocol_members
            and "send_frame" not in protocol_members
            and "data_to_send" not in protocol_members
            and "close_expected" not in protocol_members
        )

    async def fail_to_write(self: Any, error: Exception) -> None:
        """Let the error come up where send_context() writes: there is the answer to it."""

        def send_data() -> None:
            del self.send_data
            raise error

        self.send_data = send_data
        try:
            async with self.send_context():
                pass
        finally:
            self.__dict__.pop("send_data", None)

    async def send(self: Any, message: Any, *, text: bool | None = None) -> None:
        protocol = self.protocol
        kind = type(message)
        if (
            (kind is not str and kind is not bytes)
            or self.send_in_progress is not None
            or protocol._state is not OPEN
            or protocol.writes
            or not is_plain(self, protocol)
        ):
            await plain_send(self, message, text=text)
            return
        is_text = text is not False if kind is str else text is True
        mask = protocol.side is CLIENT
        if (
            protocol.extensions
            or protocol.expect_continuation_frame
            or protocol.debug
            or (mask and secrets.token_bytes is not token_bytes)
        ):
            try:
                data = message.encode() if kind is str else message
                if is_text:
                    protocol.send_text(data)
                else:
                    protocol.send_binary(data)
            except Exception as error:
                # What it does about errors is said there.
                async with self.send_context():
                    raise error
            wire = protocol.writes.pop()
        else:
            opcode = Opcode.TEXT if is_text else Opcode.BINARY
            try:
                wire = encode_frame(opcode, message, mask=mask)
            except UnicodeEncodeError:
                await plain_send(self, message, text=text)
                return
        try:
            self.transport.write(wire)
        except Exception as error:
            await fail_to_write(self, error)
            return
        if self.paused or self.transport.is_closing():
            # Nothing is left to send, but to wait for the transport.
            async with self.send_context():
                pass

    return {_SEND: send}


def _build_data_received(originals: Members) -> Members:
    protocol_module = sys.modules["websockets.protocol"]
    opcodes = sys.modules["websockets.frames"].Opcode
    Protocol, OPEN = protocol_module.Protocol, protocol_module.State.OPEN
    TEXT, BINARY, CONT = opcodes.TEXT, opcodes.BINARY, opcodes.CONT
    Connection = sys.modules["websockets.asyncio.connection"].Connection
    plain_data_received: Callable[[Any, bytes], None] = originals[_DATA_RECEIVED]
    bypassed = {place.rpartition(".")[2]: originals[place] for place in _BYPASSED_BY_BOTH}
    plain_send_data, plain_data_to_send = bypassed["send_data"], bypassed["data_to_send"]
    plain_close_expected = bypassed["close_expected"]
    # After the opening handshake, all of them do the same.
    plain_process_event = {
        originals[place] for place in originals if place.rpartition(".")[2] == "process_event"
    }
    plain_base = originals[_PROCESS_EVENT]

    def data_received(self: Any, data: bytes) -> None:
        protocol = self.protocol
        protocol_type = type(protocol)
        if (
            protocol._state is not OPEN
            or protocol_type.receive_data is not Protocol.receive_data
            or protocol_type.data_to_send is not plain_data_to_send
            or protocol_type.close_expected is not plain_close_expected
            or type(self).send_data is not plain_send_data
            or "receive_data" in protocol.__dict__
        ):
            plain_data_received(self, data)
            return
        protocol.receive_data(data)
        if protocol.writes or protocol._state is not OPEN:
            # There is an answer to send: let it go on from here, with no more data.
            plain_data_received(self, b"")
            return
        if (
            type(self).process_event in plain_process_event
            # The others call it.
            and Connection.process_event is plain_base
            and self.request is not None
            and self.response is not None
            and "process_event" not in self.__dict__
        ):
            for event in protocol.events_received():
                opcode = event.opcode
                if opcode is TEXT or opcode is BINARY or opcode is CONT:
                    self.recv_messages.put(event)
                else:
                    self.process_event(event)
        else:
            for event in protocol.events_received():
                self.process_event(event)

    return {_DATA_RECEIVED: data_received}


# Checks: connections are made up, with all that these functions look at.


class _Written:
    """A transport that keeps what was written, up to the point where it fails."""

    def __init__(self, writes: int) -> None:
        self.log: list[Any] = []
        self.writes = writes

    def write(self, data: bytes) -> None:
        if not self.writes:
            raise OSError("no more")
        self.writes -= 1
        self.log.append(data)

    def is_closing(self) -> bool:
        return False


def _check_send(originals: Members, replacements: Members) -> None:
    connection_module = sys.modules["websockets.asyncio.connection"]
    protocol_module = sys.modules["websockets.protocol"]
    plain = connection_module.Connection
    ours = type("Connection", (plain,), {"send": replacements[_SEND]})
    messages = (SAMPLE, SAMPLE.encode(), "", bytearray(b"octets"), b"a" * 70000)

    def told(cls: Any, message: Any, text: bool | None) -> list[Any]:
        connection = cls.__new__(cls)
        connection.protocol = protocol_module.Protocol(protocol_module.Side.SERVER)
        connection.transport = _Written(1)
        connection.send_in_progress = None
        connection.paused = False
        try:
            connection.send(message, text=text).send(None)
        except StopIteration:
            connection.transport.log.append("sent")
        written: list[Any] = connection.transport.log
        return written

    for message in messages:
        for text in (None, True, False):
            if told(ours, message, text) != told(plain, message, text):
                raise SelfCheckFailed("frames sent by a connection differ")


def _check_data_received(originals: Members, replacements: Members) -> None:
    frames = sys.modules["websockets.frames"]
    protocol_module = sys.modules["websockets.protocol"]
    connection_module = sys.modules["websockets.asyncio.connection"]
    plain = connection_module.Connection
    ours = type("Connection", (plain,), {"data_received": replacements[_DATA_RECEIVED]})
    reads = (
        frames.Frame(frames.Opcode.TEXT, SAMPLE.encode()).serialize(mask=False),
        frames.Frame(frames.Opcode.PING, b"ping").serialize(mask=False)
        + frames.Frame(frames.Opcode.BINARY, b"octets", False).serialize(mask=False),
        frames.Frame(frames.Opcode.CONT, b"octets").serialize(mask=False),
        frames.Frame(frames.Opcode.CLOSE, b"\x03\xe8").serialize(mask=False),
    )

    def told(cls: Any, handshake: Any) -> list[Any]:
        connection = cls.__new__(cls)
        connection.protocol = protocol_module.Protocol(protocol_module.Side.CLIENT)
        connection.transport = _Written(9)
        connection.request = connection.response = handshake
        connection.close_deadline = connection.close_timeout = None
        put: deque[Any] = deque()
        connection.recv_messages = SimpleNamespace(put=put.append)
        for data in reads:
            connection.data_received(data)
        return [*put, list(map(len, connection.transport.log)), connection.protocol.state]

    for handshake in (None, object()):
        if told(ours, handshake) != told(plain, handshake):
            raise SelfCheckFailed("what a connection receives differs")


SEND = Part(
    name="asyncio send",
    replaces={_SEND: known("98db31f4c4d6", "93adac5e7c42", "f89a9ec0283d")},
    relies_on=_BYPASSED,
    build=_build_send,
    check=_check_send,
    operations=("encode", "mask"),
    applies=_is_since_16,
)

DATA_RECEIVED = Part(
    name="asyncio data received",
    replaces={_DATA_RECEIVED: known("6a49d4782d71", "e22864ebafb5", "69f069f1196b")},
    relies_on={
        _PROCESS_EVENT: known("85bf5323b502", "68ad63a4e995"),
        _PUT: known("5562b8e576b8"),
        **_BYPASSED_BY_BOTH,
    },
    relies_on_imported={
        "websockets.asyncio.server:ServerConnection.process_event": known("38aac0b97faa"),
        "websockets.asyncio.client:ClientConnection.process_event": known("efcb42596f3b"),
    },
    build=_build_data_received,
    check=_check_data_received,
)
