"""The hot path, both twins: what is written when, and what a receiver gets."""

from __future__ import annotations

import asyncio
import gc
import socket
import weakref
from typing import Any

import pytest
from implementations import Implementation
from links import HELLO, End, Transport, feed, looped, make, masked
from streams import KEY, frame

from wsfast.protocol import CloseCode, Opcode


@looped
async def test_messages_go_to_the_callback_in_order(implementation: Implementation) -> None:
    got: list[Any] = []
    link = make(implementation, lambda ws, message: got.append((ws, message)))
    feed(link, masked("a", b"b", "", "ä€🚀"))
    assert got == [(link, "a"), (link, b"b"), (link, ""), (link, "ä€🚀")]
    assert link._reads == 1


@looped
async def test_what_one_read_led_to_is_one_write(implementation: Implementation) -> None:
    link = make(implementation, lambda ws, message: ws.write(message))
    feed(link, masked("Hello", b"\x00\xff", "ä"))
    assert link.transport.written == [HELLO + b"\x82\x02\x00\xff" + b"\x81\x02\xc3\xa4"]
    link.write("Hello")
    assert link.transport.written[1:] == [HELLO]


@looped
async def test_frames_of_every_length_are_held_in_order(implementation: Implementation) -> None:
    lengths = [0, 1, 125, 126, 2000, 2050, 3000, 65535, 65536, 70000, 5, 5000, 300000, 7]
    expected = b"".join(frame(Opcode.BINARY, bytes([n % 251]) * n) for n in lengths)
    for start in range(len(lengths)):

        def answer(ws: Any, message: Any, start: int = start) -> None:
            for length in lengths[start:]:
                ws.write(bytes([length % 251]) * length)

        link = make(implementation, answer)
        feed(link, masked("go"))
        written = b"".join(link.transport.written)
        assert written == b"".join(
            frame(Opcode.BINARY, bytes([n % 251]) * n) for n in lengths[start:]
        )
        assert len(link.transport.written) < len(lengths[start:]) or start > 9
    assert expected.endswith(written)


@looped
async def test_two_links_may_hold_frames_at_once(implementation: Implementation) -> None:
    first = make(implementation)
    hub = first._hub

    class Other(type(first)):  # type: ignore[misc]
        __slots__ = ()

    def answer(ws: Any, message: Any) -> None:
        ws.write("1")
        feed(first, masked("x", "y"))
        first.write("a")
        ws.write("2")
        first.write("b")

    second = Other(
        hub,
        asyncio.get_running_loop(),
        Transport(),
        implementation.messages.MessageDecoder("server"),
        False,
        answer,
        1000,
        False,
        False,
    )
    feed(second, masked("go"))
    await asyncio.sleep(0)
    assert b"".join(second.transport.written) == b"\x81\x011\x81\x012"
    assert b"".join(first.transport.written) == b"\x81\x01a\x81\x01b"


@looped
async def test_a_client_masks_with_keys_that_differ(implementation: Implementation) -> None:
    link = make(implementation, masks=True)
    for message in ("Hello", b"Hello", bytearray(b"Hello"), memoryview(b"Hello")):
        link.write(message)
    decoder = implementation.messages.MessageDecoder("server")
    assert decoder.feed(b"".join(link.transport.written)) == [
        (Opcode.TEXT, "Hello"),
        *[(Opcode.BINARY, b"Hello")] * 3,
    ]
    assert len({data[2:6] for data in link.transport.written}) == 4


