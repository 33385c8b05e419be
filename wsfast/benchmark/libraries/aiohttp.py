"""aiohttp: its WebSocketReader with the queue behind it, its WebSocketWriter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace, coroutine
from typing import Any

from ... import encode_frame
from ...protocol import Opcode

NAME = "aiohttp"

_KEY = bytes.fromhex("37fa213d")
_READ = 1 << 18
_LIMIT = 1 << 24
_LONGEST_MESSAGE = 1 << 25


class _Transport:
    """Takes what is written."""

    def __init__(self) -> None:
        written: list[bytes] = []
        self.written = written
        self.write = written.append

    def is_closing(self) -> bool:
        return False


@coroutine
def _hand_over(value: Any) -> Iterator[Any]:
    """Let the coroutine's driver have a value, and wait for its next call."""
    yield value


def prepare(direction: str, side: str, text: bool, payload: bytes) -> Callable[[], Any] | None:
    handling = _receiving if direction == "in" else _sending
    return partial(handling(side, text, payload).send, None)


async def _receiving(side: str, text: bool, payload: bytes) -> Any:
    from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader

    masked = side == "server"
    opcode = Opcode.TEXT if text else Opcode.BINARY
    wire = encode_frame(opcode, payload, mask=masked, masking_key=_KEY if masked else None)
    reads = [wire[start : start + _READ] for start in range(0, len(wire), _READ)]
    protocol: Any = SimpleNamespace(_reading_paused=False)
    loop: Any = None
    queue = WebSocketDataQueue(protocol, _LIMIT, loop=loop)
    reader = WebSocketReader(queue, _LONGEST_MESSAGE, False, True)
    while True:
        for read in reads:
            reader.feed_data(read)
        message = await queue.read()
        await _hand_over(message.data)


async def _sending(side: str, text: bool, payload: bytes) -> Any:
    from aiohttp._websocket.writer import WebSocketWriter

    opcode = Opcode.TEXT if text else Opcode.BINARY
    transport: Any = _Transport()
    protocol: Any = SimpleNamespace(_paused=False)
    writer = WebSocketWriter(protocol, transport, use_mask=side == "client")
    content = payload.decode() if text else payload
    while True:
        # As send_str() and send_bytes() do.
        message = content.encode() if isinstance(content, str) else content
        await writer.send_frame(message, opcode)
        written = transport.written[:]
        transport.written.clear()
        await _hand_over(written)
