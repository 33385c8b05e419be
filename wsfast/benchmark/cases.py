"""The work that is measured: one operation, on payloads of one length and kind.

Every library's result is compared with what RFC 6455 says before anything is timed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from . import streams, texts, timing
from .peers import Field, Peer, Side

KEY = b"\x37\xfa\x21\x3d"  # of the RFC's example

# Octets of a text that is validated in chunks, and of a chunk.
_CHUNKED, _CHUNK = 65536, 1024
# Messages in a stream of large ones.
_FEW = 4
# What the header and the key of a small frame take.
_SMALL_HEADER = 6


class Work(NamedTuple):
    """`units` is how many of what is counted one run of a side's statement does."""

    units: int
    side: Callable[[Peer], Side | None]
    is_right: Callable[[Side], bool]


def _returns(expected: object) -> Callable[[Side], bool]:
    def is_right(side: Side) -> bool:
        found: Any = side.output()
        return bool(found == expected)

    return is_right


def _payload(octets: int, text: str) -> bytes:
    return texts.text(text, octets).encode() if text else streams.some_octets(octets)


def _mask(octets: int, text: str) -> Work:
    payload = _payload(octets, text)
    expected = streams.masked(payload, KEY)
    return Work(1, lambda peer: peer.mask(payload, KEY), _returns(expected))


def _mask_inplace(octets: int, text: str) -> Work:
    # One buffer for all, so that all have the same alignment.
    buffer = bytearray(_payload(octets, text))

    def is_right(side: Side) -> bool:
        expected = streams.masked(bytes(buffer), KEY)
        side.output()
        return buffer == expected

    return Work(1, lambda peer: peer.mask_inplace(buffer, KEY), is_right)


def _is_utf8(octets: int, text: str) -> Work:
    data = _payload(octets, text)
    return Work(1, lambda peer: peer.is_utf8(data), _returns(True))


def _validate(octets: int, text: str) -> Work:
    chunks = streams.cut(_payload(_CHUNKED, text), octets)
    return Work(len(chunks), lambda peer: peer.validate(chunks), _returns(True))


def _decode(octets: int, text: str) -> Work:
    payload = _payload(octets, text)
    masked = streams.masked(payload, KEY)
    return Work(1, lambda peer: peer.decode(masked, KEY), _returns(payload.decode()))


