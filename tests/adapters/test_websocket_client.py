"""websocket-client does the same with its codec replaced as without."""

from __future__ import annotations

import contextlib
import logging
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import processes
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import wsfast
from wsfast.frames import FrameSplitter, encode_frame

NAME = "websocket-client"

websocket: Any = pytest.importorskip("websocket")
_abnf: Any = sys.modules["websocket._abnf"]
_core: Any = sys.modules["websocket._core"]
_utils: Any = sys.modules["websocket._utils"]

TEXT = "Grüße, 你好, 🌍"
PARTS = ["UTF-8 check", "masks", "frames out", "frames in", "fragmented messages"]


@contextlib.contextmanager
def switched(on: bool) -> Iterator[None]:
    if on:
        wsfast.enable(NAME)
    try:
        yield
    finally:
        wsfast.disable(NAME)


@pytest.fixture
def enabled() -> Iterator[None]:
    with switched(True):
        yield


def states() -> dict[str, str]:
    return {part.name: part.state for part in wsfast.status()[NAME].parts}


def outcome(act: Callable[[], Any]) -> Any:
    """What it returns or raises, to be compared."""
    try:
        found = act()
    except Exception as error:
        return type(error), str(error), error.args
    if isinstance(found, tuple) and isinstance(found[-1], _abnf.ABNF):
        frame = dict(vars(found[-1]))
        frame.pop("get_mask_key")
        return found[0], type(found[-1]), frame
    return type(found), found


class Socket:
    """Gives at most as many octets at once as planned; for a 0 it is late, and then closed."""

    def __init__(self, data: bytes = b"", plan: tuple[int, ...] = ()) -> None:
        self.data = data
        self.plan = list(plan)
        self.seen: list[Any] = []

    def gettimeout(self) -> float:
        return 1.0

    def settimeout(self, timeout: float | None) -> None:
        pass

    def recv(self, bufsize: int) -> bytes:
        self.seen.append(bufsize)
        most = self.plan.pop(0) if self.plan else bufsize
        if most == 0:
            raise TimeoutError("timed out")
        piece = self.data[: min(most, bufsize)]
        self.data = self.data[len(piece) :]
        return piece

    def send(self, data: bytes) -> int:
        sent = data[: self.plan.pop(0) or 1] if self.plan else data
        self.seen.append(bytes(sent))
        return len(sent)

    def close(self) -> None:
        self.seen.append("closed")


def connection(socket: Socket, **options: Any) -> Any:
    made = websocket.WebSocket(**options)
    made.sock = socket
    made.connected = True
    return made


@contextlib.contextmanager
def recorded(seen: list[Any], trace: bool) -> Iterator[None]:
    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            message = record.getMessage()
            if message.startswith("++Rcv raw"):
                # It shows received frames masked anew, by another key.
                message = message[:10]
            seen.append((record.name, record.levelno, message))

    handler = Handler()
    websocket.enableTrace(trace, handler)
    try:
        yield
    finally:
        websocket.enableTrace(False)


# Frames in

payloads = st.one_of(
    st.binary(max_size=10),
    st.text(max_size=10).map(str.encode),
    st.sampled_from([b"a" * 125, b"b" * 126, TEXT.encode() * 9, b"c" * 4000]),
    st.sampled_from([b"", b"\xc3", b"\xff", b"\xed\xa0", b"\x03\xe8", b"\x03\xe8ok", b"\x03\xed"]),
)


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
plans = st.one_of(st.just(()), st.lists(st.integers(0, 9), max_size=20).map(tuple))
calls = st.lists(
    st.sampled_from(["recv", "recv", "recv_data", "recv_control", "recv_data_frame", "recv_frame"]),
    min_size=1,
    max_size=12,
)


@settings(max_examples=80)
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
        with switched(on), recorded(seen, trace):
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
        with switched(on):
            given = [piece, b"\x81", b"\x02hi", b"x"]
            buffer = _core.frame_buffer(lambda size: given.pop(0), False)
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


# Frames out


