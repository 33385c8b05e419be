"""websockets: messages out of frames, in its asyncio, sync and trio faces."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

from ...utf8 import decode_text
from .._patch import Members, Part, SelfCheckFailed
from .._samples import TEXT as SAMPLE
from .._source import known

_ASYNCIO_GET = "websockets.asyncio.messages:Assembler.get"
_SYNC_GET = "websockets.sync.messages:Assembler.get"
_TRIO_GET = "websockets.trio.messages:Assembler.get"


def _whole(data: Any, decode: bool) -> str | bytes:
    """What its receiver gets of a message."""
    if type(data) is not bytes:
        data = bytes(data)
    return decode_text(data) if decode else data


def _build_asyncio(originals: Members) -> Members:
    opcodes = sys.modules["websockets.frames"].Opcode
    TEXT, BINARY = opcodes.TEXT, opcodes.BINARY
    plain_get: Callable[..., Any] = originals[_ASYNCIO_GET]

    async def get(self: Any, decode: bool | None = None) -> Any:
        if self.get_in_progress:
            return await plain_get(self, decode)
        waiting = self.frames.queue
        if not waiting and not self.closed:
            self.get_in_progress = True
            try:
                # Put back at once: from here on, it is as if it had been there all the time.
                waiting.appendleft(await self.frames.get(True))
            finally:
                self.get_in_progress = False
        if waiting:
            frame = waiting[0]
            opcode = frame.opcode
            if opcode is TEXT or opcode is BINARY:
                if decode is None:
                    decode = opcode is TEXT
                if not frame.fin:
                    return _whole(await plain_get(self, False), decode)
                waiting.popleft()
                if self.paused:
                    self.maybe_resume()
                return _whole(frame.data, decode)
        return await plain_get(self, decode)

    return {_ASYNCIO_GET: get}


def _build_sync(originals: Members) -> Members:
    messages = sys.modules["websockets.sync.messages"]
    opcodes = sys.modules["websockets.frames"].Opcode
    TEXT, BINARY, CONT = opcodes.TEXT, opcodes.BINARY, opcodes.CONT
    plain_get: Callable[..., Any] = originals[_SYNC_GET]

    def get(self: Any, timeout: float | None = None, decode: bool | None = None) -> Any:
        with self.mutex:
            is_free = not self.get_in_progress
            if is_free:
                self.get_in_progress = True
        if not is_free:
            return plain_get(self, timeout, decode)
        # A queue of this kind has no way to look at its first frame: all is done here.
        try:
            deadline = messages.Deadline(timeout)
            frame = self.get_next_frame(deadline.timeout(raise_if_elapsed=False))
            with self.mutex:
                self.maybe_resume()
            assert frame.opcode is TEXT or frame.opcode is BINARY
            if decode is None:
                decode = frame.opcode is TEXT
            fragments = [frame]
            limit = getattr(messages, "MAX_FRAGMENTS", None)
            while not frame.fin:
                try:
                    frame = self.get_next_frame(deadline.timeout(raise_if_elapsed=False))
                except TimeoutError:
                    self.reset_queue(fragments)
                    raise
                with self.mutex:
                    self.maybe_resume()
                assert frame.opcode is CONT
                if limit is not None and len(fragments) >= limit:
                    raise messages.TooManyFragments(limit)
                fragments.append(frame)
        finally:
            self.get_in_progress = False
        if len(fragments) == 1:
            return _whole(frame.data, decode)
        return _whole(b"".join([fragment.data for fragment in fragments]), decode)

    return {_SYNC_GET: get}


def _build_trio(originals: Members) -> Members:
    trio = sys.modules["trio"]
    opcodes = sys.modules["websockets.frames"].Opcode
    TEXT, BINARY = opcodes.TEXT, opcodes.BINARY
    plain_get: Callable[..., Any] = originals[_TRIO_GET]

    async def get(self: Any, decode: bool | None = None) -> Any:
        if not self.get_in_progress:
            self.get_in_progress = True
            try:
                frame = await self.recv_frames.receive()
                opcode = frame.opcode
                if frame.fin and (opcode is TEXT or opcode is BINARY):
                    self.maybe_resume()
                    return _whole(frame.data, opcode is TEXT if decode is None else decode)
                # Put back at once: from here on, it is as if it had been there all the time.
                self.send_frames._state.data.appendleft(frame)
                if decode is None:
                    decode = opcode is TEXT
            except trio.EndOfChannel:
                # It says so in its own words.
                pass
            finally:
                self.get_in_progress = False
        else:
            return await plain_get(self, decode)
        data = await plain_get(self, False)
        return _whole(data, bool(decode))

    return {_TRIO_GET: get}


# Checks: an assembler's state is made up, with all that get() looks at.


# Payload, whether text, and in how many frames.
_MESSAGES = [
    (payload, is_text, fragments)
    for payload in (SAMPLE.encode(), b"", b"cut \xf0\x9f\x8c", b"\xed\xa0\x80")
    for is_text in (True, False)
    for fragments in (1, 2)
]


def _frames(payload: bytes, is_text: bool, fragments: int) -> list[Any]:
    frames = sys.modules["websockets.frames"]
    opcode = frames.Opcode.TEXT if is_text else frames.Opcode.BINARY
    if fragments == 1:
        return [frames.Frame(opcode, bytearray(payload))]
    rest = frames.Frame(frames.Opcode.CONT, payload[5:])
    return [frames.Frame(opcode, payload[:5], False), rest]


def _compare(plain: Callable[..., Any], ours: Callable[..., Any]) -> None:
    for message in _MESSAGES:
        for decode in (None, True, False):
            if _told(plain, message, decode) != _told(ours, message, decode):
                raise SelfCheckFailed("messages made of frames differ")


def _told(get: Callable[..., Any], message: tuple[bytes, bool, int], decode: bool | None) -> object:
    try:
        got = get(_frames(*message), decode)
    except UnicodeDecodeError as error:
        return error.args
    return type(got), got


class _Stub(SimpleNamespace):
    """An assembler that is neither closed nor paused."""

    def __init__(self, **members: Any) -> None:
        super().__init__(get_in_progress=False, closed=False, paused=False, **members)

    def maybe_resume(self) -> None:
        pass


def _finish(coroutine: Any) -> Any:
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise SelfCheckFailed("it waits for what is there")


def _check_asyncio(originals: Members, replacements: Members) -> None:
    class Queue:
        def __init__(self, frames: list[Any]) -> None:
            self.queue = deque(frames)

        async def get(self, block: bool = True) -> Any:
            return self.queue.popleft()

    def by(get: Callable[..., Any]) -> Callable[..., Any]:
        return lambda frames, decode: _finish(get(_Stub(frames=Queue(frames)), decode))

    _compare(by(originals[_ASYNCIO_GET]), by(replacements[_ASYNCIO_GET]))


def _check_sync(originals: Members, replacements: Members) -> None:
    def by(get: Callable[..., Any]) -> Callable[..., Any]:
        def run(frames: list[Any], decode: bool | None) -> Any:
            queue: SimpleQueue[Any] = SimpleQueue()
            for frame in frames:
                queue.put(frame)
            stub = _Stub(mutex=threading.Lock(), get_next_frame=lambda timeout=None: queue.get())
            return get(stub, None, decode)

        return run

    _compare(by(originals[_SYNC_GET]), by(replacements[_SYNC_GET]))


def _check_trio(originals: Members, replacements: Members) -> None:
    class Channel:
        def __init__(self, frames: list[Any]) -> None:
            self._state = SimpleNamespace(data=deque(frames))

        async def receive(self) -> Any:
            return self._state.data.popleft()

    def by(get: Callable[..., Any]) -> Callable[..., Any]:
        def run(frames: list[Any], decode: bool | None) -> Any:
            channel = Channel(frames)
            return _finish(get(_Stub(recv_frames=channel, send_frames=channel), decode))

        return run

    _compare(by(originals[_TRIO_GET]), by(replacements[_TRIO_GET]))


ASYNCIO = Part(
    name="messages, asyncio",
    replaces={_ASYNCIO_GET: known("249de884ad6f", "a34bbf3db56d", "9bf96db598b2", "075e1d94a0b4")},
    relies_on={
        "websockets.asyncio.messages:Assembler.maybe_resume": known("cfe4849f9556"),
        "websockets.asyncio.messages:SimpleQueue.get": known("3105b566d50e"),
    },
    build=_build_asyncio,
    check=_check_asyncio,
    operations=("text",),
)

SYNC = Part(
    name="messages, sync",
    replaces={_SYNC_GET: known("06ab606f5668", "69ee4e3676b6", "97547f659a44")},
    relies_on={"websockets.sync.messages:Assembler.get_next_frame": known("0669adc36e88")},
    build=_build_sync,
    check=_check_sync,
    operations=("text",),
)

TRIO = Part(
    name="messages, trio",
    replaces={_TRIO_GET: known("56403c26b77c", "1fc860b8de5a", "690d985d880b")},
    build=_build_trio,
    check=_check_trio,
    operations=("text",),
)
