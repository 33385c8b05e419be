"""websockets: its protocol, on which all of its faces are built, and the asyncio face around it."""

from __future__ import annotations

from .._patch import Adapter
from . import assembly, connection, legacy
from .receiving import RECEIVING
from .sending import SENDING

__all__ = ["ADAPTER"]

ADAPTER = Adapter(
    name="websockets",
    package="websockets",
    versions=("15.0", "18"),
    parts=(
        RECEIVING,
        SENDING,
        assembly.ASYNCIO,
        assembly.SYNC,
        assembly.TRIO,
        connection.SEND,
        connection.DATA_RECEIVED,
        legacy.FRAMES,
        legacy.MESSAGES,
    ),
)
