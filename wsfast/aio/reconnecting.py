"""Connecting again and again: which errors pass by themselves, and how long to wait."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from math import inf
from ssl import SSLCertVerificationError

from ..exceptions import HandshakeRejected
from .opening import logger
from .websocket import WebSocket

__all__ = ["Backoff"]

# Answers of a server, or of a proxy before it, that the next attempt may not get.
_TRANSIENT = frozenset((500, 502, 503, 504))


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before connecting again, in seconds: anything up to a limit, by chance.

    The limit is `initial` at first, is multiplied by `factor` each time, and stays at `maximum`. It
    starts anew after a connection that lasted longer than the limit was. By chance, so that the
    clients of a server that went down don't come back all at once.
    """

    initial: float = 1.0
    factor: float = 2.0
    maximum: float = 60.0

    def __post_init__(self) -> None:
        for name, least in (("initial", 0), ("factor", 1), ("maximum", 0)):
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or isinstance(value, bool):
                raise TypeError(f"{name} must be a number, not {type(value).__name__}")
            if not least <= value < inf:
                raise ValueError(f"{name} must be at least {least} and finite, not {value!r}")

    def next_limit(self, limit: float, lasted: float = 0.0) -> float:
        """The limit that follows `limit`, 0 at first, and a connection that lasted so long."""
        begins = limit == 0 or lasted > limit
        return min(self.initial if begins else limit * self.factor, self.maximum)


def is_transient(error: Exception) -> bool:
    """Whether it is worth while to try again."""
    if isinstance(error, HandshakeRejected):
        return error.response.status in _TRANSIENT
    # A certificate that isn't accepted will not be next time, either.
    return isinstance(error, OSError) and not isinstance(error, SSLCertVerificationError)


async def reconnecting(
    connect: Callable[[], Awaitable[WebSocket]], backoff: Backoff
) -> AsyncGenerator[WebSocket, None]:
    """One connection after the other, each closed before the next is made."""
    loop = asyncio.get_running_loop()
    limit = 0.0
    while True:
        lasted = 0.0
        try:
            ws = await connect()
        except Exception as error:
            if not is_transient(error):
                raise
            why = str(error) or type(error).__name__
        else:
            since = loop.time()
            try:
                yield ws
            finally:
                await ws.close()
            lasted = loop.time() - since
            why = f"closed with {ws.close_code}"
        limit = backoff.next_limit(limit, lasted)
        delay = random.uniform(0.0, limit)
        logger.info("connecting again in %.1f s: %s", delay, why)
        await asyncio.sleep(delay)
