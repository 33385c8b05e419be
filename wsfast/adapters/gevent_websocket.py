"""gevent-websocket: its masks, its validator, and the messages that it receives."""

from __future__ import annotations

import io
import itertools
import sys
from collections.abc import Callable
from typing import Any

from ..mask import apply_mask_inplace
from ..protocol import (
    FIN,
    LENGTH_BITS,
    LENGTH_IS_16_BIT,
    LENGTH_IS_64_BIT,
    MASK_BIT,
    MASKING_KEY_LENGTH,
    OPCODE_BITS,
    RSV_BITS,
    Opcode,
)
from ..utf8 import decode_text
from ._patch import Adapter, Members, Part, SelfCheckFailed
from ._samples import KEY, TEXT, streams
from ._source import known
from ._utf8_states import ACCEPT, REJECT, advance

_MASK_PAYLOAD = "geventwebsocket.websocket:Header.mask_payload"
_UNMASK_PAYLOAD = "geventwebsocket.websocket:Header.unmask_payload"
_VALIDATE = "geventwebsocket.utf8validator:Utf8Validator.validate"
_READ_MESSAGE = "geventwebsocket.websocket:WebSocket.read_message"
_READ_FRAME = "geventwebsocket.websocket:WebSocket.read_frame"
_VALIDATE_UTF8 = "geventwebsocket.websocket:WebSocket.validate_utf8"
_DECODE_BYTES = "geventwebsocket.websocket:WebSocket._decode_bytes"
_DECODE_HEADER = "geventwebsocket.websocket:Header.decode_header"

_CONTROL_BIT = 0x08
_NOT_PLAIN = RSV_BITS | _CONTROL_BIT
_EXTENDED_LENGTH = {LENGTH_IS_16_BIT: 2, LENGTH_IS_64_BIT: 8}


# Masks


def _build_masks(originals: Members) -> Members:
    plain: Callable[[Any, Any], bytearray] = originals[_MASK_PAYLOAD]

    def mask_payload(self: Any, payload: Any) -> bytearray:
        key = self.mask
        if (
            _is_octets(payload)
            and len(payload) == self.length
            and _is_octets(key)
            and len(key) == MASKING_KEY_LENGTH
        ):
            masked = bytearray(payload)
            apply_mask_inplace(masked, key)
            return masked
        return plain(self, payload)

    return {_MASK_PAYLOAD: mask_payload, _UNMASK_PAYLOAD: mask_payload}


def _is_octets(data: object) -> bool:
    return type(data) is bytes or type(data) is bytearray


def _check_masks(originals: Members, replacements: Members) -> None:
    Header = sys.modules["geventwebsocket.websocket"].Header
    for length, more in itertools.product((0, 1, 7, 256), (0, 3)):
        header = Header(length=length)
        header.mask = KEY
        payload = bytes(range(256))[: length + more]
        expected = originals[_MASK_PAYLOAD](header, payload)
        found = replacements[_MASK_PAYLOAD](header, payload)
        if found != expected or type(found) is not type(expected):
            raise SelfCheckFailed(f"{length} octets masked differ")


# The validator


def _validator_in_place() -> str | None:
    module = sys.modules["geventwebsocket.utf8validator"]
    if module.Utf8Validator.__module__ != module.__name__:
        return "its validator is that of wsaccel"
    return None


def _build_validator(originals: Members) -> Members:
    plain: Callable[[Any, Any], tuple[bool, bool, int, int]] = originals[_VALIDATE]

    def validate(self: Any, ba: Any) -> tuple[bool, bool, int, int]:
        if not _is_octets(ba):
            return plain(self, ba)
        self.state, taken = advance(self.state, ba)
        self.i += taken
        if self.state == REJECT and ba:
            return False, False, taken, self.i
        return True, self.state == ACCEPT, taken, self.i

    return {_VALIDATE: validate}


def _check_validator(originals: Members, replacements: Members) -> None:
    Utf8Validator = sys.modules["geventwebsocket.utf8validator"].Utf8Validator
    text = TEXT.encode()
    samples = [(text[:cut], text[cut:]) for cut in range(len(text) + 1)]
    samples += [(b"a\xe4", b"b"), (b"\xed", b"\xa0"), (b"\xf4\x90", b""), (b"\xc0", b"a")]
    for sample in samples:
        seen = []
        for validate in (originals[_VALIDATE], replacements[_VALIDATE]):
            validator = Utf8Validator()
            seen.append([(validate(validator, piece), vars(validator).copy()) for piece in sample])
        if seen[0] != seen[1]:
            raise SelfCheckFailed(f"the validation of {sample!r} differs")


# Headers and messages received


class _StreamAhead:
    """A stream to the library's own code, with what was read from it before."""

    __slots__ = ("_ahead", "_stream")

    def __init__(self, stream: Any, *ahead: Any) -> None:
        self._stream = stream
        self._ahead = [*reversed(ahead)]

    def read(self, size: int) -> Any:
        return self._ahead.pop() if self._ahead else self._stream.read(size)


class _FrameAhead:
    """A WebSocket to the library's own code, with a frame that was read from it before."""

    def __init__(self, websocket: Any, frame: tuple[Any, Any]) -> None:
        vars(self).update(websocket=websocket, ahead=[frame])

    def __getattr__(self, name: str) -> Any:
        return getattr(self.websocket, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.websocket, name, value)

    def read_frame(self) -> Any:
        return self.ahead.pop() if self.ahead else self.websocket.read_frame()


