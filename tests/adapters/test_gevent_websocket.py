"""gevent-websocket does the same with its codec replaced as without. It has no tests of its own."""

from __future__ import annotations

import contextlib
import io
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import processes
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import wsfast
from wsfast.frames import encode_frame

NAME = "gevent-websocket"

pytest.importorskip("geventwebsocket")
module: Any = sys.modules["geventwebsocket.websocket"]
utf8validator: Any = sys.modules["geventwebsocket.utf8validator"]

TEXT = "Grüße, 你好, 🌍"
HAS_ITS_VALIDATOR = utf8validator.Utf8Validator.__module__ == utf8validator.__name__
EXPECTED = {
    "masks": "replaced",
    "validator": "replaced" if HAS_ITS_VALIDATOR else "not applicable",
    "messages in": "replaced",
}


@contextlib.contextmanager
def switched(on: bool) -> Iterator[None]:
    if on:
        wsfast.enable(NAME)
    try:
        yield
    finally:
        wsfast.disable(NAME)


def states() -> dict[str, str]:
    return {part.name: part.state for part in wsfast.status()[NAME].parts}


def outcome(act: Callable[[], Any]) -> Any:
    try:
        found = act()
    except Exception as error:
        return type(error), str(error)
    return type(found), found


class Stream(io.BytesIO):
    """What is read, and what is written, apart; a read gives no more than `most`."""

    def __init__(self, octets: bytes = b"", breaks_at: int | None = None) -> None:
        super().__init__(octets)
        self.seen: list[Any] = []
        self.breaks_at = breaks_at

    def read(self, size: int | None = -1) -> bytes:
        self.seen.append(size)
        if self.breaks_at is not None and self.tell() >= self.breaks_at:
            raise OSError("it broke")
        return super().read(size)

    def write(self, data: Any) -> int:
        self.seen.append(bytes(data))
        return len(data)


class Handler:
    def __init__(self, seen: list[Any]) -> None:
        self.seen = seen
        self.server = self
        self.application = self
        self.current_app = self
        self.logger = self

    def debug(self, message: str) -> None:
        self.seen.append(message)

    def on_close(self, message: str) -> None:
        self.seen.append(message)


payloads = st.one_of(
    st.binary(max_size=10),
    st.text(max_size=10).map(str.encode),
    st.sampled_from([b"a" * 125, b"b" * 126, TEXT.encode() * 9, b"c" * 400]),
    st.sampled_from([b"", b"\xc3", b"\xff", b"\xed\xa0", b"\x03\xe8", b"\x03\xe8ok", b"\x03\xed"]),
)
firsts = st.one_of(
    st.sampled_from([0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x88, 0x89, 0x8A]), st.integers(0, 255)
)
frames = st.tuples(firsts, payloads, st.sampled_from([True, True, True, False]))


def in_frame(first: int, payload: bytes, mask: bool) -> bytes:
    frame = bytearray(encode_frame(2, payload, mask=mask, masking_key=b"abcd" if mask else None))
    frame[0] = first
    return bytes(frame)


@settings(max_examples=100)
@given(st.lists(frames, max_size=5), st.integers(0, 40), st.none() | st.integers(0, 60))
@example([(0x81, b"a" * 65536, True)], 0, None)
@example([(0x82, b"a" * 65536, False)], 0, None)
def test_what_is_received_is_the_same(received: list[Any], less: int, breaks: int | None) -> None:
    octets = b"".join(in_frame(*frame) for frame in received)

    def run(on: bool) -> list[Any]:
        seen: list[Any] = []
        with switched(on):
            stream = Stream(octets[: len(octets) - less], breaks)
            websocket = module.WebSocket({}, stream, Handler(seen))
            for _ in range(len(received) + 1):
                found = outcome(websocket.receive)
                validator = websocket.utf8validator
                seen.append((found, validator.state, validator.i))
                seen.append(outcome(lambda: websocket.utf8validate_last))
                if found[0] not in (str, bytearray):
                    break
            seen.append((websocket.closed, stream.seen))
            # It closes once more when it is deleted, which may be any time.
            return list(seen)

    assert run(True) == run(False)


