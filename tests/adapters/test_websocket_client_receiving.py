"""websocket-client, frames in: the same with its codec replaced as without."""

from __future__ import annotations

import contextlib
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from switching import runs, switched
from websocket_client_sockets import (
    NAME,
    TEXT,
    Socket,
    abnf,
    connection,
    core,
    outcome,
    payloads,
    plans,
    recorded,
    websocket,
)

from wsfast.frames import FrameSplitter, encode_frame


@pytest.fixture
def enabled() -> Iterator[None]:
    with switched(NAME, True):
        yield


def in_frame(first: int, payload: bytes, key: bytes | None) -> bytes:
    frame = bytearray(encode_frame(2, payload, mask=key is not None, masking_key=key))
    frame[0] = first
    return bytes(frame)


firsts = st.one_of(
    st.sampled_from([0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x88, 0x89, 0x8A]), st.integers(0, 255)
)
frames = st.tuples(firsts, payloads, st.sampled_from([None, None, None, b"abcd"]))
# Frames, and octets that are none.
streams = st.lists(st.one_of(frames, frames, frames, st.binary(max_size=4)), max_size=6)


calls = st.lists(
    st.sampled_from(["recv", "recv", "recv_data", "recv_control", "recv_data_frame", "recv_frame"]),
    min_size=1,
    max_size=12,
)


@runs(80)
@example([(0x81, b"a" * 65536, None)], (), ["recv"], False, False, False)
@example(
    [(0x02, b"a" * 40000, None), (0x80, b"a" * 65536, b"abcd")], (), ["recv"], True, False, True
)
@given(streams, plans, calls, st.booleans(), st.booleans(), st.booleans())
def test_what_is_received_is_the_same(
    stream: list[Any], plan: tuple[int, ...], names: list[str], skip: bool, fire: bool, trace: bool
) -> None:
    octets = b"".join(piece if isinstance(piece, bytes) else in_frame(*piece) for piece in stream)

    def run(on: bool) -> list[Any]:
        seen: list[Any] = []
        with switched(NAME, on), recorded(seen, trace):
            socket = Socket(octets, plan)
            client = connection(
                socket,
                skip_utf8_validation=skip,
                fire_cont_frame=fire,
                get_mask_key=lambda length: b"wxyz",
            )
            act = {
                "recv": client.recv,
                "recv_data": client.recv_data,
                "recv_control": lambda: client.recv_data(control_frame=True),
                "recv_data_frame": lambda: client.recv_data_frame(True),
                "recv_frame": lambda: (0, client.recv_frame()),
            }
            for name in names:
                buffer, message = client.frame_buffer, client.cont_frame
                seen.append(outcome(act[name]))
                mask = buffer.mask_value if hasattr(buffer, "mask_value") else buffer.mask
                seen.append((buffer.header, buffer.length, mask, list(buffer.recv_buffer)))
                seen.append((message.cont_data, message.recving_frames, client.connected))
            seen.append(socket.seen)
        return seen

    assert run(True) == run(False)


@pytest.mark.parametrize("piece", [None, "ab", 7, bytearray(b"ab"), b"too much"])
def test_odd_things_received_are_treated_the_same(piece: Any) -> None:
    def run(on: bool) -> list[Any]:
        with switched(NAME, on):
            given = [piece, b"\x81", b"\x02hi", b"x"]
            buffer = core.frame_buffer(lambda size: given.pop(0), False)
            seen = []
            for _ in range(4):
                seen.append(outcome(lambda: (0, buffer.recv_frame())))
                seen.append(outcome(lambda: buffer.recv_strict(3)))
                seen.append(list(buffer.recv_buffer))
            return seen

    assert run(True) == run(False)


@pytest.mark.usefixtures("enabled")
def test_overridden_methods_are_called() -> None:
    class Client(websocket.WebSocket):
        def recv_frame(self) -> Any:
            frame = super().recv_frame()
            frame.data += b"!"
            return frame

        def send_frame(self, frame: Any) -> int:
            frame.data += b"!"
            return super().send_frame(frame)

    socket = Socket(encode_frame(1, "hello", mask=False))
    client = Client()
    client.sock = socket
    assert client.recv() == "hello!"
    client.send("hello")
    assert FrameSplitter("server").split(socket.seen[-1])[0] == [(0x81, b"hello!")]
    octets = iter((b"\x81\x02", b"hi"))
    client.frame_buffer.recv_strict = lambda size: next(octets)
    assert client.recv_frame().data == b"hi!"


