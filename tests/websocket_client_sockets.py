"""websocket-client on a socket that holds octets in memory."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import strategies as st

NAME = "websocket-client"

websocket: Any = pytest.importorskip("websocket")
abnf: Any = sys.modules["websocket._abnf"]
core: Any = sys.modules["websocket._core"]
utils: Any = sys.modules["websocket._utils"]

TEXT = "Grüße, 你好, 🌍"


def outcome(act: Callable[[], Any]) -> Any:
    """What it returns or raises, to be compared."""
    try:
        found = act()
    except Exception as error:
        return type(error), str(error), error.args
    if isinstance(found, tuple) and isinstance(found[-1], abnf.ABNF):
        frame = dict(vars(found[-1]))
        frame.pop("get_mask_key")
        return found[0], type(found[-1]), frame
    return type(found), found


class Socket:
    """Gives at most as many octets at once as planned; for a 0 it is late, and then closed."""

    def __init__(self, data: bytes = b"", plan: tuple[int, ...] = ()) -> None:
        self.data = data
        self.plan = list(plan)
        self.seen: list[Any] = []

    def gettimeout(self) -> float:
        return 1.0

    def settimeout(self, timeout: float | None) -> None:
        pass

    def recv(self, bufsize: int) -> bytes:
        self.seen.append(bufsize)
        most = self.plan.pop(0) if self.plan else bufsize
        if most == 0:
            raise TimeoutError("timed out")
        piece = self.data[: min(most, bufsize)]
        self.data = self.data[len(piece) :]
        return piece

    def send(self, data: bytes) -> int:
        sent = data[: self.plan.pop(0) or 1] if self.plan else data
        self.seen.append(bytes(sent))
        return len(sent)

    def close(self) -> None:
        self.seen.append("closed")


def connection(socket: Socket, **options: Any) -> Any:
    made = websocket.WebSocket(**options)
    made.sock = socket
    made.connected = True
    return made


@contextlib.contextmanager
def recorded(seen: list[Any], trace: bool) -> Iterator[None]:
    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            message = record.getMessage()
            if message.startswith("++Rcv raw"):
                # It shows received frames masked anew, by another key.
                message = message[:10]
            seen.append((record.name, record.levelno, message))

    handler = Handler()
    websocket.enableTrace(trace, handler)
    try:
        yield
    finally:
        websocket.enableTrace(False)


payloads = st.one_of(
    st.binary(max_size=10),
    st.text(max_size=10).map(str.encode),
    st.sampled_from([b"a" * 125, b"b" * 126, TEXT.encode() * 9, b"c" * 4000]),
    st.sampled_from([b"", b"\xc3", b"\xff", b"\xed\xa0", b"\x03\xe8", b"\x03\xe8ok", b"\x03\xed"]),
)


plans = st.one_of(st.just(()), st.lists(st.integers(0, 9), max_size=20).map(tuple))
