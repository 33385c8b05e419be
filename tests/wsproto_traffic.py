"""wsproto twice, as it is and on this codec, and what both are given."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from hypothesis import strategies as st

import wsfast
from wsfast import apply_mask, encode_frame

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
