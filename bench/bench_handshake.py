"""Opening handshakes without I/O, RFC 6455 section 4: octets of the one side in, of the other out.

Each library plays one side of a connection of its own, made anew for every handshake. picows has
no such interface: it is measured as a whole connection over a transport that is none, and, since
that does more, also by those of its compiled functions that a server's handshake consists of.
"""

from __future__ import annotations

import asyncio
import logging
import time
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha1
from importlib import import_module
from typing import Any

import pytest

from wsfast.handshake import URI, ClientHandshake, ServerHandshake

ROUNDS, RUNS = 30, 1000

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

# What programs send, and what browsers do. picows wants "Upgrade" alone in Connection.
SMALL = (
    b"GET /chat HTTP/1.1\r\nHost: localhost:8765\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
BROWSER = (
    b"GET /chat HTTP/1.1\r\nHost: localhost:8765\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    b"Accept: */*\r\nAccept-Language: en-US,en;q=0.5\r\n"
    b"Accept-Encoding: gzip, deflate, br, zstd\r\n"
    b"Sec-WebSocket-Version: 13\r\nOrigin: http://localhost\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nConnection: Upgrade\r\n"
    b"Sec-Fetch-Dest: empty\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n"
    b"Upgrade: websocket\r\n\r\n"
)
REQUESTS = {"small": SMALL, "browser": BROWSER}

# From a request's octets to those of a 101.
Serve = Callable[[bytes], bytes]
# From a URI to an answer taken: the function is given what makes an answer of a request.
Connect = Callable[[], object]


def answer_to(request: bytes) -> bytes:
    """A server's answer, as far from any library as possible."""
    key = request.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
    accept = b64encode(sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\nDate: Tue, 15 Nov 1994 08:12:31 GMT\r\n\r\n"
    )


def wsfast_server() -> Serve:
    def serve(request: bytes) -> bytes:
        handshake = ServerHandshake()
        handshake.receive_data(request)
        return handshake.accept()

    return serve


def wsfast_client() -> Connect:
    uri = URI.parse("ws://localhost:8765/chat")

    def connect() -> object:
        handshake = ClientHandshake(uri)
        return handshake.receive_data(answer_to(handshake.data_to_send()))

    return connect


def websockets_server() -> Serve:
    protocol: Any = import_module("websockets.server").ServerProtocol

    def serve(request: bytes) -> bytes:
        server = protocol()
        server.receive_data(request)
        (event,) = server.events_received()
        server.send_response(server.accept(event))
        return b"".join(server.data_to_send())

    return serve


def websockets_client() -> Connect:
    protocol: Any = import_module("websockets.client").ClientProtocol
    uri = import_module("websockets.uri").parse_uri("ws://localhost:8765/chat")

    def connect() -> object:
        client = protocol(uri)
        client.send_request(client.connect())
        client.receive_data(answer_to(b"".join(client.data_to_send())))
        (event,) = client.events_received()
        return event if client.handshake_exc is None else None

    return connect


def wsproto_server() -> Serve:
    wsproto: Any = import_module("wsproto")
    accept: Any = import_module("wsproto.events").AcceptConnection

    def serve(request: bytes) -> bytes:
        connection = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
        connection.receive_data(request)
        next(connection.events())
        data: bytes = connection.send(accept())
        return data

    return serve


def wsproto_client() -> Connect:
    wsproto: Any = import_module("wsproto")
    request: Any = import_module("wsproto.events").Request

    def connect() -> object:
        connection = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        data = connection.send(request(host="localhost:8765", target="/chat"))
        # It spells all names in lower case.
        connection.receive_data(answer_to(data.replace(b"sec-websocket-key", b"Sec-WebSocket-Key")))
        return next(connection.events())

    return connect


def picows_server() -> Serve:
    picows: Any = import_module("picows.picows")
    transports: Any = import_module("wsfast.benchmark.peers.picows")
    listener, logger = picows.WSListener, logging.getLogger(__name__)

    def serve(request: bytes) -> bytes:
        transport = transports._Transport()
        protocol = picows.WSProtocol(
            *("localhost", "/", False, lambda *_: listener(), logger, True, None, False, 10, 10),
            *(picows.WSAutoPingStrategy.PING_WHEN_IDLE, False, 2**30, None, 4096),
        )
        protocol.connection_made(transport)
        protocol.get_buffer(-1)[: len(request)] = request
        protocol.buffer_updated(len(request))
        return bytes(transport.written[-1])

    return serve


def picows_functions() -> Serve:
    picows: Any = import_module("picows.picows")
    response: Any = import_module("picows").WSUpgradeResponse

    def serve(request: bytes) -> bytes:
        head, _ = request.split(b"\r\n\r\n", 1)
        accept = picows._validate_upgrade_request(picows._parse_http_request(head))
        answer = response.create_101_response()
        answer.headers["Sec-WebSocket-Accept"] = accept.decode()
        return bytes(answer.to_bytes())

    return serve


SERVERS = {
    "wsfast": wsfast_server,
    "websockets": websockets_server,
    "wsproto": wsproto_server,
    "picows": picows_server,
    "picows, functions": picows_functions,
}
CLIENTS = {"wsfast": wsfast_client, "websockets": websockets_client, "wsproto": wsproto_client}


def _made(make: Callable[[], Any]) -> Any:
    try:
        return make()
    except (ImportError, AttributeError) as error:
        pytest.skip(f"it isn't there: {error}")


def _measure(benchmark: Any, name: str, function: Callable[..., object], *arguments: Any) -> None:
    benchmark.group = f"{name}: {RUNS:,} runs"

    def run() -> None:
        for _ in range(RUNS):
            function(*arguments)

    benchmark.pedantic(run, rounds=ROUNDS, warmup_rounds=1)
    if benchmark.stats is not None:
        microseconds = benchmark.stats.stats.min * 1e6 / RUNS
        benchmark.extra_info["microseconds a handshake"] = round(microseconds, 2)


@pytest.mark.benchmark(timer=time.thread_time, disable_gc=True)
@pytest.mark.parametrize("library", SERVERS)
@pytest.mark.parametrize("request_name", REQUESTS)
def test_server(benchmark: Any, request_name: str, library: str) -> None:
    serve: Serve = _made(SERVERS[library])
    request = REQUESTS[request_name]

    # Of all of them, one asks for a loop.
    async def measure() -> None:
        answer = serve(request)
        assert answer.startswith(b"HTTP/1.1 101 ")
        assert b": " + ACCEPT + b"\r\n" in answer
        _measure(benchmark, f"server, {request_name} request", serve, request)

    asyncio.run(measure())


@pytest.mark.benchmark(timer=time.thread_time, disable_gc=True)
@pytest.mark.parametrize("library", CLIENTS)
def test_client(benchmark: Any, library: str) -> None:
    connect: Connect = _made(CLIENTS[library])
    assert connect() is not None
    _measure(benchmark, "client", connect)
