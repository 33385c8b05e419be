"""ws4py: its masks, its validator, what its streams receive, and its messages."""

from __future__ import annotations

from .._patch import Adapter
from .messages import MESSAGES
from .payload import MASKS, VALIDATOR
from .receiving import RECEIVING

__all__ = ["ADAPTER"]

ADAPTER = Adapter(
    name="ws4py",
    package="ws4py",
    versions=("0.5.1", "0.7"),
    parts=(MASKS, VALIDATOR, RECEIVING, MESSAGES),
)
