"""Whole frames out of a buffer, RFC 6455 section 5.2."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Literal, SupportsIndex

from ..exceptions import RemoteProtocolError, not_a_text_type, not_rsv_bits, offset_too_large
from ..protocol import (
    LENGTH_BITS,
    LENGTH_IS_16_BIT,
    LENGTH_IS_64_BIT,
    MASK_BIT,
    MASKING_KEY_LENGTH,
    RSV_BITS,
)
from .arguments import integer, is_server, limit, natural, view_of
from .header import WHOLE_MESSAGES, WHOLE_TEXT, Rules
from .mask import masked

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["FrameSplitter"]


class FrameSplitter:
    """Takes the frames that lie whole in a buffer; leaves anything else to its caller.

    For libraries that have a parser of their own, with their own errors, and want its plain case
    to be fast. It keeps no state of a connection, so any number can share one.

    `side` is whose end this is, "server" or "client"; `rsv` the reserved bits allowed in data
    frames; with text="str", TEXT frames that are whole messages come decoded.
    """

    __slots__ = ("_masked", "_rsv", "_wants_str")

    def __init__(
        self,
        side: Literal["server", "client"],
        *,
        rsv: SupportsIndex = 0,
        text: Literal["str", "bytes"] = "bytes",
    ) -> None:
        self._masked = is_server(side)
        self._rsv = integer("rsv", rsv)
        if self._rsv & ~RSV_BITS:
            raise not_rsv_bits(self._rsv)
        if not isinstance(text, str) or text not in ("str", "bytes"):
            raise not_a_text_type(text)
        self._wants_str = text == "str"

    def split(
        self,
        data: Buffer,
        offset: SupportsIndex = 0,
        in_message: bool = False,
        max_payload_length: SupportsIndex | None = None,
    ) -> tuple[list[tuple[int, bytes | str]], int, int]:
        """Return a list of (first octet of the header, payload), the offset after the last of them,
        and how many octets the next frame lacks at least.

        It goes on as long as frames are whole messages that are not compressed, and ends behind the
        first other frame. It ends before a frame that is not complete in `data`, is longer than
        `max_payload_length` octets, or breaks a rule of RFC 6455: the last two by saying that it
        lacks 0. `in_message` says whether a fragmented message is open. Raises for wrong arguments
        only.
        """
        in_message = bool(in_message)
        max_payload = limit("max_payload_length", max_payload_length)
        position = natural("offset", offset)
        with view_of("data", data) as view, view.cast("B") as octets:
            if position > len(octets):
                raise offset_too_large(position, len(octets))
            rules = Rules(self._masked, self._rsv, self._rsv, max_payload)
            rules.expect(in_message, inf, inf)
            return self._run(octets, position, rules)

    def _run(
        self, octets: memoryview, position: int, rules: Rules
    ) -> tuple[list[tuple[int, bytes | str]], int, int]:
        frames: list[tuple[int, bytes | str]] = []
        while position < len(octets):
            try:
                header = rules.read(octets, position)
            except RemoteProtocolError:
                return frames, position, 0
            if header is None:
                return frames, position, _header_lacks(octets[position:])
            first, length, start = header
            end = start + length
            if end > len(octets):
                return frames, position, end - len(octets)
            payload = octets[start:end].tobytes()
            if self._masked:
                payload = masked(payload, octets[start - MASKING_KEY_LENGTH : start].tobytes())
            if first != WHOLE_TEXT or not self._wants_str:
                frames.append((first, payload))
            else:
                try:
                    frames.append((first, payload.decode()))
                except UnicodeDecodeError:
                    return frames, position, 0
            position = end
            # Anything but a whole message may change what is allowed next.
            if first not in WHOLE_MESSAGES:
                break
        return frames, position, _MIN_HEADER_LENGTH


_MIN_HEADER_LENGTH = 2
# By the 7-bit length, octets that the length has besides.
_MORE_LENGTH = {LENGTH_IS_16_BIT: 2, LENGTH_IS_64_BIT: 8}


def _header_lacks(begun: memoryview) -> int:
    """What a header that has begun without fault lacks: its first two octets tell its length."""
    if len(begun) < _MIN_HEADER_LENGTH:
        return _MIN_HEADER_LENGTH - len(begun)
    size = _MIN_HEADER_LENGTH + _MORE_LENGTH.get(begun[1] & LENGTH_BITS, 0)
    if begun[1] & MASK_BIT:
        size += MASKING_KEY_LENGTH
    return size - len(begun)
