"""uvicorn: text of its WebSocket protocol on websockets' sans-I/O face, which is its default.

Its frames are the websockets adapter's, its other protocols' those of wsproto's and websockets'.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from ..frames import encode_frame
from ..protocol import Opcode
from ..utf8 import decode_text
from ._patch import Adapter, Members, Part, SelfCheckFailed
from ._samples import TEXT as SAMPLE
from ._source import known
from .websockets.sending import SENDING, is_ours

_MODULE = "uvicorn.protocols.websockets.websockets_sansio_impl"
_RECEIVED = f"{_MODULE}:WebSocketsSansIOProtocol.send_receive_event_to_app"
_SEND = f"{_MODULE}:WebSocketsSansIOProtocol.send"

_SERIALIZE = "websockets.frames:Frame.serialize"

# What send() takes a short way around, if nobody has put anything else in its place.
_BYPASSED = {
    "websockets.protocol:Protocol.send_text": known("8fe2d68056d2", "77c927f46d0d"),
    "websockets.protocol:Protocol.send_binary": known("bb11646f0bb3", "c3fafeb4ae16"),
    "websockets.protocol:Protocol.send_frame": known("17c1dc9ec2c0"),
    "websockets.protocol:Protocol.data_to_send": known("63e24bfd0336"),
    _SERIALIZE: SENDING.replaces[_SERIALIZE],
}

# Octets below which bytes.decode() is as fast.
_SHORT = 64


class _Decoded:
    """Stands for the octets of a text that is decoded already."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def decode(self) -> str:
        return self.text


def _build_receiving(originals: Members) -> Members:
    plain: Callable[[Any], None] = originals[_RECEIVED]

    def send_receive_event_to_app(self: Any) -> None:
        if self.curr_msg_data_type == "text":
            frames = self.frames
            data = frames[0] if len(frames) == 1 else b"".join(frames)
            if len(data) >= _SHORT:
                try:
                    self.frames = [_Decoded(decode_text(data))]
                except UnicodeDecodeError:
                    # It runs into that, too, and does what is to be done.
                    pass
        plain(self)

    return {_RECEIVED: send_receive_event_to_app}


def _build_sending(originals: Members) -> Members:
    OPEN = sys.modules["websockets.protocol"].State.OPEN
    SERVER = sys.modules["websockets.protocol"].Side.SERVER
    Frame = sys.modules["websockets.frames"].Frame
    plain_send: Callable[[Any, Any], Any] = originals[_SEND]
    bypassed = {place.rpartition(".")[2]: originals[place] for place in _BYPASSED}
    plain_text, plain_binary = bypassed["send_text"], bypassed["send_binary"]
    plain_frame, plain_data_to_send = bypassed["send_frame"], bypassed["data_to_send"]
    plain_serialize = bypassed["serialize"]

    def is_plain(conn: Any) -> bool:
        kind, members = type(conn), conn.__dict__
        return (
            conn._state is OPEN
            and conn.side is SERVER
            and not conn.extensions
            and not conn.writes
            and not conn.debug
            and not conn.expect_continuation_frame
            and kind.send_text is plain_text
            and kind.send_binary is plain_binary
            and kind.send_frame is plain_frame
            and kind.data_to_send is plain_data_to_send
            and (Frame.serialize is plain_serialize or is_ours(Frame.serialize))
            and "send_text" not in members
            and "send_binary" not in members
            and "send_frame" not in members
            and "data_to_send" not in members
        )

    async def send(self: Any, message: Any) -> None:
        if (
            self.handshake_complete
            and not self.close_sent
            and self.initial_response is None
            and self.writable.is_set()
            # Since 0.53.
            and not getattr(self, "disconnected", False)
            and message["type"] == "websocket.send"
            and is_plain(self.conn)
        ):
            payload, opcode = message.get("bytes"), Opcode.BINARY
            if payload is None:
                payload, opcode = message.get("text"), Opcode.TEXT
            if type(payload) is (str if opcode is Opcode.TEXT else bytes):
                try:
                    wire = encode_frame(opcode, payload, mask=False)
                except UnicodeEncodeError:
                    # It runs into that, too.
                    pass
                else:
                    self.transport.write(wire)
                    return
        await plain_send(self, message)

    return {_SEND: send}


# Checks: protocols are made up, with all that these functions look at.


def _check_receiving(originals: Members, replacements: Members) -> None:
    def told(function: Callable[[Any], None], kind: str, frames: list[bytes]) -> list[Any]:
        events: list[Any] = []

        def said(*arguments: Any) -> None:
            events.append(arguments)

        function(
            SimpleNamespace(
                frames=frames,
                curr_msg_data_type=kind,
                close_sent=False,
                read_paused=False,
                queue=SimpleNamespace(put_nowait=said),
                transport=SimpleNamespace(pause_reading=said),
                logger=SimpleNamespace(exception=said),
                conn=SimpleNamespace(send_close=said),
                handle_parser_exception=said,
            )
        )
        return events

    text = SAMPLE.encode() * 9
    for kind in ("text", "bytes"):
        for frames in ([text], [b"short"], [text[:9], text[9:]], [text + b"\xff"], [b"a" * 300]):
            plain, ours = originals[_RECEIVED], replacements[_RECEIVED]
            if told(ours, kind, list(frames)) != told(plain, kind, list(frames)):
                raise SelfCheckFailed("messages that the application receives differ")


def _check_sending(originals: Members, replacements: Members) -> None:
    protocol_module = sys.modules["websockets.protocol"]

    def told(send: Callable[[Any, Any], Any], message: dict[str, Any]) -> list[Any]:
        written: list[bytes] = []

        async def wait() -> None:
            pass

        stub = SimpleNamespace(
            handshake_complete=True,
            close_sent=False,
            disconnected=False,
            initial_response=None,
            writable=SimpleNamespace(is_set=lambda: True, wait=wait),
            conn=protocol_module.Protocol(protocol_module.Side.SERVER),
            transport=SimpleNamespace(write=written.append),
        )
        try:
            send(stub, message).send(None)
        except StopIteration:
            return written
        raise SelfCheckFailed("it waits for nothing")

    for payload in ({"text": SAMPLE}, {"bytes": b"octets"}, {"bytes": b"", "text": "a"}):
        for more in ({}, {"text": None}, {"bytes": None}):
            message = {"type": "websocket.send", **more, **payload}
            if told(replacements[_SEND], message) != told(originals[_SEND], message):
                raise SelfCheckFailed("messages that the application sends differ")


ADAPTER = Adapter(
    name="uvicorn",
    package="uvicorn",
    versions=("0.50", "0.55"),
    parts=(
        Part(
            name="sansio text in",
            replaces={_RECEIVED: known("2c5923a2b4dd", "0b5f0f4076c1")},
            build=_build_receiving,
            check=_check_receiving,
            operations=("text",),
        ),
        Part(
            name="sansio messages out",
            replaces={_SEND: known("c6f75545b475", "fbe981c6f1f2")},
            relies_on=_BYPASSED,
            build=_build_sending,
            check=_check_sending,
            operations=("encode",),
        ),
    ),
)
