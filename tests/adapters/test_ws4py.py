"""ws4py does the same with its codec replaced as without."""

from __future__ import annotations

import contextlib
import gc
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

NAME = "ws4py"

pytest.importorskip("ws4py.websocket")
streaming: Any = sys.modules["ws4py.streaming"]
framing: Any = sys.modules["ws4py.framing"]
messaging: Any = sys.modules["ws4py.messaging"]
utf8validator: Any = sys.modules["ws4py.utf8validator"]
WebSocket: Any = sys.modules["ws4py.websocket"].WebSocket

TEXT = "Grüße, 你好, 🌍"
PARTS = ["masks", "validator", "frames in", "messages"]


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
    try:
        found = act()
    except Exception as error:
        return type(error), str(error)
    return type(found), found


# Frames in

payloads = st.one_of(
    st.binary(max_size=10),
    st.text(max_size=10).map(str.encode),
    st.sampled_from([b"a" * 125, b"b" * 126, TEXT.encode() * 9, b"c" * 400]),
    st.sampled_from([b"", b"\xc3", b"\xff", b"\xed\xa0", b"\x03\xe8", b"\x03\xe8ok", b"\x03\xed"]),
)


def in_frame(first: int, payload: bytes, mask: bool) -> bytes:
    frame = bytearray(encode_frame(2, payload, mask=mask, masking_key=b"abcd" if mask else None))
    frame[0] = first
    return bytes(frame)


firsts = st.one_of(
    st.sampled_from([0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x88, 0x89, 0x8A]), st.integers(0, 255)
)
frames = st.tuples(firsts, payloads, st.sampled_from([True, True, True, False]))
# How the octets of a frame are handed over: so many at once, or as many as were asked for.
cuts = st.one_of(st.just([]), st.just(None), st.lists(st.integers(0, 9), max_size=9))


def seen_of(stream: Any) -> list[Any]:
    seen: list[Any] = [type(stream.message)]
    if stream.message is not None:
        seen.append((type(stream.message.data), stream.message.data, stream.message.completed))
    seen += [[(type(ping.data), ping.data) for ping in stream.pings]]
    seen += [[(type(pong.data), pong.data) for pong in stream.pongs]]
    seen += [[(error.code, error.reason) for error in stream.errors]]
    if stream.closing is not None:
        seen.append((stream.closing.code, stream.closing.reason))
    return seen


@settings(max_examples=80)
@given(st.lists(st.tuples(frames, cuts, st.booleans()), max_size=6), st.booleans())
@example([((0x81, b"a" * 65536, True), None, True)], True)
@example([((0x82, b"a" * 65536, True), [3, 5, 2, 60000], True)], False)
def test_what_is_received_is_the_same(received: list[Any], expects_mask: bool) -> None:
    def run(on: bool) -> list[Any]:
        seen: list[Any] = []
        with switched(on):
            stream = streaming.Stream(expect_masking=expects_mask)
            wanted: Any = 2
            for (first, payload, mask), cut, takes in received:
                octets = in_frame(first, payload, mask == expects_mask)
                sizes = None if cut is None else list(cut)
                while octets:
                    if sizes is None:
                        size = wanted
                    else:
                        size = sizes.pop(0) if sizes else len(octets)
                    piece, octets = octets[:size], octets[size:]
                    try:
                        wanted = stream.parser.send(piece)
                    except Exception as error:
                        seen.append((type(error), str(error)))
                        return seen
                    seen.append(wanted)
                    seen.append(seen_of(stream))
                    if takes and stream.has_message:
                        stream.message = None
        return seen

    assert run(True) == run(False)