@settings(max_examples=80)
@given(
    st.one_of(
        st.text(st.characters(), max_size=9),
        payloads,
        payloads.map(bytearray),
        st.sampled_from([TEXT * 20, "x" * 7000, None, memoryview(b"abc"), [1, 2]]),
    ),
    st.one_of(st.sampled_from([1, 2, True]), st.integers(-1, 16)),
    st.sampled_from([None, None, b"abcd", "abcd", "äbcd", b"ab"]),
    st.booleans(),
    plans,
)
def test_what_is_sent_is_the_same(
    payload: Any, opcode: int, key: Any, trace: bool, plan: tuple[int, ...]
) -> None:
    def run(on: bool) -> list[Any]:
        seen: list[Any] = []
        drawn: list[int] = []
        with switched(on), recorded(seen if key is not None else [], trace):
            socket = Socket(plan=plan)

            def get_mask_key(length: int) -> Any:
                drawn.append(length)
                return key

            client = connection(socket, get_mask_key=None if key is None else get_mask_key)
            seen.append(outcome(lambda: client.send(payload, opcode)))
            seen.append(drawn)
        if key is not None:
            seen.append(socket.seen)
        else:
            sent = b"".join(socket.seen)
            seen.append([len(piece) for piece in socket.seen])
            seen.append(sent[:2])
            seen.append(FrameSplitter("server").split(sent, 0, opcode == 0))
        return seen

    assert run(True) == run(False)


@given(
    st.integers(-1, 2),
    st.integers(0, 2),
    st.integers(0, 15),
    st.integers(0, 2),
    payloads,
    st.booleans(),
)
@settings(max_examples=60)
def test_frames_are_formatted_the_same(
    fin: int, rsv: int, opcode: int, mask: int, payload: bytes, text: bool
) -> None:
    def run(on: bool) -> Any:
        with switched(on):
            data = payload.decode("latin-1") if text else payload
            frame = _core.ABNF(fin, rsv, 0, 0, opcode, mask, data)
            found = outcome(frame.format)
            if mask == 1 and found[0] is bytes:
                octets = found[1]
                start = len(octets) - len(data)
                key = octets[start - 4 : start]
                return octets[: start - 4], _abnf.ABNF.mask(key, octets[start:])
            return found

    assert run(True) == run(False)


