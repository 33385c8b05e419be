"""Frames, RFC 6455 section 5.2: the value, the encoder and the decoder."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, final, overload

from ..events import FramePart
from ..exceptions import (
    cannot_fragment_control_frame,
    cannot_send_long_control_frame,
    cannot_send_opcode,
    key_without_mask,
    not_a_frame,
    not_rsv_bits,
)
from ..protocol import (
    CONTROL_BIT,
    DEFAULT_MAX_PAYLOAD_LENGTH,
    FIN,
    LENGTH_IS_16_BIT,
    MASK_BIT,
    MAX_CONTROL_PAYLOAD_LENGTH,
    OPCODE_BITS,
    RSV1,
    RSV2,
    RSV3,
    RSV_BITS,
    Opcode,
)
from .arguments import integer, is_server, key_octets, limit, octets
from .decoder import Decoder, Item, read_close
from .header import CLOSE, OPCODES, WHOLE_MESSAGES, Rules, header, pack_7_bit, pack_16_bit
from .mask import masked
from .mask import masking_key as new_masking_key

if TYPE_CHECKING:
    from typing_extensions import Buffer

_new = object.__new__

# Octets of a payload that repr() shows.
_SHOWN = 32


# First octets by opcode, FIN set.
_FINAL = {opcode: FIN | number for number, opcode in OPCODES.items()}


def _final(opcode: SupportsIndex) -> int:
    number = integer("opcode", opcode)
    if number not in OPCODES:
        raise cannot_send_opcode(number)
    return FIN | number


def _with_flags(first: int, fin: object, rsv1: object, rsv2: object, rsv3: object) -> int:
    return (
        (first if fin else first & ~FIN)
        | (RSV1 if rsv1 else 0)
        | (RSV2 if rsv2 else 0)
        | (RSV3 if rsv3 else 0)
    )


def _payload_octets(payload: Buffer | str) -> bytes:
    if isinstance(payload, str):
        return str.encode(payload)
    return octets("payload", payload, " or str")


@final
class Frame:
    """One frame, RFC 6455 section 5.2: immutable, equal by value.

    `opcode` is any that isn't reserved (else LocalProtocolError). `payload`, without masking, is
    any C-contiguous buffer, kept as `bytes`, or a `str`, kept as its UTF-8.
    """

    # The first octet of the frame's header has all but the payload.
    __slots__ = ("_first", "_payload")
    __module__ = "wsfast.frames"

    _first: int
    _payload: bytes

    def __new__(
        cls,
        opcode: SupportsIndex,
        payload: Buffer | str = b"",
        fin: bool = True,
        rsv1: bool = False,
        rsv2: bool = False,
        rsv3: bool = False,
    ) -> Frame:
        first = _FINAL[opcode] if type(opcode) is Opcode else _final(opcode)
        if rsv1 or rsv2 or rsv3 or not fin:
            first = _with_flags(first, fin, rsv1, rsv2, rsv3)
        frame = _new(Frame)
        frame._first = first
        frame._payload = payload if type(payload) is bytes else _payload_octets(payload)
        return frame

    @property
    def opcode(self) -> Opcode:
        """What the frame is."""
        return OPCODES[self._first & OPCODE_BITS]

    @property
    def payload(self) -> bytes:
        """The payload, unmasked."""
        return self._payload

    @property
    def fin(self) -> bool:
        """Whether the frame is the last of its message."""
        return self._first >= FIN

    @property
    def rsv1(self) -> bool:
        """The first reserved bit."""
        return self._first & RSV1 != 0

    @property
    def rsv2(self) -> bool:
        """The second reserved bit."""
        return self._first & RSV2 != 0

    @property
    def rsv3(self) -> bool:
        """The third reserved bit."""
        return self._first & RSV3 != 0

    def __eq__(self, other: object) -> bool:
        if type(other) is not Frame:
            return NotImplemented
        return self._first == other._first and self._payload == other._payload

    def __hash__(self) -> int:
        return hash((self._first, self._payload))

    def __repr__(self) -> str:
        payload = repr(self._payload[:_SHOWN])
        if len(self._payload) > _SHOWN:
            payload += f"… {len(self._payload)} octets"
        flags = "" if self.fin else ", fin=False"
        for name in ("rsv1", "rsv2", "rsv3"):
            if getattr(self, name):
                flags += f", {name}=True"
        return f"Frame({self.opcode.name}, {payload}{flags})"

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        from .._backend import restore

        opcode = int(self.opcode)
        values = (opcode, self._payload, self.fin, self.rsv1, self.rsv2, self.rsv3)
        return restore, ("frames", "Frame", values)


def encode_frame(
    opcode: SupportsIndex,
    payload: Buffer | str,
    *,
    mask: bool,
    fin: bool = True,
    rsv1: bool = False,
    rsv2: bool = False,
    rsv3: bool = False,
    masking_key: Buffer | None = None,
) -> bytes:
    """Write a frame: its header, and its payload, masked if `mask` is true.

    `payload` is any C-contiguous buffer, or a `str`, sent as UTF-8. Clients must mask, servers
    must not. The masking key is drawn inside; `masking_key`, 4 octets, is for tests and proxies.
    A reserved opcode, and a control frame that is fragmented or has more than 125 octets of
    payload, are a LocalProtocolError. RFC 6455 sections 5.2 to 5.5.
    """
    first = _FINAL[opcode] if type(opcode) is Opcode else _final(opcode)
    if rsv1 or rsv2 or rsv3 or not fin:
        first = _with_flags(first, fin, rsv1, rsv2, rsv3)
    if type(payload) is not bytes:
        payload = _payload_octets(payload)
    if first & CONTROL_BIT:
        _check_control_frame(first, payload)
    if masking_key is not None:
        if not mask:
            raise key_without_mask()
        return _masked_frame(first, payload, key_octets(masking_key))
    if mask:
        return _masked_frame(first, payload, new_masking_key())
    length = len(payload)
    # As header() does: the call would cost as much as the packing.
    if length < LENGTH_IS_16_BIT:
        return pack_7_bit(first, length) + payload
    if length < 2**16:
        return pack_16_bit(first, LENGTH_IS_16_BIT, length) + payload
    return header(first, length, 0) + payload


def encode_frames(frames: Iterable[Frame], *, mask: bool) -> bytes:
    """Write frames one after the other, as `encode_frame` writes each of them."""
    mask = bool(mask)
    encoded = []
    for frame in tuple(frames):
        if type(frame) is not Frame:
            raise not_a_frame(frame)
        first = frame._first
        payload = frame._payload
        if first & CONTROL_BIT:
            _check_control_frame(first, payload)
        if mask:
            encoded.append(_masked_frame(first, payload, new_masking_key()))
        else:
            encoded += header(first, len(payload), 0), payload
    return b"".join(encoded)


def _check_control_frame(first: int, payload: bytes) -> None:
    if not first & FIN:
        raise cannot_fragment_control_frame(first & OPCODE_BITS)
    if len(payload) > MAX_CONTROL_PAYLOAD_LENGTH:
        raise cannot_send_long_control_frame(first & OPCODE_BITS, len(payload))


def _masked_frame(first: int, payload: bytes, key: bytes) -> bytes:
    return masked(payload, key, header(first, len(payload), MASK_BIT) + key)


@final
class FrameDecoder(Decoder[Item]):
    """Octets off the wire to frames.

    `side` says whose end this is: "server" expects masked frames, "client" unmasked ones. `rsv`
    is the union of the reserved bits (`RSV1`, `RSV2`, `RSV3`: 64, 32, 16) that an extension
    allows in data frames. A payload of more than `max_payload_length` octets (`None`: no limit)
    fails at the header that declares it. Close frames are checked whole, code and reason.

    With `partial=True` `feed` and `buffer_updated` return a `FramePart` for every piece that
    comes of a payload, in constant memory. RFC 6455 sections 5.1 to 5.5.
    """

    __slots__ = ("_number", "_partial")
    __module__ = "wsfast.frames"

    @overload
    def __init__(
        self: FrameDecoder[Frame],
        side: Literal["server", "client"],
        *,
        rsv: SupportsIndex = 0,
        max_payload_length: SupportsIndex | None = DEFAULT_MAX_PAYLOAD_LENGTH,
        partial: Literal[False] = False,
    ) -> None: ...
    @overload
    def __init__(
        self: FrameDecoder[FramePart],
        side: Literal["server", "client"],
        *,
        rsv: SupportsIndex = 0,
        max_payload_length: SupportsIndex | None = DEFAULT_MAX_PAYLOAD_LENGTH,
        partial: Literal[True],
    ) -> None: ...
    def __init__(
        self,
        side: Literal["server", "client"],
        *,
        rsv: SupportsIndex = 0,
        max_payload_length: SupportsIndex | None = DEFAULT_MAX_PAYLOAD_LENGTH,
        partial: bool = False,
    ) -> None:
        server = is_server(side)
        allowed = integer("rsv", rsv)
        if allowed & ~RSV_BITS:
            raise not_rsv_bits(allowed)
        max_payload = limit("max_payload_length", max_payload_length)
        self._partial = bool(partial)
        # Frames that have ended.
        self._number = 0
        super().__init__(Rules(server, allowed, allowed, max_payload), not self._partial)

    def _whole(self, first: int, payload: bytes, completed: list[Any]) -> None:
        if first & CONTROL_BIT:
            if first == CLOSE:
                read_close(payload)
                self._closed = True
        elif first not in WHOLE_MESSAGES:
            self._rules.count(first, len(payload))
        if self._partial:
            self._length = len(payload)
            self._piece(first, payload, True, completed)
        else:
            frame = _new(Frame)
            frame._first = first
            frame._payload = payload
            completed.append(frame)

    def _begin(self, first: int, length: int) -> None:
        self._rules.count(first, length)

    def _piece(self, first: int, piece: bytes, last: bool, completed: list[Any]) -> None:
        offset = self._length - self._left - len(piece)
        completed.append(
            FramePart(
                self._number,
                OPCODES[first & OPCODE_BITS],
                first & FIN != 0,
                first & RSV1 != 0,
                first & RSV2 != 0,
                first & RSV3 != 0,
                self._length,
                offset,
                piece,
                last,
            )
        )
        if last:
            self._number += 1
