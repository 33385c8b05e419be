"""wsproto: `Connection` and `FrameProtocol`, which hypercorn and simple-websocket use, too."""

from __future__ import annotations

from .._patch import Adapter
from .masks import MASKS
from .receiving import FRAMES_IN
from .sending import FRAMES_OUT
from .texts import TEXTS

ADAPTER = Adapter(
    name="wsproto",
    package="wsproto",
    versions=("1.0", "1.4"),
    parts=(MASKS, TEXTS, FRAMES_IN, FRAMES_OUT),
)
