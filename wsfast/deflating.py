"""Messages deflated and inflated, RFC 7692 sections 6 and 7.2, by one of three libraries.

The octets that zlib keeps for a connection, from its first compressed message on, were measured on
CPython 3.13 with zlib 1.2.13, for every number of window bits w and memory level m:

    to deflate       2**(w + 2) + 2**(m + 9) + 6,152
    to inflate       2**w + 7,360

    window bits      memory level    to deflate    to inflate
    12 (default)     5 (default)         38,920        11,456
     9               1                    9,224         7,872
    15               8                  268,296        40,128

zlib-ng takes 164,160 and 42,336 octets by the defaults, isal 283,184 and 87,512 whatever the
window. Without context takeover none of it outlives a message.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, final

from .exceptions import LocalProtocolError

if TYPE_CHECKING:
    from typing_extensions import Buffer

# What a sender takes off the end of a message, and a receiver puts back (sections 7.2.1, 7.2.2).
TAIL = b"\x00\x00\xff\xff"
# An empty block with no compression, without the tail: an empty message (section 7.2.3.6).
EMPTY = b"\x00"

# zlib's numbers, which the other libraries share.
_DEFLATED = 8
_SYNC_FLUSH = 2

# Octets. Up to so many a copy with the tail behind it takes less time than a second call.
_COPIED = 2**14
# Octets that are given to a library at once behind a block with BFINAL set.
_STEP = 2**10
# The greatest length that a library takes, in octets.
_MAX_LENGTH = sys.maxsize


class _Compressor(Protocol):
    def compress(self, data: Buffer, /) -> bytes: ...
    def flush(self, mode: int, /) -> bytes: ...


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: Buffer, max_length: int, /) -> bytes: ...


class Library(NamedTuple):
    """A library that deflates: its module, what PyPI calls it, its highest and its usual level.

    All have the functions of the standard `zlib`. The lowest level is 0.
    """

    module: str
    package: str
    highest_level: int
    usual_level: int

    def load(self) -> Any:
        """Its module; an ImportError says what to install."""
        try:
            return import_module(self.module)
        except ImportError as error:
            raise ImportError(
                f"library={self.package!r} needs the module {self.module}: {error}",
                name=error.name,
                path=error.path,
            ) from error


LIBRARIES = {
    "zlib": Library("zlib", "zlib", 9, 6),
    "isal": Library("isal.isal_zlib", "isal", 3, 2),
    "zlib-ng": Library("zlib_ng.zlib_ng", "zlib-ng", 9, 6),
}


@final
class Deflater:
    """Messages to be sent, one after the other, to what goes into their frames.

    `module` is that of a `Library`. `window_bits` are 9 to 15, `memory_level` 1 to 9. With
    `takeover` a message may refer to those before it; else each stands alone, and nothing is kept
    between messages. Nothing is allocated before the first message.

    `min_length` is for its user: shorter messages, in octets, are not worth compressing.
    """

    __slots__ = (
        "_in_message",
        "_level",
        "_memory_level",
        "_module",
        "_stream",
        "_takeover",
        "_window_bits",
        "min_length",
    )

    def __init__(
        self,
        module: Any,
        *,
        window_bits: int,
        level: int,
        memory_level: int,
        takeover: bool,
        min_length: int = 0,
    ) -> None:
        self._module = module
        self._window_bits = window_bits
        self._level = level
        self._memory_level = memory_level
        self._takeover = takeover
        self.min_length = min_length
        self._stream: _Compressor | None = None
        self._in_message = False

    def deflate(self, data: Buffer, fin: bool = True) -> bytes:
        """Compress a message, or the next fragment of one; `fin` is true for its last.

        All of `data` can be read from what is returned; the frame of a message's first fragment
        has RSV1 set, the others have not. Section 7.2.1.
        """
        length = len(data) if type(data) is bytes else memoryview(data).nbytes
        if length == 0:
            deflated = EMPTY if fin else b""
        else:
            stream = self._stream
            if stream is None:
                stream = self._stream = self._module.compressobj(
                    self._level, _DEFLATED, -self._window_bits, self._memory_level
                )
            deflated = stream.compress(data) + stream.flush(_SYNC_FLUSH)
            if fin:
                deflated = deflated[:-4]
        self._in_message = not fin
        if fin and not self._takeover:
            self._stream = None
        return deflated

    def reset(self) -> None:
        """Forget all messages: the next refers to none of them, and the memory is given back.

        Allowed between any two messages, as nothing has to be said to the peer. Needed where a
        message that was not compressed here is sent compressed: the next may refer only to what
        stands behind it. Raises `LocalProtocolError` between two fragments of a message.
        """
        if self._in_message:
            raise LocalProtocolError(
                "reset() between two fragments of a compressed message: expected its end first "
                "(RFC 7692 section 7.2.1)"
            )
        self._stream = None


@final
class Inflater:
    """Messages received, inflated: what a `MessageDecoder` takes as its `inflater`.

    `module` is that of a `Library`. `window_bits` are 8 to 15, at least those of the peer. With
    `takeover` a message may refer to those before it; else nothing is kept between messages.
    Nothing is allocated before the first message. Section 7.2.2.
    """

    __slots__ = ("_in_message", "_module", "_stream", "_takeover", "_window_bits")

    def __init__(self, module: Any, *, window_bits: int, takeover: bool) -> None:
        self._module = module
        # A peer of old may say 8 and use 9: zlib did so before 1.2.9.
        self._window_bits = max(9, window_bits)
        self._takeover = takeover
        self._stream: _Decompressor | None = None
        self._in_message = False

    def inflate(self, data: bytes, last: bool, max_length: int | None, /) -> bytes:
        """Inflate the next piece of a message; `last` is true for its last, which may be empty.

        Returns at most `max_length` + 1 octets (`None`: any number), and stops inflating there. An
        exception of the library says that the octets are wrong; the inflater is of no use then,
        as after more than `max_length` octets.
        """
        stream = self._stream
        if stream is None:
            if not data:
                return b""
            stream = self._stream = self._open()
        elif not data and not self._in_message:
            # A message of 0 octets, which section 7.2.1 doesn't make, is empty. A tail behind
            # nothing would be the beginning of a block.
            return b""
        self._in_message = not last
        # Zero: without a limit.
        room = 0 if max_length is None or max_length >= _MAX_LENGTH else max_length + 1
        joined = last and len(data) <= _COPIED
        inflated = stream.decompress(data + TAIL if joined else data, room)
        if stream.eof:
            rest = stream.unused_data
            inflated = self._behind_final_block(inflated, rest[:-4] if joined else rest, last, room)
        elif last and not joined and not (room and len(inflated) >= room):
            inflated += stream.decompress(TAIL, room and room - len(inflated))
            if stream.eof:
                self._stream = None
        if last and not self._takeover:
            self._stream = None
        return inflated

    def _open(self) -> _Decompressor:
        stream: _Decompressor = self._module.decompressobj(-self._window_bits)
        return stream

    def _behind_final_block(self, inflated: bytes, rest: bytes, last: bool, room: int) -> bytes:
        """The same for what follows a block with BFINAL set, where a library stops.

        The next block stands on an octet boundary (section 7.2.1) and refers to nothing before:
        who sets BFINAL has begun anew, as RFC 1951 means it.
        """
        pieces = [inflated]
        length = len(inflated)
        # In steps, as `unused_data` is a copy: of all the rest, once for each of many such blocks,
        # it would take time in the square of its length.
        unread = memoryview(rest)
        stream = self._stream = None
        while unread and not (room and length >= room):
            if stream is None:
                stream = self._stream = self._open()
            step = unread[:_STEP]
            unread = unread[_STEP:]
            pieces.append(stream.decompress(step, room and room - length))
            length += len(pieces[-1])
            if stream.eof:
                unread = memoryview(rest)[len(rest) - len(unread) - len(stream.unused_data) :]
                stream = self._stream = None
        if last and stream is not None and not (room and length >= room):
            pieces.append(stream.decompress(TAIL, room and room - length))
            if stream.eof:
                self._stream = None
        return b"".join(pieces)