def test_a_message_of_many_fragments_is_joined_in_linear_time(enabled: None) -> None:
    fragment, count = bytes(4096), 8192
    octets = [encode_frame(2, fragment, mask=False, fin=False)]
    octets += [encode_frame(0, fragment, mask=False, fin=False)] * (count - 2)
    octets += [encode_frame(0, b"end", mask=False)]
    at = iter(octets)
    client = websocket.WebSocket()
    rest = b""

    def read(size: int) -> bytes:
        nonlocal rest
        rest = rest or next(at)
        piece, rest = rest[:size], rest[size:]
        return piece

    client.frame_buffer.recv = read
    message = client.recv()
    assert type(message) is bytes
    assert len(message) == 4096 * (count - 1) + 3


def test_many_small_fragments_take_about_their_room(enabled: None) -> None:
    count = 50_000
    octets = encode_frame(2, b"ab", mask=False, fin=False)
    octets += encode_frame(0, b"ab", mask=False, fin=False) * count
    client = connection(Socket())
    at = 0

    def read(size: int) -> bytes:
        nonlocal at
        at += size
        if at > len(octets):
            raise EOFError
        return octets[at - size : at]

    client.frame_buffer.recv = read
    tracemalloc.start()
    try:
        with pytest.raises(EOFError):
            client.recv()
        assert tracemalloc.get_traced_memory()[0] < 10 * count
    finally:
        tracemalloc.stop()
    assert client.cont_frame.cont_data == [2, b"ab" * (count + 1)]


class Interrupted(Socket):
    """Somebody presses Ctrl-C in one of the reads."""

    def __init__(self, data: bytes, at: int) -> None:
        super().__init__(data)
        self.at = at

    def recv(self, bufsize: int) -> bytes:
        if len(self.seen) == self.at:
            self.seen.append("interrupted")
            raise KeyboardInterrupt
        # The long ones don't come at once.
        return super().recv(min(bufsize, 100))


WIRE = b"".join(
    (
        encode_frame(1, TEXT, mask=False),
        encode_frame(9, b"ping", mask=False),
        encode_frame(1, "x" * 300, mask=False),
        encode_frame(2, b"y" * 70000, mask=False),
        encode_frame(1, "frag", mask=False, fin=False),
        encode_frame(10, b"pong", mask=False),
        encode_frame(0, "ment", mask=False),
        encode_frame(2, b"masked", mask=True),
        encode_frame(1, b"\xc3", mask=False),
        encode_frame(1, b"\xff", mask=False),
        encode_frame(8, b"\x03\xe8", mask=False),
    )
)


@pytest.mark.parametrize("skip", [False, True])
def test_an_interrupt_leaves_the_same_behind(skip: bool) -> None:
    def run(on: bool, at: int) -> list[Any]:
        with switched(NAME, on):
            socket = Interrupted(WIRE, at)
            client = connection(
                socket, skip_utf8_validation=skip, get_mask_key=lambda length: b"wxyz"
            )
            seen: list[Any] = []
            for _ in range(10):
                try:
                    seen.append(outcome(client.recv))
                except KeyboardInterrupt:
                    seen.append((client.readlock.locked(), client.frame_buffer.lock.locked()))
                buffer, message = dict(vars(client.frame_buffer)), client.cont_frame
                del buffer["lock"], buffer["recv"]
                buffer["recv_buffer"] = list(buffer["recv_buffer"])
                seen.append((buffer, list(message.cont_data or ()), message.recving_frames))
            return [*seen, socket.seen]

    for at in (*range(30), *range(700, 760)):
        assert run(True, at) == run(False, at)


def test_what_is_traced_is_asked_once_the_frame_is_there() -> None:
    def run(on: bool) -> list[Any]:
        seen: list[Any] = []
        with switched(NAME, on), contextlib.ExitStack() as stack:
            octets = encode_frame(1, "hello", mask=False)
            client = connection(Socket(octets * 2), get_mask_key=lambda length: b"wxyz")
            read = client.frame_buffer.recv

            def recv(size: int) -> Any:
                client.frame_buffer.recv = read
                stack.enter_context(recorded(seen, True))
                return read(size)

            client.frame_buffer.recv = recv
            seen.append(client.recv())
            return seen

    assert run(True) == run(False)
    assert len(run(True)) == 3


def test_a_class_that_receives_by_itself_needs_nothing_else(enabled: None) -> None:
    class Client(websocket.WebSocket):
        def __init__(self) -> None:
            self.readlock = contextlib.nullcontext()

        def recv_data(self, control_frame: bool = False) -> tuple[int, bytes]:
            return 1, TEXT.encode()

    assert Client().recv() == TEXT

    class Alike:
        readlock = contextlib.nullcontext()
        recv_data = Client.recv_data

    assert websocket.WebSocket.recv(Alike()) == TEXT


def test_a_frame_buffer_changed_since_is_asked(
    enabled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        core.frame_buffer, "recv_frame", lambda self: abnf.ABNF.create_frame(b"mine", 2)
    )
    assert connection(Socket(encode_frame(1, "theirs", mask=False))).recv() == b"mine"
