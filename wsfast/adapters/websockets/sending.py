"""websockets: frames out of `Protocol`, for all of its faces."""

from __future__ import annotations

import itertools
import secrets
import sys
from collections.abc import Callable
from typing import Any

from ...frames import encode_frame
from ...protocol import MASK_BIT
from .._patch import Members, Part, SelfCheckFailed
from .._source import known

# What its tests replace to know the keys.
token_bytes = secrets.token_bytes

_SERIALIZE = "websockets.frames:Frame.serialize"


def _build(originals: Members) -> Members:
    Frame = sys.modules["websockets.frames"].Frame
    plain_serialize: Callable[..., bytes] = originals[_SERIALIZE]

    def serialize(self: Any, *, mask: bool, extensions: Any = None) -> bytes:
        if type(self) is not Frame or (mask and secrets.token_bytes is not token_bytes):
            return plain_serialize(self, mask=mask, extensions=extensions)
        self.check()
        frame = self
        if extensions:
            for extension in extensions:
                frame = extension.encode(frame)
        data = frame.data
        if type(data) is bytes or _is_octets(data):
            try:
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
            except Exception:
                # A frame that RFC 6455 doesn't know, and that it lets pass.
                pass
        # Its errors, or a copy of what is not contiguous. It checks what extensions are given, not
        # what they make of it.
        made = None if frame is self else (_Encoded(frame),)
        return plain_serialize(self, mask=mask, extensions=made)

    return {_SERIALIZE: serialize}


def is_ours(serialize: object) -> bool:
    """Whether this is what stands for Frame.serialize(), and nobody else's."""
    return getattr(serialize, "__globals__", None) is globals()


class _Encoded:
    """Stands for extensions that have made a frame already."""

    def __init__(self, frame: Any) -> None:
        self.frame = frame

    def encode(self, frame: Any) -> Any:
        return self.frame


def _is_octets(data: object) -> bool:
    return type(data) is bytearray or (
        type(data) is memoryview and data.c_contiguous and data.ndim == 1 and data.itemsize == 1
    )


def _check(originals: Members, replacements: Members) -> None:
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


SENDING = Part(
    name="frames out",
    replaces={_SERIALIZE: known("e7ed51572dbb", "f7a5bf484e05")},
    relies_on={"websockets.frames:Frame.check": known("c0c310e919ef")},
    build=_build,
    check=_check,
    operations=("mask",),
)
