"""websocket-client: its UTF-8 check, masks, reads, frames in and out, fragmented messages.

Its classes are found where they are used: `websocket._abnf` may be loaded again, and has others
then.
"""

from __future__ import annotations

from .._patch import Adapter
from .fragments import FRAGMENTS
from .masks import MASKS
from .reading import READING
from .receiving import RECEIVING
from .sending import SENDING
from .texts import UTF8

__all__ = ["ADAPTER"]

ADAPTER = Adapter(
    name="websocket-client",
    package="websocket",
    versions=("1.5", "1.10"),
    parts=(UTF8, MASKS, SENDING, READING, RECEIVING, FRAGMENTS),
)
