"""websockets: its C function, its sans-I/O protocol, its frames."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..streams import Stream
from .peer import Peer, Side, expression, private_copy

_NAMES = ("websockets.frames", "websockets.server", "websockets.protocol")

_FRAMES = """\
for read in reads:
    receive_data(read)
    for event in events_received():
        event.data"""
_MESSAGES = _FRAMES + ".decode()"


class Websockets(Peer):
    name = "websockets"
    distribution = "websockets"

    def __init__(self, pure: bool = False) -> None:
        super().__init__(pure)
        modules: list[Any]
        if pure:
            modules = private_copy(_NAMES, without=["websockets.speedups"])
        else:
            modules = [import_module(name) for name in _NAMES]
        self._frames, self._server, self._protocol = modules

    def mask(self, payload: bytes, key: bytes) -> Side:
        apply_mask = self._frames.apply_mask
        return expression(
            "apply_mask(payload, key)", apply_mask=apply_mask, payload=payload, key=key
        )

    def decode(self, masked: bytes, key: bytes) -> Side:
        apply_mask = self._frames.apply_mask
        return expression(
            "apply_mask(masked, key).decode()", apply_mask=apply_mask, masked=masked, key=key
        )

    def _reading(self, stream: Stream, statement: str, is_text: bool) -> Side:
        protocol = self._server.ServerProtocol(state=self._protocol.OPEN, max_size=None)
        receive_data, events_received = protocol.receive_data, protocol.events_received

        def output() -> list[Any]:
            found: list[Any] = []
            for read in stream.reads:
                receive_data(read)
                found += [
                    event.data.decode() if is_text else bytes(event.data)
                    for event in events_received()
                ]
            return found

        names = {
            "reads": stream.reads,
            "receive_data": receive_data,
            "events_received": events_received,
        }
        return Side(statement, names, output)

    def frames(self, stream: Stream) -> Side:
        return self._reading(stream, _FRAMES, False)

    def messages(self, stream: Stream) -> Side:
        return self._reading(stream, _MESSAGES, True)

    def encode(self, payload: bytes, mask: bool) -> Side:
        frame = self._frames.Frame(self._frames.BINARY, payload)
        return expression(f"serialize(mask={mask})", serialize=frame.serialize)

    def encode_text(self, text: str) -> Side:
        return expression(
            "Frame(TEXT, text.encode()).serialize(mask=True)",
            Frame=self._frames.Frame,
            TEXT=self._frames.TEXT,
            text=text,
        )
