"""Frames in, and the messages that they are."""

from __future__ import annotations

import itertools
import struct
import sys
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from ...protocol import FIN, LENGTH_BITS, LENGTH_IS_16_BIT, MASK_BIT, OPCODE_BITS, Opcode
from ...utf8 import decode_text
from .._patch import Members, Part, SelfCheckFailed
from .._samples import streams
from .._source import known
from .sending import mask_value

_INIT = "websocket._core:ABNF.__init__"
_VALIDATE = "websocket._core:ABNF.validate"
_RECV_STRICT = "websocket._core:frame_buffer.recv_strict"
_BUFFERED_FRAME = "websocket._core:frame_buffer.recv_frame"
_RECV = "websocket._core:WebSocket.recv"
_RECV_DATA = "websocket._core:WebSocket.recv_data"
_RECV_FRAME = "websocket._core:WebSocket.recv_frame"
_RECV_DATA_FRAME = "websocket._core:WebSocket.recv_data_frame"

_TEXT, _BINARY = Opcode.TEXT.value, Opcode.BINARY.value
_WHOLE_TEXT = FIN | _TEXT
_WHOLE_BINARY = FIN | _BINARY
# As much as the library asks its socket for at once.
_READ_LENGTH = 16384


class _FrameAhead:
    """A WebSocket to the library's own code, with a frame that was received before."""

    __slots__ = ("_ahead", "_websocket")

    def __init__(self, websocket: Any, frame: Any) -> None:
        self._websocket = websocket
        self._ahead = [frame]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._websocket, name)

    def recv_frame(self) -> Any:
        return self._ahead.pop() if self._ahead else self._websocket.recv_frame()


class _MessageAhead:
    """The same with a message."""

    __slots__ = ("_found",)
    readlock = nullcontext()

    def __init__(self, *found: Any) -> None:
        self._found = found

    def recv_data(self) -> tuple[Any, ...]:
        return self._found


def _receive_again(buffer: Any, piece: Any) -> None:
    """Let a frame_buffer receive next what it has received just now."""
    recv = buffer.recv

    def recv_again(bufsize: int) -> Any:
        buffer.recv = recv
        return piece

    buffer.recv = recv_again


def _header_of(first: int, second: int) -> tuple[int, ...]:
    """What a frame_buffer remembers of a header's first two octets."""
    return (
        first >> 7,
        first >> 6 & 1,
        first >> 5 & 1,
        first >> 4 & 1,
        first & OPCODE_BITS,
        second >> 7,
        second & LENGTH_BITS,
    )


