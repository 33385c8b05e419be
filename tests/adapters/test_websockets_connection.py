"""websockets on this codec: all that can be seen of its asyncio connection stays as it is."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wsfast
from wsfast import encode_frame
from wsfast.adapters import _patch

pytest.importorskip("websockets")

from websockets_copies import OURS, PLAIN, seen

KEY = bytes.fromhex("37fa213d")
TEXT = "Grüße, 你好, 🌍"


@pytest.fixture(scope="module", autouse=True)
def enabled() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_patch, "FORCED", True)
        wsfast.enable("websockets")
        yield
        wsfast.disable("websockets")


@pytest.fixture(autouse=True)
def fixed_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "token_bytes", lambda count=4: KEY[:count])


class Transport(asyncio.Transport):
    """Writes down what it is asked for."""

    def __init__(self, log: list[Any], connection: Any) -> None:
        super().__init__()
        self.log = log
        self.connection = connection
        self.fails = self.closing = False

    def write(self, data: Any) -> None:
        if self.fails:
            raise OSError("the network is down")
        self.log.append(bytes(data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.log.append("eof")

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.log.append("close")
        self.abort()

    def abort(self) -> None:
        if not self.closing:
            self.closing = True
            self.log.append("abort")
            asyncio.get_running_loop().call_soon(self.connection.connection_lost, None)

    def pause_reading(self) -> None:
        self.log.append("pause")

    def resume_reading(self) -> None:
        self.log.append("resume")

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


class Lines(logging.Handler):
    def __init__(self, log: list[Any]) -> None:
        super().__init__()
        self.log = log

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        told = None if error is None else type(error).__name__
        self.log.append((record.levelname, record.getMessage(), told))


def connected(
    library: SimpleNamespace,
    side: str,
    log: list[Any],
    *,
    level: int = logging.INFO,
    extended: bool = False,
    cls: Any = None,
) -> Any:
    """An open connection, over a transport in memory."""
    logger = logging.Logger("test", level)
    logger.addHandler(Lines(log))
    protocol = library.protocol.Protocol(library.protocol.Side[side], max_size=400, logger=logger)
    if extended:
        deflate = library.extensions_permessage_deflate.PerMessageDeflate
        protocol.extensions = [deflate(False, False, 15, 15)]
    made = (cls or library.asyncio_connection.Connection)(
        protocol, ping_interval=None, close_timeout=0.01, max_queue=2
    )
    made.request = made.response = object()
    made.connection_made(Transport(log, made))
    return made


def frame(opcode: int, payload: bytes, side: str, fin: bool = True) -> bytes:
    mask = side == "SERVER"
    return encode_frame(opcode, payload, mask=mask, fin=fin, masking_key=KEY if mask else None)


async def outcome(awaitable: Any) -> Any:
    try:
        got = await asyncio.wait_for(awaitable, 5)
    except TimeoutError:
        return "it waits"
    except Exception as error:
        return seen(error)
    if type(got) is bytearray:
        # So recv_streaming() had it before 16, against its documentation.
        got = bytes(got)
    return type(got), got


# What is done to a connection, a step after the other.

payloads = st.one_of(st.binary(max_size=9), st.just(TEXT.encode() * 9), st.just(bytes(401)))
texts = st.sampled_from(["", "a", TEXT, TEXT * 20, "\ud800"])
sent = st.one_of(
    texts,
    payloads,
    payloads.map(bytearray),
    payloads.map(memoryview),
    st.lists(texts, max_size=3),
    st.lists(payloads, max_size=2),
    st.sampled_from([None, 3, {"a": 1}, [1], ["a", b"b"]]),
)
steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("data"),
            st.lists(
                st.tuples(st.sampled_from([1, 1, 2, 2, 0, 9, 10]), payloads, st.booleans()),
                min_size=1,
                max_size=4,
            ),
        ),
        st.tuples(st.just("recv"), st.sampled_from([None, None, True, False])),
        st.tuples(st.just("send"), st.tuples(sent, st.sampled_from([None, None, True, False]))),
        st.tuples(st.just("send"), st.tuples(texts, st.none())),
        st.tuples(st.sampled_from(["pause", "resume", "ping", "stream"]), st.none()),
        st.sampled_from([("fails", None), ("close", None), ("raw", b"\xff"), ("lost", None)]),
    ),
    min_size=1,
    max_size=7,
)


async def step(connection: Any, side: str, what: str, detail: Any) -> Any:
    if what in ("data", "raw") and connection.transport.closing:
        return None
    if what == "data":
        wire = b"".join(
            frame(opcode, data[:125] if opcode > 7 else data, side, fin or opcode > 7)
            for opcode, data, fin in detail
        )
        return connection.data_received(wire)
    if what == "raw":
        return connection.data_received(detail)
    if what == "recv":
        # Nobody would send what is missing.
        messages = connection.recv_messages
        if not messages.closed and not any(got.fin for got in messages.frames.queue):
            return None
        return await outcome(connection.recv(detail))
    if what == "stream":
        if connection.recv_messages.frames.queue:
            return await outcome(anext(aiter(connection.recv_streaming())))
    elif what == "send":
        message, text = detail
        return await outcome(connection.send(message, text=text))
    elif what == "pause" and not connection.paused:
        connection.pause_writing()
        resume = lambda: connection.paused and connection.resume_writing()  # noqa: E731
        asyncio.get_running_loop().call_later(0.005, resume)
    elif what == "ping":
        return (await outcome(connection.ping(b"ping")))[0]
    elif what == "fails":
        connection.transport.fails = True
    elif what == "close":
        return await outcome(connection.close())
    elif what == "lost" and not connection.transport.closing:
        connection.transport.abort()
        await asyncio.sleep(0)
    return None


@settings(max_examples=100)
@given(
    steps=steps,
    side=st.sampled_from(["SERVER", "CLIENT"]),
    debug=st.booleans(),
    extended=st.booleans(),
)
def test_a_connection_behaves_alike(
    steps: list[tuple[str, Any]], side: str, debug: bool, extended: bool
) -> None:
    level = logging.DEBUG if debug else logging.INFO

    def told(library: SimpleNamespace) -> list[Any]:
        async def run() -> list[Any]:
            log: list[Any] = []
            connection = connected(library, side, log, level=level, extended=extended)
            for what, detail in steps:
                log.append((what, await step(connection, side, what, detail)))
                log.append((int(connection.state), getattr(connection, "send_in_progress", None)))
            if connection.paused:
                connection.resume_writing()
            connection.transport.abort()
            await asyncio.sleep(0)
            return log

        return asyncio.run(run())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, "token_bytes", lambda count=4: KEY[:count])
        assert told(OURS) == told(PLAIN)


# Hooks


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        ("connection", "send_context"),
        ("connection", "send_data"),
        ("connection", "drain"),
        ("connection", "process_event"),
        ("protocol", "send_text"),
        ("protocol", "send_frame"),
        ("protocol", "data_to_send"),
        ("protocol", "close_expected"),
        ("protocol", "receive_data"),
        ("protocol", "events_received"),
    ],
)
@pytest.mark.parametrize("where", ["class", "instance"])
def test_what_somebody_else_has_put_in_place_is_called(
    owner: str, name: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []

    async def run() -> list[Any]:
        log: list[Any] = []
        connection = connected(OURS, "SERVER", log)
        subject = connection if owner == "connection" else connection.protocol
        original = getattr(subject, name)

        def ours(*arguments: Any, **options: Any) -> Any:
            called.append(name)
            return original(*arguments, **options)

        if where == "instance":
            setattr(subject, name, ours)
        else:
            replacement = lambda self, *arguments, **options: ours(*arguments, **options)  # noqa: E731
            monkeypatch.setattr(type(subject), name, replacement)
        connection.data_received(frame(1, b"in", "SERVER"))
        got = await connection.recv()
        await connection.send(TEXT)
        return [got, log]

    got, log = asyncio.run(run())
    monkeypatch.undo()
    assert called
    assert got == "in"
    assert log == [frame(1, TEXT.encode(), "CLIENT")]


@pytest.mark.parametrize(
    ("owner", "name"),
    [("connection", "send_data"), ("protocol", "data_to_send"), ("protocol", "close_expected")],
)
def test_a_class_that_has_its_own_is_asked_as_often(
    owner: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(library: SimpleNamespace, called: list[str]) -> None:
        connection = connected(library, "SERVER", [])
        cls = type(connection if owner == "connection" else connection.protocol)
        original = getattr(cls, name)

        def counted(self: Any) -> Any:
            called.append(name)
            return original(self)

        monkeypatch.setattr(cls, name, counted)
        for opcode in (1, 9, 2):
            connection.data_received(frame(opcode, b"in", "SERVER"))
        await connection.send("out")

    told: tuple[list[str], list[str]] = [], []
    asyncio.run(run(OURS, told[0]))
    asyncio.run(run(PLAIN, told[1]))
    assert told[0] == told[1]


def test_events_go_through_what_the_base_class_does_now(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[bytes] = []
    Connection = OURS.asyncio_connection.Connection
    original = Connection.process_event

    def ours(self: Any, event: Any) -> None:
        events.append(event.data)
        original(self, event)

    async def run() -> None:
        connection = connected(OURS, "SERVER", [])
        connection.__class__ = OURS.asyncio_server.ServerConnection
        connection.data_received(frame(1, b"before", "SERVER"))
        monkeypatch.setattr(Connection, "process_event", ours)
        connection.data_received(frame(1, b"after", "SERVER"))

    asyncio.run(run())
    assert events == [b"after"]


def test_frames_sent_go_through_what_serializes_them_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OURS.frames.Frame, "serialize", lambda self, **options: b"ours")

    log: list[Any] = []

    async def run() -> None:
        await connected(OURS, "SERVER", log).send("text")

    asyncio.run(run())
    assert log == [b"ours"]


def test_a_write_that_fails_is_not_tried_again() -> None:
    async def run(library: SimpleNamespace) -> list[Any]:
        log: list[Any] = []
        connection = connected(library, "SERVER", log, level=logging.DEBUG)

        def write(data: Any) -> None:
            log.append(bytes(data))
            connection.transport.write = log.append
            raise OSError("only once")

        connection.transport.write = write
        log.append(await outcome(connection.send("text")))
        return [*log, "send_data" in vars(connection)]

    assert asyncio.run(run(OURS)) == asyncio.run(run(PLAIN))


def test_a_subclass_may_look_at_events() -> None:
    events: list[Any] = []

    class Connection(OURS.asyncio_connection.Connection):  # type: ignore[name-defined,misc]
        def process_event(self, event: Any) -> None:
            events.append(event.data)
            super().process_event(event)

    async def run() -> Any:
        connection = connected(OURS, "SERVER", [], cls=Connection)
        connection.data_received(frame(1, b"in", "SERVER"))
        return await connection.recv()

    assert (asyncio.run(run()), events) == ("in", [b"in"])


def test_keys_that_nobody_has_fixed_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    async def run() -> list[Any]:
        log: list[Any] = []
        connection = connected(OURS, "CLIENT", log)
        for _ in range(50):
            await connection.send(TEXT)
        return log

    log = asyncio.run(run())
    assert len(set(log)) == len(log) == 50
    decoder = wsfast.FrameDecoder("server")
    assert {bytes(got.payload) for wire in log for got in decoder.feed(wire)} == {TEXT.encode()}
