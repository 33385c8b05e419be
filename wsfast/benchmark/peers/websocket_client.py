"""websocket-client: pure Python, with wsaccel's masking and validation where that is installed."""

from __future__ import annotations

from importlib import import_module
from io import BytesIO
from typing import Any

from ..streams import Stream
from .peer import Peer, Side, expression, private_copy

_NAMES = ("websocket._abnf", "websocket._utils")
_WSACCEL = ("wsaccel", "wsaccel.xormask", "wsaccel.utf8validator")

_FRAMES = """\
rewind(0)
for payload in payloads:
    recv_frame().data"""
_MESSAGES = """\
rewind(0)
for payload in payloads:
    frame = recv_frame()
    check(frame)
    add(frame)
    extract(frame)[1].data.decode()"""


class WebsocketClient(Peer):
    name = "websocket-client"
    distribution = "websocket-client"

    def __init__(self, pure: bool = False) -> None:
        super().__init__(pure)
        modules: list[Any]
        if pure:
            modules = private_copy(_NAMES, without=_WSACCEL)
        else:
            modules = [import_module(name) for name in _NAMES]
        self._abnf, self._utils = modules

    def mask(self, payload: bytes, key: bytes) -> Side:
        mask = self._abnf.ABNF.mask
        return expression("mask(key, payload)", mask=mask, payload=payload, key=key)

    def decode(self, masked: bytes, key: bytes) -> Side:
        mask = self._abnf.ABNF.mask
        return expression("mask(key, masked).decode()", mask=mask, masked=masked, key=key)

    def is_utf8(self, data: bytes) -> Side:
        validate_utf8 = self._utils.validate_utf8
        return expression("validate_utf8(data)", validate_utf8=validate_utf8, data=data)

    def frames(self, stream: Stream) -> Side:
        source = BytesIO(b"".join(stream.reads))
        recv_frame = self._abnf.frame_buffer(source.read, False).recv_frame

        def output() -> list[bytes]:
            source.seek(0)
            return [recv_frame().data for _ in stream.payloads]

        names = {"payloads": stream.payloads, "rewind": source.seek, "recv_frame": recv_frame}
        return Side(_FRAMES, names, output)

    def messages(self, stream: Stream) -> Side:
        source = BytesIO(b"".join(stream.reads))
        recv_frame = self._abnf.frame_buffer(source.read, False).recv_frame
        message = self._abnf.continuous_frame(False, False)

        def output() -> list[str]:
            source.seek(0)
            found = []
            for _ in stream.payloads:
                frame = recv_frame()
                message.validate(frame)
                message.add(frame)
                found.append(message.extract(frame)[1].data.decode())
            return found

        names = {
            "payloads": stream.payloads,
            "rewind": source.seek,
            "recv_frame": recv_frame,
            "check": message.validate,
            "add": message.add,
            "extract": message.extract,
        }
        return Side(_MESSAGES, names, output)

    def _writing(self, source: str, payload: bytes | str, opcode: int) -> Side:
        create_frame = self._abnf.ABNF.create_frame
        return expression(source, create_frame=create_frame, payload=payload, opcode=opcode)

    def encode(self, payload: bytes, mask: bool) -> Side | None:
        if not mask:
            return None
        opcode = self._abnf.ABNF.OPCODE_BINARY
        return self._writing("create_frame(payload, opcode).format()", payload, opcode)

    def encode_text(self, text: str) -> Side:
        opcode = self._abnf.ABNF.OPCODE_TEXT
        return self._writing("create_frame(payload, opcode).format()", text, opcode)
