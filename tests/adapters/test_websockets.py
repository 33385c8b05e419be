"""websockets on this codec: all that can be seen of its protocol stays as it is."""

from __future__ import annotations

import logging
import secrets
import struct
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wsfast
from wsfast import apply_mask, encode_frame
from wsfast.adapters import _patch

pytest.importorskip("websockets")

from websockets_copies import OURS, PLAIN, seen

KEY = bytes.fromhex("37fa213d")
TEXT = "Grüße, 你好, 🌍"


@pytest.fixture(scope="module", autouse=True)
def enabled() -> Iterator[None]:
    """Every part, on the pure side, too; once for all examples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_patch, "FORCED", True)
        wsfast.enable("websockets")
        yield
        wsfast.disable("websockets")


# Any traffic


class Log(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.levelname} {record.getMessage()}")


def logger(level: int) -> tuple[logging.Logger, list[str]]:
    made, log = logging.Logger("test", level), Log()
    made.addHandler(log)
    return made, log.lines


payloads = st.one_of(
    st.binary(max_size=20),
    st.text(max_size=12).map(str.encode),
    st.sampled_from(
        [b"", b"\x03\xe8", b"\x03\xe8bye", b"\x03", b"\x03\xed", bytes(125), bytes(126)]
    ),
    st.integers(0, 70000).map(bytes),
)
rare = st.integers(0, 15).map(lambda number: number == 0)


@st.composite
def wires(draw: st.DrawFn, mask: bool) -> bytes:
    """Frames in a row: some rules are broken in some of them."""
    wire = b""
    for _ in range(draw(st.integers(1, 6))):
        opcode = draw(st.sampled_from([1, 2, 1, 2, 0, 9, 10, 8]))
        payload = draw(payloads)
        if opcode > 7:
            payload = payload[:125]
        fin = not draw(st.booleans()) if opcode < 3 else True
        masked = mask is not draw(rare)
        frame = bytearray(
            encode_frame(opcode, payload, mask=masked, fin=fin, masking_key=KEY if masked else None)
        )
        if draw(rare):
            frame[0] ^= 1 << draw(st.integers(0, 7))
        wire += frame
    if draw(rare):
        wire = wire[: draw(st.integers(0, len(wire)))]
    return wire


limits = st.sampled_from([None, 2**20, 30, 1000, (40, 20), (None, 20), (1000, None)])


def limit_of(library: SimpleNamespace, limit: Any) -> Any:
    """Two limits there have been since 16."""
    return None if isinstance(limit, tuple) and not two_limits(library) else limit


def two_limits(library: SimpleNamespace) -> bool:
    return "current_size" in library.protocol.Protocol.parse.__code__.co_names or hasattr(
        library.protocol.Protocol(library.protocol.Side.SERVER), "max_fragment_size"
    )


def deflate(library: SimpleNamespace) -> Any:
    return library.extensions_permessage_deflate.PerMessageDeflate(False, False, 15, 15)


def received(
    library: SimpleNamespace,
    side: str,
    reads: list[Any],
    *,
    limit: Any = 2**20,
    level: int = logging.INFO,
    extended: bool = False,
    cls: Any = None,
) -> list[Any]:
    """All that a protocol shows of itself while it receives what was read."""
    log, lines = logger(level)
    protocol = (cls or library.protocol.Protocol)(
        library.protocol.Side[side], max_size=limit_of(library, limit), logger=log
    )
    if extended:
        protocol.extensions = [deflate(library)]
    shown: list[Any] = []
    for read in reads:
        try:
            protocol.receive_data(read) if read is not None else protocol.receive_eof()
        except EOFError as error:
            shown.append(seen(error))
        shown += map(seen, protocol.events_received())
        shown.append(protocol.data_to_send())
        shown.append((int(protocol.state), protocol.close_expected(), protocol.close_code))
    shown.append(seen(protocol.parser_exc) if protocol.parser_exc is not None else None)
    shown.append(seen(protocol.close_exc) if protocol.state == 3 else None)
    return [*shown, lines]


def cut(wire: bytes, cuts: list[int]) -> list[bytes]:
    ends = sorted(place % (len(wire) + 1) for place in cuts)
    return [wire[a:b] for a, b in zip([0, *ends], [*ends, len(wire)], strict=True)]


@settings(max_examples=150)
@given(data=st.data(), side=st.sampled_from(["SERVER", "CLIENT"]), limit=limits, debug=rare)
def test_any_traffic_is_received_alike(
    data: st.DataObject, side: str, limit: Any, debug: bool
) -> None:
    wire = data.draw(wires(side == "SERVER"))
    reads: list[Any] = cut(wire, data.draw(st.lists(st.integers(0, 2**17), max_size=3)))
    if data.draw(rare):
        reads = [bytearray(read) for read in reads]
    if data.draw(st.booleans()):
        reads.append(None)
    level = logging.DEBUG if debug else logging.INFO
    extended = data.draw(rare)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, "token_bytes", lambda count=4: KEY[:count])
        both = [
            received(library, side, reads, limit=limit, level=level, extended=extended)
            for library in (PLAIN, OURS)
        ]
    assert both[1] == both[0]


@settings(max_examples=40)
@given(
    messages=st.lists(st.tuples(st.sampled_from([1, 2]), payloads, st.booleans()), max_size=5),
    cuts=st.lists(st.integers(0, 2**16), max_size=3),
    limit=limits,
)
def test_compressed_traffic_is_received_alike(
    messages: list[tuple[int, bytes, bool]], cuts: list[int], limit: Any
) -> None:
    extension = deflate(PLAIN)
    Frame, Opcode = PLAIN.frames.Frame, PLAIN.frames.Opcode
    wire = b""
    for opcode, payload, fragmented in messages:
        parts = [payload[:7], payload[7:]] if fragmented else [payload]
        for number, octets in enumerate(parts):
            of_part = opcode if number == 0 else 0
            frame = Frame(Opcode(of_part), octets, number == len(parts) - 1)
            wire += bytes(frame.serialize(mask=True, extensions=[extension]))
    reads = cut(wire, cuts)
    assert received(OURS, "SERVER", reads, limit=limit, extended=True) == received(
        PLAIN, "SERVER", reads, limit=limit, extended=True
    )


@settings(max_examples=60)
@given(
    opcode=st.sampled_from([0, 1, 2, 8, 9, 10]),
    payload=payloads,
    bits=st.tuples(st.booleans(), rare, rare, rare),
    mask=st.booleans(),
    form=st.sampled_from([bytes, bytearray, memoryview, lambda data: memoryview(data)[::2]]),
    extended=st.booleans(),
    keys=st.booleans(),
)
def test_any_frame_is_sent_alike(
    opcode: int,
    payload: bytes,
    bits: tuple[bool, ...],
    mask: bool,
    form: Callable[[bytes], Any],
    extended: bool,
    keys: bool,
) -> None:
    def sent(library: SimpleNamespace) -> Any:
        frame = library.frames.Frame(library.frames.Opcode(opcode), form(payload), *bits)
        try:
            wire = frame.serialize(mask=mask, extensions=[deflate(library)] if extended else None)
        except Exception as error:
            return seen(error)
        if mask and not keys:
            header = {126: 4, 127: 10}.get(wire[1] & 127, 2)
            key, masked = wire[header : header + 4], wire[header + 4 :]
            wire = wire[:header] + apply_mask(masked, key)
        return bytes(wire)

    with pytest.MonkeyPatch.context() as patch:
        if keys:
            patch.setattr(secrets, "token_bytes", lambda count=4: KEY[:count])
        assert sent(OURS) == sent(PLAIN)


def test_keys_differ_from_frame_to_frame() -> None:
    frame = OURS.frames.Frame(OURS.frames.Opcode.TEXT, b"text")
    assert len({frame.serialize(mask=True) for _ in range(100)}) == 100


# What neither RFC 6455 nor anybody else would expect


@pytest.mark.parametrize("side", ["SERVER", "CLIENT"])
@pytest.mark.parametrize("size", [5, 200, 70000])
def test_too_long_a_frame_is_refused_at_the_same_octet(side: str, size: int) -> None:
    stream = encode_frame(2, bytes(size), mask=side == "SERVER", masking_key=None)
    octets = [stream[at : at + 1] for at in range(20)]
    told = [received(library, side, octets, limit=4) for library in (OURS, PLAIN)]
    if side == "CLIENT":
        # Their keys differ.
        told = [[str(shown) for shown in one if not isinstance(shown, list)] for one in told]
    assert told[0] == told[1]


@pytest.mark.parametrize("limit", [3, -1, 2.5, 2**70])
def test_a_limit_may_be_anything_and_change_within_a_message(limit: Any) -> None:
    def told(library: SimpleNamespace) -> list[Any]:
        log, lines = logger(logging.DEBUG)
        protocol = library.protocol.Protocol(library.protocol.Side.SERVER, logger=log)
        protocol.receive_data(encode_frame(2, b"begun", mask=True, fin=False))
        name = "max_message_size" if hasattr(protocol, "max_message_size") else "max_size"
        setattr(protocol, name, limit)
        protocol.receive_data(encode_frame(0, b"", mask=True))
        protocol.receive_data(wire("whole"))
        events = [seen(event) for event in protocol.events_received()]
        return [events, protocol.data_to_send(), seen(protocol.parser_exc), lines]

    assert told(OURS) == told(PLAIN)


def test_an_extension_may_make_more_of_a_frame_than_is_allowed() -> None:
    def told(library: SimpleNamespace) -> list[Any]:
        class Doubled:
            def decode(self, frame: Any, *, max_size: int | None = None) -> Any:
                return library.frames.Frame(frame.opcode, bytes(frame.data) * 2, frame.fin)

            def encode(self, frame: Any) -> Any:
                return frame

        protocol = library.protocol.Protocol(
            library.protocol.Side.SERVER, max_size=9, logger=logger(50)[0]
        )
        protocol.extensions = [Doubled()]
        protocol.receive_data(encode_frame(2, b"octets", mask=True, fin=False))
        protocol.receive_data(encode_frame(0, b"a", mask=True))
        events = [seen(event) for event in protocol.events_received()]
        return [events, protocol.data_to_send(), seen(protocol.parser_exc)]

    assert told(OURS) == told(PLAIN)


@pytest.mark.parametrize("data", [b"a", b"a" * 200, memoryview(b"abcd")[::2], "text", None])
@pytest.mark.parametrize("opcode", [1, 3, 8, 16])
@pytest.mark.parametrize("mask", [True, False])
def test_an_extension_may_make_any_frame(
    opcode: int, data: Any, mask: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "token_bytes", lambda count=4: KEY[:count])

    def told(library: SimpleNamespace) -> Any:
        made = library.frames.Frame(opcode, data, False, True)
        extension = SimpleNamespace(encode=lambda frame: made)
        frame = library.frames.Frame(library.frames.Opcode.TEXT, b"")
        try:
            return frame.serialize(mask=mask, extensions=[extension])
        except Exception as error:
            return seen(error)

    assert told(OURS) == told(PLAIN)
    monkeypatch.undo()
    if not mask:
        assert told(OURS) == told(PLAIN)


# Hooks


def wire(*messages: str) -> bytes:
    return b"".join(encode_frame(1, text, mask=True, masking_key=KEY) for text in messages)


@pytest.mark.parametrize("where", ["subclass", "class", "instance"])
def test_frames_go_through_a_recv_frame_of_somebody_else(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames: list[Any] = []
    Protocol = OURS.protocol.Protocol
    if where == "subclass":
        Protocol = type("Protocol", (Protocol,), {"recv_frame": lambda self, f: frames.append(f)})
    protocol = Protocol(OURS.protocol.Side.SERVER)
    protocol.receive_data(wire("before"))
    if where == "class":
        monkeypatch.setattr(Protocol, "recv_frame", lambda self, f: frames.append(f))
    if where == "instance":
        protocol.recv_frame = frames.append
    protocol.receive_data(wire("one", TEXT))
    assert [frame.data for frame in frames][-2:] == [b"one", TEXT.encode()]


def test_frames_may_be_of_a_class_of_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    Frame = type("Frame", (OURS.frames.Frame,), {})
    monkeypatch.setattr(OURS.protocol, "Frame", Frame)
    protocol = OURS.protocol.Protocol(OURS.protocol.Side.SERVER)
    protocol.receive_data(wire("one"))
    assert [type(frame) for frame in protocol.events_received()] == [Frame]


def test_a_parser_that_breaks_down_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    protocol = OURS.protocol.Protocol(OURS.protocol.Side.SERVER, logger=logger(50)[0])
    protocol.receive_data(wire("before"))

    def broken(*arguments: Any) -> Any:
        raise LookupError("broken")

    monkeypatch.setattr(struct, "unpack", broken)
    protocol.receive_data(wire("after"))
    monkeypatch.undo()
    assert isinstance(protocol.parser_exc, LookupError)
    assert protocol.close_sent.code == 1011


def test_a_frame_received_is_a_frame() -> None:
    protocol = OURS.protocol.Protocol(OURS.protocol.Side.SERVER)
    protocol.receive_data(wire(TEXT))
    (frame,) = protocol.events_received()
    assert frame == OURS.frames.Frame(OURS.frames.Opcode.TEXT, TEXT.encode())
    assert vars(frame) == vars(OURS.frames.Frame(OURS.frames.Opcode.TEXT, TEXT.encode()))
    assert frame.opcode is OURS.frames.Opcode.TEXT
    assert type(frame.data) is bytes
