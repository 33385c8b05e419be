"""aiohttp, plain and sped up: the same messages, frames, errors, pauses and logs."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

pytest.importorskip("aiohttp._websocket.reader_py")

from aiohttp import ClientSession, web
from aiohttp._websocket import reader as reader_module
from aiohttp._websocket import reader_py, writer
from hypothesis import given, settings
from hypothesis import strategies as st

import wsfast
from wsfast import encode_frame
from wsfast.adapters import _patch
from wsfast.adapters import aiohttp as adapter

KEY = bytes.fromhex("37fa213d")
MAX = 3000

# What there is in some releases only.
DECODE_TEXT = [True] if hasattr(reader_py, "WSMessageTextBytes") else []
needs_write = pytest.mark.skipif(
    not hasattr(writer.WebSocketWriter, "_write_websocket_frame"), reason="no method that writes"
)
needs_stalls = pytest.mark.skipif(
    not hasattr(reader_py, "STALLED_READER_COLLECTED"), reason="it never stalls"
)


class Classes(NamedTuple):
    queue: Any
    reader: Any
    write: Any

    @classmethod
    def in_place(cls) -> Classes:
        return cls(
            reader_module.WebSocketDataQueue,
            reader_module.WebSocketReader,
            vars(writer.WebSocketWriter).get("_write_websocket_frame"),
        )


@pytest.fixture(scope="module")
def forced() -> Iterator[None]:
    """Every part is tried on the pure side, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_patch, "FORCED", True)
        yield


@pytest.fixture(scope="module")
def plain(forced: None) -> Classes:
    wsfast.disable("aiohttp")
    return Classes.in_place()


@pytest.fixture(scope="module")
def ours(plain: Classes) -> Classes:
    wsfast.enable("aiohttp", strict=True)
    classes = Classes.in_place()
    wsfast.disable("aiohttp")
    return classes


@pytest.fixture
def enabled(forced: None) -> Iterator[None]:
    wsfast.enable("aiohttp", strict=True)
    yield
    wsfast.disable("aiohttp")


class Protocol:
    """A connection that records what its queue asks of it."""

    def __init__(self) -> None:
        self._reading_paused = False
        self.seen: list[Any] = []

    def pause_reading(self) -> None:
        self._reading_paused = True
        self.seen.append("pause")

    def resume_reading(self) -> None:
        self._reading_paused = False
        self.seen.append("resume")


def described(value: Any) -> Any:
    """A message with its types, which == does not look at."""
    return (type(value).__name__, [(type(field), field) for field in value])


def error_of(queue: Any) -> Any:
    error = queue.exception()
    return error and (type(error), str(error), error.args, repr(error.__cause__))


def read_now(queue: Any) -> Any:
    try:
        queue.read().send(None)
    except StopIteration as stop:
        return described(stop.value)
    except BaseException as error:
        return type(error), str(error)
    raise AssertionError("it waits")


def received(
    classes: Classes,
    pieces: list[bytes],
    reads: list[int],
    *,
    compress: bool,
    decode_text: bool,
    max_msg_size: int,
    limit: int,
) -> list[Any]:
    """All that is seen while a reader is fed; `reads` says how many messages are taken between."""
    protocol = Protocol()
    queue = classes.queue(protocol, limit, loop=None)
    reader = classes.reader(queue, max_msg_size, compress, *DECODE_TEXT and [decode_text])
    seen = protocol.seen

    def look() -> None:
        seen.append((error_of(queue), queue.is_eof(), len(queue._buffer)))
        if hasattr(reader_py, "STALLED_READER_COLLECTED"):
            seen.append((queue._size, queue._stalled_reader is not None))

    for piece, count in zip(pieces, reads, strict=True):
        seen.append(reader.feed_data(piece))
        look()
        for _ in range(min(count, len(queue._buffer))):
            seen.append(read_now(queue))
            look()
    reader.feed_eof()
    while queue._buffer:
        seen.append(read_now(queue))
        look()
    seen.append(read_now(queue))
    return seen


