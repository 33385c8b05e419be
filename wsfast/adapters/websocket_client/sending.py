"""Frames out."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable
from typing import Any

from ...frames import FrameSplitter, encode_frame
from ...protocol import FIN, MASKING_KEY_LENGTH, MAX_CONTROL_PAYLOAD_LENGTH, Opcode
from .._patch import Members, Part, SelfCheckFailed
from .._samples import TEXT
from .._source import known

_INIT = "websocket._core:ABNF.__init__"
_CREATE_FRAME = "websocket._core:ABNF.create_frame"
_FORMAT = "websocket._core:ABNF.format"
_SEND = "websocket._core:WebSocket.send"
_SEND_FRAME = "websocket._core:WebSocket.send_frame"

# What masking keys are drawn by, if nobody has chosen otherwise: here, this package's pool.
_urandom = os.urandom

_CONTINUATION, _TEXT, _BINARY = Opcode.CONTINUATION.value, Opcode.TEXT.value, Opcode.BINARY.value


def mask_value(originals: Members) -> str:
    """What a frame calls its bit for the mask: it has had two names."""
    return "mask_value" if "mask_value" in originals[_INIT].__code__.co_names else "mask"


def _build_sending(originals: Members) -> Members:
    core = sys.modules["websocket._core"]
    ABNF = core.ABNF
    plain_format: Callable[[Any], bytes] = originals[_FORMAT]
    plain_send: Callable[..., int] = originals[_SEND]
    plain_send_frame = originals[_SEND_FRAME]
    create_frame = originals[_CREATE_FRAME].__func__
    names_mask_value = mask_value(originals) == "mask_value"

    def format(self: Any) -> bytes:
        data = self.data
        if type(self) is ABNF and type(data) is bytes and self.get_mask_key is _urandom:
            opcode = self.opcode
            has_mask = self.mask_value if names_mask_value else self.mask
            if (
                has_mask == 1
                and self.fin == 1
                and type(opcode) is int
                and (opcode in _DATA or len(data) <= MAX_CONTROL_PAYLOAD_LENGTH)
                and opcode in ABNF.OPCODES
                and not (self.rsv1 or self.rsv2 or self.rsv3)
            ):
                return encode_frame(opcode, data, mask=True)
        return plain_format(self)

    def send(self: Any, payload: Any, opcode: int = _TEXT) -> int:
        kind = type(payload)
        if (
            (kind is bytes or kind is bytearray or (kind is str and opcode == _TEXT))
            and (opcode == _TEXT or opcode == _BINARY)
            and not self.get_mask_key
            and os.urandom is _urandom
            and getattr(self.send_frame, "__func__", None) is plain_send_frame
            and core.ABNF is ABNF
            and ABNF.create_frame is create_frame
            and (ABNF.format is format or ABNF.format is plain_format)
            and not core.isEnabledForTrace()
        ):
            data = encode_frame(opcode, payload, mask=True)
            length = len(data)
            with self.lock:
                while data:
                    data = data[self._send(data) :]
            return length
        return plain_send(self, payload, opcode)

    return {_FORMAT: format, _SEND: send}


_DATA = (_CONTINUATION, _TEXT, _BINARY)


def _check_sending(originals: Members, replacements: Members) -> None:
    core = sys.modules["websocket._core"]
    plain, ours = originals[_FORMAT], replacements[_FORMAT]
    for opcode, length in itertools.product((0, 1, 2, 9), (0, 125, 126, 2**16)):
        frame = core.ABNF.create_frame(bytes(length), opcode)
        formatted = ours(frame)
        # What is masked are zeros.
        end = len(formatted) - length
        key = formatted[end - MASKING_KEY_LENGTH : end]
        frame.get_mask_key = lambda _, key=key: key
        if formatted != plain(frame):
            raise SelfCheckFailed(f"a frame of {length} octets differs")
    websocket = core.WebSocket()
    sent: list[bytes] = []

    def send(data: bytes) -> int:
        sent.append(data)
        return len(data)

    websocket._send = send
    returned = replacements[_SEND](websocket, TEXT)
    expected = [(FIN | _TEXT, TEXT.encode())]
    if FrameSplitter("server").split(sent[0])[0] != expected or returned != len(sent[0]):
        raise SelfCheckFailed("a text sent differs")


SENDING = Part(
    name="frames out",
    replaces={
        _FORMAT: known("198252d53727", "4a9b614cee2f"),
        _SEND: known("ae6da7838b44", "b7ae9149b05e"),
    },
    relies_on={
        _INIT: known("06d42d168895", "461b9fed5a9e", "7635739ece2b", "de18d32bddb0"),
        _CREATE_FRAME: known("56bd03c25256", "8fb8b4539722", "edad048ca6ab"),
        _SEND_FRAME: known(
            "1738019ce3c4", "43235e96a702", "805c739dc971", "d9bb2ecbfa2d", "f1078738a9a4"
        ),
        "websocket._core:ABNF._get_masked": known("00a7e31922ee", "eced52e012a6", "f602174da479"),
    },
    build=_build_sending,
    check=_check_sending,
    operations=("mask",),
    pure=True,
)
