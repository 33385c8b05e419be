"""ws4py's Stream, which knows of no socket."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from ...frames import encode_frame
from ...protocol import Opcode

NAME = "ws4py"

_KEY = bytes.fromhex("37fa213d")
_READ_LENGTH = 2**18


def prepare(direction: str, side: str, text: bool, payload: bytes) -> Callable[[], Any] | None:
    """A function that handles one message on a new connection."""
    streaming: Any = importlib.import_module("ws4py.streaming")
    is_server = side == "server"
    stream = streaming.Stream(always_mask=not is_server, expect_masking=is_server)
    if direction == "in":
        opcode = Opcode.TEXT if text else Opcode.BINARY
        key = _KEY if is_server else None
        wire = encode_frame(opcode, payload, mask=is_server, masking_key=key)
        reads = [wire[start : start + _READ_LENGTH] for start in range(0, len(wire), _READ_LENGTH)]
        feed = stream.parser.send

        def receive() -> Any:
            for read in reads:
                feed(read)
            message = stream.message
            stream.message = None
            return str(message) if text else message.data

        return receive

    message: str | bytes = payload.decode() if text else payload
    new_message = stream.text_message if text else stream.binary_message

    def send() -> Any:
        return new_message(message).single(mask=stream.always_mask)

    return send
