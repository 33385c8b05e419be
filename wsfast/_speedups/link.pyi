from collections.abc import Callable
from typing import Any

from typing_extensions import disjoint_base

from .hub import Hub as Hub
from .messages import MessageDecoder
from .outgoing import SENT as SENT
from .outgoing import Sent as Sent
from .receiving import Incoming
from .receiving import Receiving as Receiving
from .receiving import Waiter as Waiter

__all__ = [
    "QUEUE_IS_FULL",
    "READING_IS_OVER",
    "SENT",
    "WRITES_WAIT",
    "Hub",
    "Link",
    "Receiving",
    "Sent",
    "Waiter",
]

QUEUE_IS_FULL: int
WRITES_WAIT: int
READING_IS_OVER: int

@disjoint_base
class Link(Incoming):
    def __init__(
        self,
        hub: Hub,
        loop: Any,
        transport: Any,
        decoder: MessageDecoder[Any],
        masks: bool,
        on_message: Callable[[Any, Any], object] | None,
        queue_limit: int,
        inflates: bool,
        in_parts: bool,
    ) -> None: ...
    def get_buffer(self, sizehint: int) -> memoryview: ...
    def buffer_updated(self, nbytes: int) -> None: ...