@settings(max_examples=60)
@given(payloads, st.integers(-3, 3), st.sampled_from([b"abcd", bytearray(b"abcd"), b"ab", b"", ""]))
def test_masks_are_the_same(payload: bytes, more: int, key: Any) -> None:
    def run(on: bool) -> list[Any]:
        with switched(on):
            header = module.Header(length=max(0, len(payload) + more))
            header.mask = key
            return [
                outcome(lambda act=act, data=data: act(data))  # type: ignore[misc]
                for act in (header.mask_payload, header.unmask_payload)
                for data in (payload, bytearray(payload), memoryview(payload))
            ]

    assert run(True) == run(False)


@settings(max_examples=60)
@given(
    st.lists(
        st.sampled_from(
            [b"a", b"\xc3", b"\xa4", b"\xe4\xbd", b"\xe0", b"\xed", b"\xf0\x9f", b"\xf4"]
        )
        | st.binary(max_size=3)
        | st.text(max_size=3).map(str.encode),
        max_size=5,
    )
)
def test_validators_are_the_same(pieces: list[bytes]) -> None:
    def run(on: bool) -> list[Any]:
        with switched(on):
            validator = module.Utf8Validator()
            return [
                (
                    outcome(lambda piece=piece: validator.validate(piece)),
                    validator.state,
                    validator.i,
                )  # type: ignore[misc]
                for piece in (*pieces, *map(bytearray, pieces), *map(list, pieces))
            ]

    assert run(True) == run(False)


def test_overridden_methods_are_called() -> None:
    class WebSocket(module.WebSocket):  # type: ignore[misc]
        def validate_utf8(self, payload: Any) -> None:
            raise UnicodeError("never")

    seen: list[Any] = []
    with switched(True):
        stream = Stream(encode_frame(1, "hello", mask=True))
        assert WebSocket({}, stream, Handler(seen)).receive() is None
        assert stream.seen[-1][2:] == (1007).to_bytes(2, "big") or seen


def test_all_is_replaced_and_put_back() -> None:
    owners = (module.Header, module.WebSocket, utf8validator.Utf8Validator)

    def members() -> list[dict[str, int]]:
        return [{name: id(value) for name, value in vars(owner).items()} for owner in owners]

    before = members()
    wsfast.enable(NAME)
    assert states() == EXPECTED
    assert members() != before
    assert wsfast.disable(NAME) == []
    assert members() == before


@pytest.mark.parametrize("order", ["import, enable", "enable, import"])
def test_it_may_be_enabled_before_or_after_the_import(order: str) -> None:
    steps = {
        "import": "import geventwebsocket",
        "enable": f"wsfast.enable({NAME!r}, strict=True)",
    }
    code = "import wsfast\n" + "\n".join(steps[step] for step in order.split(", "))
    code += f"\nprint([part.state for part in wsfast.status()[{NAME!r}].parts])"
    assert processes.output(code) == str([*EXPECTED.values()])


TAMPERED = {
    "masks": (module.Header, "mask_payload"),
    "validator": (utf8validator.Utf8Validator, "validate"),
    "messages in": (module.WebSocket, "read_message"),
}


@pytest.mark.parametrize("part", [part for part in TAMPERED if EXPECTED[part] == "replaced"])
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
    monkeypatch.setattr(owner, name, changed)
    with switched(True):
        assert states() == EXPECTED | {part: "left alone"}
        assert getattr(owner, name) is changed
        assert any(part in record.getMessage() for record in caplog.records)
    assert getattr(owner, name) is changed


def test_a_live_connection_goes_on() -> None:
    for before in (True, False):
        octets = encode_frame(1, TEXT, mask=True) + encode_frame(2, bytes(300), mask=True)
        with switched(before):
            websocket = module.WebSocket({}, Stream(octets), Handler([]))
            assert websocket.receive() == TEXT
        with switched(not before):
            assert websocket.receive() == bytes(300)


def test_an_idle_connection_costs_hardly_more() -> None:
    def make() -> list[Any]:
        octets = encode_frame(1, "hello", mask=True)
        made = [module.WebSocket({}, Stream(octets), Handler([])) for _ in range(20)]
        for websocket in made:
            websocket.receive()
        return made

    def allocated() -> int:
        make()
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
