"""autobahn, messages in: the same with its codec replaced as without."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from autobahn_connections import (
    KEY,
    NAME,
    Transport,
    aio,
    opened,
    payloads,
    rest,
    unmasked,
)
from hypothesis import given
from hypothesis import strategies as st
from switching import runs, switched

import wsfast
from wsfast.frames import encode_frame


@pytest.fixture
def enabled() -> Iterator[None]:
    with switched(NAME, True):
        yield


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


@runs(40)
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
        with switched(NAME, on):
            found.append(received_by(wire, cuts, client, hooks, extension, debugs, options))
    assert found[0] == found[1]


@pytest.mark.parametrize("client", [False, True])
@pytest.mark.parametrize("hooks", HOOKS)
def test_every_hook_is_called(client: bool, hooks: str) -> None:
    messages = [(True, bytes([0x81, 2]), b"ab"), (True, bytes([0x82, 6]), b"second")]
    wire = on_the_wire(messages, not client)
    found = []
    for on in (False, True):
        with switched(NAME, on):
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
        with switched(NAME, on):
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


def test_what_a_message_changes_holds_for_the_next_one() -> None:
    """They come in one read."""
    wire = encode_frame(1, "one", mask=True) + encode_frame(2, b"two", mask=True)

    async def receive(name: str) -> list[Any]:
        seen: list[Any] = []

        def on_message(self: Any, payload: bytes, isBinary: bool) -> None:
            seen.append(payload)
            if name == "on":
                self.on("message", lambda payload, is_binary: seen.append(("fired", payload)))
            elif name == "trackTimings":
                self.setTrackTimings(True)
            else:
                self.logFrames = True

        protocol, _ = await opened(False, seen, {"onMessage": on_message}, debugs=True)
        protocol.setTrackTimings(False)
        protocol._dataReceived(wire)
        timings = protocol.trackedTimings
        return [*seen, protocol.log.lines, sorted(timings) if timings else None]

    for name in ("on", "trackTimings", "logFrames"):
        found = []
        for on in (False, True):
            with switched(NAME, on):
                found.append(asyncio.run(receive(name)))
        assert found[0] == found[1]
