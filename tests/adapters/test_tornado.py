"""tornado does the same with its codec replaced as without."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sys
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import processes
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wsfast
from wsfast.adapters._places import find
from wsfast.frames import FrameSplitter, encode_frame

NAME = "tornado"

pytest.importorskip("tornado.websocket")
websocket: Any = sys.modules["tornado.websocket"]
iostream: Any = sys.modules["tornado.iostream"]
util: Any = sys.modules["tornado.util"]
web: Any = sys.modules["tornado.web"]

Protocol: Any = websocket.WebSocketProtocol13
StreamClosedError: Any = iostream.StreamClosedError

KEY = bytes.fromhex("37fa213d")
TEXT = "Grüße, 你好, 🌍"
COMPILED = "tornado.speedups" in sys.modules
PARTS = {
    "frames in": "replaced",
    "frames out": "replaced",
    "mask, compiled": "replaced" if COMPILED else "not applicable",
    "mask, not compiled": "not applicable" if COMPILED else "replaced",
}

pytestmark = pytest.mark.skipif(
    wsfast.BACKEND == "python" and os.environ.get("WSFAST_ADAPTERS_FORCE") != "1",
    reason="on the pure side, only what is not compiled is replaced",
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


class Handler:
    """Tells all that happens to it. `manner` is how it takes messages."""

    def __init__(self, manner: str = "plain") -> None:
        self.manner = manner
        self.seen: list[Any] = []

    def on_message(self, message: str | bytes) -> Any:
        self.seen.append(message)
        if self.manner == "fails":
            raise LookupError("no such message")
        if self.manner == "awaits":
            return self.later(message)
        return None

    async def later(self, message: str | bytes) -> None:
        await asyncio.sleep(0)
        self.seen.append(("later", message))
        if len(message) == 5:
            raise LookupError("no such message")

    def on_ping(self, data: bytes) -> None:
        self.seen.append(("ping", data))

    def on_pong(self, data: bytes) -> None:
        self.seen.append(("pong", data))

    def on_ws_connection_close(self, code: int | None, reason: str | None) -> None:
        self.seen.append(("closed", code, reason))

    def log_exception(self, kind: type, error: BaseException, traceback: object) -> None:
        self.seen.append((kind, str(error), traceback is not None))


class Library(iostream.BaseIOStream):  # type: ignore[misc]
    """A stream of the library that is fed by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[bytes] = []
        self.written: list[bytes] = []

    def feed(self, data: bytes) -> None:
        self.reads.append(data)
        if self.reading() and not self.closed():
            self._handle_read()

    def read_from_fd(self, buffer: bytearray | memoryview) -> int | None:
        if not self.reads:
            return None
        data = self.reads.pop(0)
        length = min(len(buffer), len(data))
        buffer[:length] = data[:length]
        if data[length:]:
            self.reads.insert(0, data[length:])
        return length

    def write_to_fd(self, data: memoryview) -> int:
        self.written.append(bytes(data))
        return len(data)

    def close_fd(self) -> None:
        pass

    def _add_io_state(self, state: int) -> None:
        pass


class Stub:
    """As little of a stream as will do."""

    def __init__(self) -> None:
        self.data = b""
        self.written: list[bytes] = []
        self.is_closed = False
        self.more = asyncio.Event()
        self.io_loop = iostream.ioloop.IOLoop.current()

    def feed(self, data: bytes) -> None:
        self.data += data
        self.more.set()

    async def read_bytes(self, length: int) -> bytes:
        while len(self.data) < length:
            if self.is_closed:
                raise StreamClosedError
            self.more.clear()
            await self.more.wait()
        data, self.data = self.data[:length], self.data[length:]
        return data

    def write(self, data: bytes) -> asyncio.Future[None]:
        self.written.append(bytes(data))
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    def close(self) -> None:
        self.is_closed = True
        self.more.set()

    def closed(self) -> bool:
        return self.is_closed


STREAMS: dict[str, Callable[[], Any]] = {"library": Library, "stub": Stub}


def received_by(
    wire: bytes, cuts: list[int], kind: str, manner: str, deflate: bool, most: int, client: bool
) -> list[Any]:
    """All that a protocol shows of itself while it receives these octets."""

    async def receive() -> list[Any]:
        handler = Handler(manner)
        protocol = Protocol(handler, client, websocket._WebSocketParams(max_message_size=most))
        if deflate:
            protocol._create_compressors("server", {})
        protocol.stream = stream = STREAMS[kind]()
        task = asyncio.create_task(protocol._receive_frame_loop())
        start = 0
        for end in sorted({cut % (len(wire) + 1) for cut in cuts} | {len(wire)}):
            stream.feed(wire[start:end])
            start = end
            for _ in range(8):
                await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        seen = [*handler.seen, protocol._message_bytes_in, stream.closed(), task.done()]
        seen += [protocol.close_code, protocol.client_terminated, protocol.server_terminated]
        seen.append([len(data) for data in stream.written] if client else stream.written)
        stream.close()
        await task
        if protocol._waiting is not None:
            stream.io_loop.remove_timeout(protocol._waiting)
        return [*seen, handler.seen[-1]]

    return asyncio.run(receive())


