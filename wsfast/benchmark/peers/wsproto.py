"""wsproto: pure Python, sans I/O."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..streams import Stream
from .peer import Peer, Side, expression

# It hands out a message as it comes; an application puts it together.
_READ_ALL = """\
for read in reads:
    receive_data(read)
    for event in events():
        if event.message_finished and not parts:
            event.data
        else:
            parts.append(event.data)
            if event.message_finished:
                join(parts)
                parts.clear()"""


class Wsproto(Peer):
    name = "wsproto"
    distribution = "wsproto"

    def __init__(self, pure: bool = False) -> None:
        super().__init__(pure)
        self._connection = import_module("wsproto.connection")
        self._events = import_module("wsproto.events")
        self._frame_protocol = import_module("wsproto.frame_protocol")

    def mask(self, payload: bytes, key: bytes) -> Side:
        return expression(
            "XorMaskerSimple(key).process(payload)",
            XorMaskerSimple=self._frame_protocol.XorMaskerSimple,
            payload=payload,
            key=key,
        )

    def decode(self, masked: bytes, key: bytes) -> Side:
        return expression(
            "XorMaskerSimple(key).process(masked).decode()",
            XorMaskerSimple=self._frame_protocol.XorMaskerSimple,
            masked=masked,
            key=key,
        )

    def _reading(self, stream: Stream, empty: bytes | str) -> Side:
        connection = self._connection.Connection(self._connection.ConnectionType.SERVER)
        receive_data, events = connection.receive_data, connection.events
        join: Any = empty.join

        def output() -> list[Any]:
            found: list[Any] = []
            parts: list[Any] = []
            for read in stream.reads:
                receive_data(read)
                for event in events():
                    parts.append(event.data)
                    if event.message_finished:
                        found.append(join(parts))
                        parts.clear()
            return found

        names = {
            "reads": stream.reads,
            "receive_data": receive_data,
            "events": events,
            "join": join,
            "parts": [],
        }
        return Side(_READ_ALL, names, output)

    def frames(self, stream: Stream) -> Side:
        return self._reading(stream, b"")

    def messages(self, stream: Stream) -> Side:
        return self._reading(stream, "")

    def _sending(self, payload: bytes | str, mask: bool, message: str) -> Side:
        kind = self._connection.ConnectionType
        connection = self._connection.Connection(kind.CLIENT if mask else kind.SERVER)
        return expression(
            f"send({message}(payload))",
            send=connection.send,
            payload=payload,
            **{message: getattr(self._events, message)},
        )

    def encode(self, payload: bytes, mask: bool) -> Side:
        return self._sending(payload, mask, "BytesMessage")

    def encode_text(self, text: str) -> Side:
        return self._sending(text, True, "TextMessage")