# Frames

texts = st.sampled_from(["", "plain", "a" * 200, "Grüße, 你好, 🌍", "я" * 90, "x" * 2000]).map(
    str.encode
)
invalid_texts = st.sampled_from(
    [b"\xff", b"abc\xc3", b"\xed\xa0\x80", "é".encode()[1:], b"a" * 80 + b"\x80"]
)
payloads = st.one_of(texts, st.binary(max_size=140), st.sampled_from([bytes(999), bytes(MAX)]))
masks = st.booleans()


def frame(opcode: int, payload: bytes, masked: bool, fin: bool = True, rsv1: bool = False) -> bytes:
    key = KEY if masked else None
    return encode_frame(opcode, payload, mask=masked, fin=fin, rsv1=rsv1, masking_key=key)


def raw_frame(first: int, payload: bytes, masked: bool, length_as: str) -> bytes:
    """Whatever the first octet; the length in more octets than it needs."""
    flag, form = {"H": (126, "!BBH"), "Q": (127, "!BBQ")}[length_as]
    header = struct.pack(form, first, flag | (128 if masked else 0), len(payload))
    return header + (KEY + wsfast.apply_mask(payload, KEY) if masked else payload)


@st.composite
def messages(draw: st.DrawFn, valid: bool = True) -> bytes:
    """A message: whole, in fragments with control frames between, compressed."""
    opcode = draw(st.sampled_from([1, 2]))
    payload = draw(texts if opcode == 1 and valid else st.one_of(payloads, invalid_texts))
    compressed = draw(st.booleans())
    if compressed:
        deflate = zlib.compressobj(wbits=-15)
        payload = (deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]
    masked = draw(masks)
    ends = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=3)))
    starts = [0, *ends]
    found = b""
    for number, (start, end) in enumerate(zip(starts, [*ends, len(payload)], strict=True)):
        last = number == len(ends)
        found += frame(
            0 if number else opcode, payload[start:end], masked, last, compressed and not number
        )
        if not last and draw(st.booleans()):
            found += frame(draw(st.sampled_from([9, 10])), b"between", masked)
    return found


closes = st.sampled_from([b"", b"\x03", b"\x03\xe8", b"\x03\xe8bye", b"\x03\xee", b"\x03\xe8\xff"])
controls = st.one_of(
    st.builds(frame, st.sampled_from([9, 10]), st.binary(max_size=125), masks),
    st.builds(frame, st.just(8), closes, masks),
)
wrong = st.one_of(
    messages(valid=False),
    st.builds(raw_frame, st.integers(0, 255), st.binary(max_size=9), masks, st.sampled_from("HQ")),
    st.builds(frame, st.sampled_from([0, 1, 2]), payloads, masks, st.booleans(), st.booleans()),
    st.binary(min_size=1, max_size=12),
)
plain_messages = st.builds(frame, st.just(1), texts, masks) | st.builds(
    frame, st.just(2), payloads, masks
)
streams = st.lists(
    st.one_of(plain_messages, plain_messages, messages(), controls, wrong), min_size=1, max_size=8
).map(b"".join)


@st.composite
def in_pieces(draw: st.DrawFn) -> tuple[list[bytes], list[int]]:
    stream = draw(streams)
    near = st.integers(0, min(len(stream), 24))
    cuts = sorted({*draw(st.lists(st.integers(0, len(stream)) | near, max_size=6)), len(stream)})
    pieces = [stream[start:end] for start, end in zip([0, *cuts], cuts, strict=False)]
    counts = st.lists(st.integers(0, 4), min_size=len(pieces), max_size=len(pieces))
    return pieces, draw(counts)