payloads = st.one_of(
    st.binary(max_size=10),
    st.text(max_size=10).map(str.encode),
    st.sampled_from([b"a" * 125, b"b" * 126, TEXT.encode() * 9, b"c" * 4000, b"d" * 65536]),
    st.sampled_from([b"", b"\xc3", b"\xff", b"\xed\xa0", b"\x03\xe8", b"\x03\xe8ok", b"\x03\xed"]),
)


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    opcode = draw(st.sampled_from([1, 1, 1, 2, 2, 0, 8, 9, 10, 3]))
    payload = draw(payloads)
    rsv = draw(st.sampled_from([0, 0, 0, 0x40, 0x40, 0x20]))
    if rsv == 0x40 and draw(st.booleans()):
        deflater = zlib.compressobj(wbits=-15)
        payload = deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH)[:-4]
    first = draw(st.sampled_from([0x80, 0x80, 0x80, 0])) | rsv | opcode
    length = len(payload)
    size = draw(st.sampled_from([0, 0, 0, 2, 8]))
    if length > 65535 or size == 8:
        header = bytes([first, 127]) + length.to_bytes(8, "big")
    elif length > 125 or size == 2:
        header = bytes([first, 126]) + length.to_bytes(2, "big")
    else:
        header = bytes([first, length])
    if draw(st.sampled_from([True, True, False])):
        payload = wsfast.apply_mask(payload, KEY)
        header = header[:1] + bytes([header[1] | 0x80]) + header[2:] + KEY
    return header + payload


@settings(max_examples=60)
@given(
    received=st.lists(frames(), max_size=6),
    cuts=st.lists(st.integers(0, 70000), max_size=6),
    lost=st.sampled_from([0, 0, 0, 1, 5]),
    kind=st.sampled_from(sorted(STREAMS)),
    manner=st.sampled_from(["plain", "plain", "awaits", "fails"]),
    deflate=st.booleans(),
    most=st.sampled_from([10 << 20, 4000, 100]),
    client=st.booleans(),
)
def test_what_is_received_is_the_same(
    received: list[bytes],
    cuts: list[int],
    lost: int,
    kind: str,
    manner: str,
    deflate: bool,
    most: int,
    client: bool,
) -> None:
    wire = b"".join(received)
    wire = wire[: max(0, len(wire) - lost)]
    found = []
    for on in (False, True):
        with switched(on):
            found.append(received_by(wire, cuts, kind, manner, deflate, most, client))
    assert found[0] == found[1]


@pytest.mark.parametrize("kind", STREAMS)
def test_octets_are_counted_the_same(kind: str, enabled: None) -> None:
    messages = [b"", b"a" * 125, b"b" * 126, b"c" * 65536]
    wire = b"".join(encode_frame(2, message, mask=True) for message in messages)

    async def receive() -> None:
        handler = Handler()
        protocol = Protocol(handler, False, websocket._WebSocketParams())
        protocol.stream = stream = STREAMS[kind]()
        stream.feed(wire)
        for _ in messages:
            await protocol._receive_frame()
        assert handler.seen == messages
        assert protocol._wire_bytes_in == len(wire)
        assert protocol._message_bytes_in == sum(map(len, messages))

    asyncio.run(receive())


def test_a_message_handled_by_the_instance_goes_there(enabled: None) -> None:
    async def receive() -> None:
        protocol = Protocol(Handler(), False, websocket._WebSocketParams())
        protocol.stream = stream = Stub()
        handled = []
        protocol._handle_message = lambda opcode, data: handled.append((opcode, data))
        stream.feed(encode_frame(1, TEXT, mask=True) + encode_frame(2, b"x", mask=True))
        await protocol._receive_frame()
        await protocol._receive_frame()
        assert handled == [(1, TEXT.encode()), (2, b"x")]

    asyncio.run(receive())