def _build_receiving(originals: Members) -> Members:
    plain_decode_header: Callable[[Any, Any], Any] = originals[_DECODE_HEADER].__func__
    plain_read_message: Callable[[Any], Any] = originals[_READ_MESSAGE]
    validate_utf8 = originals[_VALIDATE_UTF8]
    decode_bytes = originals[_DECODE_BYTES]

    def decode_header(cls: Any, stream: Any) -> Any:
        read = stream.read
        head = read(2)
        # Of a data frame without reserved bits, only the stream's end is an error.
        if len(head) != 2 or head[0] & _NOT_PLAIN:
            return plain_decode_header(cls, _StreamAhead(stream, head))
        first, second = head
        extended = b""
        length = second & LENGTH_BITS
        if length in _EXTENDED_LENGTH:
            size = _EXTENDED_LENGTH[length]
            extended = read(size)
            if len(extended) != size:
                return plain_decode_header(cls, _StreamAhead(stream, head, extended))
            length = int.from_bytes(extended, "big")
        header = cls(first & FIN == FIN, first & OPCODE_BITS, 0, length)
        if second & MASK_BIT:
            key = header.mask = read(MASKING_KEY_LENGTH)
            if len(key) != MASKING_KEY_LENGTH:
                before = (head, extended) if extended else (head,)
                return plain_decode_header(cls, _StreamAhead(stream, *before, key))
        return header

    def read_message(self: Any) -> Any:
        frame = header, payload = self.read_frame()
        cls = type(self)
        if header.fin and cls.validate_utf8 is validate_utf8:
            if header.opcode == Opcode.BINARY:
                begin_message(self)
                return payload if type(payload) is bytearray else bytearray(payload)
            if header.opcode == Opcode.TEXT and cls._decode_bytes is decode_bytes:
                try:
                    text = decode_text(payload)
                except UnicodeDecodeError:
                    pass
                else:
                    begin_message(self)
                    length = len(payload)
                    # It validates a frame, and then the message.
                    self.utf8validator.i = 2 * length
                    self.utf8validate_last = (True, True, length, 2 * length)
                    return text
        return plain_read_message(_FrameAhead(self, frame))

    return {_DECODE_HEADER: classmethod(decode_header), _READ_MESSAGE: read_message}


def begin_message(websocket: Any) -> None:
    websocket.utf8validator.reset()
    websocket.utf8validate_last = (True, True, 0, 0)


def _check_receiving(originals: Members, replacements: Members) -> None:
    module = sys.modules["geventwebsocket.websocket"]
    ours = {**originals, **replacements}
    for masked in (True, False):
        for octets in streams(masked):
            for end in (len(octets), 1, 3, 9):
                found = [_run(module, members, octets[:end]) for members in (originals, ours)]
                if found[0] != found[1]:
                    raise SelfCheckFailed("messages received differ")


def _run(module: Any, members: Members, octets: bytes) -> list[Any]:
    """All that a WebSocket shows of itself while it reads a stream's messages."""
    seen: list[Any] = []
    Header: Any = type("Header", (module.Header,), {"decode_header": members[_DECODE_HEADER]})

    class WebSocket(module.WebSocket):  # type: ignore[misc]
        def read_frame(self) -> Any:
            header = Header.decode_header(self.stream)
            seen.append((header.fin, header.opcode, header.flags, header.length, header.mask))
            payload = self.raw_read(header.length)
            return header, header.unmask_payload(payload) if header.mask else payload

        def handle_ping(self, header: Any, payload: Any) -> None:
            seen.append(bytes(payload))

        def handle_close(self, header: Any, payload: Any) -> None:
            seen.append(bytes(payload))

        def close(self, code: int = 1000, message: Any = b"") -> None:
            seen.append((code, message))

    stream = io.BytesIO(octets)
    stream.write = seen.append  # type: ignore[method-assign,assignment]
    websocket = WebSocket({}, stream, None)
    try:
        while True:
            message = members[_READ_MESSAGE](websocket)
            validator = websocket.utf8validator
            seen.append((type(message), message, websocket.utf8validate_last))
            seen.append((validator.state, validator.i))
            if message is None:
                break
    except Exception as error:
        seen.append(repr(error))
    return seen


ADAPTER = Adapter(
    name="gevent-websocket",
    package="geventwebsocket",
    versions=("0.10.1", "0.11"),
    parts=(
        Part(
            name="masks",
            replaces={_MASK_PAYLOAD: known("65fff39e1f75"), _UNMASK_PAYLOAD: known("65fff39e1f75")},
            build=_build_masks,
            check=_check_masks,
            operations=("mask",),
            pure=True,
        ),
        Part(
            name="validator",
            replaces={_VALIDATE: known("c8d671052066")},
            relies_on={
                "geventwebsocket.utf8validator:Utf8Validator.__init__": known("964985984b57"),
                "geventwebsocket.utf8validator:Utf8Validator.reset": known("9db394491a3a"),
            },
            applies=_validator_in_place,
            build=_build_validator,
            check=_check_validator,
            operations=("utf8",),
            pure=True,
        ),
        Part(
            name="messages in",
            replaces={_DECODE_HEADER: known("3a90d0535f00"), _READ_MESSAGE: known("c1941676c69b")},
            relies_on={
                _READ_FRAME: known("d82796b36524"),
                _VALIDATE_UTF8: known("969b9c49c09b"),
                _DECODE_BYTES: known("d6fd9714fb7b"),
                "geventwebsocket.websocket:Header.__init__": known("570fc9913777"),
            },
            build=_build_receiving,
            check=_check_receiving,
            operations=("text",),
            pure=True,
        ),
    ),
)
