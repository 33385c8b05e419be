"""One message to many connections, framed and compressed once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Final, Literal

from ..closing import State
from ..frames import encode_frame
from ..protocol import CloseCode, Opcode
from .settings import check_count
from .websocket import WebSocket

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["broadcast"]

_LIMIT: Final = 1024 * 1024


def broadcast(
    connections: Iterable[WebSocket],
    message: str | Buffer,
    *,
    limit: int = _LIMIT,
    slow: Literal["close", "skip"] = "close",
) -> int:
    """Send `message` to all `connections` that are open, and return to how many.

    A str is sent as text, a bytes-like object as binary. It never waits. What a peer doesn't read
    is kept for it, up to `limit` octets: a connection with more than that to send is not sent
    the message. Then it is closed with 1013 (TRY_AGAIN_LATER), so that the peer sees that it has
    missed something; or, by `slow="skip"`, left as it is, where every message stands for itself.
    Connections that are closing are passed over, and none raises an error.

    The frame is made once, and the message compressed once for all connections with the same
    parameters of permessage-deflate. What such a connection sends next refers to no earlier
    message, and is compressed less well. Clients mask each frame with a key of its own.
    """
    check_count("limit", limit)
    if slow not in ("close", "skip"):
        raise ValueError(f"slow must be 'close' or 'skip', not {slow!r}")
    if isinstance(message, str):
        opcode, data = Opcode.TEXT, message.encode()
    else:
        # A copy, and all its octets: what is compressed later must be what was framed before.
        opcode, data = Opcode.BINARY, memoryview(message).tobytes()
    plain = encode_frame(opcode, data, mask=False)
    compressed: dict[Hashable, bytes] = {}
    sent = 0
    for ws in list(connections):
        if ws.state is not State.OPEN:
            continue
        if ws._waits and ws.transport.get_write_buffer_size() > limit:
            if slow == "close":
                ws.close(CloseCode.TRY_AGAIN_LATER, "too slow")
            continue
        agreement = ws.deflate
        if not ws._sends or ws.side == "client":
            # Behind the message that is being sent in parts; or masked, each by its own key.
            ws.write(message)
        elif agreement is None or len(data) < agreement.min_length:
            ws._write_frame(plain)
        else:
            key = agreement.broadcast_key("server")
            frame = compressed.get(key)
            if frame is None:
                alone = agreement.compress_alone("server", data)
                frame = compressed[key] = encode_frame(opcode, alone, mask=False, rsv1=True)
            ws._write_frame(frame)
            ws._deflater.reset()
        sent += 1
    return sent
