"""The self-test of `python -m wsfast check`: every kernel that can run here, and the pure side.

What is expected comes from the formulas and grammars of RFC 6455 and RFC 3629 and from literal
vectors, never from another kernel. It takes seconds; the test suite of the project goes further.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from types import ModuleType
from typing import Any, NamedTuple

from . import _backend
from ._fallback import frames, mask, messages, utf8
from ._fallback.kernels import ISAS
from .exceptions import RemoteProtocolError
from .protocol import FIN, LENGTH_IS_16_BIT, LENGTH_IS_64_BIT, MASK_BIT, Opcode

MOST_FAULTS = 5  # told of one check
KEY = bytes.fromhex("37fa213d")


class Implementation(NamedTuple):
    """One way to run the codec: `python`, or `c-…` with the instruction set that is its ceiling."""

    name: str
    isa: str | None
    mask: ModuleType
    utf8: ModuleType
    frames: ModuleType
    messages: ModuleType


class Outcome(NamedTuple):
    """What a check found: how many cases it tried, and its first faults in words."""

    implementation: str
    check: str
    cases: int
    faults: list[str]


def implementations() -> list[Implementation]:
    """The pure side, and one of the compiled side for each instruction set that can run here."""
    found = [Implementation("python", None, mask, utf8, frames, messages)]
    if _backend.BACKEND == "c":
        compiled = (_backend.mask, _backend.utf8, _backend.frames, _backend.messages)
        isas = {isa for isas in _backend.kernels.available().values() for isa in isas}
        found += [
            Implementation(f"c-{isa}", isa, *compiled) for isa in sorted(isas, key=ISAS.index)
        ]
    return found


def outcomes(begin: Callable[[str], None]) -> Iterator[Outcome]:
    """Runs every check on every implementation; calls `begin` with the name of each before it."""
    kernels = _backend.kernels
    # As a ceiling, the highest instruction set in use chooses the same kernels again.
    before = max(kernels.active().values(), key=ISAS.index) if _backend.BACKEND == "c" else None
    try:
        for implementation in implementations():
            if implementation.isa is not None:
                kernels.select(implementation.isa)
            for name in CHECKS:
                begin(f"{implementation.name} {name}")
                yield _outcome(implementation, name)
    finally:
        kernels.select(before)


def _outcome(implementation: Implementation, name: str) -> Outcome:
    cases = 0
    faults: list[str] = []
    try:
        for fault in CHECKS[name](implementation):
            cases += 1
            if fault and len(faults) < MOST_FAULTS:
                faults.append(fault)
    except Exception as error:
        faults.append(f"after case {cases}: {type(error).__name__}: {error}")
    return Outcome(implementation.name, name, cases, faults)


def _fault(got: object, expected: object, *of: object) -> str:
    """What is wrong with this case, in words; empty where it is right."""
    if got == expected:
        return ""
    return f"{' '.join(map(str, of))}: expected {expected!r:.80}, got {got!r:.80}"


def rfc_mask(payload: bytes, key: bytes, offset: int = 0) -> bytes:
    """RFC 6455 section 5.3."""
    return bytes(octet ^ key[(offset + i) % 4] for i, octet in enumerate(payload))


def check_mask(on: Implementation) -> Iterator[str]:
    """Lengths 0 to 300 and around powers of two, each offset; 16 alignments, also in place."""
    payload = bytes((i * 167 + i // 256) % 256 for i in range(2**16 + 2))
    masked = [rfc_mask(payload, KEY, offset) for offset in range(4)]
    around = [2**n + more for n in range(9, 17) for more in (-1, 0, 1)]
    for offset, length in product(range(4), (*range(301), *around)):
        got = on.mask.apply_mask(payload[:length], KEY, offset)
        yield _fault(got, masked[offset][:length], "apply_mask", length, "offset", offset)
    for start, length in product(range(16), range(301)):
        end = start + length
        # Octets before and after the range must stay as they are.
        expected = payload[:start] + masked[0][start:end] + payload[end : end + 1]
        buffer = bytearray(payload[: end + 1])
        with memoryview(buffer)[start:end] as view:
            got = on.mask.apply_mask(view, KEY, start)
            yield _fault(got, masked[0][start:end], "apply_mask", length, "alignment", start)
            on.mask.apply_mask_inplace(view, KEY, start)
        yield _fault(buffer, expected, "apply_mask_inplace", length, "alignment", start)


# RFC 3629 section 4: the lead octets of each form, and what may follow them.
_TAIL = (0x80, 0xBF)
_FORMS = (
    ((0x00, 0x7F),),
    ((0xC2, 0xDF), _TAIL),
    ((0xE0, 0xE0), (0xA0, 0xBF), _TAIL),
    ((0xE1, 0xEC), _TAIL, _TAIL),
    ((0xED, 0xED), (0x80, 0x9F), _TAIL),
    ((0xEE, 0xEF), _TAIL, _TAIL),
    ((0xF0, 0xF0), (0x90, 0xBF), _TAIL, _TAIL),
    ((0xF1, 0xF3), _TAIL, _TAIL, _TAIL),
    ((0xF4, 0xF4), (0x80, 0x8F), _TAIL, _TAIL),
)
# The octets at which the grammar turns.
_LEADS = bytes.fromhex("00417fc0c1c2dfe0e1ecedeeeff0f1f3f4f5ff")
_FOLLOWERS = bytes.fromhex("00417f808f909fa0bfc0c2e0f0ff")
_TEXTS = ("plain ASCII, ", "façade, ", "Ελληνικά, ", "日本語と中文、", "🙂🚀, ", "a¢€𐍈, ")


def rfc_utf8_position(text: bytes) -> int | None:
    """Where `text` stops being UTF-8: None if nowhere, its length if it ends inside a character."""
    at = 0
    while at < len(text):
        form = next((f for f in _FORMS if f[0][0] <= text[at] <= f[0][1]), None)
        if form is None:
            return at
        for low, high in form:
            if at == len(text) or not low <= text[at] <= high:
                return at
            at += 1
    return None


def _position(validator: Any, *pieces: bytes) -> int | None:
    try:
        for piece in pieces:
            validator.feed(piece)
        validator.finish()
    except RemoteProtocolError as error:
        validator.reset()
        return error.position
    return None


def _sequences() -> Iterator[bytes]:
    """One to four octets: every boundary of the grammar, from both of its sides."""
    for length in range(1, 5):
        for octets in product(_LEADS, *[_FOLLOWERS] * (length - 1)):
            # Longer ones matter only where the first two may stand together.
            if length < 3 or rfc_utf8_position(bytes(octets[:2])) in (2, None):
                yield bytes(octets)


def check_utf8(on: Implementation) -> Iterator[str]:
    """Every sequence of two octets, and the boundaries of the grammar across registers' edges."""
    for two in product(range(256), repeat=2):
        sequence = bytes(two)
        expected = rfc_utf8_position(sequence) is None
        yield _fault(on.utf8.is_utf8(sequence), expected, "is_utf8", sequence)
    validator = on.utf8.Utf8Validator()
    for number, sequence in enumerate(_sequences()):
        # A position near the edge of a register of 16, 32 or 64 octets, another for each sequence.
        start = (16, 32, 64)[number % 3] - 1 - number % len(sequence)
        text = b"." * start + sequence + b"." * (number % 80)
        position = rfc_utf8_position(text)
        yield _fault(on.utf8.is_utf8(text), position is None, "is_utf8", text)
        cut = start + number % (len(sequence) + 1)
        got = _position(validator, text[:cut], text[cut:])
        yield _fault(got, position, "Utf8Validator", text, "cut at", cut)


