"""get_buffer() and buffer_updated(): the way in for recv_into and asyncio.BufferedProtocol."""

from __future__ import annotations

import ctypes
import socket
from collections.abc import Callable
from typing import Any

import pytest
from implementations import Implementation
from oracle import signature
from streams import KEY, frame

from wsfast import exceptions
from wsfast.protocol import RECEIVE_BUFFER_LENGTH

Make = Callable[..., Any]


@pytest.fixture(params=["FrameDecoder", "MessageDecoder"])
def make(implementation: Implementation, request: pytest.FixtureRequest) -> Make:
    """Either decoder."""
    module = implementation.frames if "Frame" in request.param else implementation.messages
    found: Make = getattr(module, request.param)
    return found


def _receive(decoder: Any, data: bytes) -> list[Any]:
    found = []
    while data:
        view = decoder.get_buffer()
        count = min(len(view), len(data))
        view[:count] = data[:count]
        found += decoder.buffer_updated(count)
        data = data[count:]
    return found


def _payloads(found: list[Any]) -> list[bytes]:
    return [item[1] if isinstance(item, tuple) else item.payload for item in found]


def _refused(expected: Exception, call: Any, *args: Any) -> None:
    with pytest.raises(type(expected)) as caught:
        call(*args)
    assert type(caught.value) is type(expected)
    assert str(caught.value) == str(expected)


def test_the_buffer_is_a_writable_view_of_octets(make: Make) -> None:
    view = make("server").get_buffer()
    assert type(view) is memoryview
    assert (view.format, view.itemsize, view.ndim, view.readonly) == ("B", 1, 1, False)
    assert len(view) >= RECEIVE_BUFFER_LENGTH == 2**16


@pytest.mark.parametrize("sizehint", [-1, 0, 1, 2**16, 2**20, 2**40, 2**100, -(2**100), True])
def test_a_hint_is_only_a_hint(make: Make, sizehint: int) -> None:
    view = make("server").get_buffer(sizehint)
    assert RECEIVE_BUFFER_LENGTH <= len(view) <= 2**24
    assert len(make("server").get_buffer(sizehint=sizehint)) >= 1


@pytest.mark.parametrize("sizehint", [None, "1", 1.0])
def test_a_hint_has_to_be_an_integer(make: Make, sizehint: Any) -> None:
    _refused(exceptions.not_an_integer("sizehint", sizehint), make("server").get_buffer, sizehint)


def test_the_same_view_is_given_until_it_is_used(make: Make) -> None:
    decoder = make("server")
    view = decoder.get_buffer()
    view[:3] = b"\x82\x81k"
    assert decoder.get_buffer() is view
    assert decoder.get_buffer(5) is view
    assert view[:3] == b"\x82\x81k"
    decoder.buffer_updated(3)
    with pytest.raises(ValueError, match="released"):
        view[0]
    other = decoder.get_buffer()
    assert other is not view
    other[:4] = b"eyx" + bytes([ord("k") ^ ord("!")])
    assert _payloads(decoder.buffer_updated(4)) == [b"!"]


def test_only_the_octets_updated_count(make: Make) -> None:
    decoder = make("client")
    wire = frame(2, b"abc")
    for at in range(len(wire)):
        view = decoder.get_buffer()
        view[:1] = wire[at : at + 1]
        view[1:3] = b"\xff\xff"[: len(view) - 1]
        found = decoder.buffer_updated(1)
    assert _payloads(found) == [b"abc"]


def test_nothing_updated_gives_nothing(make: Make) -> None:
    decoder = make("client")
    view = decoder.get_buffer()
    view[:3] = b"\xff\xff\xff"
    assert decoder.buffer_updated(0) == []
    with pytest.raises(RuntimeError, match=r"without get_buffer\(\)"):
        decoder.buffer_updated(0)
    assert _payloads(_receive(decoder, frame(2, b"abc"))) == [b"abc"]


def test_an_update_without_a_buffer_is_refused(make: Make) -> None:
    decoder = make("client")
    for nbytes in (0, 1):
        _refused(exceptions.no_buffer(), decoder.buffer_updated, nbytes)
    assert _payloads(_receive(decoder, frame(2, b"abc"))) == [b"abc"]
    _refused(exceptions.no_buffer(), decoder.buffer_updated, 1)


def test_an_update_beyond_the_buffer_is_refused_and_changes_nothing(make: Make) -> None:
    decoder = make("client")
    view = decoder.get_buffer()
    size = len(view)
    for nbytes in (-1, size + 1, 2**31, 2**63, 2**64, 2**100, -(2**100)):
        _refused(exceptions.wrong_update(nbytes, size), decoder.buffer_updated, nbytes)
    for wrong in (None, "1", 1.0):
        _refused(exceptions.not_an_integer("nbytes", wrong), decoder.buffer_updated, wrong)
    assert decoder.get_buffer() is view
    view[:5] = frame(2, b"abc")
    assert _payloads(decoder.buffer_updated(5)) == [b"abc"]