def test_keys_drawn_by_somebody_else_are_used(
    enabled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.urandom", lambda length: b"fake"[:length])
    socket = Socket()
    connection(socket).send("hello")
    assert socket.seen[0][2:6] == b"fake"


def test_keys_are_not_repeated(enabled: None) -> None:
    socket = Socket()
    client = connection(socket)
    for _ in range(100):
        client.send("hello")
    assert len({sent[2:6] for sent in socket.seen}) > 95


# Masks and the UTF-8 check


@settings(max_examples=50)
@given(payloads, st.sampled_from(["abcd", b"abcd", bytearray(b"abcd"), b"", b"abcde", "ä234"]))
def test_masks_are_the_same(payload: bytes, key: Any) -> None:
    def run(on: bool) -> list[Any]:
        with switched(on):
            mask = _core.ABNF.mask
            return [
                outcome(lambda data=data: mask(key, data))  # type: ignore[misc]
                for data in (payload, bytearray(payload), payload.decode("latin-1"), None, "€")
            ]

    assert run(True) == run(False)


@settings(max_examples=50)
@given(st.one_of(st.binary(max_size=12), payloads, st.text(max_size=9).map(str.encode)))
def test_the_utf8_check_is_the_same(octets: bytes) -> None:
    plain = [_abnf.validate_utf8(octets[:end]) for end in range(min(len(octets), 50) + 1)]
    with switched(True):
        ours = [_abnf.validate_utf8(octets[:end]) for end in range(min(len(octets), 50) + 1)]
    assert ours == plain


# Switching


def test_all_is_replaced_and_put_back() -> None:
    owners = (_abnf, _core, _utils, _core.ABNF, _core.frame_buffer, _core.WebSocket)

    def members() -> list[dict[str, int]]:
        return [{name: id(value) for name, value in vars(owner).items()} for owner in owners]

    before = members()
    wsfast.enable(NAME)
    assert states() == dict.fromkeys(PARTS, "replaced")
    assert members() != before
    assert wsfast.disable(NAME) == []
    assert members() == before


@pytest.mark.parametrize("order", ["import, enable", "enable, import"])
def test_it_may_be_enabled_before_or_after_the_import(order: str) -> None:
    steps = {"import": "import websocket", "enable": f"wsfast.enable({NAME!r}, strict=True)"}
    code = "import wsfast\n" + "\n".join(steps[step] for step in order.split(", "))
    code += f"\nprint([part.state for part in wsfast.status()[{NAME!r}].parts])"
    assert processes.output(code) == str(["replaced"] * len(PARTS))


@pytest.mark.parametrize("module", ["websocket._abnf", "websocket._utils"])
def test_a_module_that_is_loaded_again_is_replaced_again(module: str) -> None:
    code = f"""if True:
        import importlib, sys, wsfast
        wsfast.enable({NAME!r}, strict=True)
        import websocket
        importlib.reload(sys.modules[{module!r}])
        del sys.modules["websocket._utils"]
        import websocket._utils
        print([part.state for part in wsfast.status()[{NAME!r}].parts])
        abnf = sys.modules["websocket._abnf"]
        print(abnf.validate_utf8.__code__.co_filename.endswith("texts.py"))
        print(wsfast.disable(), abnf.validate_utf8.__code__.co_filename.endswith("_utils.py"))"""
    assert processes.output(code).splitlines() == [
        str(["replaced"] * len(PARTS)),
        "True",
        "[] True",
    ]


TAMPERED = {
    "frames out": (_core.WebSocket, "send"),
    "frames in": (_core.frame_buffer, "recv_frame"),
    "fragmented messages": (_core.continuous_frame, "add"),
    "masks": (_core.ABNF, "mask"),
    "UTF-8 check": (_abnf, "validate_utf8"),
}


@pytest.mark.parametrize("part", TAMPERED)
@pytest.mark.parametrize("how", ["wrapped", "without a source"])
def test_unknown_code_is_left_alone(
    part: str, how: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    owner, name = TAMPERED[part]
    plain = getattr(owner, name)
    if how == "wrapped":

        def changed(*args: Any) -> Any:
            return plain(*args)
    else:
        namespace: dict[str, Any] = {"plain": plain}
        exec(f"def {name}(*args): return plain(*args)", namespace)
        changed = namespace[name]
    monkeypatch.setattr(owner, name, staticmethod(changed) if part == "masks" else changed)
    with switched(True):
        found = states()
        assert found.pop(part) == "left alone"
        # Others rest on it, too, at most.
        assert "replaced" in found.values()
        assert getattr(owner, name) is changed
        assert any(part in record.getMessage() for record in caplog.records)
    assert getattr(owner, name) is changed


def test_what_is_relied_on_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_core.frame_buffer, "clear", lambda self: None)
    with switched(True):
        assert states()["frames in"] == "left alone"
        assert "recv_frame" in vars(_core.frame_buffer)
        assert _core.frame_buffer.recv_frame.__code__.co_filename == _abnf.__file__


# Live connections


@pytest.mark.parametrize("before", [True, False])
def test_a_live_connection_goes_on(before: bool) -> None:
    octets = b"".join(
        (
            encode_frame(1, "first", mask=False),
            encode_frame(1, "second", mask=False, fin=False),
            encode_frame(0, ", its middle", mask=False, fin=False),
            encode_frame(0, "", mask=False, fin=False),
            encode_frame(0, " and end", mask=False),
            encode_frame(2, bytes(300), mask=False),
        )
    )
    for end in range(1, 60, 3):
        socket = Socket(octets, (*[1] * end, 0))
        found: list[Any] = []
        client = connection(socket)
        with switched(before):
            with pytest.raises(websocket.WebSocketTimeoutException):
                while True:
                    found.append(client.recv())
        with switched(not before):
            while len(found) < 3:
                found.append(client.recv())
        assert found == ["first", "second, its middle and end", bytes(300)]


# Memory


def allocated(act: Callable[[], Any]) -> tuple[int, int]:
    act()
    tracemalloc.start()
    try:
        kept = act()
        found = tracemalloc.get_traced_memory()
        del kept
    finally:
        tracemalloc.stop()
    return found


def test_an_idle_connection_costs_hardly_more() -> None:
    def make() -> list[Any]:
        octets = encode_frame(1, "hello", mask=False)
        clients = [connection(Socket(octets)) for _ in range(20)]
        for client in clients:
            client.recv()
        return clients

    plain = allocated(make)[0]
    with switched(True):
        assert (allocated(make)[0] - plain) / 20 <= 512


def test_a_long_message_takes_no_more_memory() -> None:
    octets = encode_frame(1, "x" * (4 << 20), mask=False)

    def receive() -> Any:
        return connection(Socket(octets)).recv()

    def send() -> Any:
        return connection(Socket()).send(bytes(4 << 20), 2)

    for act in (receive, send):
        if act is receive and "wsaccel" not in sys.modules:
            # Its own check in Python takes minutes under a tracer; it needs no memory.
            continue
        plain = allocated(act)[1]
        with switched(True):
            assert allocated(act)[1] <= 1.05 * plain
