"""Frame headers, RFC 6455 section 5.2: 2 to 14 octets, read with every rule of their receiver."""

from __future__ import annotations

import struct
from functools import cache
from math import inf

from ..exceptions import (
    RemoteProtocolError,
    expected_continuation,
    fragmented_control_frame,
    length_not_minimal,
    length_with_top_bit,
    long_control_frame,
    masked_frame,
    message_too_long,
    payload_too_long,
    reserved_bits,
    reserved_opcode,
    too_many_fragments,
    unexpected_continuation,
    unmasked_frame,
)
from ..protocol import (
    CONTROL_BIT,
    FIN,
    LENGTH_BITS,
    LENGTH_IS_16_BIT,
    LENGTH_IS_64_BIT,
    MASK_BIT,
    MASKING_KEY_LENGTH,
    MAX_CONTROL_PAYLOAD_LENGTH,
    MAX_PAYLOAD_LENGTH,
    OPCODE_BITS,
    RSV1,
    RSV_BITS,
    Opcode,
)
from .mask import from_bytes

# Every opcode that isn't reserved, by its number.
OPCODES: dict[int, Opcode] = {opcode.value: opcode for opcode in Opcode}

# First octets of frames that are a message each, and of Close frames.
WHOLE_TEXT = FIN | Opcode.TEXT.value
WHOLE_BINARY = FIN | Opcode.BINARY.value
WHOLE_MESSAGES = (WHOLE_TEXT, WHOLE_BINARY)
CLOSE = FIN | Opcode.CLOSE.value

pack_7_bit = struct.Struct("!BB").pack
pack_16_bit = struct.Struct("!BBH").pack
_pack_64_bit = struct.Struct("!BBQ").pack


def header(first: int, length: int, mask_bit: int) -> bytes:
    """A header without its masking key; `mask_bit` is `MASK_BIT` or 0."""
    if length < LENGTH_IS_16_BIT:
        return pack_7_bit(first, mask_bit | length)
    if length < 2**16:
        return pack_16_bit(first, mask_bit | LENGTH_IS_16_BIT, length)
    return _pack_64_bit(first, mask_bit | LENGTH_IS_64_BIT, length)


class Rules:
    """What the next frame has to keep to.

    Each rule is checked at the first octet that breaks it, so that the error does not depend on
    how the stream was cut.
    """

    __slots__ = (
        "accepted",
        "fragments_left",
        "in_message",
        "mask_bit",
        "max_data",
        "max_fragments",
        "max_message",
        "max_payload",
        "rsv",
        "rsv_inside",
        "short",
    )

    def __init__(
        self,
        masked: bool,
        rsv: int,
        rsv_inside: int,
        max_payload: float,
        max_message: float = inf,
        max_fragments: float = inf,
    ) -> None:
        self.mask_bit = MASK_BIT if masked else 0
        # Reserved bits allowed in a message's first frame, and in those that continue it.
        self.rsv = rsv
        self.rsv_inside = rsv_inside
        self.max_payload = max_payload
        self.max_message = max_message
        self.max_fragments = max_fragments
        self.expect(False, max_fragments, max_message)

    def expect(self, in_message: bool, fragments_left: float, max_data: float) -> None:
        self.in_message = in_message
        # Frames and octets that the message may still have; a compressed one's are counted
        # when they are inflated.
        self.fragments_left = fragments_left
        self.max_data = max_data
        # accepted[i]: a frame may begin with octet i. It breaks no rule if its payload's length
        # is `short` or less.
        self.accepted = accepted(
            self.rsv_inside if in_message else self.rsv, in_message, fragments_left > 0
        )
        self.short = min(MAX_CONTROL_PAYLOAD_LENGTH, self.max_payload, max_data)

    def count(self, first: int, length: int) -> None:
        """Take note of a data frame that keeps to the rules."""
        if first & FIN:
            self.expect(False, self.max_fragments, self.max_message)
        elif self.in_message:
            self.expect(True, self.fragments_left - 1, self.max_data - length)
        else:
            max_data = inf if first & RSV1 else self.max_message - length
            self.expect(True, self.max_fragments - 1, max_data)

    def read(self, data: bytes | memoryview, position: int) -> tuple[int, int, int] | None:
        """The header at `position`: its first octet, the payload's length and where that begins,
        right after the masking key if there is one. None if there is only part of the header.
        """
        size = len(data)
        first = data[position]
        if not self.accepted[first]:
            raise self._error(first)
        if position + 2 > size:
            return None
        second = data[position + 1]
        if second & MASK_BIT != self.mask_bit:
            raise unmasked_frame() if self.mask_bit else masked_frame()
        start = position + 2
        length = second & LENGTH_BITS
        control = first & CONTROL_BIT
        if length >= LENGTH_IS_16_BIT:
            if control:
                raise long_control_frame(first & OPCODE_BITS)
            if length == LENGTH_IS_16_BIT:
                start += 2
                if start > size:
                    return None
                length = data[start - 2] << 8 | data[start - 1]
                if length < LENGTH_IS_16_BIT:
                    raise length_not_minimal(length, 16)
            else:
                start += 8
                if start > size:
                    return None
                length = from_bytes(data[start - 8 : start], "big")
                if length > MAX_PAYLOAD_LENGTH:
                    raise length_with_top_bit(length)
                if length < 2**16:
                    raise length_not_minimal(length, 64)
        if length > self.max_payload:
            raise payload_too_long(length, int(self.max_payload))
        if length > self.max_data and not control and not first & RSV1:
            limit = int(self.max_message)
            raise message_too_long(limit - int(self.max_data) + length, limit)
        if self.mask_bit:
            start += MASKING_KEY_LENGTH
            if start > size:
                return None
        return first, length, start

    def _error(self, first: int) -> RemoteProtocolError:
        rsv = self.rsv_inside if self.in_message else self.rsv
        error = broken_rule(first, rsv, self.in_message)
        return error or too_many_fragments(int(self.max_fragments))


def broken_rule(first: int, rsv: int, in_message: bool) -> RemoteProtocolError | None:
    """The error in a header's first octet, if there is one."""
    opcode = first & OPCODE_BITS
    control = opcode & CONTROL_BIT
    allowed = 0 if control else rsv
    if first & RSV_BITS & ~allowed:
        return reserved_bits(first, allowed)
    if opcode not in OPCODES:
        return reserved_opcode(opcode)
    if control:
        return None if first & FIN else fragmented_control_frame(opcode)
    if (opcode == Opcode.CONTINUATION) != in_message:
        return expected_continuation(opcode) if in_message else unexpected_continuation()
    return None


@cache
def accepted(rsv: int, in_message: bool, data_frames: bool) -> bytes:
    """For each octet, 1 if a frame may begin with it; `data_frames`: if data frames may come."""
    return bytes(
        (data_frames or bool(first & CONTROL_BIT)) and not broken_rule(first, rsv, in_message)
        for first in range(256)
    )
