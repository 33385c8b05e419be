"""Peers that break the protocol: each gets the right close code, and the others are served on."""

from __future__ import annotations

import asyncio
import struct
import tracemalloc
from typing import Any

import pytest
from endpoints import REQUEST, Raw, each_loop, eventually
from oracle import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT
from siege import (
    besieged,
    close_frame,
    closes,
    echo_back,
    masked,
    no_longer_than,
    payloads,
)
from streams import frame

from wsfast.aio import ConnectionClosed, WebSocket

MODES: dict[str, Any] = {"handler": {}, "callbacks": {"on_message": echo_back}}
each_mode = pytest.mark.parametrize("mode", MODES)

# What is sent, the close code for it, and what is answered before.
WRONG: dict[str, tuple[bytes, int]] = {
    "garbage": (b"\xff" * 1000, 1002),
    "HTTP": (REQUEST, 1002),
    "TLS": (bytes.fromhex("16030100a5010000a10303") + bytes(165), 1002),
    "zeros": (bytes(500), 1002),
    "not masked": (frame(TEXT, b"Hello"), 1002),
    "2 GiB declared": (masked(BINARY, bits=64, declared=2**31)[:10], 1009),
    "2^63 - 1 declared": (masked(BINARY, bits=64, declared=2**63 - 1)[:10], 1009),
    "2^63 declared": (masked(BINARY, bits=64, declared=2**63)[:10], 1002),
    "1 MiB + 1 declared": (masked(TEXT, bits=64, declared=2**20 + 1)[:10], 1009),
    "1 MiB + 1 in fragments": (
        masked(BINARY, bytes(2**20), fin=False) + masked(CONTINUATION, b"x"),
        1009,
    ),
    "a flood of empty fragments": (
        masked(TEXT, fin=False) + masked(CONTINUATION, fin=False) * 1000,
        1009,
    ),
    "a text that is wrong long before its end": (
        masked(TEXT, b"abc\xffdef", declared=100_000),
        1007,
    ),
    "a ping of 126 octets": (masked(PING, bytes(126)), 1002),
    "a Close in fragments": (masked(CLOSE, fin=False), 1002),
    "a Close of 1 octet": (masked(CLOSE, b"\x03"), 1002),
    "a Close with 1006": (close_frame(1006), 1002),
    "a Close that isn't UTF-8": (close_frame(1000, b"\xff"), 1007),
    "a reserved bit": (masked(TEXT, b"x", rsv=0x40), 1002),
}


@pytest.mark.parametrize("what", WRONG)
@each_mode
@each_loop
async def test_who_breaks_the_protocol_is_told_by_the_right_code(mode: str, what: str) -> None:
    data, code = WRONG[what]
    async with besieged(max_fragments=1000, **MODES[mode]) as victim:
        async with await victim.peer(masked(TEXT, b"before") + masked(PING, b"?") + data) as peer:
            answer = await peer.rest()
            assert closes(answer) == [code]
            assert payloads(answer, TEXT) == [b"before"]
            assert payloads(answer, PONG) == [b"?"]
        await eventually(lambda: victim.closes)
        # Their view of it: failed, without a Close frame of the peer (RFC 6455 section 7.1.5).
        assert victim.closes == [(1006, "")]
        assert [getattr(error, "close_code", None) for error in victim.errors] == [code]


@each_loop
async def test_the_fault_may_come_in_any_piece() -> None:
    async with besieged() as victim:
        async with await victim.peer() as peer:
            for octet in masked(TEXT, b"one") + masked(TEXT, b"abc\xf0\x9f\x92", declared=10_000):
                peer.writer.write(bytes([octet]))
                await asyncio.sleep(0)
            await peer.reader.readexactly(5)
            # So far it could be valid; the next octet can't be.
            peer.writer.write(bytes([0x20 ^ 0x3D, *bytes(20)]))
            assert closes(await peer.rest()) == [1007]


@each_loop
async def test_who_goes_on_sending_after_the_fault_still_gets_the_close_frame() -> None:
    # To close a socket with octets unread resets it, and the peer would lose the frame.
    async with besieged() as victim:
        async with await victim.peer() as peer:
            peer.writer.write(b"\xff" * 100 + masked(BINARY, bytes(100_000)) * 20)
            assert closes(await peer.rest()) == [1002]


@each_loop
async def test_who_sends_for_ever_after_the_fault_is_cut_off() -> None:
    async with besieged() as victim:
        async with await victim.peer(b"\xff") as peer:
            with pytest.raises(ConnectionError):
                while True:
                    peer.writer.write(bytes(10_000))
                    await no_longer_than(5, peer.writer.drain())
                    await asyncio.sleep(0.001)


@each_mode
@each_loop
async def test_what_is_declared_is_not_allocated(mode: str) -> None:
    options = {"max_message_length": None, "ping_interval": None, **MODES[mode]}
    async with besieged(**options) as victim:
        async with await victim.peer() as peer:
            await eventually(lambda: len(victim.server.connections) == 2)
            tracemalloc.start()
            try:
                before = tracemalloc.get_traced_memory()[0]
                peer.writer.write(masked(BINARY, b"abc", bits=64, declared=2**63 - 1))
                await asyncio.sleep(0.05)
                assert tracemalloc.get_traced_memory()[1] - before < 400_000
            finally:
                tracemalloc.stop()
            [ws] = [ws for ws in victim.server.connections if ws.request.path == "/chat"]
            assert ws.state.name == "OPEN"
        await eventually(lambda: victim.closes == [(1006, "")])


