"""websocket-client, reads from its socket: whatever comes of one, it is as without."""

from __future__ import annotations

import errno
import itertools
import socket
import ssl
from typing import Any

import pytest
from switching import switched
from websocket_client_sockets import NAME, core, outcome, websocket

OUTCOMES = {
    "octets": b"ab",
    "end": b"",
    "nothing": None,
    "timeout": TimeoutError("late"),
    "ssl timeout": ssl.SSLError("The read operation timed out"),
    "ssl": ssl.SSLError("bad record"),
    "wants more": ssl.SSLWantReadError("again"),
    "again": BlockingIOError(errno.EAGAIN, "again"),
    "reset": ConnectionResetError(errno.ECONNRESET, "reset"),
    "closed": websocket.WebSocketConnectionClosedException("mine"),
    "other": ZeroDivisionError("mine"),
}


class Socket:
    """Its reads come to what they are told to; it is ready where a real one beside it is."""

    def __init__(self, outcomes: list[Any], timeout: float | None, ready: socket.socket) -> None:
        self.outcomes = outcomes
        self.timeout = timeout
        self.ready = ready
        self.seen: list[Any] = []

    def gettimeout(self) -> float | None:
        return self.timeout

    def fileno(self) -> int:
        return self.ready.fileno()

    def recv(self, bufsize: int) -> Any:
        self.seen.append(bufsize)
        found = self.outcomes.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def close(self) -> None:
        self.seen.append("closed")


@pytest.mark.parametrize("timeout", [None, 0, 0.01])
@pytest.mark.parametrize("first", OUTCOMES)
def test_a_read_comes_to_the_same(first: str, timeout: float | None) -> None:
    def run(on: bool, second: str, is_ready: bool) -> list[Any]:
        here, there = socket.socketpair()
        with here, there, switched(NAME, on):
            if is_ready:
                there.send(b"x")
            stand_in = Socket([OUTCOMES[first], OUTCOMES[second], b"more"], timeout, here)
            client = websocket.WebSocket()
            client.sock = stand_in
            client.connected = True
            seen: list[Any] = []
            for _ in range(3):
                seen.append(outcome(lambda: client._recv(5)))
                seen.append((client.sock is stand_in, client.connected, list(stand_in.seen)))
            return seen

    for second, is_ready in itertools.product(OUTCOMES, (True, False)):
        if not is_ready and timeout is None:
            continue  # it would wait for ever
        assert run(True, second, is_ready) == run(False, second, is_ready)


def test_a_function_put_in_place_of_the_librarys_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(core, "recv", lambda sock, bufsize: b"patched")
    with switched(NAME, True):
        client = websocket.WebSocket()
        client.sock = Socket([], None, None)  # type: ignore[arg-type]
        assert client._recv(3) == b"patched"


def test_an_error_leaves_no_trace_of_this_package() -> None:
    """A program's except clauses see the same chain of errors."""

    def run(on: bool) -> list[Any]:
        with switched(NAME, on):
            client = websocket.WebSocket()
            client.sock = Socket([TimeoutError("late")], None, None)  # type: ignore[arg-type]
            with pytest.raises(websocket.WebSocketTimeoutException) as caught:
                client._recv(3)
            chain: list[Any] = []
            error: BaseException | None = caught.value
            while error is not None:
                chain.append(repr(error))
                error = error.__context__
            return chain

    assert run(True) == run(False)
