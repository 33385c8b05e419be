"""A decoder written straight from RFC 6455 and RFC 3629, against which the twins are held.

It reads a whole stream that is there from the start, and says of everything how many octets of the
stream it `needs`. So it predicts what each call of `feed` returns or raises, however the stream is
cut. The words of errors come from `wsfast.exceptions`, and which error it is from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from wsfast import exceptions
from wsfast.events import Close
from wsfast.exceptions import RemoteProtocolError

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

# RFC 3629 section 4, one row an alternative of the grammar.
_TAIL = range(0x80, 0xC0)
_FORMS: tuple[tuple[range, ...], ...] = (
    (range(0x80),),
    (range(0xC2, 0xE0), _TAIL),
    (range(0xE0, 0xE1), range(0xA0, 0xC0), _TAIL),
    (range(0xE1, 0xED), _TAIL, _TAIL),
    (range(0xED, 0xEE), range(0x80, 0xA0), _TAIL),
    (range(0xEE, 0xF0), _TAIL, _TAIL),
    (range(0xF0, 0xF1), range(0x90, 0xC0), _TAIL, _TAIL),
    (range(0xF1, 0xF4), _TAIL, _TAIL, _TAIL),
    (range(0xF4, 0xF5), range(0x80, 0x90), _TAIL, _TAIL),
)
_FORM_OF_LEAD = {lead: form for form in _FORMS for lead in form[0]}


def rfc_mask(payload: bytes, key: bytes, offset: int = 0) -> bytes:
    """RFC 6455 section 5.3: octet i is XORed with octet i mod 4 of the key; all of them at once."""
    size = len(payload)
    keys = bytes(key[(offset + i) % 4] for i in range(4)) * (size // 4 + 1)
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(keys[:size], "big")
    return masked.to_bytes(size, "big")


def repeated(data: bytes, times: int) -> bytes:
    """Each octet so many times: what the tests' inflater makes of them."""
    return data if times == 1 else bytes(octet for octet in data for _ in range(times))


class Utf8(NamedTuple):
    """`fault`: the first octet that can't stand there; `whole`: where whole characters end."""

    fault: int | None
    whole: int


def read_utf8(data: bytes | bytearray) -> Utf8:
    at = 0
    while at < len(data):
        form = _FORM_OF_LEAD.get(data[at])
        if form is None:
            return Utf8(at, at)
        for i in range(1, len(form)):
            if at + i == len(data):
                return Utf8(None, at)
            if data[at + i] not in form[i]:
                return Utf8(at + i, at)
        at += len(form)
    return Utf8(None, at)


def is_utf8(data: bytes | bytearray) -> bool:
    return read_utf8(data) == (None, len(data))


def utf8_error(data: bytes) -> RemoteProtocolError | None:
    """What a validator has to say about a whole text."""
    fault, whole = read_utf8(data)
    if fault is not None:
        return exceptions.invalid_utf8(fault, data[fault])
    return None if whole == len(data) else exceptions.truncated_utf8(len(data))


def signature(error: BaseException) -> tuple[Any, ...]:
    """What of an error has to be equal; not its `completed`."""
    return (
        type(error),
        str(error),
        getattr(error, "close_code", None),
        getattr(error, "position", None),
    )


@dataclass
class Rules:
    """What the next frame has to keep to. None: no limit."""

    side: str
    rsv: int = 0
    max_payload: int | None = None
    max_data: int | None = None
    fragments_left: int | None = None
    in_message: bool = False
    seen: int = 0  # octets of the message in earlier frames
    max_message: int | None = None
    max_fragments: int | None = None


class Header(NamedTuple):
    fin: bool
    rsv: int
    opcode: int
    length: int
    key: bytes
    start: int


class Fault(NamedTuple):
    needs: int
    error: RemoteProtocolError


def _first_octet(first: int, rules: Rules) -> RemoteProtocolError | None:
    opcode, control = first & 0x0F, first & 0x08
    allowed = 0 if control else rules.rsv
    if first & 0x70 & ~allowed:
        return exceptions.reserved_bits(first, allowed)
    if opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
        return exceptions.reserved_opcode(opcode)
    if control:
        return None if first & 0x80 else exceptions.fragmented_control_frame(opcode)
    if rules.in_message and opcode != CONTINUATION:
        return exceptions.expected_continuation(opcode)
    if not rules.in_message and opcode == CONTINUATION:
        return exceptions.unexpected_continuation()
    if rules.fragments_left == 0:
        assert rules.max_fragments is not None
        return exceptions.too_many_fragments(rules.max_fragments)
    return None