@settings(max_examples=200, deadline=None)
@given(
    traffic=in_pieces(),
    compress=st.booleans(),
    decode_text=st.booleans(),
    max_msg_size=st.sampled_from([0, 64, MAX]),
    limit=st.sampled_from([0, 150, 2**16]),
)
def test_what_is_received_is_the_same(
    plain: Classes, ours: Classes, traffic: tuple[list[bytes], list[int]], **options: Any
) -> None:
    assert received(ours, *traffic, **options) == received(plain, *traffic, **options)


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("size", [1, 7, 1000, 4096])
def test_long_messages_in_small_reads(
    plain: Classes, ours: Classes, masked: bool, size: int
) -> None:
    payload = ("Grüße, 你好, 🌍 " * 300).encode()[:7001]
    text = payload.decode(errors="ignore").encode()
    stream = b"".join(
        (
            frame(2, payload, masked),
            frame(1, text, masked),
            frame(1, b"a" * 5000, masked),
            frame(1, text[:-1] + b"\xff", masked),
        )
    )
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    seen = [
        received(
            classes,
            pieces,
            [1] * len(pieces),
            compress=False,
            decode_text=True,
            max_msg_size=0,
            limit=2**16,
        )
        for classes in (plain, ours)
    ]
    assert seen[0] == seen[1]


@pytest.mark.parametrize("data", [bytearray(b"\x81\x01a"), memoryview(b"\x81\x01a")])
def test_any_buffer_is_read(plain: Classes, ours: Classes, data: Any) -> None:
    options: dict[str, Any] = {"compress": False, "decode_text": True}
    seen = [
        received(classes, [data, data], [0, 0], max_msg_size=0, limit=9, **options)
        for classes in (plain, ours)
    ]
    assert seen[0] == seen[1]


def test_an_inflater_that_fails_or_gives_too_much(plain: Classes, ours: Classes) -> None:
    deflate = zlib.compressobj(wbits=-15)
    bomb = (deflate.compress(bytes(9000)) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]
    good = (zlib.compress(b"hello", wbits=-15))[:-1]
    for payload in (bomb, b"\xff\xff", bytes(50), good):
        stream = frame(2, good, True, rsv1=True) + frame(1, payload, True, rsv1=True)
        seen = [
            received(
                classes,
                [stream, b"\x81\x00"],
                [1, 1],
                compress=True,
                decode_text=True,
                max_msg_size=1000,
                limit=2**16,
            )
            for classes in (plain, ours)
        ]
        assert seen[0] == seen[1]


# The queue and its waiter


async def awaited(classes: Classes, act: Callable[[Any, Any, asyncio.Task[Any]], None]) -> Any:
    queue = classes.queue(Protocol(), 2**16, loop=asyncio.get_running_loop())
    reader = classes.reader(queue, 0, False, *DECODE_TEXT)
    task = asyncio.ensure_future(queue.read())
    await asyncio.sleep(0)
    act(queue, reader, task)
    (result,) = await asyncio.gather(task, return_exceptions=True)
    reader.feed_data(frame(1, b"after", True))
    outcome = described(result) if isinstance(result, tuple) else repr(result)
    return outcome, len(queue._buffer), queue.is_eof(), repr(queue.exception())


@pytest.mark.parametrize(
    "act",
    [
        lambda queue, reader, task: reader.feed_data(frame(1, b"text", True)),
        lambda queue, reader, task: reader.feed_data(frame(9, b"ping", False) * 2),
        lambda queue, reader, task: reader.feed_data(b"\xff\xff\xff"),
        lambda queue, reader, task: reader.feed_eof(),
        lambda queue, reader, task: queue.set_exception(ConnectionResetError("lost")),
        lambda queue, reader, task: queue.feed_data(reader_py.WSMessage(1, "direct", ""), 6),
        lambda queue, reader, task: task.cancel(),
    ],
)
def test_what_waits_for_a_message(plain: Classes, ours: Classes, act: Any) -> None:
    assert asyncio.run(awaited(ours, act)) == asyncio.run(awaited(plain, act))


