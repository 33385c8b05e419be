"""aiohttp: its WebSocket reader with the queue behind it, and the frames that its writer sends."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Mapping
from functools import partial, update_wrapper
from types import FunctionType, SimpleNamespace
from typing import Any

from .. import _backend
from ..frames import encode_frame
from ..mask import apply_mask
from ..protocol import (
    FIN,
    LENGTH_IS_16_BIT,
    LENGTH_IS_64_BIT,
    MASK_BIT,
    MAX_CONTROL_PAYLOAD_LENGTH,
    RSV1,
    Opcode,
)
from ._patch import Adapter, Members, Part, SelfCheckFailed
from ._samples import CUTS, pieces, streams
from ._source import Known, Releases, UnknownCode, known, verify

_READER = "aiohttp._websocket.reader:WebSocketReader"
_QUEUE = "aiohttp._websocket.reader:WebSocketDataQueue"
_WRITE = "aiohttp._websocket.writer:WebSocketWriter._write_websocket_frame"
_WRITER_INIT = "aiohttp._websocket.writer:WebSocketWriter.__init__"

# The compiled reader is made of this source, which is always there, too.
_SOURCE = "aiohttp._websocket.reader_py"
_COMPILED = "aiohttp._websocket.reader_c"
_SOURCES = {
    "WebSocketReader": known(
        "3aa9f663d22f",
        "18266ac8ddc1",
        "3d9fe402f5ad",
        "759a0a0ffb7e",
        "ab3f96b1e837",
        "f87be2a6f575",
        "4833a28b1778",
        "43133d2f873d",
    ),
    "WebSocketDataQueue": known("8e16318f2fb5", "fdfef4ce13d5", "517bc4bc0ff7", "7813b1827788"),
}
_CONSTANTS = {
    "READ_HEADER": 1,
    "OP_CODE_NOT_SET": -1,
    "COMPRESSED_NOT_SET": -1,
    "EMPTY_FRAME": (False, b""),
}
# fmt: off
_RELEASES = Releases(
    "3.11.18",
    "3.12.0", "3.12.2", "3.12.3", "3.12.4", "3.12.6", "3.12.7", "3.12.8",
    "3.12.9", "3.12.10", "3.12.11", "3.12.12", "3.12.13", "3.12.14", "3.12.15",
    "3.13.0", "3.13.1", "3.13.2", "3.13.3", "3.13.4", "3.13.5",
    "3.14.0", "3.14.1", "3.14.2", "3.14.3", "3.14.4", "3.14.5",
)
# fmt: on

# What their own __init__ sets besides what our base classes have. With a dict for each instance,
# an idle connection would cost more than with the compiled ones.
_QUEUE_SLOTS = ("_loop", "_eof", "_exception")
_READER_SLOTS = (
    "_frame_opcode",
    "_payload_fragments",
    "_max_fragments",
    "_payload_buffer",
    "_frame_payload_len",
    "_has_mask",
    "_frame_mask",
    "_payload_bytes_to_read",
    "_payload_len_flag",
)


def _source_of(originals: Members) -> Any:
    """The module with the source of both classes; UnknownCode if they are of something else."""
    source = importlib.import_module(_SOURCE)
    for place in (_READER, _QUEUE):
        name = place.partition(":")[2]
        plain, original = getattr(source, name), originals[place]
        verify(f"{_SOURCE}:{name}", plain, _SOURCES[name], "")
        if original is not plain and (
            original is not getattr(sys.modules.get(_COMPILED), name, None)
            or isinstance(vars(original).get("feed_data"), (FunctionType, type(None)))
        ):
            raise UnknownCode(f"{place} is not the compiled one")
    for name, value in _CONSTANTS.items():
        if getattr(source, name) != value:
            raise UnknownCode(f"{_SOURCE}:{name} is not {value!r}")
    return source


def _build_reading(originals: Members) -> Members:
    source = _source_of(originals)
    plain_reader, plain_queue = source.WebSocketReader, source.WebSocketDataQueue
    base = _backend.reader.MessageReader
    first_reader, first_queue = originals[_READER], originals[_QUEUE]
    settings = _backend.message_queue.ReaderSettings(
        message=source.WSMessage,
        message_of_octets=getattr(source, "WSMessageTextBytes", source.WSMessage),
        text=source.WS_MSG_TYPE_TEXT,
        binary=source.WS_MSG_TYPE_BINARY,
        ping=source.WSMsgType.PING,
        pong=source.WSMsgType.PONG,
        extra="",
        overhead=getattr(source, "MSG_SIZE_OVERHEAD", 0),
        stalls=hasattr(source, "STALLED_READER_COLLECTED"),
        # Until 3.11 it looked at what is left in the inflater, too.
        inflates="unconsumed_tail" not in plain_reader._handle_frame.__code__.co_names,
        feed_data=plain_reader.feed_data,
        parse=plain_reader._feed_data,
        read=plain_queue._read_from_buffer,
    )

    def set_up_queue(self: Any, *args: Any, **named: Any) -> None:
        plain_queue.__init__(self, *args, **named)
        self.settings = settings

    def new_reader(cls: Any, queue: Any, *args: Any, **named: Any) -> Any:
        if isinstance(queue, first_queue) and not isinstance(queue, Queue):
            # Made before: a compiled queue goes with a compiled reader only.
            return first_reader(queue, *args, **named)
        return base.__new__(cls)

    def set_up_reader(self: Any, *args: Any, **named: Any) -> None:
        plain_reader.__init__(self, *args, **named)
        self.settings = settings
        # Subclasses may replace any step.
        self.plain = type(self) is Reader and type(self.queue) is Queue

    Queue: Any = _subclass(
        first_queue,
        (_backend.message_queue.MessageQueue, plain_queue),
        {
            "__init__": update_wrapper(set_up_queue, plain_queue.__init__),
            "__slots__": _QUEUE_SLOTS,
        },
    )
    Reader: Any = _subclass(
        first_reader,
        (base, plain_reader),
        {
            "__new__": new_reader,
            "__init__": update_wrapper(set_up_reader, plain_reader.__init__),
            "__slots__": _READER_SLOTS,
        },
    )
    return {_READER: Reader, _QUEUE: Queue}


def _subclass(original: type, bases: tuple[type, ...], members: dict[str, Any]) -> type:
    """A class that goes by the original's name."""
    named = {
        "__module__": original.__module__,
        "__qualname__": original.__qualname__,
        "__doc__": original.__doc__,
    }
    return type(original.__name__, bases, {**named, **members})


