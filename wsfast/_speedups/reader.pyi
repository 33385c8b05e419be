from typing import Any

from .message_queue import ReaderSettings

__all__ = ["MessageReader"]

class MessageReader:
    settings: ReaderSettings
    plain: bool
    queue: Any
    def feed_data(self, data: Any) -> Any: ...