@needs_stalls
def test_a_stalled_reader_that_is_collected(
    plain: Classes, ours: Classes, caplog: pytest.LogCaptureFixture
) -> None:
    seen = []
    for classes in (plain, ours):
        caplog.clear()
        queue = classes.queue(Protocol(), 64, loop=None)
        reader = classes.reader(queue, 0, False, True)
        reader.feed_data(frame(2, b"x", True) * 9)
        assert queue._stalled_reader() is reader
        del reader
        gc.collect()
        found = [read_now(queue) for _ in range(len(queue._buffer) + 1)]
        seen.append((found, [record.getMessage() for record in caplog.records]))
    assert seen[0] == seen[1]
    assert len(seen[0][1]) == 1


def test_subclasses_may_replace_any_step(enabled: None) -> None:
    frames: list[Any] = []

    class Reader(reader_module.WebSocketReader):  # type: ignore[misc,valid-type]
        def _handle_frame(self, fin: bool, opcode: int, payload: Any, compressed: int) -> None:
            frames.append((fin, opcode, bytes(payload), compressed))

    queue: Any = reader_module.WebSocketDataQueue(Protocol(), 9, loop=None)  # type: ignore[arg-type]
    reader = Reader(queue, 0, False, *DECODE_TEXT)
    assert reader.feed_data(frame(1, b"text", True)) == (False, b"")
    assert frames == [(True, 1, b"text", 0)]


def test_a_queue_that_was_there_before_gets_a_reader_of_its_kind(
    plain: Classes, enabled: None
) -> None:
    queue = plain.queue(Protocol(), 9, loop=None)
    if plain.queue is reader_py.WebSocketDataQueue:
        pytest.skip("one kind only")
    reader = reader_module.WebSocketReader(queue, 0, False, *DECODE_TEXT)
    assert type(reader) is plain.reader
    reader.feed_data(frame(1, b"text", True))
    assert read_now(queue)[1][1] == (str, "text")


# Frames out


class Transport:
    def __init__(self, closing: bool = False) -> None:
        self.seen: list[Any] = []
        self.closing = closing

    def is_closing(self) -> bool:
        return self.closing

    def write(self, data: Any) -> None:
        self.seen.append((type(data), bytes(data)))


@needs_write
@settings(max_examples=100, deadline=None)
@given(
    message=st.one_of(
        st.binary(max_size=140),
        st.sampled_from([bytes(126), bytes(2**14), bytes(2**14 + 1), b"x" * 65535, b"x" * 65536]),
        st.binary(max_size=9).map(bytearray),
        st.binary(max_size=9).map(memoryview),
        st.just("text"),
    ),
    opcode=st.integers(-1, 16) | st.sampled_from([1, 2, 8, 9, 10]),
    rsv=st.sampled_from([0, 0x40, 0x20]),
    mask=st.booleans(),
    closing=st.sampled_from([False, False, True]),
    seed=st.integers(0, 3),
)
def test_what_is_sent_is_the_same(
    plain: Classes,
    ours: Classes,
    message: Any,
    opcode: int,
    rsv: int,
    mask: bool,
    closing: bool,
    seed: int,
) -> None:
    seen = []
    for classes in (plain, ours):
        transport: Any = Transport(closing)
        generator = random.Random(seed)
        protocol: Any = SimpleNamespace(_paused=False)
        sender = writer.WebSocketWriter(protocol, transport, use_mask=mask, random=generator)
        try:
            outcome = classes.write(sender, message, opcode, rsv)
        except Exception as error:
            outcome = type(error), str(error)
        seen.append((outcome, transport.seen, sender._output_size, generator.getstate()))
    assert seen[0] == seen[1]


async def send(sender: Any, sent: list[Any], compress: int | None) -> list[Any]:
    for message, opcode in sent:
        await sender.send_frame(message, opcode, compress)
    await sender.close(1001, "bye")
    try:
        await sender.send_frame(b"late", 1)
    except Exception as error:
        return [type(error), str(error)]
    return []