def _count(octets: int) -> int:
    """How many messages of this length make a stream of more than one read."""
    return max(_FEW, streams.READ // (octets + _SMALL_HEADER) + 2)


def _frames(octets: int, text: str) -> Work:
    count = _count(octets)
    payloads = streams.cut(streams.some_octets(octets * count), octets)
    stream = streams.stream(streams.BINARY, payloads)
    return Work(count, lambda peer: peer.frames(stream), _returns(payloads))


def _messages(octets: int, text: str) -> Work:
    count = _count(octets)
    payloads = texts.pieces(text, octets, count)
    stream = streams.stream(streams.TEXT, payloads)
    expected = [payload.decode() for payload in payloads]
    return Work(count, lambda peer: peer.messages(stream), _returns(expected))


def _fragments(octets: int, text: str) -> Work:
    payload = _payload(octets, text)
    expected = payload.decode() if text else payload
    opcode = streams.TEXT if text else streams.BINARY
    stream = streams.stream(opcode, [payload], fragment=64)
    return Work(1, lambda peer: peer.fragments(stream), _returns([expected]))


def _encoded(first: int, is_masked: bool, payload: bytes) -> Callable[[Side], bool]:
    def is_right(side: Side) -> bool:
        frame: Any = side.output()
        return streams.read_frame(bytes(frame)) == (first, is_masked, payload)

    return is_right


def _encode(octets: int, text: str) -> Work:
    payload = _payload(octets, text)
    return Work(1, lambda peer: peer.encode(payload, True), _encoded(0x82, True, payload))


def _encode_unmasked(octets: int, text: str) -> Work:
    payload = _payload(octets, text)
    return Work(1, lambda peer: peer.encode(payload, False), _encoded(0x82, False, payload))


def _encode_text(octets: int, text: str) -> Work:
    payload = _payload(octets, text)
    message = payload.decode()
    return Work(1, lambda peer: peer.encode_text(message), _encoded(0x81, True, payload))


def _masking_key(octets: int, text: str) -> Work:
    def is_right(side: Side) -> bool:
        keys: list[Any] = [side.output() for _ in range(4)]
        return {len(key) for key in keys} == {4} and len(set(keys)) > 1

    return Work(1, lambda peer: peer.masking_key(), is_right)


class Operation(NamedTuple):
    title: str
    unit: str  # what the time is of
    method: str  # of a Peer
    work: Callable[[int, str], Work]

    def is_done_by(self, peer: Peer) -> bool:
        return getattr(type(peer), self.method) is not getattr(Peer, self.method)


# By the codec's own names.
OPERATIONS = {
    "apply_mask": Operation("Mask a payload into a new object", "call", "mask", _mask),
    "apply_mask_inplace": Operation(
        "Mask a buffer where it is", "call", "mask_inplace", _mask_inplace
    ),
    "is_utf8": Operation("Say whether a payload is UTF-8", "call", "is_utf8", _is_utf8),
    "Utf8Validator": Operation(
        "Validate a text that comes in chunks", "chunk", "validate", _validate
    ),
    "decode_text": Operation(
        "Unmask, validate and decode a text payload", "call", "decode", _decode
    ),
    "FrameDecoder": Operation("Masked binary frames, 64 KiB a read", "frame", "frames", _frames),
    "MessageDecoder": Operation(
        "Masked text messages to str, 64 KiB a read", "message", "messages", _messages
    ),
    "fragments": Operation("One message in 64-octet fragments", "message", "fragments", _fragments),
    "encode_frame": Operation("Write a masked frame, key drawn inside", "frame", "encode", _encode),
    "encode_frame unmasked": Operation(
        "Write a server's frame", "frame", "encode", _encode_unmasked
    ),
    "encode_frame str": Operation(
        "Write a masked frame of a str", "frame", "encode_text", _encode_text
    ),
    "masking_key": Operation("Draw a masking key", "call", "masking_key", _masking_key),
}


def size(octets: int) -> str:
    """`octets` for people: 125 octets, 64 KiB."""
    for unit, name in ((2**20, "MiB"), (2**10, "KiB")):
        if octets >= unit and octets % unit == 0:
            return f"{octets // unit} {name}"
    return f"{octets} octets"


@dataclass
class Case:
    """Work, and who does it: the codec first.

    `references` are those who do less than the whole work; `failed` says why others are left out.
    """

    operation: str
    octets: int
    text: str
    pure: bool
    units: int
    sides: dict[str, Side]
    references: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    # Nanoseconds of one unit, by who.
    times: dict[str, float] = field(default_factory=dict)
    _loops: list[timing.Loop] = field(default_factory=list, repr=False)

    @property
    def name(self) -> str:
        return case_name(self.operation, self.octets, self.text, self.pure)

    def measure(self, seconds: float, again: bool = False) -> dict[str, float]:
        """Measures all sides in turns, for about that long; `again`: goes on from what it has."""
        if not again:
            self._loops = [timing.Loop(side.statement, side.names) for side in self.sides.values()]
        shortest = [ns * self.units for ns in self.times.values()] if again else None
        found = timing.measure(self._loops, seconds, shortest)
        self.times = {who: ns / self.units for who, ns in zip(self.sides, found, strict=True)}
        return self.times

    def ratios(self) -> dict[str, float]:
        """How many times as long as the codec the others take."""
        own, *others = self.times.items()
        return {who: ns / own[1] for who, ns in others}


def case_name(operation: str, octets: int, text: str = "", pure: bool = False) -> str:
    words = ("pure" if pure else "", operation, text, size(octets) if octets else "")
    return " ".join(filter(None, words))


def make(
    operation: str,
    octets: int,
    text: str,
    participants: Field,
    only: Collection[str] | None = None,
) -> Case:
    """The work, with every peer that can do it, or those of the names `only`.

    A codec that gets it wrong is a ValueError; a peer is left out, with the reason.
    """
    work = OPERATIONS[operation].work(octets, text)
    codec = participants.codec
    case = Case(operation, octets, text, codec.pure, work.units, {})
    side = work.side(codec)
    assert side is not None
    if not work.is_right(side):
        raise ValueError(f"{codec.name} gets {case.name} wrong")
    case.sides[codec.name] = side
    for peer in participants.peers:
        if only is not None and peer.name not in only:
            continue
        try:
            side = work.side(peer)
            if side is not None and not work.is_right(side):
                raise ValueError("its result is another one")
        except Exception as error:
            # Whatever a library raises, it is the library that is left out.
            case.failed[peer.name] = f"{type(error).__name__}: {error}"
            continue
        if side is not None:
            who = side.who or peer.name
            case.sides[who] = side
            if peer.is_reference:
                case.references.add(who)
    return case


class Plan(NamedTuple):
    operation: str
    texts: tuple[str, ...]
    octets: tuple[int, ...]
    pure: bool = False

    def names(self) -> Iterator[tuple[str, int]]:
        for text in self.texts:
            for octets in self.octets:
                yield text, octets


_BINARY = ("",)
_KIB, _MIB = 2**10, 2**20

# What `python -m wsfast bench` measures.
SUITE = (
    Plan("apply_mask", _BINARY, (16, _KIB, 16 * _KIB, _MIB)),
    Plan("apply_mask_inplace", _BINARY, (16, 4 * _KIB, 64 * _KIB)),
    Plan("is_utf8", ("ascii", "latin", "chinese", "emoji"), (_KIB, 64 * _KIB)),
    Plan("Utf8Validator", ("ascii", "chinese"), (_CHUNK,)),
    Plan(
        "decode_text",
        ("ascii", "latin", "russian", "chinese", "emoji", "mixed"),
        (16, _KIB, 64 * _KIB),
    ),
    Plan("FrameDecoder", _BINARY, (16, 125, _KIB, 64 * _KIB)),
    Plan("MessageDecoder", ("ascii", "chinese"), (16, _KIB, 64 * _KIB)),
    Plan("encode_frame", _BINARY, (16, _KIB, 64 * _KIB)),
    Plan("encode_frame unmasked", _BINARY, (16, _KIB)),
    Plan("encode_frame str", ("ascii", "chinese"), (16, _KIB, 64 * _KIB)),
    Plan("masking_key", _BINARY, (0,)),
    Plan("apply_mask", _BINARY, (16, _KIB, 64 * _KIB), True),
    Plan("decode_text", ("ascii", "chinese"), (16, _KIB), True),
    Plan("FrameDecoder", _BINARY, (16, _KIB), True),
    Plan("MessageDecoder", ("ascii",), (16, _KIB), True),
    Plan("encode_frame", _BINARY, (16, _KIB), True),
)
