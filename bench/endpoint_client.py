"""The client of the endpoints' benchmarks: raw sockets, frames made beforehand, octets counted.

It is one and the same for all servers, and as cheap as Python allows: system calls, and next to
nothing between them. The first replies are compared with what they must be; after that only their
length is.
"""

from __future__ import annotations

import base64
import contextlib
import select
import socket
import struct
from collections.abc import Callable, Sequence

from loads import Load, Opening

from wsfast import encode_frame
from wsfast.protocol import CloseCode, Opcode

# Seconds without a reply after which a server is given up.
PATIENCE = 10
# Connections that are opened together: servers let as many wait.
AT_ONCE = 50
# Octets of one read where messages are small.
READ = 2**16

_KEY = bytes.fromhex("37fa213d")


class EndpointError(Exception):
    """A server does not answer as it should; the message says what it does."""


def request(port: int) -> bytes:
    """The client's opening handshake, RFC 6455 section 4.1."""
    lines = (
        "GET / HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        "",
        "",
    )
    return "\r\n".join(lines).encode()


def connect(port: int) -> socket.socket:
    """A TCP connection that blocks, but not for ever."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # A timeout of Python's own would ask the system before each call.
    limit = struct.pack("ll", PATIENCE, 0)
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        connection.setsockopt(socket.SOL_SOCKET, option, limit)
    return connection


def shake_hands(port: int, connections: Sequence[socket.socket]) -> None:
    """The opening handshake on all of them, as far as it can be at the same time."""
    head = request(port)
    try:
        for connection in connections:
            connection.sendall(head)
        for connection in connections:
            _finish_handshake(connection)
    except BlockingIOError:
        raise EndpointError(f"no answer to the opening handshake in {PATIENCE} s") from None


def _finish_handshake(connection: socket.socket) -> None:
    """Read the server's part; it isn't to say more before it is spoken to."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        octets = connection.recv(4096)
        if not octets:
            raise EndpointError("the connection was closed in the opening handshake")
        head += octets
        if b"\r\n\r\n" in head[:-4]:
            raise EndpointError("the server speaks first")
    if not head.startswith(b"HTTP/1.1 101 "):
        raise EndpointError(f"the opening handshake was answered by {head[:60]!r}")


class Client:
    """So many connections to a server; to plain TCP, too, where there is no WebSocket."""

    def __init__(self, port: int, load: Load, is_tcp: bool) -> None:
        self._load = load
        payload = load.payload()
        self._wire = encode_frame(load.opcode, payload, mask=True, masking_key=_KEY)
        self._reply = self._wire if is_tcp else encode_frame(load.opcode, payload, mask=False)
        self._buffer = bytearray(max(READ, len(self._reply)))
        self._sockets: list[socket.socket] = []
        with contextlib.ExitStack() as stack:
            for first in range(0, load.connections, AT_ONCE):
                count = min(AT_ONCE, load.connections - first)
                opened = [stack.enter_context(connect(port)) for _ in range(count)]
                if not is_tcp:
                    shake_hands(port, opened)
                for connection in opened:
                    connection.sendall(self._wire)
                for connection in opened:
                    self._verify(connection)
                self._sockets += opened
            self._close = stack.pop_all().close

    def close(self) -> None:
        self._close()

    def rest(self) -> None:
        """There is nothing to do between rounds."""

    def send(self, messages: int) -> int:
        """Sends that many messages, takes the replies, and returns how many they were."""
        try:
            if self._load.connections > 1:
                return self._on_many_connections(messages)
            if self._load.in_flight > 1:
                return self._many_in_flight(messages)
            return self._ping_pong(messages)
        except BlockingIOError:
            raise EndpointError(f"no reply in {PATIENCE} s") from None

    def _verify(self, connection: socket.socket) -> None:
        reply = b""
        while len(reply) < len(self._reply):
            try:
                octets = connection.recv(len(self._reply) - len(reply))
            except BlockingIOError:
                raise EndpointError(f"{len(reply)} of {len(self._reply)} octets come") from None
            if not octets:
                raise EndpointError(f"the server closes after {reply[:125]!r}")
            reply += octets
        if reply != self._reply:
            raise EndpointError(f"a message comes back as another one: {reply[:125]!r}")

    def _ping_pong(self, messages: int) -> int:
        (connection,) = self._sockets
        send, receive = connection.sendall, connection.recv_into
        wire, buffer, length = self._wire, self._buffer, len(self._reply)
        whole = socket.MSG_WAITALL
        for _ in range(messages):
            send(wire)
            if receive(buffer, length, whole) != length:
                raise EndpointError("a reply is cut short")
        return messages

    def _many_in_flight(self, messages: int) -> int:
        (connection,) = self._sockets
        send, receive = connection.sendall, connection.recv_into
        buffer, length, each = self._buffer, len(self._reply), len(self._wire)
        wires = memoryview(self._wire * self._load.in_flight)
        replies = octets = 0
        send(wires)
        sent = self._load.in_flight
        while replies < sent:
            came = receive(buffer)
            if not came:
                raise EndpointError("the connection was closed")
            count, octets = divmod(octets + came, length)
            replies += count
            if sent < messages and count:
                send(wires[: count * each])
                sent += count
        return sent

    def _on_many_connections(self, messages: int) -> int:
        wire, buffer, length = self._wire, self._buffer, len(self._reply)
        by_number: dict[int, tuple[Callable[..., int], Callable[..., int]]] = {}
        with contextlib.closing(select.epoll()) as poll:
            for connection in self._sockets:
                poll.register(connection.fileno(), select.EPOLLIN)
                by_number[connection.fileno()] = connection.recv_into, connection.send
                connection.send(wire)
            sent = len(self._sockets)
            replies = 0
            while replies < sent:
                ready = poll.poll(PATIENCE)
                if not ready:
                    raise BlockingIOError
                for number, _ in ready:
                    receive, send = by_number[number]
                    if receive(buffer) != length:
                        raise EndpointError("a reply is not of one piece")
                    replies += 1
                    if sent < messages:
                        send(wire)
                        sent += 1
        return sent


class Openings:
    """Connections that are opened at the same time, and closed where no time is taken."""

    def __init__(self, port: int, load: Opening) -> None:
        self._port = port
        self._at_once = load.at_once
        payload = CloseCode.NORMAL_CLOSURE.to_bytes(2, "big")
        self._goodbye = encode_frame(Opcode.CLOSE, payload, mask=True, masking_key=_KEY)
        self._sockets: list[socket.socket] = []

    def send(self, handshakes: int) -> int:
        """Opens connections: always as many, and returns how many."""
        self.rest()
        for _ in range(self._at_once):
            self._sockets.append(connect(self._port))
        shake_hands(self._port, self._sockets)
        return self._at_once

    def rest(self) -> None:
        """Closes them, and waits until the server has, too."""
        with contextlib.ExitStack() as stack:
            for connection in self._sockets:
                stack.enter_context(connection)
                with contextlib.suppress(OSError):
                    connection.sendall(self._goodbye)
            for connection in self._sockets:
                with contextlib.suppress(OSError):
                    while connection.recv(READ):
                        pass
            self._sockets.clear()

    def close(self) -> None:
        self.rest()
