"""uvicorn on this codec: all that can be seen of its WebSocket protocol stays as it is."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wsfast
from wsfast import encode_frame
from wsfast.adapters import _patch

pytest.importorskip("uvicorn")
pytest.importorskip("websockets")
pytest.importorskip("uvicorn.protocols.websockets.websockets_sansio_impl")

MODULE = importlib.import_module("uvicorn.protocols.websockets.websockets_sansio_impl")
Protocol = MODULE.WebSocketsSansIOProtocol
KEY = bytes.fromhex("37fa213d")
TEXT = "Grüße, 你好, 🌍"


@pytest.fixture(scope="module", autouse=True)
def forced() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_patch, "FORCED", True)
        yield
        wsfast.disable("uvicorn")


def served(steps: list[tuple[str, Any]], deflate: bool) -> list[Any]:
    """All that an application and its client see of each other."""

    async def run() -> list[Any]:
        from uvicorn.config import Config
        from uvicorn.server import ServerState

        log: list[Any] = []
        queue: asyncio.Queue[Any] = asyncio.Queue()

        async def application(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "websocket.accept"})
            while (what := await queue.get()) is not None:
                try:
                    if what == "receive":
                        log.append(await receive())
                    else:
                        await send(what)
                except Exception as error:
                    log.append((type(error).__name__, str(error)))

        config = Config(
            application,
            ws_ping_interval=None,
            ws_per_message_deflate=deflate,
            log_config=None,
            ws_max_size=1000,
        )
        config.load()
        protocol = Protocol(config, ServerState(), {}, asyncio.get_running_loop())
        transport = _Transport(log)
        protocol.connection_made(transport)
        offer = b"Sec-WebSocket-Extensions: permessage-deflate\r\n" if deflate else b""
        protocol.data_received(
            b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            + offer
            + b"\r\n"
        )
        for _ in range(9):
            await asyncio.sleep(0)
        log.clear()
        for what, detail in steps:
            log.append(what)
            if what == "data":
                if not transport.closing:
                    opcode, payload, fin = detail
                    protocol.data_received(
                        encode_frame(opcode, payload, mask=True, fin=fin, masking_key=KEY)
                    )
            elif what == "receive":
                if not protocol.queue.empty():
                    queue.put_nowait("receive")
            elif what == "pause":
                protocol.pause_writing()
            elif what == "resume":
                protocol.resume_writing()
            else:
                queue.put_nowait({"type": "websocket.send", **detail})
            for _ in range(9):
                await asyncio.sleep(0)
        protocol.resume_writing()
        queue.put_nowait(None)
        for _ in range(9):
            await asyncio.sleep(0)
        protocol.connection_lost(None)
        return log

    return asyncio.run(run())


class _Transport(asyncio.Transport):
    def __init__(self, log: list[Any]) -> None:
        super().__init__()
        self.log = log
        self.closing = False

    def write(self, data: Any) -> None:
        self.log.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True
        self.log.append("close")

    def pause_reading(self) -> None:
        self.log.append("pause")

    def resume_reading(self) -> None:
        self.log.append("resume")


payloads = st.one_of(st.binary(max_size=9), st.sampled_from([TEXT.encode() * 9, b"a" * 200]))
texts = st.sampled_from(["", "a", TEXT, TEXT * 30, "\ud800"])
sent = st.one_of(
    st.fixed_dictionaries({"text": texts}),
    st.fixed_dictionaries({"bytes": payloads}),
    st.fixed_dictionaries({"text": st.one_of(st.none(), texts), "bytes": st.none()}),
    st.fixed_dictionaries({"text": st.none(), "bytes": payloads}),
    st.just({}),
)
steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("data"),
            st.tuples(st.sampled_from([1, 1, 2, 0]), payloads, st.booleans()),
        ),
        st.tuples(st.just("send"), sent),
        st.tuples(st.sampled_from(["receive", "receive", "pause", "resume"]), st.none()),
        st.just(("data", (8, b"\x03\xe8", True))),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60)
@given(steps=steps, deflate=st.booleans())
def test_an_application_is_served_alike(steps: list[tuple[str, Any]], deflate: bool) -> None:
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
    wsfast.disable("uvicorn")
    plain = served(steps, deflate)
    wsfast.enable("uvicorn", strict=True)
    assert served(steps, deflate) == plain


@pytest.mark.parametrize("order", [["uvicorn", "websockets"], ["websockets", "uvicorn"]])
def test_frames_go_through_what_serializes_them_now(
    order: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wsfast.disable()
    steps = [("send", {"text": TEXT})]
    plain = served(steps, False)
    try:
        for name in order:
            wsfast.enable(name)
        states = {part.name: part.state for part in wsfast.status()["uvicorn"].parts}
        assert set(states.values()) == {"replaced"}
        assert served(steps, False) == plain
        monkeypatch.setattr(MODULE.Frame, "serialize", lambda self, **options: b"ours")
        assert b"ours" in served(steps, False)
        monkeypatch.undo()
    finally:
        wsfast.disable()


NAMES = ("send_receive_event_to_app", "send")


def test_disabling_restores_the_identical_objects() -> None:
    wsfast.disable("uvicorn")
    plain = [vars(Protocol)[name] for name in NAMES]
    wsfast.enable("uvicorn", strict=True)
    assert all(vars(Protocol)[name] is not was for name, was in zip(NAMES, plain, strict=True))
    wsfast.disable("uvicorn")
    assert all(vars(Protocol)[name] is was for name, was in zip(NAMES, plain, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_code_that_is_not_known_is_left_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wsfast.disable("uvicorn")
    tampered = SimpleNamespace()
    monkeypatch.setattr(Protocol, name, tampered)
    wsfast.enable("uvicorn")
    states = {part.name: part.state for part in wsfast.status()["uvicorn"].parts}
    assert vars(Protocol)[name] is tampered
    assert sorted(states.values()) == ["left alone", "replaced"]
    wsfast.disable("uvicorn")