@settings(max_examples=40)
@given(st.lists(frames, max_size=5), st.sampled_from([1, 2, 7, 100, 1000]))
def test_a_websocket_does_the_same(received: list[Any], most: int) -> None:
    octets = b"".join(in_frame(*frame) for frame in received)

    class Socket:
        def __init__(self) -> None:
            self.data = octets
            self.seen: list[Any] = []

        def recv(self, size: int) -> bytes:
            self.seen.append(size)
            piece = self.data[: min(size, most)]
            self.data = self.data[len(piece) :]
            return piece

        def sendall(self, data: bytes) -> None:
            self.seen.append(bytes(data))

    def run(on: bool) -> list[Any]:
        seen: list[Any] = []

        class Client(WebSocket):  # type: ignore[misc]
            def received_message(self, message: Any) -> None:
                seen.append((type(message), outcome(lambda: str(message)), message.data))

            def ponged(self, pong: Any) -> None:
                seen.append(pong.data)

        with switched(on):
            client = Client(Socket())
            try:
                while client.once():
                    pass
            except Exception as error:
                seen.append((type(error), str(error)))
            seen.append(client.sock.seen)
        return seen

    assert run(True) == run(False)


def test_a_closed_parser_frees_its_stream(enabled: None) -> None:
    for octets in (b"", encode_frame(1, "whole", mask=False), encode_frame(9, "ping", mask=False)):
        stream = streaming.Stream(expect_masking=False)
        stream.parser.send(octets)
        stream.parser.close()
        assert (stream.message, stream.errors, stream._parser) == (None, None, None)


@pytest.mark.parametrize("before", [True, False])
def test_a_live_connection_goes_on(before: bool) -> None:
    octets = b"".join(
        (
            encode_frame(1, TEXT, mask=False),
            encode_frame(1, TEXT.encode()[:9], mask=False, fin=False),
            encode_frame(0, TEXT.encode()[9:], mask=False),
            encode_frame(2, bytes(300), mask=False),
        )
    )
    for end in range(1, len(octets), 9):
        stream = streaming.Stream(expect_masking=False)
        found = []
        wanted = 2
        at = 0
        for on, stop in ((before, end), (not before, len(octets))):
            with switched(on):
                while at < stop:
                    piece = octets[at : at + wanted]
                    at += len(piece)
                    wanted = stream.parser.send(piece)
                    if stream.has_message:
                        found.append(stream.message.data)
                        stream.message = None
        assert found == [TEXT.encode(), TEXT.encode(), bytes(300)]


# Messages and masks


@settings(max_examples=60)
@given(payloads, st.integers(-1, 16), st.booleans(), st.booleans(), st.booleans())
def test_what_is_sent_is_the_same(
    payload: bytes, opcode: int, mask: bool, first: bool, last: bool
) -> None:
    def run(on: bool) -> list[Any]:
        seen = []
        with switched(on):
            message = messaging.Message(opcode, payload)
            for act in (message.single, lambda mask: message.fragment(first, last, mask)):
                found = outcome(lambda act=act: act(mask))  # type: ignore[misc]
                if found[0] is bytes and mask:
                    sent = found[1]
                    start = len(sent) - len(payload)
                    frame = framing.Frame(masking_key=sent[start - 4 : start])
                    found = sent[: start - 4], frame.unmask(sent[start:])
                seen.append(found)
            for kind in (messaging.TextMessage, messaging.BinaryMessage):
                message = kind(payload)
                seen += [outcome(lambda message=message: str(message))]  # type: ignore[misc]
                seen += [outcome(lambda message=message: len(message))]  # type: ignore[misc]
        return seen

    assert run(True) == run(False)


