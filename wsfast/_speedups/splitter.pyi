from typing import Literal, SupportsIndex, final

from typing_extensions import Buffer

__all__ = ["FrameSplitter"]

@final
class FrameSplitter:
    def __init__(
        self,
        side: Literal["server", "client"],
        *,
        rsv: SupportsIndex = 0,
        text: Literal["str", "bytes"] = "bytes",
    ) -> None: ...
    def split(
        self,
        data: Buffer,
        offset: SupportsIndex = 0,
        in_message: bool = False,
        max_payload_length: SupportsIndex | None = None,
    ) -> tuple[list[tuple[int, bytes | str]], int, int]: ...
