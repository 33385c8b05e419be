"""wsproto's Connection, which knows of no socket."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from ...frames import encode_frame
from ...protocol import Opcode

NAME = "wsproto"

_KEY = bytes.fromhex("37fa213d")
# What an asyncio transport reads at once.
_READ = 256 * 1024


def prepare(direction: str, side: str, text: bool, payload: bytes) -> Callable[[], Any] | None:
    """A function that handles one message on a new connection."""
    library: Any = importlib.import_module("wsproto.connection")
    events: Any = importlib.import_module("wsproto.events")
    is_server = side == "server"
    connection = library.Connection(library.ConnectionType[side.upper()])
    if direction == "out":
        event = events.TextMessage(payload.decode()) if text else events.BytesMessage(payload)

        def send() -> Any:
            return connection.send(event)

        return send

    opcode = Opcode.TEXT if text else Opcode.BINARY
    wire = encode_frame(opcode, payload, mask=is_server, masking_key=_KEY if is_server else None)
    reads = [wire[start : start + _READ] for start in range(0, len(wire), _READ)]
    empty: Any = "" if text else b""

    def receive() -> Any:
        parts = []
        for read in reads:
            connection.receive_data(read)
            parts += [event.data for event in connection.events()]
        return parts[0] if len(parts) == 1 else empty.join(parts)

    return receive