def test_many_frames_at_once_let_others_run() -> None:
    """Whatever the release does about it, it does with its codec replaced, too."""
    wire = encode_frame(2, b"x" * 1000, mask=True) * 2000

    async def receive() -> int:
        handler = Handler()
        protocol = Protocol(handler, False, websocket._WebSocketParams())
        protocol.stream = stream = Library()
        task = asyncio.create_task(protocol._receive_frame_loop())
        stream.feed(wire)
        rounds = 0
        while len(handler.seen) < 2000:
            rounds += 1
            await asyncio.sleep(0)
        stream.close()
        await task
        return rounds

    rounds = []
    for on in (False, True):
        with switched(on):
            rounds.append(asyncio.run(receive()))
    assert rounds[0] == rounds[1]


# Frames and messages out


def unmasked(frame: bytes) -> Any:
    if not frame[1] & 0x80:
        return frame
    start = 2 + {126: 2, 127: 8}.get(frame[1] & 127, 0)
    return frame[:start], wsfast.apply_mask(frame[start + 4 :], frame[start : start + 4])


def sent_by(sent: list[tuple[Any, Any]], client: bool, deflate: bool, fails: bool) -> list[Any]:
    async def send() -> list[Any]:
        protocol = Protocol(Handler(), client, websocket._WebSocketParams())
        if deflate:
            protocol._create_compressors("client" if client else "server", {})
        protocol.stream = stream = Library()
        seen: list[Any] = []
        for message, binary in sent:
            try:
                future = protocol.write_message(message, binary)
                seen.append(future.done())
                seen.append(await future)
            except Exception as error:
                seen.append((type(error), str(error)))
            if fails and len(seen) > 3:
                stream.close()
        for frame in ((True, 1, b"x"), (False, 2, b"y" * 200), (True, 9, b"z"), (False, 9, b"")):
            for flags in (0, 0x40, 0x20):
                try:
                    seen.append(await protocol._write_frame(*frame, flags=flags))
                except Exception as error:
                    seen.append((type(error), str(error)))
        seen += [protocol._wire_bytes_out, protocol._message_bytes_out]
        return seen + list(map(unmasked, stream.written))

    return asyncio.run(send())


@settings(max_examples=30)
@given(
    sent=st.lists(
        st.tuples(
            st.one_of(
                payloads,
                st.text(max_size=10),
                st.sampled_from([{"a": 1}, "a\ud800", TEXT * 4000, bytearray(b"x"), 5, None]),
            ),
            st.booleans(),
        ),
        max_size=6,
    ),
    client=st.booleans(),
    deflate=st.booleans(),
    fails=st.booleans(),
)
def test_what_is_sent_is_the_same(
    sent: list[tuple[Any, Any]], client: bool, deflate: bool, fails: bool
) -> None:
    found = []
    for on in (False, True):
        with switched(on):
            found.append(sent_by(sent, client, deflate, fails))
    assert found[0] == found[1]


def test_a_message_waited_for_lets_others_run(enabled: None) -> None:
    async def send() -> None:
        protocol = Protocol(Handler(), True, websocket._WebSocketParams())
        protocol.stream = Library()
        ran = []
        asyncio.get_running_loop().call_soon(ran.append, True)
        await protocol.write_message("x")
        assert ran

    asyncio.run(send())


def test_keys_drawn_by_somebody_else_are_used(
    enabled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "urandom", lambda length: KEY[:length])

    async def send() -> list[bytes]:
        protocol = Protocol(Handler(), True, websocket._WebSocketParams())
        protocol.stream = stream = Library()
        await protocol.write_message("hello")
        written: list[bytes] = stream.written
        return written

    assert asyncio.run(send()) == [encode_frame(1, "hello", mask=True, masking_key=KEY)]


def test_keys_are_not_repeated(enabled: None) -> None:
    async def send() -> list[bytes]:
        protocol = Protocol(Handler(), True, websocket._WebSocketParams())
        protocol.stream = stream = Library()
        for _ in range(100):
            await protocol.write_message(b"hello", binary=True)
        written: list[bytes] = stream.written
        return written

    wire = asyncio.run(send())
    assert len({frame[2:6] for frame in wire}) == 100
    assert FrameSplitter("server").split(b"".join(wire))[0] == [(0x82, b"hello")] * 100


# Masks

masked = [b"", b"x", b"abc" * 50, bytearray(b"abcde"), memoryview(b"abcde"), "text", 5, None]


@pytest.mark.parametrize("data", masked, ids=repr)
@pytest.mark.parametrize("mask", [KEY, bytearray(KEY), b"abc", b"", "abcd", None], ids=repr)
def test_masks_are_the_same(mask: Any, data: Any) -> None:
    found = []
    for on in (False, True):
        with switched(on):
            for module in (util, websocket, web):
                try:
                    result = module._websocket_mask(mask, data)
                    found.append((type(result), result))
                except Exception as error:
                    found.append((type(error), str(error)))
    assert found[:3] == found[3:]