def _build_receiving(originals: Members) -> Members:
    abnf = sys.modules["websocket._abnf"]
    core = sys.modules["websocket._core"]
    ABNF, WebSocket = core.ABNF, core.WebSocket
    frame_buffer, continuous_frame = core.frame_buffer, core.continuous_frame
    plain_recv_strict: Callable[[Any, Any], bytes] = originals[_RECV_STRICT]
    plain_buffered_frame: Callable[[Any], Any] = originals[_BUFFERED_FRAME]
    plain_recv_data_frame: Callable[[Any, bool], tuple[int, Any]] = originals[_RECV_DATA_FRAME]
    plain_recv: Callable[[Any], Any] = originals[_RECV]
    validate = originals[_VALIDATE]
    plain_recv_data = originals[_RECV_DATA]
    plain_recv_frame = originals[_RECV_FRAME]
    mask_name = mask_value(originals)

    def recv_strict(self: Any, bufsize: Any) -> bytes:
        if type(bufsize) is int and not self.recv_buffer:
            if bufsize == 0:
                return b""
            if bufsize > 0:
                piece = self.recv(bufsize if bufsize < _READ_LENGTH else _READ_LENGTH)
                if type(piece) is bytes:
                    if len(piece) == bufsize:
                        return piece
                    self.recv_buffer.append(piece)
                else:
                    _receive_again(self, piece)
        return plain_recv_strict(self, bufsize)

    def buffered_frame(self: Any) -> Any:
        if type(self) is frame_buffer:
            with self.lock:
                frame = begin_frame(self)
            if frame is not None:
                return frame
        return plain_buffered_frame(self)

    def begin_frame(buffer: Any) -> Any:
        """The next frame; or None, where the rest of it is for the library's own code."""
        found = take(buffer)
        return None if found is None else new_frame(buffer, *found)

    def take(buffer: Any) -> tuple[int, bytes] | None:
        """The first octet and the payload of the next frame, or None as above.

        It asks for the same numbers of octets as that, and leaves the same behind when it fails.
        """
        if buffer.header is not None:
            return None
        head = buffer.recv_strict(2)
        first: int = head[0]
        length = head[1]
        if length >= LENGTH_IS_16_BIT:
            buffer.header = _header_of(first, length)
            if length & MASK_BIT:
                return None
            if length == LENGTH_IS_16_BIT:
                length = struct.unpack("!H", buffer.recv_strict(2))[0]
            else:
                length = struct.unpack("!Q", buffer.recv_strict(8))[0]
        try:
            payload = buffer.recv_strict(length)
        except BaseException:
            buffer.header = _header_of(first, head[1])
            buffer.length = length
            setattr(buffer, mask_name, "")
            raise
        buffer.header = None
        return first, payload

    def new_frame(buffer: Any, first: int, payload: bytes) -> Any:
        Frame = abnf.ABNF
        if first == _WHOLE_TEXT or first == _WHOLE_BINARY:
            frame = Frame(1, 0, 0, 0, first & OPCODE_BITS, 0, payload)
            if Frame is ABNF and ABNF.validate is validate:
                return frame
        else:
            frame = Frame(*_header_of(first, 0)[:-1], payload)
        frame.validate(buffer.skip_utf8_validation)
        return frame

    def recv_data_frame(self: Any, control_frame: bool = False) -> tuple[int, Any]:
        frame = self.recv_frame()
        message = self.cont_frame
        if (
            type(frame) is ABNF
            and (frame.opcode == _TEXT or frame.opcode == _BINARY)
            and frame.fin
            and message.cont_data is None
            and not message.recving_frames
            and type(message) is continuous_frame
            and not core.isEnabledForTrace()
            and (
                frame.opcode == _BINARY
                or message.fire_cont_frame
                or message.skip_utf8_validation
                or abnf.validate_utf8(frame.data)
            )
        ):
            return frame.opcode, frame
        ahead: Any = _FrameAhead(self, frame)
        return plain_recv_data_frame(ahead, control_frame)

    def is_plain(websocket: Any) -> bool:
        """Whether nobody has anything of his own on the way from the socket to the frame."""
        cls = type(websocket)
        if (
            not issubclass(cls, WebSocket)
            or cls.recv_data is not plain_recv_data
            or cls.recv_data_frame is not recv_data_frame
            or cls.recv_frame is not plain_recv_frame
            or frame_buffer.recv_frame not in (buffered_frame, plain_buffered_frame)
        ):
            return False
        own = vars(websocket)
        if "recv_data" in own or "recv_data_frame" in own or "recv_frame" in own:
            return False
        buffer = websocket.frame_buffer
        return type(buffer) is frame_buffer and "recv_frame" not in vars(buffer)

    def is_unseen(message: Any) -> bool:
        """Whether nobody would see the frame on its way to the message; asked once it is there."""
        return (
            message.cont_data is None
            and not message.recving_frames
            and type(message) is continuous_frame
            and abnf.ABNF is ABNF
            and ABNF.validate is validate
            and not core.isEnabledForTrace()
        )

    def recv(self: Any) -> Any:
        with self.readlock:
            found = None
            if is_plain(self):
                buffer = self.frame_buffer
                with buffer.lock:
                    found = take(buffer)
            if found is None:
                opcode, data = self.recv_data()
            else:
                first, payload = found
                if (first == _WHOLE_BINARY or first == _WHOLE_TEXT) and is_unseen(self.cont_frame):
                    if first == _WHOLE_BINARY:
                        return payload
                    try:
                        return decode_text(payload)
                    except UnicodeDecodeError:
                        pass  # which error it is, the library says
                ahead: Any = _FrameAhead(self, new_frame(buffer, first, payload))
                opcode, frame = plain_recv_data_frame(ahead, False)
                data = frame.data
        if opcode == _TEXT and type(data) is bytes:
            return decode_text(data)
        if opcode == _BINARY:
            return data
        return plain_recv(_MessageAhead(opcode, data))

    return {
        _RECV_STRICT: recv_strict,
        _BUFFERED_FRAME: buffered_frame,
        _RECV_DATA_FRAME: recv_data_frame,
        _RECV: recv,
    }