def test_a_whole_buffer_may_be_updated(make: Make) -> None:
    decoder = make("client")
    view = decoder.get_buffer()
    unit = frame(9, b"1234567890")
    count = len(view) // len(unit)
    view[:] = (unit * (count + 1))[: len(view)]
    rest = (unit * (count + 1))[len(view) :]
    found = decoder.buffer_updated(len(view))
    found += _receive(decoder, rest)
    assert _payloads(found) == [b"1234567890"] * (count + 1)


@pytest.mark.parametrize("length", [0, 1, 100, 65535, 65536, 65537, 200000, 1 << 20])
@pytest.mark.parametrize("side", ["client", "server"])
def test_payloads_of_every_size(make: Make, side: str, length: int) -> None:
    key = KEY if side == "server" else None
    payload = (bytes(range(251)) * (length // 251 + 1))[:length]
    wire = frame(9, b"before", key=key) + frame(2, payload, key=key) + frame(9, b"after", key=key)
    found = _receive(make(side), wire)
    assert _payloads(found) == [b"before", payload, b"after"]
    assert all(type(received) is bytes for received in _payloads(found))


@pytest.mark.parametrize("step", [1, 1000, 4096, 30000, 65536, 10**6])
def test_a_long_payload_comes_in_reads_of_any_size(make: Make, step: int) -> None:
    payload = bytes(range(251)) * (400 if step > 1 else 20)
    wire = frame(2, payload, key=KEY) * 2
    decoder, found = make("server"), []
    for at in range(0, len(wire), step):
        found += _receive(decoder, wire[at : at + step])
    assert _payloads(found) == [payload] * 2


def test_inside_a_payload_the_buffer_takes_64_kib_or_its_rest(make: Make) -> None:
    for length in (10, 1000, 65536, 500000):
        decoder = make("client")
        _receive(decoder, frame(2, declared=length, bits=64 if length > 65535 else None))
        rest = length
        while rest:
            size = len(decoder.get_buffer())
            assert size >= RECEIVE_BUFFER_LENGTH or size == rest
            count = min(size, rest, 3000)
            decoder.get_buffer()[:count] = b"x" * count
            found = decoder.buffer_updated(count)
            rest -= count
        assert _payloads(found) == [b"x" * length]


def test_feeding_takes_the_view_back(make: Make) -> None:
    decoder = make("server")
    wire = frame(2, b"abc", key=KEY)
    view = decoder.get_buffer()
    view[:1] = b"\xff"
    assert decoder.feed(wire[:3]) == []
    with pytest.raises(ValueError, match="released"):
        view[0]
    _refused(exceptions.no_buffer(), decoder.buffer_updated, 1)
    view = decoder.get_buffer()
    assert _payloads(decoder.feed(wire[3:])) == [b"abc"]
    with pytest.raises(ValueError, match="released"):
        len(view)


def test_feeding_is_refused_while_somebody_exports_the_view(make: Make) -> None:
    for begun in (0, 8):
        decoder = make("server")
        wire = frame(2, b"abc" * 30000, key=KEY)
        assert decoder.feed(wire[:begun]) == []
        held = ctypes.c_char.from_buffer(decoder.get_buffer())
        for _ in range(2):
            _refused(exceptions.buffer_is_exported(), decoder.feed, wire[begun:])
        del held
        assert _payloads(decoder.feed(wire[begun:])) == [b"abc" * 30000]
        assert _payloads(_receive(decoder, wire)) == [b"abc" * 30000]


def test_feeding_under_a_slice_of_the_view_is_refused_or_safe(make: Make) -> None:
    decoder = make("client")
    wire = frame(2, b"a" * 70000)
    decoder.feed(wire[:20])
    held = decoder.get_buffer()[:]
    try:
        found = decoder.feed(wire[20:])
    except RuntimeError as error:
        assert str(error) == str(exceptions.buffer_is_exported())
        held.release()
        found = decoder.feed(wire[20:])
    else:
        held[:] = b"z" * len(held)
    assert _payloads(found) == [b"a" * 70000]
    assert _payloads(_receive(decoder, wire)) == [b"a" * 70000]


@pytest.mark.parametrize("length", [100, 3000, 65536, 65536 * 3])
def test_a_payload_does_not_change_through_a_view_of_its_buffer(make: Make, length: int) -> None:
    decoder = make("client")
    wire = frame(2, b"a" * length)
    head = len(wire) - length
    held, found = [], _receive(decoder, wire[:head])
    at = head
    while at < len(wire):
        view = decoder.get_buffer()
        held.append(view[:])
        count = min(len(view), len(wire) - at)
        view[:count] = wire[at : at + count]
        found += decoder.buffer_updated(count)
        at += count
    [payload] = _payloads(found)
    for view in held:
        view[:] = b"z" * len(view)
    assert payload == b"a" * length
    for view in held:
        view.release()
    assert _payloads(_receive(decoder, wire)) == [b"a" * length]


def test_messages_do_not_change_through_a_view_of_their_buffer(
    implementation: Implementation,
) -> None:
    for text in (False, True):
        decoder = implementation.messages.MessageDecoder("client")
        opcode, payload = (1, "é".encode() * 40000) if text else (2, b"a" * 80000)
        wire = frame(opcode, payload[:50000], fin=False) + frame(0, payload[50000:])
        held: list[memoryview] = []
        found: list[Any] = []
        while wire:
            view = decoder.get_buffer()
            held.append(view[:])
            count = min(len(view), len(wire), 20000)
            view[:count] = wire[:count]
            found += decoder.buffer_updated(count)
            wire = wire[count:]
            for view in held:
                view[:] = b"\xff" * len(view)
        assert found == [(opcode, payload.decode() if text else payload)]


def test_reads_come_either_way_at_any_octet(make: Make) -> None:
    wire = frame(1, b"Hello", key=KEY) + frame(2, bytes(300), key=KEY) + frame(9, b"p", key=KEY)
    for cut in range(1, len(wire)):
        decoder = make("server")
        assert len(decoder.feed(wire[:cut]) + _receive(decoder, wire[cut:])) == 3
        decoder = make("server")
        assert len(_receive(decoder, wire[:cut]) + decoder.feed(wire[cut:])) == 3


def test_an_error_by_an_update_brings_what_was_complete(make: Make) -> None:
    decoder = make("client")
    data = frame(2, b"abc") + b"\x83"
    view = decoder.get_buffer()
    view[: len(data)] = data
    with pytest.raises(exceptions.RemoteProtocolError) as caught:
        decoder.buffer_updated(len(data))
    assert signature(caught.value) == signature(exceptions.reserved_opcode(3))
    assert _payloads(caught.value.completed) == [b"abc"]
    for call in (decoder.get_buffer, decoder.finish, lambda: decoder.feed(b"")):
        with pytest.raises(exceptions.RemoteProtocolError) as again:
            call()
        assert signature(again.value) == signature(caught.value)
        assert again.value.completed == []


def test_the_buffer_takes_what_a_socket_gives(make: Make) -> None:
    payload = bytes(range(256)) * 1200
    wire = frame(2, payload, key=KEY) + frame(9, b"end", key=KEY)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        decoder, sent = make("server"), 0
        found: list[Any] = []
        while len(found) < 2:
            if sent < len(wire):
                sent += theirs.send(wire[sent : sent + 8192])
            found += decoder.buffer_updated(ours.recv_into(decoder.get_buffer()))
    assert _payloads(found) == [payload, b"end"]


def test_a_decoder_may_go_while_its_buffer_is_held(make: Make) -> None:
    decoder = make("client")
    decoder.feed(frame(2, b"abc", declared=100000, bits=64))
    view = decoder.get_buffer()
    held = view[:]
    view[:5] = b"defgh"
    del decoder, view
    held[:5] = b"12345"
    assert held[:5] == b"12345"


@pytest.mark.parametrize("where", ["at the start", "inside a payload"])
def test_the_buffer_of_a_claimed_length_is_small(make: Make, where: str) -> None:
    option = {"max_payload_length": None}
    if make.__name__ == "MessageDecoder":
        option["max_message_length"] = None
    decoder = make("client", **option)
    if where == "inside a payload":
        decoder.feed(frame(2, b"0123456789", declared=2**63 - 1, bits=64))
    assert len(decoder.get_buffer()) < 2**22


def test_parts_come_through_the_buffer(implementation: Implementation) -> None:
    decoder = implementation.frames.FrameDecoder("server", partial=True)
    payload = bytes(range(256)) * 600
    found = _receive(decoder, frame(2, payload, key=KEY))
    assert b"".join(part.data for part in found) == payload
    assert all(type(part.data) is bytes for part in found)
    offsets = [part.offset for part in found]
    assert offsets == [sum(len(part.data) for part in found[:n]) for n in range(len(found))]
    assert [part.last for part in found] == [False] * (len(found) - 1) + [True]
