"""Every stream of frames through endpoints, cut at every octet and ended at every octet."""

from __future__ import annotations

import asyncio
import functools
import zlib
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from deflate_peers import TAIL
from oracle import BINARY, CLOSE, PING, PONG, TEXT, Reading, read_messages, signature
from pairs import run
from streams import KEY, STREAMS, Repeater, Stream, frame
from wires import Wire, answers, lost, open_on, sent, told, with_code_alone

from wsfast.aio import ConnectionClosed, WebSocket
from wsfast.deflating import Deflater
from wsfast.permessage_deflate import PermessageDeflate

# An endpoint has no limit on a frame.
BOUNDED = [stream for stream in STREAMS if "max_payload_length" not in stream.messages]
every_stream = pytest.mark.parametrize("stream", BOUNDED, ids=lambda stream: stream.name)

Test = Callable[[Stream], Coroutine[Any, Any, None]]


class Repeating:
    """Agreed on: each octet of a compressed message so many times, and none sent compressed."""

    min_length = 2**30

    def __init__(self, ratio: int) -> None:
        self._ratio = ratio

    def inflater(self, side: str) -> Repeater:
        return Repeater(self._ratio)

    def deflater(self, side: str) -> Deflater:
        return PermessageDeflate().accept("permessage-deflate")[1].deflater("server")  # type: ignore[index]


def on_a_loop(test: Test) -> Callable[[Stream], None]:
    @functools.wraps(test)
    def runs(stream: Stream) -> None:
        run(test(stream))

    return runs


def limits(stream: Stream) -> tuple[dict[str, Any], Any]:
    """The settings of who reads it, and what was agreed on."""
    settings = dict(stream.messages)
    ratio = settings.pop("ratio", 0)
    return settings, Repeating(ratio) if ratio else None


async def called_back(stream: Stream, reads: Sequence[bytes]) -> tuple[list[Any], list[Any]]:
    """What callbacks are told of these reads, and the frames sent, by one who echoes."""
    happened: list[Any] = []

    def on_message(ws: WebSocket, message: Any) -> None:
        happened.append(message)
        ws.write(message)

    settings, deflate = limits(stream)
    wire = Wire()
    ws = open_on(
        wire,
        stream.side,
        settings,
        deflate=deflate,
        on_message=on_message,
        on_error=lambda ws, error: happened.append(told(error)),
        on_close=lambda ws, code, reason: happened.append((code, reason)),
    )
    wire.bring(*reads, b"")
    await lost(ws)
    return happened, sent(wire, stream.side)


async def received(stream: Stream, reads: Sequence[bytes]) -> tuple[list[Any], list[Any], Any]:
    """What a handler receives that echoes, the frames sent, and how it learns of the end."""
    got: list[Any] = []
    settings, deflate = limits(stream)
    wire = Wire()
    ws = open_on(wire, stream.side, settings, deflate=deflate)

    async def handle() -> None:
        while True:
            message = await ws.recv()
            got.append(message)
            await ws.send(message)

    handler = asyncio.ensure_future(handle())
    await asyncio.sleep(0)
    wire.bring(*reads, b"")
    await lost(ws)
    with pytest.raises(ConnectionClosed) as closed:
        await handler
    return got, sent(wire, stream.side), told(closed.value)


async def streamed(stream: Stream, reads: Sequence[bytes]) -> tuple[list[Any], Any]:
    """What of each message a handler has received that takes them piece by piece."""
    got: list[Any] = []
    settings, deflate = limits(stream)
    wire = Wire()
    ws = open_on(wire, stream.side, {**settings, "streaming": True}, deflate=deflate)

    async def handle() -> None:
        while True:
            message = await ws.recv()
            got.append("" if message.text else b"")
            async for piece in message:
                assert piece
                got[-1] += piece

    handler = asyncio.ensure_future(handle())
    await asyncio.sleep(0)
    wire.bring(*reads, b"")
    await lost(ws)
    with pytest.raises(ConnectionClosed) as closed:
        await handler
    return got, told(closed.value)


def of_kind(frames: list[Any], *opcodes: int) -> list[Any]:
    return [frame for frame in frames if frame[0] in opcodes]


def happenings(reading: Reading) -> list[Any]:
    """What the oracle expects callbacks to be told, up to the end of the stream."""
    expected = [payload for _, (opcode, payload) in reading.items if opcode in (TEXT, BINARY)]
    closes = [payload for _, (opcode, payload) in reading.items if opcode == CLOSE]
    if reading.fault is not None:
        return [*expected, signature(reading.fault.error), (1006, "")]
    if closes:
        return [*expected, tuple(closes[0])]
    return [*expected, (1006, "", None, None, False, None), (1006, "")]


def read(stream: Stream, data: bytes) -> Reading:
    return read_messages(data, stream.side, **stream.messages)


@every_stream
@on_a_loop
async def test_callbacks_are_told_the_same_wherever_it_is_cut(stream: Stream) -> None:
    data = stream.data
    reading = read(stream, data)
    happened, frames = await called_back(stream, [data] if data else [])
    assert happened == happenings(reading)
    assert with_code_alone(frames) == answers(reading, echoes=True)
    for cut in range(1, len(data)):
        assert await called_back(stream, [data[:cut], data[cut:]]) == (happened, frames)
    octets = [data[at : at + 1] for at in range(len(data))]
    assert await called_back(stream, octets) == (happened, frames)


@every_stream
@on_a_loop
async def test_callbacks_are_told_the_end_wherever_it_comes(stream: Stream) -> None:
    for end in range(1, len(stream.data)):
        data = stream.data[:end]
        reading = read(stream, data)
        happened, frames = await called_back(stream, [data])
        assert happened == happenings(reading)
        assert with_code_alone(frames) == answers(reading, echoes=True)