def _check_receiving(originals: Members, replacements: Members) -> None:
    ours = {**originals, **replacements}
    for stream, cut, seen in itertools.product(streams(False), (None, 1, 9), (True, False)):
        if _run(ours, stream, cut, seen) != _run(originals, stream, cut, seen):
            raise SelfCheckFailed("frames received differ")


def _run(members: Members, stream: bytes, cut: int | None, frames_seen: bool) -> list[Any]:
    """All that a WebSocket shows of itself while it receives a stream, broken off once.

    Where somebody sees the frames, they are made one by one.
    """
    core = sys.modules["websocket._core"]
    methods = {"recv": members[_RECV], "recv_data_frame": members[_RECV_DATA_FRAME]}
    websocket = type("WebSocket", (core.WebSocket,), methods)()
    buffer = websocket.frame_buffer
    seen: list[Any] = []
    at = 0

    def read(bufsize: int) -> bytes:
        nonlocal at, cut
        end = min(at + bufsize, len(stream))
        seen.append(bufsize)
        if cut is not None and end > cut:
            if at == cut:
                cut = None
                raise BlockingIOError
            end = cut
        piece = stream[at:end]
        at = end
        if not piece:
            raise EOFError
        return piece

    buffer.recv = read
    buffer.recv_strict = lambda bufsize: members[_RECV_STRICT](buffer, bufsize)
    if frames_seen:
        buffer.recv_frame = lambda: members[_BUFFERED_FRAME](buffer)
    websocket.send = lambda *sent: seen.append(sent)
    while True:
        try:
            seen.append(websocket.recv())
        except EOFError:
            return seen
        except Exception as error:
            seen.append(repr(error))
        seen.append((buffer.header, buffer.length, list(buffer.recv_buffer)))


RECEIVING = Part(
    name="frames in",
    replaces={
        _RECV_STRICT: known("956fc32530d4", "da7c1e0ab53a"),
        _BUFFERED_FRAME: known("4037d6f1ca0b", "aefecb269e67", "dfc574d66f58", "f832fdb8e60d"),
        _RECV_DATA_FRAME: known("2675b164f681", "87f4383a8fd6", "9e2cda93aa80", "db807a19e89b"),
        _RECV: known("62603d6fb93c", "a2614c383005", "d15c51dcff87"),
    },
    relies_on={
        _INIT: known("06d42d168895", "461b9fed5a9e", "7635739ece2b", "de18d32bddb0"),
        _VALIDATE: known("01d8e3a64c54", "4174b3f2dc77", "6057cce43c34", "cd89b9e09271"),
        "websocket._core:frame_buffer.__init__": known(
            "1c99375385b4", "358d8695f8b6", "799e25024328", "fbae6223f6ba"
        ),
        "websocket._core:frame_buffer.clear": known("48248edb0cea", "55a15425a82d", "e3a6101bc756"),
        "websocket._core:frame_buffer.recv_header": known("a746da72b13e", "e34fafde605a"),
        "websocket._core:frame_buffer.recv_length": known(
            "110d0c384eff", "5b0c11021d00", "bedfbf5027fb"
        ),
        "websocket._core:frame_buffer.recv_mask": known("5404434d4d0b", "cb5db478dfc6"),
        "websocket._core:continuous_frame": known(
            "1655b879438a", "70608e1db296", "ae5021e4a14a", "e7b8e090cdb1"
        ),
        _RECV_DATA: known("56510a32ae13", "5e10f6f4c23a"),
        _RECV_FRAME: known("656e1629bd96"),
    },
    build=_build_receiving,
    check=_check_receiving,
    operations=("text",),
    pure=True,
)
