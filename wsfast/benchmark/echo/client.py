"""The client of the echo servers: a raw socket, frames made beforehand, replies counted."""

from __future__ import annotations

import base64
import selectors
import socket
import time
import zlib
from collections.abc import Iterator, Sequence
from itertools import cycle

from ...frames import Frame, FrameDecoder, encode_frame
from ...protocol import RSV1, Opcode
from .. import texts

# Seconds without a reply after which a server is given up.
PATIENCE = 10.0
# Octets of messages that differ; more than the window of permessage-deflate has.
DIFFERENT = 2**16

_KEY = bytes.fromhex("37fa213d")
_READ = 2**18
# What an octet stream of DEFLATE ends in at each message's end, RFC 7692 section 7.2.1.
_TAIL = b"\x00\x00\xff\xff"
_EXTENSION = "permessage-deflate"


class EchoError(Exception):
    """A server does not echo as it should; the message says what it does."""


def _compressed(messages: Sequence[bytes], bits: int, takeover: bool) -> Iterator[list[bytes]]:
    """The messages, by an endless compressor's first pass over them, and its second.

    Since the messages of a pass have more octets than the window, a server's decompressor has the
    same in its window at each later pass's beginning: the second pass can be sent again and again.
    """
    compressor = zlib.compressobj(wbits=-bits)
    for _ in range(2):
        found = []
        for message in messages:
            if not takeover:
                compressor = zlib.compressobj(wbits=-bits)
            data = compressor.compress(message) + compressor.flush(zlib.Z_SYNC_FLUSH)
            found.append(data.removesuffix(_TAIL))
        yield found


class Client:
    """Sends messages in batches of so many, and waits for a batch's replies before the next one.

    `is_tcp`: the server echoes octets. What it gets are frames all the same.
    """

    def __init__(
        self, port: int, octets: int, batch: int, deflate: bool, is_tcp: bool = False
    ) -> None:
        self._batch = batch
        self._received = 0
        self._messages = texts.pieces(
            "mixed", octets, max(batch, -(-DIFFERENT // octets) // batch * batch)
        )
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            parameters = {} if is_tcp else self._handshake(port, deflate)
            self._decoder = FrameDecoder(
                # The client's own frames are what comes back from TCP.
                "server" if is_tcp else "client",
                rsv=RSV1 if deflate else 0,
                max_payload_length=None,
            )
            self._selector = selectors.DefaultSelector()
            self._selector.register(self._socket, selectors.EVENT_READ)
            self._socket.setblocking(False)
            self._begin(parameters if deflate else None)
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        self._selector.close()
        self._socket.close()

    def send(self, messages: int) -> int:
        """Sends that many messages, to the next full batch, and returns how many they were."""
        done = 0
        while done < messages:
            self._exchange(next(self._wire))
            done += self._batch
        return done

    def _handshake(self, port: int, deflate: bool) -> dict[str, str]:
        """RFC 6455 section 4.1. Returns what was agreed on permessage-deflate."""
        lines = [
            "GET / HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}",
            "Sec-WebSocket-Version: 13",
        ]
        if deflate:
            lines.append(f"Sec-WebSocket-Extensions: {_EXTENSION}; client_max_window_bits")
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            octet = self._socket.recv(1)
            if not octet:
                raise EchoError("the connection was closed in the opening handshake")
            head += octet
        status, *fields = head.decode("latin-1").split("\r\n")
        if " 101" not in status:
            raise EchoError(f"the opening handshake was answered by {status}")
        agreed = ""
        for line in fields:
            name, _, value = line.partition(":")
            if name.lower() == "sec-websocket-extensions":
                agreed = value
        extension, *parameters = (part.strip() for part in agreed.split(";"))
        if (extension == _EXTENSION) != deflate:
            raise EchoError(f"permessage-deflate was {'not ' * deflate}agreed on")
        pairs = (parameter.partition("=") for parameter in parameters)
        return {name.strip(): value.strip().strip('"') for name, _, value in pairs}

    def _begin(self, parameters: dict[str, str] | None) -> None:
        """Sends each message once, looks at the replies, and makes what is sent again and again."""
        passes = [self._messages, self._messages]
        inflater = None
        if parameters is not None:
            # zlib can't make a window of 2**8 octets; decompressors take one of 2**9 for it.
            bits = max(int(parameters.get("client_max_window_bits") or 15), 9)
            takeover = "client_no_context_takeover" not in parameters
            passes = [*_compressed(self._messages, bits, takeover)]
            if "server_no_context_takeover" not in parameters:
                inflater = zlib.decompressobj(-15)
        wires = [
            [
                b"".join(self._frame(data, parameters is not None) for data in batch)
                for batch in _batches(found, self._batch)
            ]
            for found in passes
        ]
        for wire, expected in zip(wires[0], _batches(self._messages, self._batch), strict=True):
            replies = self._exchange(wire)
            if len(replies) != len(expected):
                raise EchoError(f"{len(expected)} messages have {len(replies)} replies")
            for reply, message in zip(replies, expected, strict=True):
                payload = reply.payload
                if reply.rsv1:
                    inflate = inflater or zlib.decompressobj(-15)
                    payload = inflate.decompress(payload + _TAIL)
                if payload != message or reply.opcode != Opcode.TEXT:
                    raise EchoError("a message comes back as another one")
        self._wire = cycle(wires[1])

    @staticmethod
    def _frame(payload: bytes, compressed: bool) -> bytes:
        return encode_frame(Opcode.TEXT, payload, mask=True, rsv1=compressed, masking_key=_KEY)

    def _exchange(self, wire: bytes) -> list[Frame]:
        """Sends a batch while it receives, until all replies are there."""
        found: list[Frame] = []
        left = memoryview(wire)
        ends = time.monotonic() + PATIENCE
        sending = True
        self._selector.modify(self._socket, selectors.EVENT_READ | selectors.EVENT_WRITE)
        while len(found) < self._batch:
            if time.monotonic() > ends:
                raise EchoError(f"no reply in {PATIENCE:.0f} s")
            for _, ready in self._selector.select(1.0):
                if sending and ready & selectors.EVENT_WRITE:
                    left = left[self._socket.send(left) :]
                    if not left:
                        sending = False
                        self._selector.modify(self._socket, selectors.EVENT_READ)
                if ready & selectors.EVENT_READ:
                    data = self._socket.recv(_READ)
                    if not data:
                        raise EchoError("the connection was closed")
                    for frame in self._decoder.feed(data):
                        if frame.opcode == Opcode.CLOSE:
                            raise EchoError(f"the server closes by {frame.payload!r}")
                        if frame.opcode in (Opcode.CONTINUATION, Opcode.TEXT, Opcode.BINARY):
                            found.append(frame)
        return found


def _batches(messages: Sequence[bytes], batch: int) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(messages), batch):
        yield messages[start : start + batch]