def test_keys_drawn_by_somebody_else_are_used(
    enabled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.urandom", lambda length: b"fake"[:length])
    assert messaging.TextMessage("hello").single(mask=True)[2:6] == b"fake"


def test_keys_are_not_repeated(enabled: None) -> None:
    message = messaging.TextMessage("hello")
    assert len({message.single(mask=True)[2:6] for _ in range(100)}) > 95


@settings(max_examples=60)
@given(
    payloads,
    st.sampled_from(
        [b"abcd", bytearray(b"abcd"), b"abcdef", [1, 2, 3, 4], b"ab", b"", None, "abcd"]
    ),
)
def test_masks_are_the_same(payload: bytes, key: Any) -> None:
    def run(on: bool) -> list[Any]:
        with switched(on):
            frame = framing.Frame(masking_key=key)
            return [
                outcome(lambda act=act, data=data: act(data))  # type: ignore[misc]
                for act in (frame.mask, frame.unmask)
                for data in (payload, bytearray(payload), memoryview(payload))
            ]

    assert run(True) == run(False)


octets_of_texts = st.lists(
    st.sampled_from(
        [b"a", b"\xc3", b"\xa4", b"\xe4\xbd", b"\xe0", b"\xed", b"\xf0\x9f", b"\xf4", b"\x8f"]
    )
    | st.binary(max_size=3)
    | st.text(max_size=3).map(str.encode),
    max_size=5,
)


@settings(max_examples=60)
@given(octets_of_texts)
def test_validators_are_the_same(pieces: list[bytes]) -> None:
    def run(on: bool) -> list[Any]:
        with switched(on):
            validator = utf8validator.Utf8Validator()
            return [
                (outcome(lambda piece=piece: validator.validate(piece)), dict(vars(validator)))  # type: ignore[misc]
                for piece in (*pieces, *map(bytearray, pieces), *map(list, pieces))
            ]

    assert run(True) == run(False)


# Switching


def test_all_is_replaced_and_put_back() -> None:
    owners = (streaming.Stream, framing.Frame, messaging.Message, utf8validator.Utf8Validator)

    def members() -> list[dict[str, int]]:
        return [{name: id(value) for name, value in vars(owner).items()} for owner in owners]

    before = members()
    wsfast.enable(NAME)
    assert states() == dict.fromkeys(PARTS, "replaced")
    assert all(here != there for here, there in zip(members(), before, strict=True))
    assert framing.Frame.mask is framing.Frame.unmask
    assert wsfast.disable(NAME) == []
    assert members() == before


@pytest.mark.parametrize("order", ["import, enable", "enable, import"])
def test_it_may_be_enabled_before_or_after_the_import(order: str) -> None:
    steps = {"import": "import ws4py.websocket", "enable": f"wsfast.enable({NAME!r}, strict=True)"}
    code = "import wsfast\n" + "\n".join(steps[step] for step in order.split(", "))
    code += f"\nprint([part.state for part in wsfast.status()[{NAME!r}].parts])"
    assert processes.output(code, WSFAST_ADAPTERS_FORCE="1") == str(["replaced"] * len(PARTS))


TAMPERED = {
    "masks": (framing.Frame, "mask"),
    "validator": (utf8validator.Utf8Validator, "validate"),
    "frames in": (streaming.Stream, "receiver"),
    "messages": (messaging.Message, "single"),
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
    before = {name: id(value) for name, value in vars(owner).items()}
    monkeypatch.setattr(owner, name, changed)
    with switched(True):
        assert states() == dict.fromkeys(PARTS, "replaced") | {part: "left alone"}
        for member, value in vars(owner).items():
            assert member == name or id(value) == before[member] or member in ("__str__",)
        assert any(part in record.getMessage() for record in caplog.records)
    assert getattr(owner, name) is changed


# Memory


def test_an_idle_connection_costs_hardly_more() -> None:
    def make() -> list[Any]:
        streams = [streaming.Stream() for _ in range(20)]
        for stream in streams:
            stream.parser.send(encode_frame(1, "hello", mask=True))
            stream.message = None
        return streams

    def allocated() -> int:
        make()
        gc.collect()
        tracemalloc.start()
        try:
            kept = make()
            found = tracemalloc.get_traced_memory()[0]
            del kept
        finally:
            tracemalloc.stop()
        return found

    plain = allocated()
    with switched(True):
        assert (allocated() - plain) / 20 <= 512


def test_the_frames_sent_are_whole(enabled: None) -> None:
    message = messaging.TextMessage(TEXT)
    assert FrameSplitter("server").split(message.single(mask=True))[0] == [(0x81, TEXT.encode())]
