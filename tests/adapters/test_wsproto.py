"""wsproto on this codec: all that can be seen of it stays as it is."""

from __future__ import annotations

import gc
import importlib
import itertools
import os
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from processes import output

import wsfast
from wsfast import apply_mask, encode_frame
from wsfast.adapters import _patch

pytest.importorskip("wsproto")

MODULES = ("connection", "events", "extensions", "frame_protocol", "utilities")
KEY = bytes.fromhex("37fa213d")


def named(modules: dict[str, Any]) -> SimpleNamespace:
    return SimpleNamespace(
        WSConnection=modules["wsproto"].WSConnection,
        **{name: modules[f"wsproto.{name}"] for name in MODULES},
    )


def loaded() -> dict[str, Any]:
    return {name: sys.modules[name] for name in sys.modules if name.partition(".")[0] == "wsproto"}


def imported() -> SimpleNamespace:
    for name in MODULES:
        importlib.import_module(f"wsproto.{name}")
    return named(loaded())


def second_copy() -> SimpleNamespace:
    """The library once more: adapters don't know it."""
    wsfast.disable("wsproto")
    first = loaded()
    for name in first:
        del sys.modules[name]
    try:
        return imported()
    finally:
        for name in loaded():
            del sys.modules[name]
        sys.modules.update(first)


PLAIN = second_copy()
OURS = imported()


