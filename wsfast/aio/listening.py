"""Where a server listens: TCP, a Unix socket, or a socket that somebody else has bound."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from .opening import send_at_once


@dataclass(frozen=True, slots=True)
class Where:
    """What to listen on: `host` and `port`, or `path`, or `sock`."""

    host: str | Sequence[str] | None
    port: int | None
    path: str | os.PathLike[str] | None
    sock: socket.socket | None
    backlog: int
    reuse_port: bool | None

    def __post_init__(self) -> None:
        given = [
            name
            for name, value in (
                ("host or port", self.host if self.port is None else self.port),
                ("path", self.path),
                ("sock", self.sock),
            )
            if value is not None
        ]
        if len(given) != 1:
            wrong = " and ".join(given) or "none"
            raise ValueError(f"where to listen: expected port, path or sock, not {wrong}")

    async def listen(self, protocol_factory: Callable[[], asyncio.BaseProtocol]) -> Listener:
        """Bind and listen; OSError where that can't be."""
        loop = asyncio.get_running_loop()
        # Serving begins below: cancelled while it does so by itself, it would leave the sockets.
        options: dict[str, Any] = {"backlog": self.backlog, "start_serving": False}
        if self.path is not None:
            server = await loop.create_unix_server(protocol_factory, self.path, **options)
        elif self.sock is not None and self.sock.family == getattr(socket, "AF_UNIX", None):
            server = await loop.create_unix_server(protocol_factory, sock=self.sock, **options)
        elif self.sock is not None:
            send_at_once(self.sock)
            server = await loop.create_server(protocol_factory, sock=self.sock, **options)
        else:
            if self.reuse_port is not None:
                options["reuse_port"] = self.reuse_port
            server = await loop.create_server(protocol_factory, self.host, self.port, **options)
        listener = Listener(server, self.path)
        try:
            await server.start_serving()
        except BaseException:
            listener.close()
            raise
        return listener


class Listener:
    """Listening sockets, and the file that a Unix socket has made."""

    def __init__(self, server: asyncio.Server, path: str | os.PathLike[str] | None) -> None:
        self._server = server
        self._path = None if path is None else os.fspath(path)
        # By its number a file is told from that of a server which has taken our place.
        self._file = self._number()

    def _number(self) -> int | None:
        # A name that begins with NUL is no file's (unix(7)).
        if self._path is not None and self._path[:1] != "\0":
            with suppress(OSError):
                return os.stat(self._path).st_ino
        return None

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """None once it is closed."""
        return tuple(self._server.sockets)

    def close(self) -> None:
        """Stop listening. The file is removed, as asyncio does from Python 3.13 on."""
        self._server.close()
        if self._file is not None and self._file == self._number():
            with suppress(OSError):
                os.unlink(self._path or "")
