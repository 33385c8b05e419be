"""aiohttp plain and sped up, and what both are given."""

from __future__ import annotations

import struct
import zlib
from typing import Any, NamedTuple

import pytest
from aiohttp._websocket import reader as reader_module
from aiohttp._websocket import reader_py, writer
from hypothesis import strategies as st

import wsfast
from wsfast import encode_frame
from wsfast.adapters import _patch

KEY = bytes.fromhex("37fa213d")
MAX = 3000

# What there is in some releases only.
DECODE_TEXT = [True] if hasattr(reader_py, "WSMessageTextBytes") else []
needs_write = pytest.mark.skipif(
    not hasattr(writer.WebSocketWriter, "_write_websocket_frame"), reason="no method that writes"
)
needs_stalls = pytest.mark.skipif(
    not hasattr(reader_py, "STALLED_READER_COLLECTED"), reason="it never stalls"
)


class Classes(NamedTuple):
    queue: Any
    reader: Any
    write: Any

    @classmethod
    def in_place(cls) -> Classes:
        return cls(
            reader_module.WebSocketDataQueue,
            reader_module.WebSocketReader,
            vars(writer.WebSocketWriter).get("_write_websocket_frame"),
        )


def _both() -> tuple[Classes, Classes]:
    """The library's own, and ours: every part, on the pure side, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_patch, "FORCED", True)
        wsfast.disable("aiohttp")
        plain = Classes.in_place()
        wsfast.enable("aiohttp", strict=True)
        try:
            return plain, Classes.in_place()
        finally:
            wsfast.disable("aiohttp")


PLAIN, OURS = _both()


class Protocol:
    """A connection that records what its queue asks of it."""

    def __init__(self) -> None:
        self._reading_paused = False
        self.seen: list[Any] = []

    def pause_reading(self) -> None:
        self._reading_paused = True
        self.seen.append("pause")

    def resume_reading(self) -> None:
        self._reading_paused = False
        self.seen.append("resume")


def described(value: Any) -> Any:
    """A message with its types, which == does not look at."""
    return (type(value).__name__, [(type(field), field) for field in value])


def error_of(queue: Any) -> Any:
    error = queue.exception()
    return error and (type(error), str(error), error.args, repr(error.__cause__))


def read_now(queue: Any) -> Any:
    try:
        queue.read().send(None)
    except StopIteration as stop:
        return described(stop.value)
    except BaseException as error:
        return type(error), str(error)
    raise AssertionError("it waits")


def received(
    classes: Classes,
    pieces: list[bytes],
    reads: list[int],
    *,
    compress: bool,
    decode_text: bool,
    max_msg_size: int,
    limit: int,
) -> list[Any]:
    """All that is seen while a reader is fed; `reads` says how many messages are taken between."""
    protocol = Protocol()
    queue = classes.queue(protocol, limit, loop=None)
    reader = classes.reader(queue, max_msg_size, compress, *DECODE_TEXT and [decode_text])
    seen = protocol.seen

    def look() -> None:
        seen.append((error_of(queue), queue.is_eof(), len(queue._buffer)))
        if hasattr(reader_py, "STALLED_READER_COLLECTED"):
            seen.append((queue._size, queue._stalled_reader is not None))

    for piece, count in zip(pieces, reads, strict=True):
        seen.append(reader.feed_data(piece))
        look()
        for _ in range(min(count, len(queue._buffer))):
            seen.append(read_now(queue))
            look()
    reader.feed_eof()
    while queue._buffer:
        seen.append(read_now(queue))
        look()
    seen.append(read_now(queue))
    return seen


# Frames

texts = st.sampled_from(["", "plain", "a" * 200, "Grüße, 你好, 🌍", "я" * 90, "x" * 2000]).map(
    str.encode
)
invalid_texts = st.sampled_from(
    [b"\xff", b"abc\xc3", b"\xed\xa0\x80", "é".encode()[1:], b"a" * 80 + b"\x80"]
)
payloads = st.one_of(texts, st.binary(max_size=140), st.sampled_from([bytes(999), bytes(MAX)]))
masks = st.booleans()


def frame(opcode: int, payload: bytes, masked: bool, fin: bool = True, rsv1: bool = False) -> bytes:
    key = KEY if masked else None
    return encode_frame(opcode, payload, mask=masked, fin=fin, rsv1=rsv1, masking_key=key)


def raw_frame(first: int, payload: bytes, masked: bool, length_as: str) -> bytes:
    """Whatever the first octet; the length in more octets than it needs."""
    flag, form = {"H": (126, "!BBH"), "Q": (127, "!BBQ")}[length_as]
    header = struct.pack(form, first, flag | (128 if masked else 0), len(payload))
    return header + (KEY + wsfast.apply_mask(payload, KEY) if masked else payload)


@st.composite
def messages(draw: st.DrawFn, valid: bool = True) -> bytes:
    """A message: whole, in fragments with control frames between, compressed."""
    opcode = draw(st.sampled_from([1, 2]))
    payload = draw(texts if opcode == 1 and valid else st.one_of(payloads, invalid_texts))
    compressed = draw(st.booleans())
    if compressed:
        deflate = zlib.compressobj(wbits=-15)
        payload = (deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]
    masked = draw(masks)
    ends = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=3)))
    starts = [0, *ends]
    found = b""
    for number, (start, end) in enumerate(zip(starts, [*ends, len(payload)], strict=True)):
        last = number == len(ends)
        found += frame(
            0 if number else opcode, payload[start:end], masked, last, compressed and not number
        )
        if not last and draw(st.booleans()):
            found += frame(draw(st.sampled_from([9, 10])), b"between", masked)
    return found


closes = st.sampled_from([b"", b"\x03", b"\x03\xe8", b"\x03\xe8bye", b"\x03\xee", b"\x03\xe8\xff"])
controls = st.one_of(
    st.builds(frame, st.sampled_from([9, 10]), st.binary(max_size=125), masks),
    st.builds(frame, st.just(8), closes, masks),
)
wrong = st.one_of(
    messages(valid=False),
    st.builds(raw_frame, st.integers(0, 255), st.binary(max_size=9), masks, st.sampled_from("HQ")),
    st.builds(frame, st.sampled_from([0, 1, 2]), payloads, masks, st.booleans(), st.booleans()),
    st.binary(min_size=1, max_size=12),
)
plain_messages = st.builds(frame, st.just(1), texts, masks) | st.builds(
    frame, st.just(2), payloads, masks
)
streams = st.lists(
    st.one_of(plain_messages, plain_messages, messages(), controls, wrong), min_size=1, max_size=8
).map(b"".join)


@st.composite
def in_pieces(draw: st.DrawFn) -> tuple[list[bytes], list[int]]:
    stream = draw(streams)
    near = st.integers(0, min(len(stream), 24))
    cuts = sorted({*draw(st.lists(st.integers(0, len(stream)) | near, max_size=6)), len(stream)})
    pieces = [stream[start:end] for start, end in zip([0, *cuts], cuts, strict=False)]
    counts = st.lists(st.integers(0, 4), min_size=len(pieces), max_size=len(pieces))
    return pieces, draw(counts)
