"""autobahn does the same with its codec replaced as without."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import hashlib
import importlib
import os
import random
import sys
import tracemalloc
import zlib
from collections.abc import Iterator
from typing import Any

import processes
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wsfast
from wsfast.adapters._places import find
from wsfast.frames import FrameSplitter, encode_frame

NAME = "autobahn"

pytest.importorskip("autobahn.websocket.protocol")
txaio: Any = importlib.import_module("txaio")
txaio.use_asyncio()
aio: Any = importlib.import_module("autobahn.asyncio.websocket")
protocol_module: Any = sys.modules["autobahn.websocket.protocol"]
compress: Any = importlib.import_module("autobahn.websocket.compress")
no_op: Any = vars(sys.modules["txaio.aio"])["_no_op"]
WebSocketProtocol: Any = protocol_module.WebSocketProtocol

KEY = bytes.fromhex("37fa213d")
TEXT = "Grüße, 你好, 🌍"
NVX: bool = sys.modules["autobahn.websocket"].USES_NVX  # type: ignore[attr-defined]
PARTS = {
    "messages in": "replaced",
    "messages out": "replaced",
    "masking, NVX": "replaced" if NVX else "not applicable",
    "masking, not NVX": "not applicable" if NVX else "replaced",
    "UTF-8 validation": "replaced",
}

pytestmark = pytest.mark.skipif(
    wsfast.BACKEND == "python" and os.environ.get("WSFAST_ADAPTERS_FORCE") != "1",
    reason="on the pure side, only some of it is replaced",
)


@contextlib.contextmanager
def switched(on: bool) -> Iterator[None]:
    if on:
        wsfast.enable(NAME)
    try:
        yield
    finally:
        wsfast.disable(NAME)


@pytest.fixture
def enabled() -> Iterator[None]:
    with switched(True):
        yield


def states() -> dict[str, str]:
    return {part.name: part.state for part in wsfast.status()[NAME].parts}


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


def hooked(seen: list[Any]) -> dict[str, dict[str, Any]]:
    """Ways in which users follow a message, by name."""

    def recorded(name: str) -> Any:
        def hook(self: Any, *arguments: Any) -> Any:
            seen.append((name, *arguments))
            return getattr(aio.WebSocketServerProtocol, name)(self, *arguments)

        return hook

    def replies(self: Any, payload: bytes, isBinary: bool) -> None:
        seen.append((payload, isBinary))
        if len(payload) == 3:
            self.sendClose(3000, "three")
        elif len(payload) == 4:
            raise LookupError("four")
        elif len(payload) == 5:
            self.dropConnection()
        else:
            self.sendMessage(payload, isBinary)

    async def later(self: Any, payload: bytes, isBinary: bool) -> None:
        await asyncio.sleep(0)
        seen.append((payload, isBinary, "later"))

    names = (
        "onMessageBegin",
        "onMessageFrameBegin",
        "onMessageFrameData",
        "onMessageFrameEnd",
        "onMessageFrame",
        "onMessageEnd",
        "onFrameBegin",
        "onFrameEnd",
        "_onMessageEnd",
    )
    return {
        "none": {},
        "replies": {"onMessage": replies},
        "later": {"onMessage": later},
        **{name: {name: recorded(name)} for name in names},
    }


HOOKS = sorted(hooked([]))


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


def shown(protocol: Any, transport: Transport, client: bool) -> list[Any]:
    """All that a connection shows of itself."""
    names = ("state", "failedByMe", "closedByMe", "droppedByMe", "wasClean", "wasNotCleanReason")
    names += ("localCloseCode", "localCloseReason", "remoteCloseCode", "remoteCloseReason")
    names += ("wasMaxMessagePayloadSizeExceeded", "wasMaxFramePayloadSizeExceeded", "data")
    return [
        {name: getattr(protocol, name) for name in names},
        dict(vars(protocol.trafficStats)),
        list(transport.ended),
        [unmasked(data, protocol.applyMask) for data in transport.written[1:]]
        if client
        else transport.written[1:],
        protocol.log.lines,
    ]


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


def received_by(
    wire: bytes,
    cuts: list[int],
    client: bool,
    hooks: str,
    extension: str,
    debugs: bool,
    options: dict[str, Any],
) -> list[Any]:
    async def receive() -> list[Any]:
        seen: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context: seen.append(repr(context.get("exception")))
        )
        found: list[Any] = []
        protocol, transport = await opened(
            client, seen, hooked(seen)[hooks], extension, debugs, **options
        )
        await rest()
        start = 0
        for end in sorted({cut % (len(wire) + 1) for cut in cuts} | {len(wire)}):
            protocol.data_received(wire[start:end])
            start = end
            await rest()
            found.append(shown(protocol, transport, client))
            if "aborted" in transport.ended:
                break
        protocol.connection_lost(None)
        await rest()
        return [*found, seen, *shown(protocol, transport, client)]

    return asyncio.run(receive())


payloads = st.one_of(
    st.binary(max_size=10),
    st.text(max_size=10).map(str.encode),
    st.sampled_from([b"a" * 125, b"b" * 126, TEXT.encode() * 9, b"c" * 4000, b"d" * 65536]),
    st.sampled_from([b"", b"\xc3", b"\xff", b"\xed\xa0", b"\x03\xe8", b"\x03\xe8ok", b"\x03\xed"]),
)


@st.composite
def frames(draw: st.DrawFn) -> tuple[bool, bytes, bytes]:
    """Whether it is masked as it should be, the header as far as it has no key, and the payload."""
    opcode = draw(st.sampled_from([1, 1, 1, 1, 2, 2, 0, 8, 9, 10, 3]))
    payload = draw(payloads)
    rsv = draw(st.sampled_from([0, 0, 0, 0, 0x40, 0x20]))
    if rsv == 0x40 and draw(st.booleans()):
        deflater = zlib.compressobj(wbits=-15)
        payload = deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH)[:-4]
    first = draw(st.sampled_from([0x80, 0x80, 0x80, 0])) | rsv | opcode
    length = len(payload)
    size = draw(st.sampled_from([0, 0, 0, 0, 0, 2, 8]))
    if length > 65535 or size == 8:
        header = bytes([first, 127]) + length.to_bytes(8, "big")
    elif length > 125 or size == 2:
        header = bytes([first, 126]) + length.to_bytes(2, "big")
    else:
        header = bytes([first, length])
    return draw(st.sampled_from([True] * 9 + [False])), header, payload


def on_the_wire(received: list[tuple[bool, bytes, bytes]], masks: bool) -> bytes:
    wire = b""
    for right, header, payload in received:
        if right == masks:
            header = header[:1] + bytes([header[1] | 0x80]) + header[2:] + KEY
            payload = wsfast.apply_mask(payload, KEY)
        wire += header + payload
    return wire


OPTIONS: list[dict[str, Any]] = [
    {},
    {},
    {},
    {"failByDrop": False},
    {"failByDrop": False, "utf8validateIncoming": False},
    {"maxMessagePayloadSize": 4000},
    {"maxFramePayloadSize": 125, "maxMessagePayloadSize": 65536, "failByDrop": False},
    {"echoCloseCodeReason": True, "autoFragmentSize": 7},
    {"logFrames": True, "logOctets": True},
    {"trackTimings": True},
    {"applyMask": False},
]


@settings(max_examples=40)
@given(
    received=st.lists(frames(), max_size=6),
    cuts=st.lists(st.integers(0, 70000), max_size=5),
    client=st.booleans(),
    hooks=st.sampled_from(["none", "none", "replies", "replies", *HOOKS]),
    extension=st.sampled_from(["", "", "permessage-deflate", "permessage-bzip2"]),
    debugs=st.sampled_from([False, False, True]),
    options=st.sampled_from(OPTIONS),
)
def test_what_is_received_is_the_same(
    received: list[tuple[bool, bytes, bytes]],
    cuts: list[int],
    client: bool,
    hooks: str,
    extension: str,
    debugs: bool,
    options: dict[str, Any],
) -> None:
    wire = on_the_wire(received, not client)
    found = []
    for on in (False, True):
        with switched(on):
            found.append(received_by(wire, cuts, client, hooks, extension, debugs, options))
    assert found[0] == found[1]


@pytest.mark.parametrize("client", [False, True])
@pytest.mark.parametrize("hooks", HOOKS)
def test_every_hook_is_called(client: bool, hooks: str) -> None:
    messages = [(True, bytes([0x81, 2]), b"ab"), (True, bytes([0x82, 6]), b"second")]
    wire = on_the_wire(messages, not client)
    found = []
    for on in (False, True):
        with switched(on):
            found.append(received_by(wire * 2, [5], client, hooks, "", False, {}))
    assert found[0] == found[1]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("client", [False, True])
def test_every_option_holds(client: bool, options: dict[str, Any]) -> None:
    messages = [
        (True, bytes([0x82, 2]), b"ab"),
        (True, bytes([0x81, 2]), b"cd"),
        (True, bytes([0x82, 126]) + (4001).to_bytes(2, "big"), b"e" * 4001),
        (True, bytes([0x81, 2]), b"\xc3("),
        (True, bytes([0x82, 2]), b"fg"),
    ]
    wire = on_the_wire(messages, not client)
    found = []
    for on in (False, True):
        with switched(on):
            found.append(received_by(wire, [], client, "none", "", False, options))
    assert found[0] == found[1]


def test_hooks_of_an_instance_are_called(enabled: None) -> None:
    async def receive() -> list[Any]:
        seen: list[Any] = []
        protocol, _ = await opened(False, seen, {})
        plain = protocol.onMessageFrameData

        def hook(payload: bytes) -> None:
            seen.append(("data", payload))
            plain(payload)

        protocol.onMessageFrameData = hook
        protocol._dataReceived(encode_frame(1, "hello", mask=True))
        del protocol.onMessageFrameData
        protocol.on("message", lambda payload, is_binary: seen.append(("fired", payload)))
        protocol._dataReceived(encode_frame(1, "there", mask=True))
        return seen

    assert asyncio.run(receive()) == [
        ("data", b"hello"),
        (b"hello", False, bytes),
        (b"there", False, bytes),
        ("fired", b"there"),
    ]


# Messages out


def sent_by(sent: list[tuple[Any, ...]], client: bool, options: dict[str, Any]) -> list[Any]:
    extension, debugs = options.get("extension", ""), options.get("debugs", False)
    rest = {name: value for name, value in options.items() if name not in ("extension", "debugs")}

    async def send() -> list[Any]:
        seen: list[Any] = []
        protocol, transport = await opened(client, seen, {}, extension, debugs, **rest)
        for name, arguments, keywords in sent:
            try:
                seen.append(getattr(protocol, name)(*arguments, **keywords))
            except Exception as error:
                seen.append((type(error), str(error)))
        await asyncio.sleep(0.002)
        if protocol.trafficStats.outgoingOctetsWireLevel and not client:
            seen.append(transport.written)
        wire = b"".join(transport.written[1:])
        return [
            seen,
            len(wire),
            dict(vars(protocol.trafficStats)),
            wire if not client or rest.get("maskClientFrames") is False else None,
            [unmasked(data, protocol.applyMask) for data in transport.written[1:] if len(data) > 1],
            protocol.log.lines,
            protocol.state,
        ]

    return asyncio.run(send())


sendings = st.one_of(
    st.tuples(
        st.just("sendMessage"),
        st.tuples(st.one_of(payloads, st.sampled_from(["text", bytearray(b"x"), None]))),
        st.fixed_dictionaries(
            {},
            optional={
                "isBinary": st.sampled_from([True, False, 1]),
                "fragmentSize": st.sampled_from([None, 1000, 0, "x"]),
                "doNotCompress": st.booleans(),
            },
        ),
    ),
    st.tuples(
        st.just("sendFrame"),
        st.tuples(st.sampled_from([0, 1, 2, 3, 8, 9, 10, 200]), payloads),
        st.fixed_dictionaries(
            {},
            optional={
                "fin": st.booleans(),
                "rsv": st.sampled_from([0, 4, 2, 9]),
                "mask": st.sampled_from([None, KEY]),
                "payload_len": st.sampled_from([None, 30]),
            },
        ),
    ),
    st.tuples(st.just("sendPing"), st.tuples(payloads), st.just({})),
    st.tuples(st.just("beginMessage"), st.tuples(), st.just({})),
    st.tuples(st.just("sendMessageFrame"), st.tuples(payloads), st.just({})),
    st.tuples(st.just("endMessage"), st.tuples(), st.just({})),
    st.tuples(st.just("sendData"), st.tuples(payloads), st.just({})),
)


@settings(max_examples=40)
@given(
    sent=st.lists(sendings, max_size=6),
    client=st.booleans(),
    options=st.sampled_from(
        [
            {},
            {},
            {"extension": "permessage-deflate"},
            {"debugs": True},
            {"logFrames": True, "logOctets": True, "debugs": True},
            {"maxMessagePayloadSize": 1000},
            {"autoFragmentSize": 100},
            {"applyMask": False},
        ]
    ),
)
def test_what_is_sent_is_the_same(
    sent: list[tuple[Any, ...]], client: bool, options: dict[str, Any]
) -> None:
    if client:
        # What is written in pieces can't be unmasked piece by piece.
        sent = [act for act in sent if act[0] not in ("beginMessage", "sendMessageFrame")]
    found = []
    for on in (False, True):
        with switched(on):
            found.append(sent_by(sent, client, options))
    assert found[0] == found[1]


def test_keys_drawn_by_somebody_else_are_used(
    enabled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "getrandbits", lambda bits: int.from_bytes(KEY, "big"))

    async def send() -> bytes:
        protocol, transport = await opened(True, [], {})
        protocol.sendMessage(b"hello")
        return transport.written[-1]

    assert asyncio.run(send()) == encode_frame(1, "hello", mask=True, masking_key=KEY)


def test_keys_are_not_repeated(enabled: None) -> None:
    async def send() -> list[bytes]:
        protocol, transport = await opened(True, [], {})
        for _ in range(100):
            protocol.sendMessage(b"hello", isBinary=True)
        return transport.written[1:]

    wire = asyncio.run(send())
    assert len({frame[2:6] for frame in wire}) == 100
    assert FrameSplitter("server").split(b"".join(wire))[0] == [(0x82, b"hello")] * 100


# Masking and validation


@settings(max_examples=40)
@given(
    pieces=st.lists(
        st.one_of(
            payloads,
            st.sampled_from([TEXT.encode()[:8], TEXT.encode()[8:], b"\xe2\x82", b"\xac", b"\x80"]),
        ),
        max_size=8,
    ),
    resets=st.integers(0, 8),
)
def test_validators_are_the_same(pieces: list[bytes], resets: int) -> None:
    found = []
    for on in (False, True):
        with switched(on):
            validator = protocol_module.Utf8Validator()
            seen = []
            for at, piece in enumerate(pieces):
                if at == resets:
                    validator.reset()
                seen.append(validator.validate(piece))
            found.append(seen)
    assert found[0] == found[1]


@pytest.mark.parametrize("key", [KEY, bytearray(KEY), b"abc", None], ids=repr)
@pytest.mark.parametrize("length", [None, 5, 1000])
def test_maskers_are_the_same(key: Any, length: int | None) -> None:
    found = []
    for on in (False, True):
        with switched(on):
            try:
                masker = protocol_module.create_xor_masker(key, length)
                seen: Any = [masker.process(b"abc"), masker.pointer(), masker.process(b"d" * 300)]
                masker.reset()
                seen += [masker.pointer(), masker.process(b""), masker.process(b"x")]
            except Exception as error:
                seen = type(error), str(error)
            found.append(seen)
    assert found[0] == found[1]


# Switching


def test_all_is_replaced_and_put_back() -> None:
    owners = (WebSocketProtocol, protocol_module)

    def members() -> list[dict[str, int]]:
        return [{name: id(value) for name, value in vars(owner).items()} for owner in owners]

    before = members()
    wsfast.enable(NAME, strict=True)
    assert states() == PARTS
    assert all(here != there for here, there in zip(members(), before, strict=True))
    assert wsfast.disable(NAME) == []
    assert members() == before


@pytest.mark.parametrize("nvx", ["0", "1" if NVX else "0"])
@pytest.mark.parametrize("order", ["import, enable", "enable, import"])
def test_it_may_be_enabled_before_or_after_the_import(order: str, nvx: str) -> None:
    steps = {
        "import": "import autobahn.asyncio.websocket",
        "enable": f"wsfast.enable({NAME!r}, strict=True)",
    }
    code = "import wsfast\n" + "\n".join(steps[step] for step in order.split(", "))
    code += f"\nprint(sorted(part.state for part in wsfast.status()[{NAME!r}].parts))"
    found = processes.output(code, AUTOBAHN_USE_NVX=nvx, WSFAST_ADAPTERS_FORCE="1")
    assert found == str(["not applicable", *["replaced"] * 4])


TAMPERED = [
    ("messages in", WebSocketProtocol, "processData"),
    ("messages in", WebSocketProtocol, "onFrameEnd"),
    ("messages in", WebSocketProtocol, "consumeData"),
    ("messages out", WebSocketProtocol, "sendMessage"),
    ("messages out", WebSocketProtocol, "sendData"),
    ("masking, NVX" if NVX else "masking, not NVX", protocol_module, "create_xor_masker"),
    ("UTF-8 validation", protocol_module, "Utf8Validator"),
]


@pytest.mark.parametrize(("part", "owner", "name"), TAMPERED, ids=lambda value: str(value)[:20])
@pytest.mark.parametrize("how", ["wrapped", "without a source"])
def test_unknown_code_is_left_alone(
    part: str, owner: Any, name: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = getattr(owner, name)
    if how == "wrapped":

        def changed(*args: Any, **options: Any) -> Any:
            return plain(*args, **options)
    else:
        namespace: dict[str, Any] = {"plain": plain}
        exec(f"def {name}(*args, **options): return plain(*args, **options)", namespace)
        changed = namespace[name]
    monkeypatch.setattr(owner, name, changed)
    places = next(found.places for found in wsfast.status()[NAME].parts if found.name == part)
    before = list(map(find, places))
    with switched(True):
        assert states() == PARTS | {part: "left alone"}
        assert list(map(find, places)) == before
        assert next(found.reason for found in wsfast.status()[NAME].parts if found.name == part)
    assert getattr(owner, name) is changed


@pytest.mark.parametrize("before", [False, True])
def test_a_live_connection_goes_on(before: bool) -> None:
    """Switched in the midst of a frame, between two frames, and in a fragmented message."""
    wire = b"".join(
        (
            encode_frame(1, TEXT, mask=True),
            encode_frame(1, TEXT.encode()[:9], mask=True, fin=False),
            encode_frame(0, TEXT.encode()[9:], mask=True),
            encode_frame(2, b"z" * 70000, mask=True),
            encode_frame(1, TEXT, mask=True),
        )
    )

    async def receive(at: int) -> list[Any]:
        seen: list[Any] = []
        protocol, _ = await opened(False, seen, {})
        protocol._dataReceived(wire[:at])
        if before:
            wsfast.disable(NAME)
        else:
            wsfast.enable(NAME)
        protocol._dataReceived(wire[at:])
        return [payload for payload, *_ in seen]

    for at in (1, 3, 10, 31, 33, 40, 45, 50, 60, 70, 100, 70040, len(wire) - 3):
        with switched(before):
            seen = asyncio.run(receive(at))
        assert seen == [TEXT.encode(), TEXT.encode(), b"z" * 70000, TEXT.encode()]


# Memory


def test_an_idle_connection_costs_hardly_more() -> None:
    async def allocated() -> int:
        async def make() -> list[Any]:
            kept = []
            for _ in range(20):
                protocol, transport = await opened(False, [], {})
                protocol._dataReceived(encode_frame(1, "hello", mask=True))
                kept.append((protocol, transport))
            return kept

        await make()
        gc.collect()
        tracemalloc.start()
        try:
            kept = await make()
            found = tracemalloc.get_traced_memory()[0]
            del kept
        finally:
            tracemalloc.stop()
        return found

    plain = asyncio.run(allocated())
    with switched(True):
        assert (asyncio.run(allocated()) - plain) / 20 <= 512
