"""The twins on arguments of every kind: equal results, and errors equal in type and text.

What is right is said by the other tests; here only that there is no difference."""

from __future__ import annotations

import array
import inspect
import itertools
import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest
from implementations import Implementation
from predictions import WAYS, finish_signature, plain
from processes import output
from streams import KEY, STREAMS, frame, message_decoder

from wsfast import _backend
from wsfast.protocol import Opcode


class Indexable:
    def __index__(self) -> int:
        return 2


class RaisesInIndex:
    def __index__(self) -> int:
        raise ZeroDivisionError("from __index__")


class GivesNoInteger:
    def __index__(self) -> Any:
        return "2"


class RaisesInBool:
    def __bool__(self) -> bool:
        raise ZeroDivisionError("from __bool__")


class OctetsSubclass(bytes):
    pass


class TextSubclass(str):
    pass


def _released() -> memoryview:
    view = memoryview(bytearray(4))
    view.release()
    return view


# Made anew for each call, since calls may change them.
VALUES: dict[str, Callable[[], Any]] = {
    "empty bytes": lambda: b"",
    "3 octets": lambda: b"abc",
    "4 octets": lambda: b"\xff\x00\x80\x01",
    "5 octets": lambda: b"abcde",
    "long bytes": lambda: b"\x80" * 70000,
    "text in UTF-8": lambda: "aä€🚀".encode() * 20,
    "bytearray of 4": lambda: bytearray(b"wxyz"),
    "bytearray": lambda: bytearray(b"0123456789"),
    "memoryview": lambda: memoryview(b"0123"),
    "writable memoryview": lambda: memoryview(bytearray(b"0123")),
    "strided memoryview": lambda: memoryview(b"01234567")[::2],
    "writable strided memoryview": lambda: memoryview(bytearray(b"01234567"))[::2],
    "reversed memoryview": lambda: memoryview(b"0123")[::-1],
    "wide memoryview": lambda: memoryview(b"01234567").cast("I"),
    "memoryview of 2 dimensions": lambda: memoryview(b"01234567").cast("B", (2, 4)),
    "memoryview of 3 dimensions": lambda: memoryview(b"0123").cast("B", (1, 2, 2)),
    "memoryview of no dimension": lambda: memoryview(b"0123").cast("I", ()),
    "strided memoryview of 2 dimensions": lambda: memoryview(b"01234567").cast("B", (2, 4))[::2],
    "strided of 2 dimensions": lambda: memoryview(b"0123456789ab").cast("B", (4, 3))[::2],
    "released memoryview": _released,
    "array of H": lambda: array.array("H", [1, 2]),
    "array of d": lambda: array.array("d", [1.5]),
    "bytes subclass": lambda: OctetsSubclass(b"wxyz"),
    "empty str": lambda: "",
    "str": lambda: "abcd",
    "str beyond ASCII": lambda: "aä€🚀",
    "str subclass": lambda: TextSubclass("text"),
    "lone surrogate": lambda: "a\ud800",
    "server": lambda: "server",
    "None": lambda: None,
    "True": lambda: True,
    "False": lambda: False,
    "zero": lambda: 0,
    "one": lambda: 1,
    "three": lambda: 3,
    "nine": lambda: 9,
    "64": lambda: 64,
    "126": lambda: 126,
    "minus one": lambda: -1,
    "2**31": lambda: 2**31,
    "2**32": lambda: 2**32,
    "2**63": lambda: 2**63,
    "2**64 + 1": lambda: 2**64 + 1,
    "2**100": lambda: 2**100,
    "-2**100": lambda: -(2**100),
    "a float": lambda: 1.0,
    "a complex": lambda: 1j,
    "a list": lambda: [1, 2, 3, 4],
    "a tuple": lambda: (b"abcd",),
    "a dict": dict,
    "an object": object,
    "a type": lambda: int,
    "an opcode": lambda: Opcode.PING,
    "an index": Indexable,
    "an index that raises": RaisesInIndex,
    "an index that gives no integer": GivesNoInteger,
    "a bool that raises": RaisesInBool,
}
FEW = ("4 octets", "text in UTF-8", "bytearray", "3 octets", "str", "None", "minus one", "2**100")


