"""autobahn's connections on a transport in memory, and what they show of themselves."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import importlib
import sys
from importlib import metadata
from typing import Any

import pytest
from hypothesis import strategies as st

import wsfast
from wsfast.adapters._patch import check_version
from wsfast.adapters._source import UnknownCode
from wsfast.adapters.autobahn import ADAPTER

NAME = "autobahn"

pytest.importorskip("autobahn.websocket.protocol")
try:
    check_version(ADAPTER, metadata.version(NAME))
except UnknownCode as error:
    pytest.skip(f"for Python 3.10 there are older releases only: {error}", allow_module_level=True)
txaio: Any = importlib.import_module("txaio")
txaio.use_asyncio()
aio: Any = importlib.import_module("autobahn.asyncio.websocket")
protocol_module: Any = sys.modules["autobahn.websocket.protocol"]
compress: Any = importlib.import_module("autobahn.websocket.compress")
no_op: Any = vars(sys.modules["txaio.aio"])["_no_op"]
WebSocketProtocol: Any = protocol_module.WebSocketProtocol


KEY = bytes.fromhex("37fa213d")
TEXT = "Grüße, 你好, 🌍"


class Log:
    """What the library logs, debugging only where it is asked for."""

    def __init__(self, debugs: bool) -> None:
        self.lines: list[Any] = []
        for level in ("critical", "error", "warn", "info", "debug", "trace"):
            takes = debugs or level not in ("debug", "trace")
            setattr(self, level, self.taker(level) if takes else no_op)

    def taker(self, level: str) -> Any:
        def take(text: str = "", **options: Any) -> None:
            known = {name: value for name, value in options.items() if name in text}
            # Its key is nobody's business, and an object's address neither.
            known = {
                name: value
                for name, value in known.items()
                if isinstance(value, (int, str, type(None))) and name not in ("octets", "mask")
            }
            if "tb" in known:
                # How it came there differs.
                known["tb"] = known["tb"].strip().splitlines()[-1]
            self.lines.append((level, text, known))

        return take


class Transport:
    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.ended: list[str] = []

    def write(self, data: bytes) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        self.ended.append("closed")

    def abort(self) -> None:
        self.ended.append("aborted")

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 9000) if name in ("peername", "sockname") else default


async def opened(
    client: bool,
    seen: list[Any],
    hooks: dict[str, Any],
    extension: str = "",
    debugs: bool = False,
    **options: Any,
) -> tuple[Any, Transport]:
    """An open connection; it needs a running loop."""
    txaio.config.loop = loop = asyncio.get_running_loop()
    role = "Client" if client else "Server"
    factory = getattr(aio, f"WebSocket{role}Factory")("ws://127.0.0.1:9000", loop=loop)
    factory.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=0)
    # Some of them are no arguments of that.
    for name, value in options.items():
        assert hasattr(factory, name)
        setattr(factory, name, value)
    if client:
        factory.setProtocolOptions(serverConnectionDropTimeout=0)
        if extension:
            offers = [compress.PerMessageDeflateOffer(), compress.PerMessageBzip2Offer()]
            accept = {
                "permessage-deflate": compress.PerMessageDeflateResponseAccept,
                "permessage-bzip2": compress.PerMessageBzip2ResponseAccept,
            }[extension]
            factory.setProtocolOptions(
                perMessageCompressionOffers=offers,
                perMessageCompressionAccept=lambda response: accept(response),
            )
    elif extension:
        accept = {
            "permessage-deflate": compress.PerMessageDeflateOfferAccept,
            "permessage-bzip2": compress.PerMessageBzip2OfferAccept,
        }[extension]
        factory.setProtocolOptions(perMessageCompressionAccept=lambda offers: accept(offers[0]))

    def on_message(self: Any, payload: bytes, isBinary: bool) -> None:
        seen.append((payload, isBinary, type(payload)))

    def on_close(self: Any, *arguments: Any) -> None:
        seen.append(("closed", *arguments))

    members = {"onMessage": on_message, "onClose": on_close, "log": Log(debugs)}
    base = getattr(aio, f"WebSocket{role}Protocol")
    factory.protocol = type("Protocol", (base,), {**members, **hooks})
    protocol = factory()
    transport = Transport()
    protocol.connection_made(transport)
    await rest()
    lines = ["Upgrade: websocket", "Connection: Upgrade"]
    if extension:
        lines.append(f"Sec-WebSocket-Extensions: {extension}")
    if client:
        sent = b"".join(transport.written).decode().split("\r\n")
        key = next(line.split()[1] for line in sent if line.startswith("Sec-WebSocket-Key"))
        guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accepted = base64.b64encode(hashlib.sha1((key + guid).encode()).digest()).decode()
        lines = ["HTTP/1.1 101 Switching", *lines, f"Sec-WebSocket-Accept: {accepted}"]
    else:
        lines = ["GET / HTTP/1.1", "Host: 127.0.0.1:9000", *lines]
        lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"]
    protocol._dataReceived("\r\n".join((*lines, "", "")).encode())
    await rest()
    # Of the opening handshake there are keys and addresses in it.
    protocol.log.lines.clear()
    return protocol, transport


async def rest() -> None:
    for _ in range(12):
        await asyncio.sleep(0)


def unmasked(frame: bytes, is_masked: bool) -> Any:
    """A frame without its key, which nobody knows."""
    if not frame[1] & 0x80:
        return frame
    start = 2 + {126: 2, 127: 8}.get(frame[1] & 127, 0)
    if len(frame) < start + 4:
        return frame
    if not is_masked:
        return frame[:start], frame[start + 4 :]
    return frame[:start], wsfast.apply_mask(frame[start + 4 :], frame[start : start + 4])


payloads = st.one_of(
    st.binary(max_size=10),
    st.text(max_size=10).map(str.encode),
    st.sampled_from([b"a" * 125, b"b" * 126, TEXT.encode() * 9, b"c" * 4000, b"d" * 65536]),
    st.sampled_from([b"", b"\xc3", b"\xff", b"\xed\xa0", b"\x03\xe8", b"\x03\xe8ok", b"\x03\xed"]),
)