@looped
async def test_send_hands_the_message_over_by_the_call(implementation: Implementation) -> None:
    link = make(implementation)
    done = link.send("Hello")
    assert link.transport.written == [HELLO]
    assert await done is None
    assert done is implementation.link.SENT
    assert await done is None
    task = asyncio.create_task(link.send(b"x"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert link.transport.written == [HELLO, b"\x82\x01x"]
    assert await asyncio.gather(link.send("a"), asyncio.wait_for(link.send("b"), 1)) == [None] * 2
    assert link.send(["a", "b"]) == ("otherwise", ["a", "b"])
    link._waits = True
    assert link.send("c") == "waits"
    link._sends = False
    for call in (link.send, link.write):
        with pytest.raises(End):
            call("d")


@looped
async def test_wrong_messages(implementation: Implementation) -> None:
    link = make(implementation)
    with pytest.raises(TypeError, match="payload must be a bytes-like object or str, not int"):
        link.write(1)
    with pytest.raises(UnicodeEncodeError):
        link.write("\ud800")
    with pytest.raises(ValueError, match="C-contiguous"):
        link.write(memoryview(b"abcd")[::2])
    assert link.transport.written == []
    assert link.send(1) == ("otherwise", 1)


@looped
async def test_compression_from_a_length_on(implementation: Implementation) -> None:
    link = make(implementation)
    link._deflate = lambda data: b"<" + bytes(data) + b">"
    link._min_length = 3
    for message in ("ab", "äb", b"abc", bytearray(b"abcd")):
        link.write(message)
    assert link.transport.written == [
        b"\x81\x02ab",
        b"\xc1\x05<\xc3\xa4b>",
        b"\xc2\x05<abc>",
        b"\xc2\x06<abcd>",
    ]


@looped
async def test_control_frames_and_errors_behind_the_messages(
    implementation: Implementation,
) -> None:
    got: list[Any] = []
    link = make(implementation, lambda ws, message: got.append(message))
    feed(link, masked("a") + frame(Opcode.PING, b"p", key=KEY) + masked("b") + b"\x83\x80")
    assert got == ["a", "b"]
    assert link.told[0] == (Opcode.PING, b"p")
    assert link.told[1].close_code is CloseCode.PROTOCOL_ERROR
    assert link.told[1].__traceback__ is None
    link._is_over = True
    feed(link, masked("c"))
    assert got == ["a", "b"]


@looped
async def test_a_callback_that_raises(implementation: Implementation) -> None:
    got: list[Any] = []

    def on_message(ws: Any, message: Any) -> None:
        got.append(message)
        raise ZeroDivisionError

    link = make(implementation, on_message)
    feed(link, masked("a", "b") + frame(Opcode.PING, b"", key=KEY))
    assert got == ["a"]
    assert type(link.told[0]) is ZeroDivisionError
    assert link.told[1] == (Opcode.PING, b"")


@looped
async def test_a_socket_that_has_been_closed_is_left_to_the_transport(
    implementation: Implementation,
) -> None:
    """uvloop closes its own with the loop, and tells nobody."""
    link = make(implementation)
    one, other = socket.socketpair()
    with other:
        other.setblocking(False)
        link._write_to(one)
        one.close()
        link.write("Hello")
        link.write(b"a" * 70000)
        assert other.recv(1) == b""
    assert b"".join(link.transport.written) == HELLO + frame(Opcode.BINARY, b"a" * 70000)


def test_the_buffer_is_one_for_all_links_of_a_loop(implementation: Implementation) -> None:
    async def main() -> None:
        link = make(implementation)
        with pytest.raises(RuntimeError, match="without get_buffer"):
            link.buffer_updated(1)
        view = link.get_buffer(-1)
        del view
        for wrong in (-1, 2**18 + 1):
            link.get_buffer(-1)
            with pytest.raises(ValueError, match="nbytes must be 0 to 262144"):
                link.buffer_updated(wrong)
        held = link.get_buffer(-1)
        kept = memoryview(held)
        other = link.get_buffer(-1)
        other[0] = 1
        kept[0] = 2
        assert other[0] == 1
        with memoryview(link.get_buffer(-1)) as view:
            view[:7] = masked("a")
        link.buffer_updated(7)
        assert await link.recv() == "a"

    asyncio.run(main())


def test_a_link_is_freed_without_the_collector(implementation: Implementation) -> None:
    async def main() -> None:
        link = make(implementation)
        feed(link, masked("a", "b"))
        assert await link.recv() == "a"
        gone = weakref.ref(link)
        gc.disable()
        try:
            del link
            assert gone() is None
        finally:
            gc.enable()

    asyncio.run(main())
