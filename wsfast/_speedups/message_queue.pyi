from typing import Any

from typing_extensions import disjoint_base

__all__ = ["MessageQueue", "ReaderSettings"]

@disjoint_base
class ReaderSettings:
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

@disjoint_base
class MessageQueue:
    settings: ReaderSettings
    def feed_data(self, data: Any, size: int) -> None: ...