def read_header(stream: bytes, at: int, rules: Rules) -> Header | Fault | None:
    """RFC 6455 section 5.2, each rule at the first octet that can break it; None: incomplete."""
    have = len(stream) - at
    if have < 1:
        return None
    first = stream[at]
    error = _first_octet(first, rules)
    if error is not None:
        return Fault(at + 1, error)
    if have < 2:
        return None
    opcode, masked, length = first & 0x0F, bool(stream[at + 1] & 0x80), stream[at + 1] & 0x7F
    if masked != (rules.side == "server"):
        wrong = exceptions.masked_frame() if masked else exceptions.unmasked_frame()
        return Fault(at + 2, wrong)
    control = bool(opcode & 0x08)
    if control and length > 125:
        return Fault(at + 2, exceptions.long_control_frame(opcode))
    size = {126: 4, 127: 10}.get(length, 2)
    if have < size:
        return None
    needs = at + size
    if size > 2:
        length = int.from_bytes(stream[at + 2 : needs], "big")
        if length >= 1 << 63:
            return Fault(needs, exceptions.length_with_top_bit(length))
        if length < (126 if size == 4 else 1 << 16):
            return Fault(needs, exceptions.length_not_minimal(length, 16 if size == 4 else 64))
    if rules.max_payload is not None and length > rules.max_payload:
        return Fault(needs, exceptions.payload_too_long(length, rules.max_payload))
    if not control and not first & 0x40 and rules.max_data is not None and length > rules.max_data:
        assert rules.max_message is not None
        error = exceptions.message_too_long(rules.seen + length, rules.max_message)
        return Fault(needs, error)
    if not masked:
        return Header(bool(first & 0x80), first & 0x70, opcode, length, bytes(4), needs)
    if have < size + 4:
        return None
    key = stream[needs : needs + 4]
    return Header(bool(first & 0x80), first & 0x70, opcode, length, key, needs + 4)


def close_error(payload: bytes) -> RemoteProtocolError | None:
    """RFC 6455 sections 5.5.1 and 7.4."""
    if len(payload) == 1:
        return exceptions.short_close_payload()
    if payload:
        code = int.from_bytes(payload[:2], "big")
        if code not in (*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)):
            return exceptions.close_code_not_allowed(code)
    return utf8_error(payload[2:])


def read_close(payload: bytes) -> Close:
    if not payload:
        return Close(1005, "")
    return Close(int.from_bytes(payload[:2], "big"), payload[2:].decode())


class FrameRead(NamedTuple):
    """A frame whose header is whole; `data`: what has come of its payload, unmasked."""

    number: int
    header: Header
    data: bytes
    message: int  # opcode of the message that it belongs to
    compressed: bool = False

    @property
    def end(self) -> int:
        return self.header.start + self.header.length


@dataclass
class Reading:
    """`items`: (octets needed, item), in order. `end`: what the stream stops inside of."""

    items: list[tuple[int, Any]] = field(default_factory=list)
    fault: Fault | None = None
    end: str = ""
    frames: list[FrameRead] = field(default_factory=list)
    closed: int | None = None  # octets needed

    def finish_error(self) -> RemoteProtocolError | None:
        if self.fault is not None:
            return self.fault.error
        return {
            "": None,
            "frame": exceptions.ended_inside_frame(),
            "message": exceptions.ended_inside_message(),
        }[self.end]


def walk(stream: bytes, rules: Rules, reading: Reading) -> Iterator[FrameRead]:
    """The frames of a stream, the last perhaps only begun, until it ends or a header is wrong."""
    at = 0
    message = 0
    compressed = False
    while True:
        found = read_header(stream, at, rules)
        if isinstance(found, Fault):
            reading.fault = found
            return
        if found is None:
            reading.end = "frame" if at < len(stream) else "message" if rules.in_message else ""
            return
        data = rfc_mask(stream[found.start : found.start + found.length], found.key)
        if found.opcode in (TEXT, BINARY):
            message, compressed = found.opcode, bool(found.rsv & 0x40)
        control = bool(found.opcode & 0x08)
        frame = FrameRead(
            len(reading.frames),
            found,
            data,
            found.opcode if control else message,
            not control and compressed,
        )
        reading.frames.append(frame)
        yield frame
        if reading.fault is not None or reading.closed is not None:
            return
        if len(data) < found.length:
            reading.end = "frame"
            return
        at = frame.end
        if not control:
            rules.in_message = not found.fin