def _plain(value: Any) -> Any:
    """A result that can be compared across the twins."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if type(value).__name__ == "Frame":
        return ("Frame", plain(value), repr(value), type(value.payload))
    if type(value).__name__.endswith("Decoder") or type(value).__name__ == "Utf8Validator":
        return type(value).__name__
    if isinstance(value, memoryview):
        return ("memoryview", value.format, value.readonly)
    return (type(value), value)


def _result(call: Callable[..., Any], args: list[str], named: dict[str, str]) -> Any:
    made = [VALUES[name]() for name in args]
    made_named = {name: VALUES[value]() for name, value in named.items()}
    try:
        found = _plain(call(*made, **made_named))
    except BaseException as error:
        text = re.sub("0x[0-9a-f]{6,}", "(its address)", str(error))
        found = (type(error), text, getattr(error, "close_code", None))
    changed = [bytes(value) for value in made if isinstance(value, bytearray)]
    return found, changed


def _same(pure: Callable[..., Any], compiled: Callable[..., Any], *args: str, **named: str) -> None:
    one, other = _result(pure, [*args], named), _result(compiled, [*args], named)
    assert one == other, (args, named)


ONE: list[tuple[str, ...]] = [(name,) for name in VALUES]
TWO: list[tuple[str, ...]] = [(first, second) for first in VALUES for second in FEW]
TWO += [(first, second) for first in FEW for second in VALUES]
OFFSETS = [(first, "4 octets", third) for first in FEW for third in VALUES]


@pytest.mark.parametrize("name", ["apply_mask", "apply_mask_inplace"])
def test_masking(pure: Implementation, compiled: Implementation, name: str) -> None:
    for args in (*TWO, *OFFSETS):
        _same(getattr(pure.mask, name), getattr(compiled.mask, name), *args)


@pytest.mark.parametrize("name", ["is_utf8", "decode_text"])
def test_text(pure: Implementation, compiled: Implementation, name: str) -> None:
    for args in ONE:
        _same(getattr(pure.utf8, name), getattr(compiled.utf8, name), *args)
    if name == "decode_text":
        for args in TWO:
            _same(pure.utf8.decode_text, compiled.utf8.decode_text, *args)


def test_the_validator(pure: Implementation, compiled: Implementation) -> None:
    for first, second in TWO:
        one, other = pure.utf8.Utf8Validator(), compiled.utf8.Utf8Validator()
        for name in (first, second, first):
            _same(one.feed, other.feed, name)
            assert one.position == other.position
        _same(one.finish, other.finish)
        assert one.position == other.position
        _same(one.reset, other.reset)


def test_frames(pure: Implementation, compiled: Implementation) -> None:
    one, other = pure.frames.Frame, compiled.frames.Frame
    for args in (*ONE, *itertools.product(VALUES, FEW), *(("one", name) for name in VALUES)):
        _same(one, other, *args)
    for flag, name in itertools.product(("fin", "rsv1", "rsv2", "rsv3"), VALUES):
        if name != "a bool that raises":
            _same(one, other, "one", "4 octets", **{flag: name})
    for name in VALUES:
        _same(one, other, opcode="one", payload=name)


def test_encoding(pure: Implementation, compiled: Implementation) -> None:
    one, other = pure.frames.encode_frame, compiled.frames.encode_frame
    for first, second in (
        *itertools.product(VALUES, FEW),
        *itertools.product(("one", "nine"), VALUES),
    ):
        _same(one, other, first, second, mask="False")
        _same(one, other, first, second, mask="True", masking_key="4 octets")
        _same(one, other, first, second, mask="False", fin="False")
    for name in VALUES:
        _same(one, other, "one", "str", mask="True", masking_key=name) if name != "None" else None
        _same(one, other, "one", "str", mask="False", masking_key=name)
        _same(
            one, other, "one", "long bytes", mask="one", masking_key=name
        ) if name != "None" else None
        for flag in ("fin", "rsv1", "rsv2", "rsv3"):
            _same(one, other, "one", "str", mask="False", **{flag: name})
        _same(pure.frames.encode_frames, compiled.frames.encode_frames, name, mask="False")


def test_what_a_bool_raises_passes_on(pure: Implementation, compiled: Implementation) -> None:
    for side in (pure, compiled):
        with pytest.raises(ZeroDivisionError, match="from __bool__"):
            side.frames.encode_frame(1, b"", mask=RaisesInBool())
        with pytest.raises(ZeroDivisionError, match="from __bool__"):
            side.frames.Frame(1, b"", fin=RaisesInBool())


FRAME_OPTIONS = ("rsv", "max_payload_length", "partial")
MESSAGE_OPTIONS = ("text", "max_message_length", "max_payload_length", "max_fragments", "partial")


@pytest.mark.parametrize(
    ("module", "name", "options"),
    [
        ("frames", "FrameDecoder", FRAME_OPTIONS),
        ("messages", "MessageDecoder", MESSAGE_OPTIONS),
    ],
)
def test_options_of_decoders(
    pure: Implementation, compiled: Implementation, module: str, name: str, options: tuple[str, ...]
) -> None:
    one, other = getattr(getattr(pure, module), name), getattr(getattr(compiled, module), name)
    for value in VALUES:
        _same(one, other, value)
        for option in options:
            _same(one, other, "server", **{option: value})
    for first, second in itertools.combinations(options, 2):
        for value in ("minus one", "str", "None", "a float"):
            _same(one, other, "server", **{first: value, second: value})


@pytest.mark.parametrize(
    ("module", "name"), [("frames", "FrameDecoder"), ("messages", "MessageDecoder")]
)
@pytest.mark.parametrize("partial", [False, True])
def test_what_decoders_are_fed(
    pure: Implementation, compiled: Implementation, module: str, name: str, partial: bool
) -> None:
    def both() -> list[Any]:
        return [
            getattr(getattr(s, module), name)("client", partial=partial) for s in (pure, compiled)
        ]

    for value in VALUES:
        one, other = both()
        _same(one.feed, other.feed, value)
        _same(one.feed, other.feed, value)
        _same(one.finish, other.finish)
        assert one.closed is other.closed
        one, other = both()
        _same(one.buffer_updated, other.buffer_updated, value)
        _same(one.get_buffer, other.get_buffer, value)
        for decoder in (one, other):
            view = decoder.get_buffer()
            view[:] = (b"\x81\x01a" * len(view))[: len(view)]
        _same(one.buffer_updated, other.buffer_updated, value)
        _same(one.buffer_updated, other.buffer_updated, value)
        _same(one.finish, other.finish)


def test_streams_give_the_same_objects(pure: Implementation, compiled: Implementation) -> None:
    """Types included, which the oracle does not look at."""

    def types(item: Any) -> list[type]:
        return [type(item), *map(type, item)]

    for stream in STREAMS:
        size = len(stream.data)
        for cuts, way, partial in itertools.product(
            ([size], [*range(1, size), size]), WAYS, (False, True)
        ):
            if not size:
                continue
            found = []
            for side in (pure, compiled):
                decoder = message_decoder(side, stream.side, partial=partial, **stream.messages)
                _, outcomes = WAYS[way](decoder, stream.data, cuts)
                items = [[types(item) for item in outcome.items] for outcome in outcomes]
                found.append((outcomes, items, finish_signature(decoder), decoder.closed))
            assert found[0] == found[1], (stream.name, way, partial)


@pytest.mark.parametrize("text", ["str", "bytes"])
def test_parts_of_bad_text_are_the_same(
    pure: Implementation, compiled: Implementation, text: str
) -> None:
    for stream in STREAMS:
        for size in (1, 2, 3, 5, 1000):
            cuts = [*range(size, len(stream.data), size), len(stream.data)]
            found = []
            for side in (pure, compiled):
                options = {**stream.messages, "text": text, "partial": True}
                decoder = message_decoder(side, stream.side, **options)
                found.append(WAYS["feed"](decoder, stream.data, cuts)[1])
            assert found[0] == found[1], (stream.name, size)


def test_signatures_are_the_same(pure: Implementation, compiled: Implementation) -> None:
    for module in ("mask", "utf8", "frames", "messages", "kernels"):
        one, other = getattr(pure, module), getattr(compiled, module)
        for name in other.__all__ if hasattr(other, "__all__") else one.__all__:
            first, second = getattr(one, name), getattr(other, name)
            assert type(first).__name__ in ("type", "function", "EnumType") or callable(first)
            if isinstance(first, type):
                public = {attribute for attribute in dir(first) if not attribute.startswith("_")}
                assert public == {a for a in dir(second) if not a.startswith("_")}, name
                assert first.__name__ == second.__name__
                continue
            try:
                parameters = inspect.signature(second)
            except ValueError:
                continue  # a compiled function that doesn't tell
            names = [(p.name, p.kind) for p in inspect.signature(first).parameters.values()]
            assert [(p.name, p.kind) for p in parameters.parameters.values()] == names, name


def test_pickles_of_either_load(pure: Implementation, compiled: Implementation) -> None:
    args = (2, b"abc", False, True, False, True)
    for side, protocol in itertools.product((pure, compiled), range(pickle.HIGHEST_PROTOCOL + 1)):
        loaded = pickle.loads(pickle.dumps(side.frames.Frame(*args), protocol))
        assert type(loaded) is _backend.frames.Frame
        assert plain(loaded) == args[:2][:1] + args[2:] + args[1:2]


@pytest.mark.parametrize(("writer", "reader"), [("python", "c"), ("c", "python"), ("c", "c")])
def test_pickles_load_in_a_process_on_the_other_twin(
    compiled: Implementation, writer: str, reader: str
) -> None:
    code = (
        "import pickle, wsfast\n"
        "made = wsfast.Frame(2, b'abc', False, rsv2=True)\n"
        "error = wsfast.RemoteProtocolError('said', wsfast.CloseCode.MESSAGE_TOO_BIG, 3)\n"
        "error.completed = [made, (wsfast.Opcode.TEXT, 'x'), wsfast.Close(1000, '')]\n"
        "print(pickle.dumps([made, error]).hex())"
    )
    dumped = output(code, WSFAST_BACKEND=writer)
    assert "_speedups" not in bytes.fromhex(dumped).decode("latin-1")
    assert "_fallback" not in bytes.fromhex(dumped).decode("latin-1")
    code = (
        "import pickle, wsfast\n"
        f"made, error = pickle.loads(bytes.fromhex({dumped!r}))\n"
        "print(wsfast.BACKEND, type(made) is wsfast.Frame, made, made == error.completed[0],\n"
        "      error, int(error.close_code), error.position, error.completed[1:], sep='|')"
    )
    assert output(code, WSFAST_BACKEND=reader) == (
        f"{reader}|True|Frame(BINARY, b'abc', fin=False, rsv2=True)|True|said|1009|3|"
        "[(<Opcode.TEXT: 1>, 'x'), Close(code=1000, reason='')]"
    )


def test_frames_of_the_other_twin_are_no_frames(
    pure: Implementation, compiled: Implementation
) -> None:
    one, other = pure.frames.Frame(1, b"a"), compiled.frames.Frame(1, b"a")
    assert one != other
    for side, foreign in ((pure, other), (compiled, one)):
        with pytest.raises(TypeError, match="must hold Frame objects, not Frame"):
            side.frames.encode_frames([foreign], mask=False)


def test_a_stream_may_be_sent_by_one_and_read_by_the_other(
    pure: Implementation, compiled: Implementation
) -> None:
    specs = [(1, "täxt", False), (9, b"p", True), (0, "end", True), (2, bytes(70000), True)]
    for sender, receiver in ((pure, compiled), (compiled, pure)):
        wire = b"".join(
            sender.frames.encode_frame(opcode, payload, mask=True, fin=fin)
            for opcode, payload, fin in specs
        )
        assert receiver.messages.MessageDecoder("server").feed(wire) == [
            (9, b"p"),
            (1, "täxtend"),
            (2, bytes(70000)),
        ]
    assert frame(1, b"a", key=KEY) == compiled.frames.encode_frame(
        1, "a", mask=True, masking_key=KEY
    )