@pytest.fixture(scope="module", autouse=True)
def forced() -> Iterator[None]:
    """Every part, on the pure side, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_patch, "FORCED", True)
        yield


@pytest.fixture
def enabled() -> Iterator[None]:
    wsfast.enable("wsproto", strict=True)
    yield
    wsfast.disable("wsproto")


@pytest.fixture(scope="module")
def all_enabled(forced: None) -> Iterator[None]:
    """For hypothesis: enabled once for all examples."""
    wsfast.enable("wsproto", strict=True)
    yield
    wsfast.disable("wsproto")


# What can be seen of it


def seen(value: Any) -> Any:
    """A value of either copy, comparable with its counterpart."""
    if isinstance(value, BaseException):
        return type(value).__name__, str(value), getattr(value, "code", None)
    if hasattr(value, "__dict__") and not isinstance(value, int):
        values = vars(value)
        return type(value).__name__, {name: (type(v).__name__, v) for name, v in values.items()}
    if type(value).__name__ == "Frame":
        return [(type(part).__name__, part) for part in value]
    return type(value).__name__, value


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return seen(call())
    except Exception as error:
        return seen(error)


def recorder(library: SimpleNamespace, log: list[Any]) -> Any:
    """An extension that writes down how it is called."""

    class Recorder(library.extensions.Extension):  # type: ignore[name-defined,misc]
        name = "x-recorder"

        def enabled(self) -> bool:
            log.append("enabled")
            return True

        def offer(self) -> bool:
            return True

        def frame_inbound_header(self, proto: Any, opcode: Any, rsv: Any, length: int) -> Any:
            log.append(("header", opcode, tuple(rsv), length, proto.header))
            return library.frame_protocol.RsvBits(True, False, True)

        def frame_inbound_payload_data(self, proto: Any, data: Any) -> Any:
            log.append(("payload", type(data), bytes(data), proto.header, proto.payload_consumed))
            if data.startswith(b"fail"):
                return library.frame_protocol.CloseReason.POLICY_VIOLATION
            if data.startswith(b"raise"):
                raise LookupError("in an extension")
            return data

        def frame_inbound_complete(self, proto: Any, fin: bool) -> Any:
            log.append(("complete", fin, proto.effective_opcode))
            return b"!" if fin else None

    return Recorder()


def extensions(library: SimpleNamespace, kind: str, log: list[Any]) -> list[Any]:
    if kind == "recorder":
        return [recorder(library, log)]
    if kind == "none":
        return []
    found = library.extensions.PerMessageDeflate(client_no_context_takeover="context" in kind)
    found.finalize("permessage-deflate")
    return [found]


def connected(library: SimpleNamespace, side: str, kind: str = "none", log: Any = None) -> Any:
    return library.connection.Connection(
        library.connection.ConnectionType[side.upper()],
        extensions(library, kind, [] if log is None else log),
    )


def received(
    library: SimpleNamespace, side: str, kind: str, reads: list[bytes | None], habit: str
) -> list[Any]:
    """All that a connection shows while it is given `reads`. `habit` is how events are fetched."""
    log: list[Any] = []
    connection = connected(library, side, kind, log)
    kept: Iterator[Any] = iter(())
    for number, read in enumerate(reads):
        log.append(outcome(lambda: connection.receive_data(read)))  # noqa: B023
        if habit == "late" and number % 3:
            continue
        if habit == "frames":
            events = connection._proto.received_frames()
        elif habit == "kept" and number % 2:
            events = kept
        else:
            events = kept = connection.events()
        most = {"one": 1, "kept": 2}.get(habit, 10**6)
        try:
            for event in itertools.islice(events, most):
                log += [seen(event), connection.state.name]
        except Exception as error:
            log.append(seen(error))
        if habit == "closing" and number == 1:
            event = library.events.CloseConnection(1000, "bye")
            log.append(outcome(lambda: len(connection.send(event))))  # noqa: B023
    log += [seen(event) for event in kept]
    log.append(connection.state.name)
    return log


# Traffic

texts = st.text(max_size=40).map(str.encode)
cut_texts = st.tuples(texts, st.integers(0, 40)).map(lambda cut: cut[0][: cut[1]])
payloads = st.one_of(
    texts,
    cut_texts,
    st.binary(max_size=20),
    st.sampled_from(
        [b"", b"fail", b"raise", b"\xe0\x80", b"\xed\xa0\x80", b"\xf0\x9f", "🌍€é".encode()]
    ),
    st.sampled_from([0, 124, 125, 126, 127, 65535, 65536]).map(lambda n: b"ab\xc3\xa9" * (n // 4)),
)
closes = st.sampled_from(
    [b"", b"\x03", b"\x03\xe8", b"\x03\xe8bye", b"\x03\xee", b"\x03\xe8\xff", b"\x13\x88", b"\0\1"]
)


@st.composite
def valid_messages(draw: st.DrawFn) -> list[tuple[int, bytes, bool]]:
    """A message in fragments, with control frames between them."""
    opcode = draw(st.sampled_from([1, 2]))
    payload = draw(texts if opcode == 1 else payloads)
    parts = draw(st.integers(1, 3))
    size = max(1, -(-len(payload) // parts))
    pieces = [payload[start : start + size] for start in range(0, len(payload), size)] or [b""]
    frames = []
    for number, piece in enumerate(pieces):
        frames.append((opcode if number == 0 else 0, piece, number == len(pieces) - 1))
        if draw(st.integers(0, 4)) == 0:
            frames.append((draw(st.sampled_from([9, 10])), b"ping", True))
    return frames


odd_frames = st.one_of(
    st.tuples(st.just(8), closes, st.just(True)),
    st.tuples(st.integers(0, 15), payloads, st.booleans()),
).map(lambda frame: [frame])


@st.composite
def traffic(draw: st.DrawFn) -> tuple[str, str, list[bytes | None], str]:
    side = draw(st.sampled_from(["server", "client"]))
    kind = draw(st.sampled_from(["none", "none", "none", "deflate", "no context", "recorder"]))
    masked = side == "server"
    deflating = connected(PLAIN, "client" if masked else "server", kind)
    stream = b""
    for frames in draw(st.lists(st.one_of(valid_messages(), valid_messages(), odd_frames))):
        for opcode, payload, fin in frames:
            odd = draw(st.integers(0, 40))
            if kind in ("deflate", "no context") and odd > 4 and opcode in (0, 1, 2):
                try:
                    named_opcode = PLAIN.frame_protocol.Opcode(opcode)
                    stream += deflating._proto._serialize_frame(named_opcode, payload, fin)
                    continue
                except AssertionError:
                    pass
            mask = masked is (odd != 0)
            first = (fin << 7) | opcode | {1: 0x40, 2: 0x20, 3: 0x10}.get(odd, 0)
            length = len(payload)
            if odd == 4:
                header = bytes([first, (mask << 7) | 127]) + length.to_bytes(8, "big")
            elif length <= 125:
                header = bytes([first, (mask << 7) | length])
            elif length < 2**16:
                header = bytes([first, (mask << 7) | 126]) + length.to_bytes(2, "big")
            else:
                header = bytes([first, (mask << 7) | 127]) + length.to_bytes(8, "big")
            stream += header + (KEY + apply_mask(payload, KEY) if mask else payload)
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    reads: list[Any] = [stream[a:b] for a, b in itertools.pairwise([0, *cuts, len(stream)])]
    if draw(st.integers(0, 9)) == 0:
        reads.insert(draw(st.integers(0, len(reads))), None)
    if draw(st.booleans()):
        reads += [b"", encode_frame(1, "after", mask=masked, masking_key=KEY if masked else None)]
    habit = draw(st.sampled_from(["all", "all", "one", "kept", "late", "frames", "closing"]))
    return side, kind, reads, habit


@settings(max_examples=100, deadline=None)
@given(example=traffic())
def test_the_same_octets_are_the_same_events(
    all_enabled: None, example: tuple[str, str, list[bytes | None], str]
) -> None:
    assert received(OURS, *example) == received(PLAIN, *example)


@settings(max_examples=50, deadline=None)
@given(text=st.text(max_size=30), cuts=st.lists(st.integers(0, 90), max_size=4), data=st.data())
def test_text_is_decoded_as_it_comes(
    all_enabled: None, text: str, cuts: list[int], data: st.DataObject
) -> None:
    octets = bytearray(text.encode())
    if octets and data.draw(st.booleans()):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    inner = sorted(cut % (len(octets) + 1) for cut in cuts)
    pieces = [octets[a:b] for a, b in itertools.pairwise([0, *inner, len(octets)])]
    logs = []
    for library in (OURS.frame_protocol, PLAIN.frame_protocol):
        decoder, log = library.MessageDecoder(), []
        for number, piece in enumerate(pieces):
            opcode = library.Opcode(1 if number == 0 else 0)
            fin = number == len(pieces) - 1
            frame = library.Frame(opcode, bytes(piece), fin, fin)
            log.append(outcome(lambda: decoder.process_frame(frame)))  # noqa: B023
            log += [decoder.opcode, decoder.decoder and decoder.decoder.getstate()]
        logs.append(log)
    assert logs[0] == logs[1]


@settings(max_examples=50, deadline=None)
@given(
    key=st.binary(min_size=4, max_size=4),
    pieces=st.lists(st.binary(max_size=300)),
    kind=st.sampled_from([bytes, bytearray]),
)
def test_masks_go_on_from_piece_to_piece(
    all_enabled: None, key: bytes, pieces: list[bytes], kind: Any
) -> None:
    ours, plain = (library.frame_protocol.XorMaskerSimple(kind(key)) for library in (OURS, PLAIN))
    for piece in pieces:
        assert seen(ours.process(kind(piece))) == seen(plain.process(kind(piece)))
        assert seen(ours._masking_key) == seen(plain._masking_key)


# Out

data_to_send = st.one_of(
    st.text(max_size=200),
    st.binary(max_size=200),
    st.binary(max_size=200).map(bytearray),
    st.binary(max_size=50).map(memoryview),
    st.sampled_from("BHc").map(lambda item: memoryview(b"abcd").cast(item)),
    st.just(b"abcdef").map(lambda octets: memoryview(octets)[::2]),
    st.sampled_from(
        ["\ud800", None, 7, [1, 2], "é" * 40000, bytes(65535), bytes(65536), "a" * 126]
    ),
)
sent_events = st.one_of(
    st.tuples(st.sampled_from(["Message", "TextMessage", "BytesMessage"]), data_to_send),
    st.tuples(st.sampled_from(["Ping", "Pong"]), st.binary(max_size=130)),
    st.tuples(st.just("CloseConnection"), st.sampled_from([1000, 1005, 1006, 4000, None])),
    st.tuples(st.just("AcceptConnection"), st.none()),
)


def sent(
    library: SimpleNamespace, side: str, kind: str, traffic: list[Any], key: bytes | None
) -> list[Any]:
    connection = connected(library, side, kind)
    log = []
    with pytest.MonkeyPatch.context() as patch:
        if key is not None:
            patch.setattr(os, "urandom", lambda size: key[:size])
        for (name, value), finished in traffic:
            arguments = [value] if value is not None or name != "AcceptConnection" else []
            if name.endswith("Message"):
                arguments += [True, finished]
            event = getattr(library.events, name)(*arguments)
            found = outcome(lambda: connection.send(event))  # noqa: B023
            if key is None and found[0] == "bytes" and side == "client":
                found = unmasked(found[1])
            log += [found, connection.state.name, connection._proto._outbound_opcode]
    return log


def unmasked(frame: bytes) -> tuple[bytes, bytes]:
    start = {126: 4, 127: 10}.get(frame[1] & 0x7F, 2)
    return frame[:start], apply_mask(frame[start + 4 :], frame[start : start + 4])


@settings(max_examples=100, deadline=None)
@given(
    side=st.sampled_from(["server", "client"]),
    kind=st.sampled_from(["none", "none", "deflate", "no context", "recorder"]),
    traffic=st.lists(st.tuples(sent_events, st.sampled_from([True, True, False, 1])), max_size=8),
    key=st.sampled_from([None, KEY]),
)
def test_the_same_events_are_the_same_octets(
    all_enabled: None, side: str, kind: str, traffic: list[Any], key: bytes | None
) -> None:
    assert sent(OURS, side, kind, traffic, key) == sent(PLAIN, side, kind, traffic, key)


def test_each_frame_has_a_key_of_its_own(enabled: None) -> None:
    connection = connected(OURS, "client")
    event = OURS.events.BytesMessage(b"payload")
    assert len({connection.send(event)[2:6] for _ in range(100)}) == 100


# Hooks


def test_a_subclass_is_asked(enabled: None) -> None:
    asked = []

    class Protocol(OURS.frame_protocol.FrameProtocol):  # type: ignore[name-defined,misc]
        def received_frames(self) -> Any:
            asked.append("received_frames")
            return super().received_frames()

        def send_data(self, payload: Any = b"", fin: bool = True) -> Any:
            asked.append("send_data")
            return super().send_data(payload, fin)

    connection = connected(OURS, "server")
    connection._proto = Protocol(False, [])
    connection.receive_data(encode_frame(1, "hello", mask=True))
    assert [event.data for event in connection.events()] == ["hello"]
    assert connection.send(OURS.events.TextMessage("hello")) == b"\x81\x05hello"
    assert asked == ["received_frames", "send_data"]


def test_another_decoder_is_used(enabled: None) -> None:
    connection = connected(OURS, "server")
    connection._proto._frame_decoder = OURS.frame_protocol.FrameDecoder(client=True)
    connection.receive_data(b"\x81\x05hello\x89\x00")
    events = list(connection.events())
    assert [type(event).__name__ for event in events] == ["TextMessage", "Ping"]


# Switching


def test_it_may_be_enabled_before_the_import() -> None:
    code = (
        "import wsfast; wsfast.enable('wsproto', strict=True); import wsproto;"
        "print(*{part.state for part in wsfast.status()['wsproto'].parts})"
    )
    assert output(code, WSFAST_ADAPTERS_FORCE="1") == "replaced"


def test_live_connections_go_on() -> None:
    stream = b"".join(
        encode_frame(opcode, payload, fin=fin, mask=True)
        for opcode, payload, fin in (
            (1, "whole", True),
            (1, "frag", False),
            (9, b"ping", True),
            (0, "ment", True),
            (2, bytes(500), True),
            (8, b"\x03\xe8", True),
        )
    )
    expected = received(PLAIN, "server", "none", [bytes([octet]) for octet in stream], "all")
    for switch_at in (0, 3, 12, 31):
        connection = connected(OURS, "server")
        log = []
        on = False
        for number, octet in enumerate(stream):
            connection.receive_data(bytes([octet]))
            if number % 150 == switch_at % 150:
                on = not on
                (wsfast.enable if on else wsfast.disable)("wsproto")
            log.append(("NoneType", None))
            for event in connection.events():
                log += [seen(event), connection.state.name]
        wsfast.disable("wsproto")
        assert [*log, connection.state.name] == expected


def test_what_a_reader_keeps_is_read_after_disable() -> None:
    wsfast.enable("wsproto", strict=True)
    connection = connected(OURS, "server")
    one, two, three = (encode_frame(1, text, mask=True) for text in ("one", "two", "three"))
    connection.receive_data(one + two)
    assert next(connection.events()).data == "one"
    connection.receive_data(three[:3])
    wsfast.disable("wsproto")
    connection.receive_data(three[3:])
    assert [event.data for event in connection.events()] == ["two", "three"]


def test_disable_restores_the_identical_objects() -> None:
    def members() -> list[Any]:
        classes = [
            OURS.frame_protocol.FrameProtocol,
            OURS.frame_protocol.FrameDecoder,
            OURS.frame_protocol.MessageDecoder,
            OURS.frame_protocol.XorMaskerSimple,
            OURS.connection.Connection,
        ]
        return [dict(vars(cls)) for cls in classes]

    before = members()
    wsfast.enable("wsproto", strict=True)
    assert members() != before
    assert wsfast.disable("wsproto") == []
    assert members() == before


def test_an_idle_connection_costs_little_more() -> None:
    def cost() -> float:
        connected(OURS, "server")
        gc.collect()
        tracemalloc.start()
        try:
            held = [connected(OURS, "server") for _ in range(200)]
            return tracemalloc.get_traced_memory()[0] / len(held)
        finally:
            tracemalloc.stop()

    plain = cost()
    wsfast.enable("wsproto", strict=True)
    try:
        assert cost() <= plain + 512
    finally:
        wsfast.disable("wsproto")


# The guard


@pytest.mark.parametrize(
    ("owner", "attribute", "part"),
    [
        ("frame_protocol.XorMaskerSimple", "process", "masks"),
        ("frame_protocol.MessageDecoder", "process_frame", "texts"),
        ("frame_protocol.FrameDecoder", "parse_header", "frames in"),
        ("connection.Connection", "events", "frames in"),
        ("frame_protocol.FrameProtocol", "send_data", "frames out"),
        ("connection.Connection", "send", "frames out"),
    ],
)
def test_code_that_is_not_known_is_left_alone(
    owner: str, attribute: str, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, _, name = owner.partition(".")
    cls = getattr(getattr(OURS, module), name)
    original = vars(cls)[attribute]

    def wrapper(*arguments: Any) -> Any:
        return original(*arguments)

    monkeypatch.setattr(cls, attribute, wrapper)
    try:
        wsfast.enable("wsproto")
        states = {found.name: found for found in wsfast.status()["wsproto"].parts}
        assert vars(cls)[attribute] is wrapper
        assert states[part].state == "left alone"
        assert f"wsproto.{owner}".rpartition(".")[0] in (states[part].reason or "")
        for place in states[part].places:
            module, _, path = place.partition(":")
            holder, method = path.split(".")
            found = vars(getattr(sys.modules[module], holder))[method]
            assert not found.__code__.co_filename.endswith(("receiving.py", "sending.py"))
    finally:
        wsfast.disable("wsproto")