@each_mode
@each_loop
async def test_nothing_counts_behind_a_close_frame(mode: str) -> None:
    behind = masked(TEXT, b"late") + masked(PING) + close_frame(1001) + b"\xff" * 100
    async with besieged(**MODES[mode]) as victim:
        async with await victim.peer(masked(TEXT, b"last") + close_frame(4321, b"!")) as peer:
            peer.writer.write(behind)
            answer = await peer.rest()
            assert closes(answer) == [4321]
            assert payloads(answer, TEXT) == [b"last"]
            assert payloads(answer, PONG) == []
        await eventually(lambda: victim.closes)
        assert victim.closes == [(4321, "!")]
        assert victim.errors == []


@each_mode
@each_loop
async def test_a_flood_of_pings_is_answered_in_bounds(mode: str) -> None:
    pings = [struct.pack("!I", n) for n in range(5000)]
    async with besieged(**MODES[mode]) as victim:
        async with await victim.peer() as peer:
            sending = b"".join(masked(PING, ping) for ping in pings) + close_frame(1000)
            peer.writer.write(sending)
            answer = await peer.rest()
            assert closes(answer) == [1000]
            pongs = payloads(answer, PONG)
            # Not all need be answered (RFC 6455 section 5.5.3), none twice, and the last is.
            assert 0 < len(pongs) <= len(pings)
            assert pongs == sorted(set(pongs))
            assert pongs[-1] == pings[-1]


@each_mode
@each_loop
async def test_thousands_of_tiny_messages_in_one_read(mode: str) -> None:
    messages = [b"%d" % n for n in range(7000)]
    async with besieged(**MODES[mode]) as victim:
        async with await victim.peer() as peer:
            wire = b"".join(masked(TEXT, message) for message in messages)
            peer.writer.write(wire + close_frame(1000))
            answer = await peer.rest()
            assert payloads(answer, TEXT) == messages
            assert closes(answer) == [1000]


@each_loop
async def test_a_flood_of_pongs_that_nobody_asked_for() -> None:
    async with besieged() as victim:
        async with await victim.peer(masked(PONG, bytes(100)) * 5000) as peer:
            peer.writer.write(masked(TEXT, b"x") + close_frame(1000))
            answer = await peer.rest()
            assert answer[:3] == frame(TEXT, b"x")
            assert closes(answer) == [1000]


@each_loop
async def test_many_attackers_at_once() -> None:
    async with besieged(max_fragments=1000) as victim:

        async def attack(data: bytes, code: int) -> None:
            async with await victim.peer(data) as peer:
                assert closes(await peer.rest()) == [code]

        async with await Raw.connect(victim.port, REQUEST[:-2]) as unfinished:
            attacks = list(WRONG.values()) * 3
            await asyncio.gather(*(attack(*what) for what in attacks))
            assert unfinished.reader.at_eof() is False
        await eventually(lambda: len(victim.closes) == len(attacks))


@each_loop
async def test_what_came_before_the_fault_is_consumed_and_answered_first() -> None:
    may_go_on = asyncio.Event()
    ends: list[Any] = []

    async def slowly(ws: WebSocket) -> None:
        try:
            while True:
                message = await ws.recv()
                await may_go_on.wait()
                await ws.send(f"{message} {len(ends)}")
        except ConnectionClosed as closed:
            ends.append(closed)
            raise

    async with besieged(slowly, close_timeout=10) as victim:
        wire = b"".join(masked(TEXT, b"%d" % n) for n in range(100)) + b"\xff"
        async with await victim.peer(wire) as peer:
            await eventually(lambda: victim.errors)
            # Reading has stopped; no Close frame is out, nor any answer.
            peer.writer.write(masked(TEXT, b"late") * 1000)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(peer.reader.read(1), 0.03)
            may_go_on.set()
            answer = await peer.rest()
            assert payloads(answer, TEXT) == [b"%d 0" % n for n in range(100)]
            assert closes(answer) == [1002]
        assert ends[0].sent.code == 1002
        assert ends[0].__cause__.close_code == 1002


@pytest.mark.parametrize("fault", [b"\xff", close_frame(1000)], ids=["fault", "Close"])
@each_loop
async def test_what_is_never_consumed_delays_the_close_frame_no_longer(fault: bytes) -> None:
    end = asyncio.Event()
    got: list[Any] = []

    async def stuck(ws: WebSocket) -> None:
        await end.wait()
        while True:
            got.append(await ws.recv())

    async with besieged(stuck, max_fragments=10) as victim:
        async with await victim.peer(masked(TEXT, b"x") * 3 + fault) as peer:
            answer = await no_longer_than(5, peer.rest())
            assert closes(answer) == [1002 if fault == b"\xff" else 1000]
        await eventually(lambda: victim.closes)
        # The handler may still have what came before it.
        assert got == []
        end.set()
        await eventually(lambda: got == ["x"] * 3)
