from typing import Any

from typing_extensions import disjoint_base

from .message_queue import ReaderSettings

__all__ = ["MessageReader"]

@disjoint_base
class MessageReader:
    settings: ReaderSettings
    plain: bool
    queue: Any
    def feed_data(self, data: Any) -> Any: ...