@needs_write
@pytest.mark.parametrize("compress", [0, 15])
@pytest.mark.parametrize("mask", [True, False])
def test_sending_compressed_or_not(
    plain: Classes, ours: Classes, monkeypatch: pytest.MonkeyPatch, mask: bool, compress: int
) -> None:
    sent = [(b"hello" * 9, 1), (bytes(20000), 2), (b"ping", 9), (b"hello" * 9, 1)]
    seen = []
    for classes in (plain, ours):
        monkeypatch.setattr(writer.WebSocketWriter, "_write_websocket_frame", classes.write)
        transport: Any = Transport()
        protocol: Any = SimpleNamespace(_paused=False)
        sender = writer.WebSocketWriter(
            protocol, transport, use_mask=mask, random=random.Random(1), compress=compress
        )
        error = asyncio.run(send(sender, sent, None))
        seen.append((error, transport.seen, sender._output_size))
    assert seen[0] == seen[1]


@needs_write
@pytest.mark.parametrize(("opcode", "rsv"), [(1, 0), (2, 0x40), (9, 0), (8, 0)])
def test_keys_come_from_the_system(ours: Classes, opcode: int, rsv: int) -> None:
    default = writer.WebSocketWriter.__init__.__kwdefaults__["random"]
    before = default.getstate()
    transport: Any = Transport()
    protocol: Any = SimpleNamespace(_paused=False)
    sender = writer.WebSocketWriter(protocol, transport, use_mask=True)
    for _ in range(20):
        ours.write(sender, b"", opcode, rsv)
    assert default.getstate() == before
    assert len({data for _, data in transport.seen}) == 20


# Whole connections


