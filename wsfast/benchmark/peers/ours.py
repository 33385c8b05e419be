"""wsfast itself, either side of it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ... import _backend
from ...protocol import Opcode
from ..streams import Stream
from .peer import Peer, Side, expression

_READ_ALL = """\
for read in reads:
    feed(read)"""
_VALIDATE_ALL = """\
for chunk in chunks:
    feed(chunk)
finish()"""


class Codec(Peer):
    """The codec as it is in use; with `pure`, its Python side."""

    def __init__(self, pure: bool = False) -> None:
        super().__init__(pure)
        self._modules: dict[str, Any] = {}
        self.name = "wsfast"
        if pure and _backend.BACKEND != "python":
            self.name = "wsfast, pure Python"

    def _module(self, name: str) -> Any:
        if name not in self._modules:
            found = (
                import_module(f"..._fallback.{name}", __package__)
                if self.pure
                else getattr(_backend, name)
            )
            self._modules[name] = found
        return self._modules[name]

    def mask(self, payload: bytes, key: bytes) -> Side:
        apply_mask = self._module("mask").apply_mask
        return expression(
            "apply_mask(payload, key)", apply_mask=apply_mask, payload=payload, key=key
        )

    def mask_inplace(self, buffer: bytearray, key: bytes) -> Side:
        return expression(
            "apply_mask_inplace(buffer, key)",
            apply_mask_inplace=self._module("mask").apply_mask_inplace,
            buffer=buffer,
            key=key,
        )

    def is_utf8(self, data: bytes) -> Side:
        return expression("is_utf8(data)", is_utf8=self._module("utf8").is_utf8, data=data)

    def validate(self, chunks: list[bytes]) -> Side:
        validator = self._module("utf8").Utf8Validator()
        feed, finish = validator.feed, validator.finish

        def output() -> bool:
            for chunk in chunks:
                feed(chunk)
            finish()
            return True

        return Side(_VALIDATE_ALL, {"chunks": chunks, "feed": feed, "finish": finish}, output)

    def decode(self, masked: bytes, key: bytes) -> Side:
        decode_text = self._module("utf8").decode_text
        return expression(
            "decode_text(masked, key)", decode_text=decode_text, masked=masked, key=key
        )

    def frames(self, stream: Stream) -> Side:
        feed = self._module("frames").FrameDecoder("server").feed
        return Side(
            _READ_ALL,
            {"reads": stream.reads, "feed": feed},
            lambda: [frame.payload for read in stream.reads for frame in feed(read)],
        )

    def messages(self, stream: Stream) -> Side:
        longest = max(map(len, stream.payloads))
        decoder = self._module("messages").MessageDecoder("server", max_message_length=longest)
        feed = decoder.feed
        return Side(
            _READ_ALL,
            {"reads": stream.reads, "feed": feed},
            lambda: [payload for read in stream.reads for _, payload in feed(read)],
        )

    def fragments(self, stream: Stream) -> Side:
        return self.messages(stream)

    def encode(self, payload: bytes, mask: bool) -> Side:
        return self._encode(Opcode.BINARY, payload, mask)

    def encode_text(self, text: str) -> Side:
        return self._encode(Opcode.TEXT, text, True)

    def _encode(self, opcode: Opcode, payload: bytes | str, mask: bool) -> Side:
        return expression(
            f"encode_frame(opcode, payload, mask={mask})",
            encode_frame=self._module("frames").encode_frame,
            opcode=opcode,
            payload=payload,
        )

    def masking_key(self) -> Side:
        return expression("masking_key()", masking_key=self._module("mask").masking_key)