def _build_sending(originals: Members) -> Members:
    writer = sys.modules["aiohttp._websocket.writer"]
    plain_write = originals[_WRITE]
    pack_key, pack_16_bit, pack_64_bit = writer.PACK_RANDBITS, writer.PACK_LEN2, writer.PACK_LEN3
    # A writer that got no generator of its own draws its keys from this one.
    default_bits = originals[_WRITER_INIT].__kwdefaults__["random"].getrandbits
    written_apart = writer.MSG_SIZE

    def _write_websocket_frame(self: Any, message: Any, opcode: int, rsv: int) -> None:
        transport = self.transport
        if not self.use_mask and len(message) > written_apart and not transport.is_closing():
            length = len(message)
            if length < 2**16:
                header = pack_16_bit(FIN | rsv | opcode, LENGTH_IS_16_BIT, length)
            else:
                header = pack_64_bit(FIN | rsv | opcode, LENGTH_IS_64_BIT, length)
            transport.write(header)
            transport.write(message)
            self._output_size += len(header) + length
            return
        if rsv or not 0 < opcode < 3 or type(message) is not bytes or transport.is_closing():
            write_otherwise(self, message, opcode, rsv)
            return
        if not self.use_mask:
            frame = encode_frame(opcode, message, mask=False)
        else:
            bits = self.get_random_bits
            if type(bits) is not partial or bits.func != default_bits:
                key = pack_key(bits())
                frame = encode_frame(opcode, message, mask=True, masking_key=key)
            else:
                frame = encode_frame(opcode, message, mask=True)
        transport.write(frame)
        self._output_size += len(frame)

    def write_otherwise(self: Any, message: Any, opcode: int, rsv: int) -> None:
        """What is masked, by a key that is drawn here; anything else as ever."""
        bits = self.get_random_bits
        if (
            not self.use_mask
            or type(message) is not bytes
            or not ((0 < opcode < 3 and rsv == RSV1) or _is_control(message, opcode, rsv))
            or type(bits) is not partial
            or bits.func != default_bits
            or self.transport.is_closing()
        ):
            plain_write(self, message, opcode, rsv)
            return
        frame = encode_frame(opcode, message, mask=True, rsv1=rsv != 0)
        self.transport.write(frame)
        self._output_size += len(frame)

    return {_WRITE: _write_websocket_frame}


def _is_control(message: bytes, opcode: int, rsv: int) -> bool:
    """Whether it is a control frame that is allowed."""
    return (
        rsv == 0
        and len(message) <= MAX_CONTROL_PAYLOAD_LENGTH
        and (opcode == Opcode.CLOSE or opcode == Opcode.PING or opcode == Opcode.PONG)
    )


class _Protocol:
    """What a queue, and a writer's transport, need of a connection; it records what they do."""

    def __init__(self) -> None:
        self._reading_paused = False
        self.seen: list[Any] = []

    def pause_reading(self) -> None:
        self._reading_paused = True
        self.seen.append("paused")

    def resume_reading(self) -> None:
        self._reading_paused = False
        self.seen.append("resumed")

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        self.seen.append(bytes(data))


def _check_reading(originals: Members, replacements: Members) -> None:
    source = _source_of(originals)
    # Whether text is decoded was not to be chosen always.
    decode_text = (True,) if hasattr(source, "WSMessageTextBytes") else ()
    for masked, compress in ((True, True), (True, False), (False, False)):
        for stream, cuts in itertools.product(streams(masked), CUTS[:1] if compress else CUTS):
            plain, ours = (
                _read(members, stream, cuts, compress, *decode_text)
                for members in (originals, replacements)
            )
            if plain != ours:
                raise SelfCheckFailed(f"what is read of {'' if masked else 'un'}masked frames")


