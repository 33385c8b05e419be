"""Messages: their frames out, and their texts."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from ...frames import FrameSplitter, encode_frame
from ...protocol import MAX_CONTROL_PAYLOAD_LENGTH, Opcode
from ...utf8 import decode_text
from .._patch import Members, Part, SelfCheckFailed
from .._samples import TEXT
from .._source import known

_BUILD = "ws4py.framing:Frame.build"
_SINGLE = "ws4py.messaging:Message.single"
_FRAGMENT = "ws4py.messaging:Message.fragment"
_STR = "ws4py.messaging:Message.__str__"
_UNICODE = "ws4py.messaging:Message.__unicode__"

# What masking keys are drawn by: in place of it, they come from this package's pool.
_urandom = os.urandom


def _build_messages(originals: Members) -> Members:
    messaging = sys.modules["ws4py.messaging"]
    Frame = sys.modules["ws4py.framing"].Frame
    plain_single: Callable[[Any, Any], bytes] = originals[_SINGLE]
    plain_fragment: Callable[[Any, Any, Any, Any], bytes] = originals[_FRAGMENT]
    build = originals[_BUILD]

    def is_ordinary(data: Any) -> bool:
        return (
            type(data) is bytes
            and os.urandom is _urandom
            and messaging.Frame is Frame
            and Frame.build is build
        )

    def single(self: Any, mask: Any = False) -> bytes:
        data, opcode = self.data, self.opcode
        if (
            is_ordinary(data)
            and type(opcode) is int
            and (
                opcode == Opcode.TEXT
                or opcode == Opcode.BINARY
                or (opcode in _CONTROL and len(data) <= MAX_CONTROL_PAYLOAD_LENGTH)
            )
        ):
            return encode_frame(opcode, data, mask=bool(mask))
        return plain_single(self, mask)

    def fragment(self: Any, first: Any = False, last: Any = False, mask: Any = False) -> bytes:
        opcode = self.opcode if first is True else Opcode.CONTINUATION.value
        if is_ordinary(self.data) and type(opcode) is int and 0 <= opcode <= Opcode.BINARY:
            return encode_frame(opcode, self.data, mask=bool(mask), fin=last is True)
        return plain_fragment(self, first, last, mask)

    def text_by(plain: Callable[[Any], str]) -> Callable[[Any], str]:
        def text(self: Any) -> str:
            if self.encoding == "utf-8" and type(self.data) is bytes:
                return decode_text(self.data)
            return plain(self)

        return text

    return {
        _SINGLE: single,
        _FRAGMENT: fragment,
        _STR: text_by(originals[_STR]),
        _UNICODE: text_by(originals[_UNICODE]),
    }


_CONTROL = (Opcode.CLOSE, Opcode.PING, Opcode.PONG)


def _check_messages(originals: Members, replacements: Members) -> None:
    messaging = sys.modules["ws4py.messaging"]
    split = FrameSplitter("server").split
    for length in (0, 125, 126, 2**16):
        message = messaging.BinaryMessage(bytes(length))
        for place, arguments in (
            (_SINGLE, ()),
            (_FRAGMENT, (True,)),
            (_FRAGMENT, ()),
            (_FRAGMENT, (False, True)),
        ):
            plain, ours = originals[place], replacements[place]
            if ours(message, *arguments) != plain(message, *arguments):
                raise SelfCheckFailed(f"a frame of {length} octets differs")
            masked = ours(message, *arguments, mask=True), plain(message, *arguments, mask=True)
            if split(masked[0], 0, True) != split(masked[1], 0, True):
                raise SelfCheckFailed(f"a masked frame of {length} octets differs")
    message = messaging.TextMessage(TEXT)
    if replacements[_STR](message) != TEXT or replacements[_UNICODE](message) != TEXT:
        raise SelfCheckFailed("a text differs")


MESSAGES = Part(
    name="messages",
    replaces={
        _SINGLE: known("ecb93e8581e0"),
        _FRAGMENT: known("ee7298831776"),
        _STR: known("028ade04168f"),
        _UNICODE: known("206f32f171f0"),
    },
    relies_on={
        _BUILD: known("0c844668710f"),
        "ws4py.framing:Frame.__init__": known("180357a8390c"),
    },
    build=_build_messages,
    check=_check_messages,
    operations=("mask", "text"),
    pure=True,
)