def read_control(frame: FrameRead, reading: Reading) -> bool:
    """Whether `frame` is a whole control frame without a fault; a Close ends the reading."""
    if len(frame.data) < frame.header.length:
        return False
    if frame.header.opcode == CLOSE:
        error = close_error(frame.data)
        if error is not None:
            reading.fault = Fault(frame.end, error)
            return False
        reading.closed = frame.end
    return True


def read_frames(
    stream: bytes, side: str, *, rsv: int = 0, max_payload_length: int | None = 2**20
) -> Reading:
    """What a FrameDecoder gives: (opcode, fin, rsv1, rsv2, rsv3, payload) for each frame."""
    reading = Reading()
    for frame in walk(stream, Rules(side, rsv, max_payload_length), reading):
        header = frame.header
        if len(frame.data) < header.length:
            continue
        if header.opcode & 0x08 and not read_control(frame, reading):
            continue
        bits = (bool(header.rsv & bit) for bit in (0x40, 0x20, 0x10))
        reading.items.append((frame.end, (header.opcode, header.fin, *bits, frame.data)))
    return reading


def read_messages(
    stream: bytes,
    side: str,
    *,
    text: str = "str",
    max_message_length: int | None = 2**20,
    max_payload_length: int | None = None,
    max_fragments: int | None = None,
    ratio: int = 0,
) -> Reading:
    """What a MessageDecoder gives: (opcode, payload) for each message and control frame.

    `ratio`: an inflater is there, which makes so many of each octet of a compressed message.
    """
    reading = Reading()
    rules = Rules(side, 0, max_payload_length, max_message=max_message_length)
    rules.max_fragments = max_fragments
    first_rsv = 0x40 if ratio else 0
    message = b""

    def open_message() -> None:
        rules.rsv, rules.seen = first_rsv, 0
        rules.max_data, rules.fragments_left = max_message_length, max_fragments

    open_message()
    for frame in walk(stream, rules, reading):
        header = frame.header
        if header.opcode & 0x08:
            if read_control(frame, reading):
                closing = header.opcode == CLOSE
                payload: Any = read_close(frame.data) if closing else frame.data
                reading.items.append((frame.end, (header.opcode, payload)))
            continue
        if header.opcode != CONTINUATION:
            message = b""
        whole = len(frame.data) == header.length
        before = len(message)
        step = ratio if frame.compressed else 1
        message += repeated(frame.data, step)
        if (
            frame.compressed
            and max_message_length is not None
            and len(message) > max_message_length
        ):
            needs = header.start + (max_message_length - before) // step + 1
            error = exceptions.message_too_long(max_message_length + 1, max_message_length)
            reading.fault = Fault(needs, error)
            continue
        if frame.message == TEXT:
            bad = utf8_error(message)
            cut = bad is not None and bad.position == len(message)
            if bad is not None and (not cut or (whole and header.fin)):
                assert bad.position is not None
                at = header.start + (bad.position - before) // step + 1
                reading.fault = Fault(frame.end if cut else at, bad)
                continue
        if not whole:
            continue
        rules.rsv, rules.seen = 0, len(message)
        rules.max_data = None
        if max_message_length is not None and not frame.compressed:
            rules.max_data = max_message_length - len(message)
        if rules.fragments_left is not None:
            rules.fragments_left -= 1
        if header.fin:
            as_str = frame.message == TEXT and text == "str"
            item = (frame.message, message.decode() if as_str else message)
            reading.items.append((frame.end, item))
            open_message()
    return reading


def pieces(reading: Reading, cuts: Sequence[int]) -> Iterator[Iterator[tuple[FrameRead, int, int]]]:
    """For each read of the stream, the pieces of payloads in it: frame, from and to in its payload.

    Control frames are one piece, which comes by the read that ends them."""

    def of(begin: int, end: int) -> Iterator[tuple[FrameRead, int, int]]:
        for frame in reading.frames:
            start, length = frame.header.start, frame.header.length
            if frame.header.opcode & 0x08 or length == 0:
                if begin < frame.end <= end:
                    yield frame, 0, length
            elif max(begin, start) < min(end, frame.end):
                yield frame, max(begin, start) - start, min(end, frame.end) - start

    begin = 0
    for end in cuts:
        yield of(begin, end)
        begin = end