async def echo(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(max_msg_size=2**22)
    await socket.prepare(request)
    async for message in socket:
        if message.data == "switch":
            wsfast.disable("aiohttp")
        if isinstance(message.data, str):
            await socket.send_str(message.data)
        else:
            await socket.send_bytes(message.data)
    return socket


async def talk(compress: int, sent: list[Any]) -> list[Any]:
    app = web.Application()
    app.router.add_get("/", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    found = []
    try:
        async with (
            ClientSession() as session,
            session.ws_connect(f"http://127.0.0.1:{port}/", compress=compress) as socket,
        ):
            for message in sent:
                if isinstance(message, str):
                    await socket.send_str(message)
                else:
                    await socket.send_bytes(message)
                found.append((await socket.receive()).data)
            assert await socket.close()
            assert socket.close_code == 1000
    finally:
        await runner.cleanup()
    return found


@pytest.mark.parametrize("compress", [0, 15])
@pytest.mark.parametrize("switches", [False, True])
def test_an_echo_over_loopback(enabled: None, compress: int, switches: bool) -> None:
    sent = ["hello", b"", bytes(range(256)) * 4000, "Grüße, 你好, 🌍 " * 20000]
    if switches:
        sent = ["switch", *sent]
    assert asyncio.run(talk(compress, sent)) == sent


def test_an_idle_connection_costs_little(plain: Classes, ours: Classes) -> None:
    def cost(classes: Classes) -> float:
        protocol = Protocol()

        def pair() -> tuple[Any, Any]:
            queue = classes.queue(protocol, 2**16, loop=None)
            reader = classes.reader(queue, 2**22, True, *DECODE_TEXT)
            reader.feed_data(frame(1, b"hello", True))
            read_now(queue)
            return queue, reader

        kept = [pair()]
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        kept += [pair() for _ in range(100)]
        after = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return (after - before) / 100

    assert cost(ours) <= cost(plain) + 512


# Enabling


def test_every_name_is_replaced_and_put_back(plain: Classes, forced: None) -> None:
    modules = [
        sys.modules[f"aiohttp.{name}"]
        for name in ("http_websocket", "http", "client", "client_ws", "web_ws", "web_protocol")
    ]

    def bound(name: str) -> set[Any]:
        return {vars(module)[name] for module in modules if name in vars(module)}

    wsfast.enable("aiohttp", strict=True)
    try:
        now = Classes.in_place()
        assert bound("WebSocketReader") == {now.reader}
        assert bound("WebSocketDataQueue") == {now.queue}
        assert now.reader is not plain.reader
        assert now.reader.__name__ == "WebSocketReader"
    finally:
        assert wsfast.disable("aiohttp") == []
    assert Classes.in_place() == plain
    assert bound("WebSocketReader") == {plain.reader}
    assert bound("WebSocketDataQueue") == {plain.queue}


@pytest.mark.parametrize("first", ["wsfast", "aiohttp"])
def test_enabled_before_and_after_the_import(first: str) -> None:
    steps = ["import wsfast; wsfast.enable('aiohttp')", "import aiohttp"]
    steps = steps if first == "wsfast" else steps[::-1]
    code = "\n".join(
        (
            *steps,
            "import aiohttp.web_ws as a, aiohttp.client as b, aiohttp._websocket.reader as r",
            "assert a.WebSocketReader is b.WebSocketReader is r.WebSocketReader",
            "assert r.WebSocketReader.__mro__[1].__module__.startswith('wsfast')",
        )
    )
    env = {"PYTHONPATH": str(Path(wsfast.__file__).parents[1]), "WSFAST_ADAPTERS_FORCE": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, env=env)


def tamper_reader(patch: pytest.MonkeyPatch) -> None:
    wrapper = type("WebSocketReader", (reader_module.WebSocketReader,), {})
    patch.setattr(reader_module, "WebSocketReader", wrapper)


def tamper_source(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reader_py, "WebSocketReader", type("WebSocketReader", (), {}))


def tamper_constant(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reader_py, "READ_HEADER", 2)


def tamper_writer(patch: pytest.MonkeyPatch) -> None:
    source = "def _write_websocket_frame(self, message, opcode, rsv): ..."
    names: dict[str, Any] = {}
    exec(source, names)
    patch.setattr(writer.WebSocketWriter, "_write_websocket_frame", names["_write_websocket_frame"])


@pytest.mark.parametrize(
    "tamper",
    [
        tamper_reader,
        tamper_source,
        tamper_constant,
        pytest.param(tamper_writer, marks=needs_write),
    ],
)
def test_code_that_is_not_known_is_left_alone(
    plain: Classes,
    forced: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tamper: Any,
) -> None:
    tamper(monkeypatch)
    before = Classes.in_place()
    caplog.set_level(logging.WARNING, "wsfast")
    wsfast.enable("aiohttp")
    try:
        parts = {part.name: part for part in wsfast.status()["aiohttp"].parts}
        after = Classes.in_place()
        left = "frames out" if tamper is tamper_writer else "messages in"
        states = {part.state for name, part in parts.items() if name.startswith(left)}
        assert "left alone" in states
        assert "replaced" not in states
        if tamper is tamper_writer:
            assert after.write is before.write
        else:
            assert after[:2] == before[:2]
        assert sum("left alone" in record.getMessage() for record in caplog.records) == 1
    finally:
        wsfast.disable("aiohttp")
    assert Classes.in_place() == before


def test_a_compiled_release_that_is_not_known_is_left_alone(
    plain: Classes, forced: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if plain.reader is reader_py.WebSocketReader:
        pytest.skip("not compiled")
    monkeypatch.setattr(_patch.Library, "version", "3.14.99")
    wsfast.enable("aiohttp")
    try:
        (part,) = (
            part for part in wsfast.status()["aiohttp"].parts if part.name.endswith("compiled")
        )
        assert part.state == "left alone"
        assert "3.14.99" in str(part.reason)
    finally:
        wsfast.disable("aiohttp")


def test_a_check_that_fails_leaves_all_as_it_was(
    plain: Classes, ours: Classes, monkeypatch: pytest.MonkeyPatch
) -> None:
    originals = {adapter._READER: plain.reader, adapter._QUEUE: plain.queue}
    wrong = {adapter._READER: ours.reader, adapter._QUEUE: ours.queue}
    adapter._check_reading(originals, wrong)
    monkeypatch.setattr(
        adapter,
        "_read",
        lambda members, stream, *options: [id(members), stream],
    )
    with pytest.raises(adapter.SelfCheckFailed):
        adapter._check_reading(originals, wrong)
