from typing import Any, Literal, SupportsIndex, final, overload

from ..events import Inflater, MessagePart
from ..protocol import Opcode
from .decoder import Decoder, _Item

__all__ = ["MessageDecoder"]

@final
class MessageDecoder(Decoder[_Item]):
    @overload
    def __init__(
        self: MessageDecoder[tuple[Opcode, Any]],
        side: Literal["server", "client"],
        *,
        text: Literal["str", "bytes"] = "str",
        max_message_length: SupportsIndex | None = 1048576,
        max_payload_length: SupportsIndex | None = None,
        max_fragments: SupportsIndex | None = None,
        inflater: Inflater | None = None,
        partial: Literal[False] = False,
    ) -> None: ...
    @overload
    def __init__(
        self: MessageDecoder[MessagePart],
        side: Literal["server", "client"],
        *,
        text: Literal["str", "bytes"] = "str",
        max_message_length: SupportsIndex | None = 1048576,
        max_payload_length: SupportsIndex | None = None,
        max_fragments: SupportsIndex | None = None,
        inflater: Inflater | None = None,
        partial: Literal[True],
    ) -> None: ...