def check_text(on: Implementation) -> Iterator[str]:
    """decode_text, masked and not: scripts at every length, and the errors of bytes.decode()."""
    for number, sample in enumerate((*_TEXTS, "".join(_TEXTS))):
        text = ("." * 70 + sample * 40)[number:]
        for length in range(len(text)):
            octets = text[length % 71 : length].encode()
            yield _fault(on.utf8.decode_text(octets), octets.decode(), "decode_text", length)
            got = on.utf8.decode_text(rfc_mask(octets, KEY), KEY)
            yield _fault(got, octets.decode(), "decode_text, masked", length, "of", sample)
    for number, sequence in enumerate(_sequences()):
        octets = b"." * (number % 70) + sequence + "é".encode() * (number % 3)
        expected = _decoded(bytes.decode, octets)
        got = _decoded(on.utf8.decode_text, rfc_mask(octets, KEY), KEY)
        yield _fault(got, expected, "decode_text", octets)


def _decoded(decode: Callable[..., str], *arguments: bytes) -> object:
    try:
        return decode(*arguments)
    except UnicodeDecodeError as error:
        return error.args


def rfc_frame(first: int, payload: bytes, key: bytes | None = None) -> bytes:
    """RFC 6455 section 5.2; `first` holds FIN, the RSV bits and the opcode."""
    mask_bit = 0 if key is None else MASK_BIT
    length = len(payload)
    if length < LENGTH_IS_16_BIT:
        header = bytes([first, mask_bit | length])
    elif length < 2**16:
        header = bytes([first, mask_bit | LENGTH_IS_16_BIT]) + length.to_bytes(2, "big")
    else:
        header = bytes([first, mask_bit | LENGTH_IS_64_BIT]) + length.to_bytes(8, "big")
    return header + (payload if key is None else key + rfc_mask(payload, key))