@every_stream
@on_a_loop
async def test_a_handler_receives_the_same_wherever_it_is_cut(stream: Stream) -> None:
    data = stream.data
    reading = read(stream, data)
    got, frames, end = await received(stream, [data] if data else [])
    messages = [payload for _, (opcode, payload) in reading.items if opcode in (TEXT, BINARY)]
    assert got == messages
    # Pings are answered before the messages in front of them: order holds within each kind.
    expected = answers(reading, echoes=True)
    plain = with_code_alone(frames)
    for kind in ((TEXT, BINARY), (PONG,), (CLOSE,)):
        assert of_kind(plain, *kind) == of_kind(expected, *kind)
    if expected and expected[-1][0] == CLOSE:
        assert frames[-1][0] == CLOSE
    if reading.fault is not None:
        assert end[-1] == signature(reading.fault.error)
    octets = [data[at : at + 1] for at in range(len(data))]
    for reads in ([[data[:cut], data[cut:]] for cut in range(1, len(data))], [octets]):
        for cut in reads:
            again = await received(stream, cut)
            assert (again[0], again[2]) == (got, end)
            for kind in ((TEXT, BINARY), (PONG,), (CLOSE,)):
                assert of_kind(again[1], *kind) == of_kind(frames, *kind)
            assert again[1][-1:] == frames[-1:] or frames[-1][0] != CLOSE


@every_stream
@on_a_loop
async def test_pieces_come_to_the_same_wherever_it_is_cut(stream: Stream) -> None:
    data = stream.data
    whole = await streamed(stream, [data] if data else [])
    reading = read(stream, data)
    messages = [payload for _, (opcode, payload) in reading.items if opcode in (TEXT, BINARY)]
    assert whole[0][: len(messages)] == messages
    # Of one that isn't whole what came before the fault.
    assert len(whole[0]) <= len(messages) + 1
    too_long = reading.fault is not None and reading.fault.error.close_code == 1009
    for cut in [*range(1, len(data)), *[None] * bool(data)]:
        reads = [data[:cut], data[cut:]] if cut else [data[at : at + 1] for at in range(len(data))]
        got, end = await streamed(stream, reads)
        assert end == whole[1]
        if too_long:
            # What a read inflates to is handed out or, above the limit, not.
            assert got[: len(messages)] == messages
        else:
            assert got == whole[0]


# Compressed by zlib: each piece of a message in a frame of its own.
CONVERSATION: list[tuple[int, list[bytes]]] = [
    (TEXT, ["Grüße, und noch einmal Grüße".encode()]),
    (BINARY, [bytes(300), b"", b"abc" * 20]),
    (TEXT, [b""]),
    (TEXT, ["noch einmal Grüße".encode(), " 🚀".encode()]),
    (BINARY, [bytes(range(64))]),
]


def compressed(side: str, takeover: bool) -> bytes:
    key = KEY if side == "server" else None
    wire = b""
    compressor = zlib.compressobj(6, zlib.DEFLATED, -12)
    for opcode, pieces in CONVERSATION:
        if not takeover:
            compressor = zlib.compressobj(6, zlib.DEFLATED, -12)
        for n, piece in enumerate(pieces):
            last = n == len(pieces) - 1
            data = compressor.compress(piece) + compressor.flush(zlib.Z_SYNC_FLUSH)
            data = data[:-4] if last else data
            wire += frame(opcode if n == 0 else 0, data, fin=last, rsv=0 if n else 0x40, key=key)
            wire += frame(PING, b"%d" % n, key=key)
    return wire + frame(CLOSE, b"\x03\xe8", key=key)


@pytest.mark.parametrize("takeover", [True, False])
@pytest.mark.parametrize("side", ["server", "client"])
def test_compressed_messages_are_the_same_wherever_they_are_cut(side: Any, takeover: bool) -> None:
    data = compressed(side, takeover)
    offer = "permessage-deflate; client_max_window_bits=12; server_max_window_bits=12"
    if not takeover:
        offer += "; client_no_context_takeover; server_no_context_takeover"
    accepted = PermessageDeflate().accept(offer)
    assert accepted is not None
    messages: list[Any] = [
        b"".join(pieces).decode() if opcode == TEXT else b"".join(pieces)
        for opcode, pieces in CONVERSATION
    ]

    async def conversation(reads: Sequence[bytes]) -> None:
        got: list[Any] = []
        wire = Wire()
        ws = open_on(wire, side, {}, deflate=accepted[1])

        async def handle() -> None:
            async for message in ws:
                got.append(message)
                await ws.send(message)

        handler = asyncio.ensure_future(handle())
        await asyncio.sleep(0)
        wire.bring(*reads, b"")
        await lost(ws)
        await handler
        assert got == messages
        assert (ws.close_code, ws.close_reason) == (1000, "")
        frames = sent(wire, side)
        inflater, echoes = zlib.decompressobj(-12), []
        for _, rsv1, octets in of_kind(frames, TEXT, BINARY):
            if not takeover:
                inflater = zlib.decompressobj(-12)
            echoes.append(inflater.decompress(octets + TAIL) if rsv1 else octets)
        assert echoes == [str.encode(m) if isinstance(m, str) else m for m in messages]
        assert len(of_kind(frames, PONG)) == sum(len(pieces) for _, pieces in CONVERSATION)
        assert frames[-1] == (CLOSE, False, b"\x03\xe8")

    async def all_cuts() -> None:
        await conversation([data])
        for cut in range(1, len(data)):
            await conversation([data[:cut], data[cut:]])
        await conversation([data[at : at + 1] for at in range(len(data))])

    run(all_cuts())