def _read(members: Members, stream: bytes, cuts: tuple[int, ...], *options: bool) -> list[Any]:
    """All that a reader and its queue show of themselves while they take in a stream."""
    protocol = _Protocol()
    queue = members[_QUEUE](protocol, 2**9, loop=None)
    reader = members[_READER](queue, 2**17, *options)
    seen = protocol.seen
    for piece in pieces(stream, cuts):
        seen.append(reader.feed_data(piece))
        seen += queue._buffer
        while queue._buffer:
            seen.append(_result(queue.read()))
        error = queue.exception()
        seen.append((repr(error), getattr(error, "code", None), repr(error and error.__cause__)))
    return seen


def _result(coroutine: Any) -> Any:
    """Of a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    raise SelfCheckFailed("a queue that is not empty waits")


def _check_sending(originals: Members, replacements: Members) -> None:
    default = originals[_WRITER_INIT].__kwdefaults__["random"].getrandbits
    for opcode, length, rsv in _SENT:
        for bits in (None, default, lambda number: 0x37FA213D):
            plain, ours = (
                _write(members[_WRITE], b"x" * length, opcode, rsv, bits)
                for members in (originals, replacements)
            )
            if bits is default:
                # By keys that nobody knows.
                plain, ours = (_unmasked(seen) for seen in (plain, ours))
            if plain != ours:
                raise SelfCheckFailed(f"what is sent of {length} octets")


_SENT = [
    (Opcode.TEXT, 16, 0),
    (Opcode.BINARY, 126, 0),
    (Opcode.BINARY, 2**14, 0),
    (Opcode.BINARY, 2**14 + 1, 0),
    (Opcode.BINARY, 2**14 + 1, RSV1),
    (Opcode.TEXT, 2**16, 0),
    (Opcode.PING, 125, 0),
    (Opcode.CLOSE, 2, 0),
    (Opcode.PONG, 126, 0),
    (Opcode.CONTINUATION, 1, 0x20),
]


def _write(write: Any, message: bytes, opcode: int, rsv: int, bits: Any) -> list[Any]:
    """All that a writer shows of itself while it sends a frame, masked if there are `bits`."""
    transport = _Protocol()
    writer = SimpleNamespace(transport=transport, use_mask=bits is not None, _output_size=0)
    writer.get_random_bits = partial(bits, 32) if bits else None
    write(writer, message, int(opcode), rsv)
    return [*transport.seen, writer._output_size]


def _unmasked(seen: list[Any]) -> list[Any]:
    frame, size = seen
    header = frame[: {126: 4, 127: 10}.get(frame[1] & ~MASK_BIT, 2)]
    key, payload = frame[len(header) : len(header) + 4], frame[len(header) + 4 :]
    return [header, apply_mask(payload, key), size]


def _reading(name: str, replaces: Mapping[str, Known], compiled: bool) -> Part:
    def applies() -> str | None:
        if (_COMPILED in sys.modules) is compiled:
            return None
        return "the reader is not compiled" if compiled else "the reader is compiled"

    return Part(
        name=name,
        replaces=replaces,
        relies_on={
            "aiohttp._websocket.models:WSMessage": known("18fc2ce3f1e6", "f9b9d35f3159"),
        },
        bound_in={
            _READER: (
                "aiohttp.http_websocket",
                "aiohttp.http",
                "aiohttp.client",
                "aiohttp.client_ws",
                "aiohttp.web_ws",
                "aiohttp.web_protocol",
            ),
            _QUEUE: ("aiohttp.client", "aiohttp.client_ws", "aiohttp.web_ws"),
        },
        build=_build_reading,
        check=_check_reading,
        operations=("mask", "text"),
        applies=applies,
    )


def _writes_apart() -> str | None:
    writer = sys.modules["aiohttp._websocket.writer"].WebSocketWriter
    return None if hasattr(writer, "_write_websocket_frame") else "no method that only writes"


ADAPTER = Adapter(
    name="aiohttp",
    package="aiohttp",
    versions=("3.11", "3.15"),
    parts=(
        _reading("messages in, compiled", {_READER: _RELEASES, _QUEUE: _RELEASES}, True),
        _reading(
            "messages in",
            {
                _READER: _SOURCES["WebSocketReader"],
                _QUEUE: _SOURCES["WebSocketDataQueue"],
            },
            False,
        ),
        Part(
            name="frames out",
            replaces={_WRITE: known("455b503143e5", "7f2b3b286d17")},
            relies_on={_WRITER_INIT: known("a4bc32d5e612", "38fd19bd0249", "29b00e1f4122")},
            build=_build_sending,
            check=_check_sending,
            operations=("mask",),
            applies=_writes_apart,
        ),
    ),
)
