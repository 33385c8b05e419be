"""What wsfast must reach: each bar is a ratio, measured within one run.

Most were set on machines with AVX-512 (Intel and AMD), at what the poorer of the two allowed. Where
a bar names a `kernel`, it holds where that operation's kernel is the AVX-512 one.

First the codec against its peers, then the libraries with wsfast.enable() against the same without,
then wsfast.aio against endpoints of others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from loads import Load, Opening

KIB, MIB = 2**10, 2**20

# Below the bar: a warning. Below this part of it: a failure.
TOLERANCE = 0.9


class Bar(NamedTuple):
    """`at_least`: how many times as long as wsfast the fastest of `against` must take.

    `against` are names of peers; none: all that are installed.
    """

    operation: str
    texts: tuple[str, ...]
    octets: tuple[int, ...]
    against: tuple[str, ...]
    at_least: float
    kernel: str = ""
    pure: bool = False

    def work(self) -> Iterator[tuple[str, int]]:
        for text in self.texts:
            for octets in self.octets:
                yield text, octets


BINARY = ("",)
ASCII = ("ascii",)
CHINESE = ("chinese",)
LATIN = ("latin", "french")
OTHERS = (*LATIN, "russian", "arabic", "hindi", "chinese", "japanese", "emoji", "mixed")
SMALL_TO_LARGE = (KIB, 16 * KIB, 64 * KIB, MIB)
ANY: tuple[str, ...] = ()

COMPILED = (
    # RFC 6455 section 5.3.
    Bar("apply_mask", BINARY, (16, 125), ("websockets",), 1.4),
    Bar("apply_mask", BINARY, (KIB,), ("websockets",), 1.4, "mask"),
    Bar("apply_mask", BINARY, (4 * KIB,), ("websockets",), 1.7, "mask"),
    Bar("apply_mask", BINARY, (16 * KIB,), ("websockets",), 2, "mask"),
    Bar("apply_mask", BINARY, (64 * KIB, MIB, 16 * MIB), ("a plain copy",), 0.8, "mask"),
    Bar("apply_mask_inplace", BINARY, (16, 125, KIB, 64 * KIB, MIB), ("aiohttp",), 1),
    Bar("apply_mask_inplace", BINARY, (4 * KIB, 8 * KIB, 16 * KIB), ("aiohttp",), 1.7, "mask"),
    # RFC 3629.
    Bar("is_utf8", OTHERS, (KIB, 64 * KIB, MIB), ("Python",), 7, "utf8"),
    Bar("Utf8Validator", ASCII, (KIB,), ("wsaccel",), 30, "utf8"),
    Bar("Utf8Validator", OTHERS, (KIB,), ("wsaccel",), 20, "utf8"),
    # Text payloads.
    Bar("decode_text", ASCII, (16,), ("websockets",), 3.2),
    Bar("decode_text", ASCII, (64 * KIB,), ("websockets",), 2.7, "text"),
    Bar("decode_text", ASCII, (MIB,), ("websockets",), 2.5, "text"),
    Bar("decode_text", LATIN, SMALL_TO_LARGE, ("websockets",), 2.4, "text"),
    Bar("decode_text", CHINESE, SMALL_TO_LARGE, ("websockets",), 2.1, "text"),
    Bar("decode_text", ("emoji",), SMALL_TO_LARGE, ("websockets",), 2, "text"),
    Bar("decode_text", ("mixed",), SMALL_TO_LARGE, ("websockets",), 1.8, "text"),
    # Frames and messages off the wire.
    Bar("FrameDecoder", BINARY, (16,), ("aiohttp", "picows"), 2),
    Bar("MessageDecoder", ASCII, (16,), ("websockets",), 20),
    Bar("MessageDecoder", ASCII, (16,), ("wsproto",), 60),
    Bar("MessageDecoder", ASCII, (64 * KIB,), ANY, 1.8, "text"),
    Bar("MessageDecoder", CHINESE, (64 * KIB,), ANY, 1.6, "text"),
    # Frames to the wire.
    Bar("encode_frame", BINARY, (16,), ("picows",), 2),
    Bar("encode_frame", BINARY, (16,), ("websockets",), 20),
    Bar("encode_frame str", ASCII, (64 * KIB,), ("websockets",), 2, "encode"),
    Bar("encode_frame str", CHINESE, (64 * KIB,), ("websockets",), 1.8, "encode"),
    Bar("masking_key", BINARY, (0,), ("Python",), 8),
)

_TEXTS = (*ASCII, *CHINESE)
_SIZES = (16, KIB, 64 * KIB)

# The Python side of wsfast against the fastest Python code of any peer.
PURE = tuple(
    Bar(operation, texts, octets, ANY, 1, pure=True)
    for operation, texts, octets in (
        ("apply_mask", BINARY, (16, 125, KIB, 16 * KIB, 64 * KIB)),
        ("apply_mask_inplace", BINARY, _SIZES),
        ("is_utf8", _TEXTS, _SIZES),
        ("Utf8Validator", _TEXTS, (KIB,)),
        ("decode_text", _TEXTS, _SIZES),
        ("FrameDecoder", BINARY, _SIZES),
        ("MessageDecoder", _TEXTS, _SIZES),
        ("encode_frame", BINARY, _SIZES),
        # From 16 KiB on aiohttp writes the header and the payload one after the other.
        ("encode_frame unmasked", BINARY, (16, KIB)),
        ("encode_frame str", _TEXTS, _SIZES),
        ("masking_key", BINARY, (0,)),
    )
)

# masking_key() may take this many nanoseconds more than random.getrandbits(32).
KEY_MARGIN = 20

# A message of this many octets in 64-octet fragments, and one twice as long: at most so many times
# the time.
FRAGMENTED = 4 * MIB
FRAGMENTED_TEXTS = ("", "ascii", "chinese")
FRAGMENTED_GROWTH = 2.2

# Peak memory of a process that receives a message of this many octets: at most so many times its
# size, and so many octets more.
LARGE = 64 * MIB
LARGE_FACTOR = 1.15
LARGE_MARGIN = MIB


class LibraryBar(NamedTuple):
    """`at_least`: how many times as fast a library must be with wsfast as without."""

    library: str
    side: str
    direction: str
    text: str
    octets: int
    at_least: float
    with_wsaccel: bool = False


def _library(
    name: str, side: str, small: float, ascii: float, others: float, *out: float
) -> list[LibraryBar]:
    """In: 16 octets, 64 KiB of ASCII, 64 KiB of Chinese or emoji; a client's out: 16, 64 KiB."""
    bars = [
        LibraryBar(name, side, "in", "", 16, small),
        LibraryBar(name, side, "in", "ascii", 64 * KIB, ascii),
        LibraryBar(name, side, "in", "chinese", 64 * KIB, others),
        LibraryBar(name, side, "in", "emoji", 64 * KIB, others),
    ]
    for octets, at_least in zip((16, 64 * KIB), out, strict=False):
        bars.append(LibraryBar(name, "client", "out", "", octets, at_least))
    return bars


