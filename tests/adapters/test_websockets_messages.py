"""websockets on this codec: messages out of frames, in each of its faces."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wsfast
from wsfast.adapters import _patch

pytest.importorskip("websockets")

from websockets_copies import HAS_TRIO, OURS, PLAIN, seen

TEXT = "Grüße, 你好, 🌍"


@pytest.fixture(scope="module", autouse=True)
def enabled() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_patch, "FORCED", True)
        wsfast.enable("websockets")
        yield
        wsfast.disable("websockets")


# A message: whether text, its fragments, how to ask for it, and how many frames are there before.
messages = st.lists(
    st.tuples(
        st.booleans(),
        st.lists(
            st.one_of(
                st.binary(max_size=9),
                st.text(max_size=9).map(str.encode),
                st.just(TEXT.encode()[:9]),
                st.just(TEXT.encode()[9:] * 30),
            ),
            min_size=1,
            max_size=4,
        ),
        st.sampled_from([None, None, True, False]),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


def frames_of(library: SimpleNamespace, is_text: bool, fragments: list[bytes]) -> list[Any]:
    Frame, Opcode = library.frames.Frame, library.frames.Opcode
    first = Opcode.TEXT if is_text else Opcode.BINARY
    return [
        Frame(first if number == 0 else Opcode.CONT, data, number == len(fragments) - 1)
        for number, data in enumerate(fragments)
    ]


def outcome(error: BaseException) -> Any:
    return seen(error), getattr(error, "args", None)


def in_asyncio(library: SimpleNamespace, asked: list[Any]) -> list[Any]:
    async def run() -> list[Any]:
        told: list[Any] = []
        log = told.append
        assembler = library.asyncio_messages.Assembler(
            2, 1, pause=lambda: log("pause"), resume=lambda: log("resume")
        )
        for is_text, fragments, decode, waits in asked:
            frames = frames_of(library, is_text, fragments)
            if waits:
                getting = asyncio.ensure_future(assembler.get(decode))
                for frame in frames:
                    await asyncio.sleep(0)
                    assembler.put(frame)
                (got,) = await asyncio.gather(getting, return_exceptions=True)
            else:
                for frame in frames:
                    assembler.put(frame)
                (got,) = await asyncio.gather(assembler.get(decode), return_exceptions=True)
            told.append(outcome(got) if isinstance(got, BaseException) else (type(got), got))
            told.append((assembler.get_in_progress, len(assembler.frames)))
        assembler.close()
        (got,) = await asyncio.gather(assembler.get(), return_exceptions=True)
        return [*told, outcome(got)]

    return asyncio.run(run())


def in_threads(library: SimpleNamespace, asked: list[Any]) -> list[Any]:
    told: list[Any] = []
    log = told.append
    assembler = library.sync_messages.Assembler(
        2, 1, pause=lambda: log("pause"), resume=lambda: log("resume")
    )
    for is_text, fragments, decode, _ in asked:
        for frame in frames_of(library, is_text, fragments):
            assembler.put(frame)
        try:
            got = assembler.get(decode=decode)
            told.append((type(got), got))
        except UnicodeDecodeError as error:
            told.append(outcome(error))
        told.append((assembler.get_in_progress, assembler.frames.qsize()))
    assembler.close()
    with pytest.raises(EOFError) as raised:
        assembler.get()
    return [*told, outcome(raised.value)]


def in_trio(library: SimpleNamespace, asked: list[Any]) -> list[Any]:
    import trio

    async def run() -> list[Any]:
        told: list[Any] = []
        log = told.append
        assembler = library.trio_messages.Assembler(
            2, 1, pause=lambda: log("pause"), resume=lambda: log("resume")
        )
        for is_text, fragments, decode, _ in asked:
            for frame in frames_of(library, is_text, fragments):
                assembler.put(frame)
            try:
                got = await assembler.get(decode)
                told.append((type(got), got))
            except UnicodeDecodeError as error:
                told.append(outcome(error))
            told.append(assembler.get_in_progress)
        # A message whose last fragment is missing: it is there again after it was given up.
        begun, *_ = frames_of(library, True, [b"begun", b"rest"])
        assembler.put(begun)
        with trio.move_on_after(0.001):
            await assembler.get()
        told.append(len(assembler.send_frames._state.data))
        assembler.close()
        try:
            await assembler.get()
        except EOFError as error:
            told.append(outcome(error))
        return told

    return trio.run(run)  # type: ignore[no-any-return]


FACES = [
    in_asyncio,
    in_threads,
    pytest.param(in_trio, marks=pytest.mark.skipif(not HAS_TRIO, reason="trio is missing")),
]


@pytest.mark.parametrize("face", FACES)
def test_messages_are_assembled_alike(face: Callable[..., list[Any]]) -> None:
    @settings(max_examples=60)
    @given(asked=messages)
    def alike(asked: list[Any]) -> None:
        assert face(OURS, asked) == face(PLAIN, asked)

    alike()


@pytest.mark.parametrize("cancelled_after", [0, 1, 2])
def test_a_message_given_up_is_there_again(cancelled_after: int) -> None:
    def told(library: SimpleNamespace) -> list[Any]:
        async def run() -> list[Any]:
            assembler = library.asyncio_messages.Assembler()
            frames = frames_of(library, True, [TEXT.encode()[:9], TEXT.encode()[9:], b"!"])
            getting = asyncio.ensure_future(assembler.get())
            for frame in frames[:cancelled_after]:
                await asyncio.sleep(0)
                assembler.put(frame)
            await asyncio.sleep(0)
            getting.cancel()
            (error,) = await asyncio.gather(getting, return_exceptions=True)
            kept = len(assembler.frames), assembler.get_in_progress
            for frame in frames[cancelled_after:]:
                assembler.put(frame)
            return [type(error).__name__, kept, await assembler.get()]

        return asyncio.run(run())

    assert told(OURS) == told(PLAIN)
    assert told(OURS)[-1] == TEXT + "!"


def test_one_at_a_time_may_wait() -> None:
    def told(library: SimpleNamespace) -> list[Any]:
        async def run() -> list[Any]:
            assembler = library.asyncio_messages.Assembler()
            first = asyncio.ensure_future(assembler.get())
            await asyncio.sleep(0)
            second = await asyncio.gather(assembler.get(), return_exceptions=True)
            assembler.put(frames_of(library, True, [b"text"])[0])
            return [outcome(second[0]), await first]

        return asyncio.run(run())

    assert told(OURS) == told(PLAIN)


def test_one_thread_at_a_time_may_wait() -> None:
    def told(library: SimpleNamespace) -> list[Any]:
        assembler = library.sync_messages.Assembler()
        got: list[Any] = []
        thread = threading.Thread(target=lambda: got.append(assembler.get()))
        thread.start()
        while not assembler.get_in_progress:
            pass
        with pytest.raises(library.exceptions.ConcurrencyError) as raised:
            assembler.get()
        assembler.put(frames_of(library, True, [TEXT.encode()])[0])
        thread.join()
        return [outcome(raised.value), got]

    assert told(OURS) == told(PLAIN)


@pytest.mark.parametrize("timeout", [0, 0.001, -1])
def test_a_message_that_is_not_there_in_time_is_there_again(timeout: float) -> None:
    def told(library: SimpleNamespace) -> list[Any]:
        assembler = library.sync_messages.Assembler()
        begun, end = frames_of(library, True, [TEXT.encode()[:9], TEXT.encode()[9:]])
        shown: list[Any] = []
        for frame in (None, begun):
            if frame is not None:
                assembler.put(frame)
            with pytest.raises(TimeoutError) as raised:
                assembler.get(timeout)
            shown.append((type(raised.value), assembler.frames.qsize()))
        assembler.put(end)
        return [*shown, assembler.get(timeout)]

    assert told(OURS) == told(PLAIN)
    assert told(OURS)[-1] == TEXT


@pytest.mark.parametrize("face", ["asyncio_messages", "sync_messages"])
def test_too_many_fragments_are_refused(face: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(PLAIN.asyncio_messages, "MAX_FRAGMENTS"):
        pytest.skip("there is no limit in this release")

    def told(library: SimpleNamespace) -> Any:
        module = getattr(library, face)
        monkeypatch.setattr(module, "MAX_FRAGMENTS", 3)

        async def run() -> Any:
            assembler = module.Assembler()
            for frame in frames_of(library, True, [b"a"] * 5):
                assembler.put(frame)
            try:
                got = assembler.get()
                return await got if face.startswith("asyncio") else got
            except Exception as error:
                return outcome(error), assembler.get_in_progress

        return asyncio.run(run())

    assert told(OURS) == told(PLAIN)


# Legacy


@settings(max_examples=60)
@given(
    asked=messages,
    mask=st.booleans(),
    limit=st.sampled_from([None, 10, 300]),
    cut=st.integers(0, 60),
    flip=st.integers(0, 400),
)
def test_legacy_reads_alike(
    asked: list[Any], mask: bool, limit: int | None, cut: int, flip: int
) -> None:
    wire = bytearray()
    for is_text, fragments, _, _ in asked:
        for frame in frames_of(PLAIN, is_text, fragments):
            key = bytes(range(4)) if mask else None
            wire += wsfast.encode_frame(
                frame.opcode, frame.data, mask=mask, fin=frame.fin, masking_key=key
            )
    if flip < len(wire):
        wire[flip] ^= 0x80
    stream = bytes(wire[: len(wire) - cut])

    def told(library: SimpleNamespace) -> list[Any]:
        Frame = library.legacy_framing.Frame

        async def run() -> list[Any]:
            reader = asyncio.StreamReader()
            reader.feed_data(stream)
            reader.feed_eof()

            async def read_data_frame(max_size: int | None) -> Any:
                return await Frame.read(reader.readexactly, mask=mask, max_size=max_size)

            connection = SimpleNamespace(max_size=limit, read_data_frame=read_data_frame)
            read_message = library.legacy_protocol.WebSocketCommonProtocol.read_message
            shown: list[Any] = []
            while True:
                try:
                    got = await read_message(connection)
                    shown.append((type(got), got))
                except Exception as error:
                    return [*shown, outcome(error)]

        return asyncio.run(run())

    assert told(OURS) == told(PLAIN)
