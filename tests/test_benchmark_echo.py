"""The benchmark's echo servers, and their client. No test asserts a time."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import zlib
from collections.abc import Iterator

import pytest

from wsfast.benchmark.echo import client, measure, servers
from wsfast.benchmark.echo.measure import Work


@pytest.mark.parametrize("takeover", [False, True])
@pytest.mark.parametrize("bits", [9, 12, 15])
def test_compressed_messages_can_be_sent_again_and_again(bits: int, takeover: bool) -> None:
    generator = zlib.crc32
    messages = [
        b"%d %d " % (number, generator(bytes([number % 251]) * 9)) * 40 for number in range(200)
    ]
    assert sum(map(len, messages)) > 2**16
    first, again = client._compressed(messages, bits, takeover)
    decompressor = zlib.decompressobj(wbits=-bits)
    for passed in (first, again, again, again):
        for data, message in zip(passed, messages, strict=True):
            if not takeover:
                decompressor = zlib.decompressobj(wbits=-bits)
            assert decompressor.decompress(data + client._TAIL) == message


@contextlib.contextmanager
def answering(reply: bytes) -> Iterator[int]:
    """The port of a server that sends this to whoever connects, and then closes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(reply)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(2**16):
                    pass

        thread = threading.Thread(target=answer)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


@pytest.mark.parametrize(
    ("reply", "deflate", "said"),
    [
        (b"", False, "the connection was closed in the opening handshake"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", False, "answered by HTTP/1.1 404 Not Found"),
        (ACCEPTED, True, "permessage-deflate was not agreed on"),
        (ACCEPTED, False, "the connection was closed"),
        (ACCEPTED + b"\x88\x02\x03\xe8", False, r"the server closes by b'\\x03\\xe8'"),
        (ACCEPTED + b"\x81\x01a" * 2, False, "a message comes back as another one"),
    ],
)
def test_the_client_says_what_a_server_does_wrong(reply: bytes, deflate: bool, said: str) -> None:
    with answering(reply) as port, pytest.raises(client.EchoError, match=said):
        client.Client(port, 256, 2, deflate)


LIBRARIES_SERVERS = [
    name for name in (*measure.planned(None), *servers.RIVALS.values()) if name != servers.OWN
]


@pytest.mark.parametrize("server", LIBRARIES_SERVERS)
def test_a_server_echoes_plain_and_enabled(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if measure.missing(server):
        pytest.skip(f"not installed: {', '.join(measure.missing(server))}")
    monkeypatch.setattr(measure, "ROUND", 0.001)
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    works = [Work(server, 256, False), Work(server, 2**16, True)]
    for echo in measure.measure(server, works, 0.01):
        assert echo.failed == ""
        assert echo.times.keys() >= {"plain", "enabled"}
        assert all(nanoseconds > 0 for nanoseconds in echo.times.values())
        assert all(rate > 0 for rate in echo.rates.values())
    assert before is None or os.sched_getaffinity(0) == before


def test_a_server_that_does_not_start_is_left_out_with_the_reason() -> None:
    (echo,) = measure.measure("no such server", [Work("no such server", 256, False)], 0.01)
    assert "KeyError: 'no such server'" in echo.failed