def _cuts(stream: bytes) -> Iterator[list[bytes]]:
    """The stream whole, cut in two at every octet, and octet by octet."""
    for cut in range(len(stream)):
        yield [stream[:cut], stream[cut:]]
    yield [stream[i : i + 1] for i in range(len(stream))]


def check_frames(on: Implementation) -> Iterator[str]:
    """Frames of every length of header, to the wire and back, cut at every octet."""
    plain = []
    for opcode, length in product((Opcode.TEXT, Opcode.BINARY), (0, 1, 7, 125, 126, 300, 2**16)):
        plain += [(opcode, fin, b"x" * length) for fin in (True, False) if fin or length < 300]
    plain += [(opcode, True, b"hello") for opcode in (Opcode.PING, Opcode.PONG)]
    for opcode, fin, payload in plain:
        for key, side in ((KEY, "server"), (None, "client")):
            wire = rfc_frame(FIN * fin | opcode, payload, key)
            got = on.frames.encode_frame(
                opcode, payload, mask=key is not None, fin=fin, masking_key=key
            )
            yield _fault(got, wire, "encode_frame", opcode.name, len(payload), "for a", side)
            for pieces in _cuts(wire) if len(wire) < 1000 else ([wire], [wire[:9], wire[9:]]):
                decoder = on.frames.FrameDecoder(side)
                found = [frame for piece in pieces for frame in decoder.feed(piece)]
                seen = [(frame.opcode, frame.fin, frame.payload) for frame in found]
                yield _fault(seen, [(opcode, fin, payload)], "FrameDecoder", wire[:14].hex())


# RFC 6455 section 5.7, then a text cut inside a character with a Ping between, then a Close frame.
_STREAM = (
    ("810548656c6c6f", (Opcode.TEXT, "Hello")),
    ("010348656c80026c6f", (Opcode.TEXT, "Hello")),
    ("890548656c6c6f", (Opcode.PING, b"Hello")),
    ("8a0548656c6c6f", (Opcode.PONG, b"Hello")),
    ("827e0100" + "00" * 256, (Opcode.BINARY, bytes(256))),
    ("0102e6978900", (Opcode.PING, b"")),
    ("8004a5e69cac", (Opcode.TEXT, "日本")),
    ("880503e8627965", (Opcode.CLOSE, (1000, "bye"))),
)
# What a server must not send, and the close code to fail the connection with.
_FORBIDDEN = (
    ("c100", 1002, "RSV1"),
    ("8300", 1002, "reserved opcode"),
    ("0900", 1002, "fragmented Ping"),
    ("8000", 1002, "continuation of nothing"),
    ("01008100", 1002, "message inside a message"),
    ("818537fa213d7f9f4d5158", 1002, "masked frame"),
    ("897e", 1002, "long Ping"),
    ("827e007d", 1002, "length not minimal"),
    ("827f000000000000ffff", 1002, "64-bit length not minimal"),
    ("827f8000000000000000", 1002, "top bit"),
    ("8801e8", 1002, "Close frame of 1 octet"),
    ("880203ed", 1002, "close code 1005"),
    ("880303e8ff", 1007, "reason that is not UTF-8"),
    ("810ac0", 1007, "text that is not UTF-8, not whole yet"),
    ("8101c3", 1007, "text that ends inside a character"),
    ("827f7fffffffffffffff", 1009, "2**63 - 1 octets"),
)


def check_messages(on: Implementation) -> Iterator[str]:
    """The RFC's examples cut at every octet, and what it forbids."""
    stream = bytes.fromhex("".join(wire for wire, _ in _STREAM))
    for pieces in _cuts(stream):
        decoder = on.messages.MessageDecoder("client")
        got = [event for piece in pieces for event in decoder.feed(piece)]
        yield _fault(got, [event for _, event in _STREAM], "MessageDecoder, cut at", len(pieces[0]))
    for wire, close_code, what in _FORBIDDEN:
        for pieces in _cuts(bytes.fromhex(wire)):
            decoder = on.messages.MessageDecoder("client")
            yield _fault(_close_code(decoder, pieces), close_code, "MessageDecoder,", what)
    for text in _TEXTS:
        wire = on.frames.encode_frame(Opcode.TEXT, text, mask=True)
        got = on.messages.MessageDecoder("server").feed(wire)
        yield _fault(got, [(Opcode.TEXT, text)], "encode_frame and MessageDecoder", text)


def _close_code(decoder: Any, pieces: list[bytes]) -> int | None:
    try:
        for piece in pieces:
            decoder.feed(piece)
    except RemoteProtocolError as error:
        return error.close_code
    return None


CHECKS: dict[str, Callable[[Implementation], Iterator[str]]] = {
    "mask": check_mask,
    "utf8": check_utf8,
    "text": check_text,
    "frames": check_frames,
    "messages": check_messages,
}