LIBRARIES = (
    *_library("websockets", "server", 2.8, 1.4, 1.5, 1.8, 1.4),
    *_library("wsproto", "server", 3.5, 4, 3, 3, 8),
    *_library("aiohttp", "server", 1.2, 1.3, 1.6, 1.3, 1.4),
    *_library("tornado", "server", 1.15, 1.6, 1.6, 1.25, 3),
    *_library("websocket-client", "client", 2, 150, 80, 2, 18),
    # By NVX, which is on where it is there.
    *_library("autobahn", "server", 1.5, 8, 5, 1.4, 1.5),
    *_library("ws4py", "server", 1.5, 200, 80, 1.5, 250),
    *_library("gevent-websocket", "server", 1.5, 250, 100),
    *(
        LibraryBar("websocket-client", "client", direction, text, 64 * KIB, 5, with_wsaccel=True)
        for direction, text in (("in", "ascii"), ("in", "chinese"), ("in", "emoji"), ("out", ""))
    ),
)

# No cell of any library's table may be slower than this part of plain in as many measurements.
SLOWEST = 0.95
MEASUREMENTS = 3


class EchoBar(NamedTuple):
    """`at_least`: how many times the CPU time of a message the plain server must take."""

    server: str
    octets: int
    at_least: float


ECHO = (
    EchoBar("websockets", 256, 1.2),
    EchoBar("uvicorn websockets-sansio", 256, 1.15),
    EchoBar("uvicorn wsproto", 256, 1.3),
    EchoBar("websockets", 64 * KIB, 1.5),
    EchoBar("uvicorn websockets-sansio", 64 * KIB, 1.5),
    EchoBar("uvicorn wsproto", 64 * KIB, 2.5),
)
# With permessage-deflate none of these may be below this in as many measurements.
DEFLATED = 0.97

