from typing import Any

__all__ = ["MessageQueue", "MessageReader", "ReaderSettings"]

class ReaderSettings:
    def __init__(
        self,
        *,
        message: type[tuple[Any, ...]],
        message_of_octets: type[tuple[Any, ...]],
        text: Any,
        binary: Any,
        extra: Any,
        overhead: int,
        stalls: bool,
        feed_data: Any,
        parse: Any,
        read: Any,
    ) -> None: ...

class MessageQueue:
    settings: ReaderSettings
    def feed_data(self, data: Any, size: int) -> None: ...

class MessageReader:
    settings: ReaderSettings
    plain: bool
    queue: Any
    def feed_data(self, data: Any) -> Any: ...
