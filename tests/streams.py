"""Wire bytes for the tests: a builder of frames that knows no rule, and streams made by it."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from oracle import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, repeated, rfc_mask

KEY = bytes.fromhex("37fa213d")  # the masking key of the RFC's own example
OTHER_KEY = bytes.fromhex("80ff0001")


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    key: bytes | None = None,
    bits: int | None = None,
    declared: int | None = None,
) -> bytes:
    """A frame as RFC 6455 section 5.2 draws it, or as it must not be.

    `bits`: in how many the length is sent (7, 16 or 64); `declared`: the length that is claimed.
    """
    length = len(payload) if declared is None else declared
    if bits is None:
        bits = 7 if length < 126 else 16 if length < 1 << 16 else 64
    mask = 0x80 if key is not None else 0
    head = bytes([(0x80 if fin else 0) | rsv | opcode])
    if bits == 7:
        head += bytes([mask | length])
    elif bits == 16:
        head += struct.pack("!BH", mask | 126, length)
    else:
        head += struct.pack("!BQ", mask | 127, length)
    return head + (payload if key is None else key + rfc_mask(payload, key))


class Stream(NamedTuple):
    """A stream from a client (masked by default) or a server, with the options of who reads it."""

    name: str
    data: bytes
    side: str
    frames: dict[str, Any]
    messages: dict[str, Any]


def _close(code: int, reason: bytes = b"") -> bytes:
    return struct.pack("!H", code) + reason


EURO = "€".encode()
ROCKET = "🚀".encode()


def _streams(key: bytes | None, side: str) -> list[Stream]:
    made: list[Stream] = []

    def f(opcode: int, payload: bytes = b"", **more: Any) -> bytes:
        return frame(opcode, payload, **{"key": key, **more})

    def add(name: str, *parts: bytes, frames: Any = None, messages: Any = None) -> None:
        made.append(Stream(f"{side}: {name}", b"".join(parts), side, frames or {}, messages or {}))

    hello = f(TEXT, b"Hello")
    start, middle, end = (
        f(TEXT, b"ab", fin=False),
        f(CONTINUATION, b"cd", fin=False),
        f(CONTINUATION, b"ef"),
    )
    add("nothing")
    add("a text", hello)
    add("empty frames", f(TEXT), f(BINARY), f(PING), f(PONG), f(TEXT))
    add("many small frames", *(f(BINARY, bytes(n)) for n in range(9)))
    add("a fragmented text", start, middle, end, hello)
    add("empty fragments", f(TEXT, fin=False), f(CONTINUATION, fin=False), f(CONTINUATION), hello)
    add("a ping between fragments", start, f(PING, b"p"), middle, f(PONG), end)
    add("control frame of 125 octets", f(PING, bytes(range(125))), hello)
    add("payload of 126 octets", f(BINARY, bytes(range(126))), hello)
    add(
        "line ends of every kind in fragments",
        f(TEXT, b"a\r", fin=False),
        f(CONTINUATION, b"\nb\r\n\n", fin=False),
        f(CONTINUATION, "\r\x85\u2028\0".encode()),
    )
    add("text of every width", f(TEXT, "aéя€漢🚀".encode()), f(TEXT, "ÿ".encode()))
    add(
        "text cut inside characters",
        f(TEXT, b"x" + ROCKET[:1], fin=False),
        f(PING, b"?"),
        f(CONTINUATION, ROCKET[1:3], fin=False),
        f(CONTINUATION, fin=False),
        f(CONTINUATION, ROCKET[3:] + EURO[:2], fin=False),
        f(CONTINUATION, EURO[2:]),
    )
    for name, bad in {
        "stray continuation octet": b"ok\x80ok",
        "overlong C0": b"\xc0\xaf",
        "overlong E0": b"a\xe0\x9f\xbf",
        "overlong F0": b"a\xf0\x8f\xbf\xbf",
        "surrogate": b"a\xed\xa0\x80",
        "above U+10FFFF": b"a\xf4\x90\x80\x80",
        "F5": b"a\xf5\x80\x80\x80",
        "character not continued": b"a\xe2\x28\xa1",
    }.items():
        add(f"invalid text: {name}", hello, f(TEXT, bad), hello)
    add("invalid text in the second fragment", start, f(CONTINUATION, b"c\xff", fin=False), end)
    add("text truncated", hello, f(TEXT, b"abc" + ROCKET[:3]), hello)
    add("text truncated, last fragment empty", f(TEXT, EURO[:2], fin=False), f(CONTINUATION))
    add("invalid across fragments", f(TEXT, b"\xe0", fin=False), f(CONTINUATION, b"\x80"))
    add("binary that is no text", f(BINARY, b"\xff\xfe\x80"), hello)
    add("close without payload, then more", hello, f(CLOSE), hello, b"\xff\xff")
    add("close with code", f(CLOSE, _close(1000)), f(CLOSE, _close(1001)))
    add("close with reason", hello, f(CLOSE, _close(4999, "tschüß €".encode())), hello)
    add("close inside a message", start, f(CLOSE, _close(1000)), end)
    add("close with one octet", hello, f(CLOSE, b"\x03"), hello)
    add("close with code 1005", hello, f(CLOSE, _close(1005)))
    add("close with reason invalid", f(CLOSE, _close(1000, b"a\xff")))
    add("close with reason truncated", f(CLOSE, _close(1000, b"a" + EURO[:2])))
    add("close with code and reason invalid", f(CLOSE, _close(999, b"\xff")))
    for rsv in (0x40, 0x20, 0x10, 0x70):
        add(f"reserved bits {rsv:#x}", hello, f(TEXT, b"a", rsv=rsv))
    add(
        "allowed bits",
        f(BINARY, b"a", rsv=0x50, fin=False),
        f(CONTINUATION, b"b", rsv=0x40),
        f(TEXT, b"c", rsv=0x20),
        frames={"rsv": 0x50},
    )
    add("allowed bits on a control frame", f(PING, rsv=0x40), frames={"rsv": 0x70})
    for opcode in (3, 7, 11, 15):
        add(f"reserved opcode {opcode}", hello, f(opcode, b"x"))
    for opcode in (CLOSE, PING, PONG):
        add(f"fragmented control frame {opcode}", hello, f(opcode, b"x", fin=False))
        add(f"control frame {opcode} of 126 octets", f(opcode, bytes(126)))
    add("control frame with a 64-bit length", f(PING, bits=64, declared=3))
    add("continuation without a start", hello, end)
    add("continuation after a whole message", start, end, middle)
    add("start inside a message", start, hello)
    add("binary inside a text", start, f(PING), f(BINARY, b"b"))
    wrong = None if key is not None else KEY
    add("wrong mask bit", hello, f(TEXT, b"Hello", key=wrong))
    add("wrong mask bit on a ping", start, f(PING, key=wrong))
    add("16 bits for 125", hello, f(BINARY, bits=16, declared=125))
    add("64 bits for 125", hello, f(BINARY, bits=64, declared=125))
    add("64 bits for 65535", hello, f(BINARY, bits=64, declared=65535))
    add("64 bits with the top bit", hello, f(BINARY, bits=64, declared=1 << 63))
    add("64 bits, all ones", hello, f(BINARY, bits=64, declared=(1 << 64) - 1))
    add("the longest length", hello, f(BINARY, b"", bits=64, declared=(1 << 63) - 1))
    add(
        "the longest length without limits",
        f(BINARY, b"abc", bits=64, declared=(1 << 63) - 1),
        frames={"max_payload_length": None},
        messages={"max_message_length": None},
    )
    add(
        "payload at its limit, and above it",
        f(BINARY, bytes(9)),
        f(BINARY, bytes(10)),
        frames={"max_payload_length": 9},
        messages={"max_payload_length": 9},
    )
    add(
        "ping above the payload limit",
        f(PING, bytes(3)),
        frames={"max_payload_length": 2},
        messages={"max_payload_length": 2},
    )
    add("message at its limit", start, end, f(BINARY, bytes(4)), messages={"max_message_length": 4})
    add("message above its limit", start, middle, end, messages={"max_message_length": 5})
    add("two fragments allowed", start, end, start, middle, end, messages={"max_fragments": 2})
    add("one fragment allowed", hello, f(PING), start, end, messages={"max_fragments": 1})
    add("no fragment allowed", f(PING), hello, messages={"max_fragments": 0})
    add("cut inside a header", hello, f(BINARY, bytes(300))[:3])
    add("cut between fragments", hello, start, f(PING))
    z = {"ratio": 1}
    add("compressed", f(TEXT, EURO + b"a", rsv=0x40), f(BINARY, b"b"), messages=z)
    add(
        "compressed in fragments",
        f(TEXT, EURO[:1], rsv=0x40, fin=False),
        f(PING, b"p"),
        f(CONTINUATION, fin=False),
        f(CONTINUATION, EURO[1:], fin=False),
        f(CONTINUATION),
        hello,
        messages=z,
    )
    add("compressed and empty", f(TEXT, rsv=0x40), f(BINARY, rsv=0x40), hello, messages=z)
    add("compressed text invalid", f(TEXT, b"ab\xffcd", rsv=0x40), messages=z)
    add("compressed text truncated", f(TEXT, b"ab" + EURO[:2], rsv=0x40), messages=z)
    add(
        "reserved bit on a continuation",
        f(TEXT, b"a", rsv=0x40, fin=False),
        f(CONTINUATION, b"b", rsv=0x40),
        messages=z,
    )
    add("compressed control frame", f(PING, b"a", rsv=0x40), messages=z)
    add("second reserved bit", f(TEXT, b"a", rsv=0x60), messages=z)
    add(
        "compressed at its limit, and above it",
        f(BINARY, b"ab", rsv=0x40, fin=False),
        f(CONTINUATION, b"c"),
        f(BINARY, b"d", rsv=0x40, fin=False),
        f(CONTINUATION, b"efg"),
        messages={"ratio": 3, "max_message_length": 9},
    )
    return made


STREAMS = _streams(KEY, "server") + _streams(None, "client")


class Repeater:
    """An inflater for tests: each octet `ratio` times."""

    def __init__(self, ratio: int = 1) -> None:
        self.ratio = ratio
        self.calls: list[tuple[bytes, bool, int | None]] = []

    def inflate(self, data: bytes, last: bool, max_length: int | None) -> bytes:
        self.calls.append((data, last, max_length))
        inflated = repeated(data, self.ratio)
        return inflated if max_length is None else inflated[: max_length + 1]


def message_decoder(implementation: Any, side: str, *, ratio: int = 0, **options: Any) -> Any:
    """A MessageDecoder by the oracle's options."""
    inflater = Repeater(ratio) if ratio else None
    return implementation.messages.MessageDecoder(side, inflater=inflater, **options)
