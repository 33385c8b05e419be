"""Reads from the socket that succeed at once; what else comes of one is for the library to say."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from typing import Any

from .._patch import Members, Part, SelfCheckFailed
from .._source import known

_READ = "websocket._core:WebSocket._recv"
_SOCKET_RECV = "websocket._socket:recv"


class _SocketAfterRead:
    """A socket to the library's own code, with what its first read came to."""

    __slots__ = ("_error", "_piece", "_read", "_socket")

    def __init__(self, socket: Any, piece: Any, error: Exception | None) -> None:
        self._socket = socket
        self._piece = piece
        self._error = error
        self._read = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def recv(self, bufsize: int) -> Any:
        if self._read:
            return self._socket.recv(bufsize)
        self._read = True
        if self._error is not None:
            raise self._error
        return self._piece


class _WebSocketAfterRead:
    """A WebSocket to the library's own code, whose socket is such a one."""

    _websocket: Any

    def __init__(self, websocket: Any, socket: _SocketAfterRead) -> None:
        vars(self).update(sock=socket, _websocket=websocket)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._websocket, name, value)
        vars(self)[name] = value


def _build(originals: Members) -> Members:
    core = sys.modules["websocket._core"]
    plain: Callable[[Any, int], Any] = originals[_READ]
    plain_socket_recv = originals[_SOCKET_RECV]

    def _recv(self: Any, bufsize: int) -> Any:
        socket = self.sock
        if not socket or core.recv is not plain_socket_recv:
            return plain(self, bufsize)
        piece = error = None
        try:
            piece = socket.recv(bufsize)
            if piece:
                return piece
        except Exception as raised:
            error = raised
        try:
            return plain(_WebSocketAfterRead(self, _SocketAfterRead(socket, piece, error)), bufsize)
        finally:
            error = None

    return {_READ: _recv}


class _Socket:
    def __init__(self, outcomes: list[Any]) -> None:
        self.outcomes = outcomes
        self.seen: list[Any] = []

    def gettimeout(self) -> int:
        return 0

    def recv(self, bufsize: int) -> Any:
        self.seen.append(bufsize)
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def close(self) -> None:
        self.seen.append("closed")


def _check(originals: Members, replacements: Members) -> None:
    core = sys.modules["websocket._core"]

    def run(read: Callable[[Any, int], Any]) -> list[Any]:
        seen: list[Any] = []
        for outcome in (b"ab", b"", None, TimeoutError("late"), OSError(errno.EIO, "no")):
            websocket = core.WebSocket()
            websocket.sock = socket = _Socket([outcome])
            websocket.connected = True
            for _ in range(2):
                try:
                    seen.append(read(websocket, 7))
                except Exception as error:
                    seen.append(repr(error))
                seen.append((websocket.connected, websocket.sock is socket))
            seen.append(socket.seen)
        return seen

    if run(replacements[_READ]) != run(originals[_READ]):
        raise SelfCheckFailed("reads from a socket differ")


READING = Part(
    name="reads from the socket",
    replaces={_READ: known("1adee9b348f5", "d168474e8b63")},
    relies_on={
        _SOCKET_RECV: known("39a2ca7dc562", "52687007a4b6", "58f064eb0bce", "75d357bb35bb"),
    },
    build=_build,
    check=_check,
    pure=True,
)