# Switching


def test_all_is_replaced_and_put_back() -> None:
    owners = (Protocol, util, websocket, web)

    def members() -> list[dict[str, int]]:
        return [{name: id(value) for name, value in vars(owner).items()} for owner in owners]

    before = members()
    wsfast.enable(NAME, strict=True)
    assert states() == PARTS
    assert all(here != there for here, there in zip(members(), before, strict=True))
    assert util._websocket_mask is websocket._websocket_mask is web._websocket_mask
    assert wsfast.disable(NAME) == []
    assert members() == before


@pytest.mark.parametrize("extension", ["0", "1" if COMPILED else "0"])
@pytest.mark.parametrize("order", ["import, enable", "enable, import"])
def test_it_may_be_enabled_before_or_after_the_import(order: str, extension: str) -> None:
    steps = {
        "import": "import tornado.websocket",
        "enable": f"wsfast.enable({NAME!r}, strict=True)",
    }
    code = "import wsfast\n" + "\n".join(steps[step] for step in order.split(", "))
    code += f"\nprint(sorted(part.state for part in wsfast.status()[{NAME!r}].parts))"
    found = processes.output(code, TORNADO_EXTENSION=extension, WSFAST_ADAPTERS_FORCE="1")
    assert found == str(["not applicable", "replaced", "replaced", "replaced"])


TAMPERED = [
    ("frames in", Protocol, "_receive_frame"),
    ("frames in", Protocol, "_handle_message"),
    ("frames in", iostream.BaseIOStream, "_consume"),
    ("frames out", Protocol, "_write_frame"),
    ("frames out", Protocol, "write_message"),
    ("mask, compiled" if COMPILED else "mask, not compiled", util, "_websocket_mask"),
]


@pytest.mark.parametrize(("part", "owner", "name"), TAMPERED, ids=lambda value: str(value)[:20])
@pytest.mark.parametrize("how", ["wrapped", "without a source"])
def test_unknown_code_is_left_alone(
    part: str,
    owner: Any,
    name: str,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = getattr(owner, name)
    if how == "wrapped":

        def changed(*args: Any) -> Any:
            return plain(*args)
    else:
        namespace: dict[str, Any] = {"plain": plain}
        exec(f"def {name}(*args): return plain(*args)", namespace)
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
@pytest.mark.parametrize("kind", STREAMS)
def test_a_live_connection_goes_on(before: bool, kind: str) -> None:
    """Switched in the midst of a frame, between two frames, and in a fragmented message."""
    wire = b"".join(
        (
            encode_frame(1, TEXT, mask=True),
            encode_frame(1, b"frag", mask=True, fin=False),
            encode_frame(0, b"ment", mask=True),
            encode_frame(2, b"z" * 70000, mask=True),
            encode_frame(1, TEXT, mask=True),
        )
    )

    async def receive(at: int) -> list[Any]:
        handler = Handler()
        protocol = Protocol(handler, False, websocket._WebSocketParams())
        protocol.stream = stream = STREAMS[kind]()
        task = asyncio.create_task(protocol._receive_frame_loop())
        for piece, on in ((wire[:at], not before), (wire[at:], before)):
            await asyncio.sleep(0)
            stream.feed(piece)
            for _ in range(20):
                await asyncio.sleep(0)
            if on:
                wsfast.enable(NAME)
            else:
                wsfast.disable(NAME)
        stream.close()
        await task
        return handler.seen

    for at in (1, 3, 10, 25, 26, 40, 45, 50, 60, 70, 100, 70040, len(wire) - 3):
        with switched(before):
            seen = asyncio.run(receive(at))
        assert seen == [TEXT, "fragment", b"z" * 70000, TEXT, ("closed", None, None)]


# Memory


def test_an_idle_connection_costs_hardly_more() -> None:
    async def make() -> list[Any]:
        kept: list[Any] = []
        for _ in range(20):
            protocol = Protocol(Handler(), False, websocket._WebSocketParams())
            protocol.stream = stream = Library()
            task = asyncio.create_task(protocol._receive_frame_loop())
            stream.feed(encode_frame(1, "hello", mask=True))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            kept.append((protocol, stream, task))
        return kept

    async def allocated() -> int:
        for _, stream, task in await make():
            stream.close()
            await task
        gc.collect()
        tracemalloc.start()
        try:
            kept = await make()
            found = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        for _, stream, task in kept:
            stream.close()
            await task
        return found

    plain = asyncio.run(allocated())
    with switched(True):
        assert (asyncio.run(allocated()) - plain) / 20 <= 512