# The peak of a message of this many octets, of which enabled may take so many times plain's; and
# how many octets more an idle connection.
MESSAGE = 16 * MIB
MESSAGE_FACTOR = 1.05
IDLE_MARGIN = 512


# How many times as long as wsfast the fastest of the peers must take for an opening handshake
# without I/O. picows has none, and takes part with those of its functions that make up one.
HANDSHAKE = 1


class EndpointBar(NamedTuple):
    """`at_least`: how many times as good as the best of `against` wsfast.aio must be.

    In CPU time of the server's process for a message, and in messages a second. `on_uvloop`: there
    it is another one.
    """

    own: str
    against: tuple[str, ...]
    loads: tuple[Load | Opening, ...]
    at_least: float
    on_uvloop: float = 0

    def on(self, loop: str) -> float:
        return self.on_uvloop if self.on_uvloop and loop == "uvloop" else self.at_least


SMALL = (Load(16), Load(256))
BIG = (Load(8 * KIB), Load(100 * KIB), Load(MIB))
IN_FLIGHT = (Load(16, in_flight=16), Load(256, in_flight=16))
MANY = (Load(16, connections=100),)
LONG_TEXTS = tuple(
    Load(octets, text) for octets in (64 * KIB, MIB) for text in ("ascii", "chinese", "mixed")
)

CALLBACKS, HANDLER = "wsfast.aio callbacks", "wsfast.aio"
PICOWS = ("picows", "picows memoryview")
AWAITED = ("picows.websockets", "websockets", "aiohttp", "uvicorn websockets-sansio")
PEERS = ("picows", *AWAITED)

ENDPOINTS = (
    EndpointBar(CALLBACKS, PICOWS, (*SMALL, *MANY), 0.95),
    EndpointBar(CALLBACKS, PICOWS, BIG, 1),
    EndpointBar(CALLBACKS, PICOWS, IN_FLIGHT, 2),
    EndpointBar(HANDLER, ("websockets",), (*SMALL, *BIG, *IN_FLIGHT, *MANY), 2, 1.7),
    EndpointBar(HANDLER, ("aiohttp",), (*SMALL, *BIG), 1.05),
    EndpointBar(HANDLER, ("aiohttp",), IN_FLIGHT, 1.3),
    EndpointBar(HANDLER, ("picows.websockets",), (*SMALL, *BIG, *IN_FLIGHT, *MANY), 1),
    EndpointBar(HANDLER, AWAITED, LONG_TEXTS, 1.5),
    EndpointBar(CALLBACKS, ("picows",), LONG_TEXTS, 1.5),
    # From TCP on.
    EndpointBar(HANDLER, PEERS, (Opening(),), 1),
    EndpointBar(CALLBACKS, PEERS, (Opening(),), 1),
)
# So many connections, each of which has had a message, and then nothing: at most so many times the
# memory of the least of the peers that are used in the same way.
IDLE = 2000
IDLE_FACTOR = 1.0
IDLE_PEERS = {
    CALLBACKS: ("picows",),
    HANDLER: AWAITED,
}
