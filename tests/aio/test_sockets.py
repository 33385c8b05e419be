"""What is written beside the transport: to the right socket, in order, or not at all."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import pytest
from pairs import open_end, raw_end, run

LOOPS = ["asyncio", *(["uvloop"] if find_spec("uvloop") else [])]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sockets aren't files there")


@contextmanager
def another_has(number: int) -> Iterator[socket.socket]:
    """Give the peer of a socket with this number, which a closed one had."""
    one, peer = socket.socketpair()
    if peer.fileno() == number:
        one, peer = peer, one
    is_free = one.fileno() != number
    with one, peer:
        peer.setblocking(False)
        if is_free:
            os.dup2(one.fileno(), number)
        try:
            yield peer
        finally:
            if is_free:
                os.close(number)


def all_of(sock: socket.socket) -> bytes:
    """What has come, up to now."""
    data = b""
    while True:
        try:
            some = sock.recv(1 << 20)
        except OSError:
            return data
        if not some:
            return data
        data += some


def test_a_socket_that_is_closed_beneath_is_not_written_to() -> None:
    """uvloop puts the closing off."""

    async def main() -> None:
        one, other = socket.socketpair()
        with other:
            ws = await open_end("server", one)
            ws.write("a")
            number = one.fileno()
            one.close()
            with another_has(number) as peer:
                ws.write("secret")
                ws.write(b"secret" * 20000)
                assert all_of(peer) == b""
                await ws.wait_closed()
            assert all_of(other) == b"\x81\x01a"

    run(main())


@pytest.mark.parametrize("loops", LOOPS)
def test_nothing_follows_a_frame_that_is_cut(loops: str) -> None:
    """What the transport has dropped can't be what the next frame is the rest of."""

    async def main() -> None:
        ws, peer = await raw_end()
        ws.write(bytes(5_000_000))
        assert ws.transport.get_write_buffer_size() > 0
        ws.transport.abort()
        begun = all_of(peer)
        ws.write("secret")
        await ws.wait_closed()
        assert b"secret" not in begun + all_of(peer)

    run(main(), loops)
