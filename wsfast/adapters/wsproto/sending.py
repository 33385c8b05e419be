"""Frames out: `FrameProtocol._serialize_frame()`, and whole messages in `Connection.send()`."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable
from typing import Any

from ...frames import encode_frame
from ...mask import apply_mask
from ...protocol import CONTROL_BIT, MASK_BIT, MAX_CONTROL_PAYLOAD_LENGTH, Opcode
from .._patch import Members, Part, SelfCheckFailed
from .._samples import TEXT
from .._source import known
from .masks import is_octets

_SERIALIZE = "wsproto.frame_protocol:FrameProtocol._serialize_frame"
_SEND = "wsproto.connection:Connection.send"

# What a test replaces to know the masking keys.
_urandom = os.urandom

_TEXT, _BINARY = int(Opcode.TEXT), int(Opcode.BINARY)


def _build(originals: Members) -> Members:
    library = sys.modules["wsproto.frame_protocol"]
    connection = sys.modules["wsproto.connection"]
    events = sys.modules["wsproto.events"]
    FrameProtocol, no_bits = library.FrameProtocol, library.RsvBits(False, False, False)
    Connection, OPEN = connection.Connection, connection.ConnectionState.OPEN
    messages = (events.Message, events.TextMessage, events.BytesMessage)
    deflate = [sys.modules["wsproto.extensions"].PerMessageDeflate]
    plain_serialize: Callable[[Any, Any, Any, Any], bytearray] = originals[_SERIALIZE]
    plain_send: Callable[[Any, Any], bytes] = originals[_SEND]

    def serialize_frame(self: Any, opcode: Any, payload: Any = b"", fin: bool = True) -> bytearray:
        extensions = self.extensions
        if (
            type(self) is not FrameProtocol
            or not _is_payload(payload)
            or type(fin) is not bool
            or (opcode & CONTROL_BIT and not (fin and len(payload) <= MAX_CONTROL_PAYLOAD_LENGTH))
            or (extensions and [type(extension) for extension in extensions] != deflate)
            or (self.client and os.urandom is not _urandom)
        ):
            return plain_serialize(self, opcode, payload, fin)
        if not extensions:
            return bytearray(encode_frame(opcode, payload, mask=self.client, fin=fin))
        payload = bytes(payload)
        rsv, payload = extensions[0].frame_outbound(self, opcode, no_bits, payload, fin)
        return bytearray(encode_frame(opcode, payload, mask=self.client, fin=fin, rsv1=rsv.rsv1))

    def send(self: Any, event: Any) -> bytes:
        if type(event) in messages and type(self) is Connection and self._state is OPEN:
            protocol, data = self._proto, event.data
            if (
                event.message_finished is True
                and type(protocol) is FrameProtocol
                and protocol._outbound_opcode is None
                and not protocol.extensions
                and (not protocol.client or os.urandom is _urandom)
            ):
                if _is_payload(data):
                    return encode_frame(_BINARY, data, mask=protocol.client)
                if type(data) is str:
                    try:
                        return encode_frame(_TEXT, data, mask=protocol.client)
                    except UnicodeEncodeError:
                        pass
        return plain_send(self, event)

    return {_SERIALIZE: serialize_frame, _SEND: send}


def _is_payload(data: object) -> bool:
    """Whether it is octets, of which len() is the number."""
    if is_octets(data):
        return True
    return type(data) is memoryview and data.format == "B" and data.ndim == 1 and data.c_contiguous


def _check(originals: Members, replacements: Members) -> None:
    library = sys.modules["wsproto.frame_protocol"]
    connection = sys.modules["wsproto.connection"]
    events = sys.modules["wsproto.events"]
    for side, finished in itertools.product(connection.ConnectionType, (True, False)):
        for data in (b"", bytes(125), bytearray(126), bytes(2**16), TEXT, TEXT * 9):
            event = events.Message(data, message_finished=finished)
            plain, ours = (
                _unmasked(members[_SEND](connection.Connection(side), event))
                for members in (originals, replacements)
            )
            if plain != ours:
                raise SelfCheckFailed(f"a message of {len(data)} differs")
    for client, opcode in itertools.product((True, False), library.Opcode):
        protocol = library.FrameProtocol(client, [])
        plain, ours = (
            _unmasked(members[_SERIALIZE](protocol, opcode, b"payload", True))
            for members in (originals, replacements)
        )
        if plain != ours:
            raise SelfCheckFailed(f"a frame of opcode {opcode} differs")


def _unmasked(frame: bytes | bytearray) -> tuple[type, bytes, bytes]:
    """A frame's header and payload, without the key that nobody knows."""
    start = {126: 4, 127: 10}.get(frame[1] & ~MASK_BIT, 2)
    if not frame[1] & MASK_BIT:
        return type(frame), bytes(frame[:start]), bytes(frame[start:])
    key = frame[start : start + 4]
    return type(frame), bytes(frame[:start]), apply_mask(frame[start + 4 :], key)


FRAMES_OUT = Part(
    name="frames out",
    replaces={
        _SERIALIZE: known("0a7facd17c0b", "1cf3eb44a558"),
        _SEND: known("292b75cca440", "758b858ad634", "ac4c554a1960"),
    },
    relies_on={
        "wsproto.frame_protocol:FrameProtocol.send_data": known("8d8f6afde5f2", "97aad0a756ca"),
        "wsproto.frame_protocol:FrameProtocol._make_fin_rsv_opcode": known("ed13e4534390"),
        "wsproto.extensions:PerMessageDeflate.frame_outbound": known(
            "7503b803c60c", "c2204ca914e4"
        ),
        "wsproto.connection:Connection.state": known("eed66bcdfa1d"),
    },
    build=_build,
    check=_check,
    operations=("mask",),
)
