from collections.abc import Callable, Iterable
from typing import Any, Literal, SupportsIndex, final, overload

from typing_extensions import Buffer

from ..events import FramePart
from ..protocol import Opcode
from .decoder import Decoder, _Item

__all__ = ["Frame", "FrameDecoder", "encode_frame", "encode_frames"]

@final
class Frame:
    def __init__(
        self,
        opcode: SupportsIndex,
        payload: Buffer | str = b"",
        fin: bool = True,
        rsv1: bool = False,
        rsv2: bool = False,
        rsv3: bool = False,
    ) -> None: ...
    @property
    def opcode(self) -> Opcode: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def fin(self) -> bool: ...
    @property
    def rsv1(self) -> bool: ...
    @property
    def rsv2(self) -> bool: ...
    @property
    def rsv3(self) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]: ...

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
) -> bytes: ...
def encode_frames(frames: Iterable[Frame], *, mask: bool) -> bytes: ...

@final
class FrameDecoder(Decoder[_Item]):
    @overload
    def __init__(
        self: FrameDecoder[Frame],
        side: Literal["server", "client"],
        *,
        rsv: SupportsIndex = 0,
        max_payload_length: SupportsIndex | None = 1048576,
        partial: Literal[False] = False,
    ) -> None: ...
    @overload
    def __init__(
        self: FrameDecoder[FramePart],
        side: Literal["server", "client"],
        *,
        rsv: SupportsIndex = 0,
        max_payload_length: SupportsIndex | None = 1048576,
        partial: Literal[True],
    ) -> None: ...
