from typing import Any

__all__ = ["MessageQueue", "ReaderSettings"]

class ReaderSettings:
    def __init__(
        self,
        *,
        message: type[tuple[Any, ...]],
        message_of_octets: type[tuple[Any, ...]],
        text: Any,
        binary: Any,
        ping: Any,
        pong: Any,
        extra: Any,
        overhead: int,
        stalls: bool,
        inflates: bool,
        feed_data: Any,
        parse: Any,
        read: Any,
    ) -> None: ...

class MessageQueue:
    settings: ReaderSettings
    def feed_data(self, data: Any, size: int) -> None: ...
