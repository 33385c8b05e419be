"""Memory grows with octets received, never with octets promised, and goes when its owner goes."""

from __future__ import annotations

import gc
import sys
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from implementations import Implementation
from oracle import rfc_mask
from processes import EXPERIMENTAL, FREE_THREADED, output
from streams import KEY, Repeater, frame

from wsfast import exceptions

MIB = 2**20
ON_LINUX = Path("/proc/self/status").exists()
ON_CPYTHON = sys.implementation.name == "cpython"


@pytest.fixture
def traced() -> Iterator[None]:
    gc.collect()
    tracemalloc.start()
    yield
    tracemalloc.stop()


def _peak(call: Callable[[], Any]) -> int:
    """The octets that Python's allocators gave out at most while `call` ran."""
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    kept = call()
    del kept
    return tracemalloc.get_traced_memory()[1] - before


def _decoders(implementation: Implementation) -> list[Callable[[], Any]]:
    frames, messages = implementation.frames.FrameDecoder, implementation.messages.MessageDecoder
    return [
        lambda: frames("server", max_payload_length=None),
        lambda: frames("server", max_payload_length=None, partial=True),
        lambda: messages("server", max_message_length=None),
        lambda: messages("server", max_message_length=None, text="bytes"),
        lambda: messages("server", max_message_length=None, partial=True),
        lambda: messages("server", max_message_length=None, inflater=Repeater()),
    ]


@pytest.mark.usefixtures("traced")
@pytest.mark.skipif(not ON_CPYTHON, reason="tracemalloc is CPython's")
@pytest.mark.parametrize("declared", [2**30, 2**63 - 1])
@pytest.mark.parametrize("first", [0x81, 0x02])
def test_a_declared_length_is_not_an_allocation(
    implementation: Implementation, declared: int, first: int
) -> None:
    header = bytes([first, 0xFF]) + declared.to_bytes(8, "big") + KEY
    for make in _decoders(implementation):
        for buffered in (False, True):

            def receive(make: Callable[[], Any] = make, buffered: bool = buffered) -> Any:
                decoder = make()
                decoder.feed(header + rfc_mask(b"ten octets", KEY))
                if buffered:
                    view = decoder.get_buffer(2**30)
                    view[:4] = rfc_mask(b"more", KEY, 10)
                    decoder.buffer_updated(4)
                return decoder

            assert _peak(receive) < MIB


@pytest.mark.skipif(not ON_LINUX, reason="reads /proc")
def test_a_declared_length_is_not_an_allocation_of_the_process_either(
    implementation: Implementation,
) -> None:
    before = _rss("VmPeak")
    kept = []
    for make in _decoders(implementation):
        decoder = make()
        decoder.feed(bytes([0x82, 0xFF]) + (2**36).to_bytes(8, "big") + KEY + b"ten octets")
        kept.append(decoder)
    assert _rss("VmPeak") - before < 64 * MIB


def _rss(name: str = "VmRSS") -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    [kib] = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return int(kib) * 1024


@pytest.mark.usefixtures("traced")
@pytest.mark.skipif(not ON_CPYTHON, reason="tracemalloc is CPython's")
@pytest.mark.parametrize("size", [0, 1, 64])
@pytest.mark.parametrize("opcode", [1, 2])
def test_fragments_cost_no_memory_of_their_own(
    implementation: Implementation, opcode: int, size: int
) -> None:
    """A message takes no more in 64-octet fragments; empty ones take nothing."""
    count = MIB // 2 // size if size > 1 else 20000
    read = frame(0, b"x" * size, fin=False, key=KEY) * 1000

    def receive() -> Any:
        decoder = implementation.messages.MessageDecoder("server", max_message_length=None)
        decoder.feed(frame(opcode, b"", fin=False, key=KEY))
        for _ in range(count // 1000):
            assert decoder.feed(read) == []
        [(_, payload)] = decoder.feed(frame(0, b"end", key=KEY))
        assert len(payload) == count // 1000 * 1000 * size + 3
        return payload

    total = count * size
    limit = 2.3 * total if implementation.compiled else 3.3 * total
    assert _peak(receive) < limit + 200_000


@pytest.mark.usefixtures("traced")
@pytest.mark.skipif(not ON_CPYTHON, reason="tracemalloc is CPython's")
def test_a_large_payload_in_parts_takes_constant_memory(implementation: Implementation) -> None:
    payload = bytes(16 * MIB)
    header = frame(2, b"", declared=len(payload), bits=64)
    chunk = bytes(65536)

    def by(make: Callable[..., Any], **options: Any) -> int:
        def receive() -> None:
            decoder = make("client", partial=True, **options)
            decoder.feed(header)
            received = 0
            for _ in range(len(payload) // len(chunk)):
                for part in decoder.feed(chunk):
                    received += len(part.data)
            assert received == len(payload)

        return _peak(receive)

    assert by(implementation.frames.FrameDecoder, max_payload_length=None) < MIB
    assert by(implementation.messages.MessageDecoder, max_message_length=None) < MIB


RECEIVE = """
import sys
from {package}.messages import MessageDecoder
from {package}.kernels import select
OCTETS, opcode, way = {octets}, {opcode}, {way!r}
key = b"\\x37\\xfa\\x21\\x3d"
plain = (b"plain text, sixteen " * 4096)[:65536]
chunk = bytes(a ^ b for a, b in zip(plain, key * 16384))
decoder = MessageDecoder("server", max_message_length=None)
found = decoder.feed(bytes.fromhex("818537fa213d7f9f4d5158"))
view = decoder.get_buffer()
decoder.buffer_updated(0)
def receive(data):
    if way == "feed":
        return decoder.feed(data)
    data, found = memoryview(data), []
    while data:
        view = decoder.get_buffer()
        count = min(len(view), len(data))
        view[:count] = data[:count]
        del view
        found += decoder.buffer_updated(count)
        data = data[count:]
    return found
if OCTETS:
    receive(bytes([0x80 | opcode, 0xFF]) + OCTETS.to_bytes(8, "big") + key)
    for _ in range(OCTETS // 65536):
        found = receive(chunk)
    [(_, payload)] = found
    assert len(payload) == OCTETS
    assert payload[-65536:] == (plain.decode() if opcode == 1 else plain)
for line in open("/proc/self/status"):
    if line.startswith("VmHWM:"):
        print(int(line.split()[1]) * 1024)
"""


@pytest.mark.skipif(not ON_LINUX, reason="reads /proc")
@pytest.mark.skipif(FREE_THREADED, reason="its allocator moves what grows: twice the size")
@pytest.mark.parametrize("way", ["feed", "receive buffer"])
@pytest.mark.parametrize("opcode", [1, 2], ids=["text", "binary"])
@pytest.mark.parametrize("side", ["pure", "compiled"])
def test_a_64_mib_message_takes_little_more_than_its_size(
    side: str, opcode: int, way: str, request: pytest.FixtureRequest
) -> None:
    implementation = request.getfixturevalue(side)
    package = "wsfast._speedups" if implementation.compiled else "wsfast._fallback"
    octets = 64 * MIB
    code = RECEIVE.format(package=package, octets="{octets}", opcode=opcode, way=way)
    backend = "c" if implementation.compiled else "python"
    peaks = [
        int(output(code.replace("{octets}", str(amount)), WSFAST_BACKEND=backend))
        for amount in (0, octets)
    ]
    # The pure side has to make its text or bytes out of what it collected.
    allowed = 1.15 if implementation.compiled else 2.15
    assert peaks[1] - peaks[0] <= allowed * octets + MIB


# Leaks --------------------------------------------------------------------------------------------


def _good_and_bad(implementation: Implementation) -> Callable[[], None]:
    """Every public call once, well and badly."""
    mask, utf8 = implementation.mask, implementation.utf8
    frames, messages = implementation.frames, implementation.messages
    text = ("leaky ä € 🚀 " * 30).encode()
    strided = memoryview(bytes(64))[::2]
    good = frame(1, text, fin=False, key=KEY) + frame(9, b"p", key=KEY) + frame(0, text, key=KEY)
    bad_streams = [
        good + frame(1, text + b"\xff", key=KEY),
        good + frame(1, text[:-2], key=KEY)[:-1] + b"\x00",
        good + b"\xff",
        frame(1, text, fin=False, key=KEY) + frame(8, b"\x03", key=KEY),
        frame(2, text, rsv=0x40, key=KEY),
        frame(8, b"\x03\xe8" + b"\xff" * 5, key=KEY),
        frame(2, bytes(100), key=KEY, declared=2**63, bits=64),
        good[:-3],
    ]

    def refused(call: Callable[..., Any], *args: Any, **named: Any) -> None:
        try:
            call(*args, **named)
        except (TypeError, ValueError, exceptions.ProtocolError):
            return
        raise AssertionError(f"{call} took {args} {named}")

    def by_buffer(decoder: Any, data: bytes) -> None:
        for at in range(0, len(data), 100):
            piece = data[at : at + 100]
            while piece:
                view = decoder.get_buffer()
                count = min(len(view), len(piece))
                view[:count] = piece[:count]
                decoder.buffer_updated(count)
                piece = piece[count:]

    def make_decoders() -> list[Any]:
        return [
            frames.FrameDecoder("server"),
            frames.FrameDecoder("server", partial=True, rsv=0x40),
            messages.MessageDecoder("server"),
            messages.MessageDecoder("server", text="bytes", inflater=Repeater(2)),
            messages.MessageDecoder("server", partial=True, inflater=Repeater()),
            messages.MessageDecoder("server", max_message_length=10),
        ]

    def once() -> None:
        mask.apply_mask_inplace(bytearray(text), mask.masking_key(), 3)
        mask.apply_mask(memoryview(text), KEY)
        for args in ((None, KEY), (text, b""), (text, KEY, -1), (strided, KEY), (text, strided)):
            refused(mask.apply_mask, *args)
            refused(mask.apply_mask_inplace, *args)
        for data in (text, text + b"\xff", text[:-2]):
            utf8.is_utf8(data)
            validator = utf8.Utf8Validator()
            try:
                utf8.decode_text(mask.apply_mask(data, KEY), KEY)
                validator.feed(data)
                validator.finish()
            except (exceptions.ProtocolError, UnicodeDecodeError):
                pass
        refused(utf8.decode_text, text, b"abc")
        refused(utf8.is_utf8, "text")
        made = frames.Frame(1, text.decode(), rsv1=True)
        assert repr(made)
        assert hash(made) == hash(frames.Frame(1, text, rsv1=True))
        frames.encode_frames([made] * 5, mask=True)
        frames.encode_frame(1, text.decode(), mask=True, masking_key=bytearray(KEY))
        for opcode, payload in ((3, b""), (9, bytes(126)), (1, None), ("1", b""), (1, "\ud800")):
            refused(frames.encode_frame, opcode, payload, mask=True)
        refused(frames.encode_frames, [made, None], mask=False)
        refused(frames.FrameDecoder, "none")
        refused(frames.FrameDecoder, "server", rsv=1)
        refused(messages.MessageDecoder, "server", text="x")
        for data in (good, *bad_streams):
            for feed in (lambda d, data: d.feed(data), by_buffer):
                for decoder in make_decoders():
                    for call in (lambda: feed(decoder, data), decoder.finish, decoder.finish):  # noqa: B023
                        try:
                            call()
                        except exceptions.ProtocolError:
                            pass
                    try:
                        decoder.feed(None)
                    except (TypeError, exceptions.ProtocolError):
                        pass

    return once


def _skip_where_python_leaks(implementation: Implementation) -> None:
    if EXPERIMENTAL and not implementation.compiled:
        pytest.skip("the free-threaded 3.13 frees late what Python code leaves")


@pytest.mark.usefixtures("traced")
@pytest.mark.skipif(not ON_CPYTHON, reason="tracemalloc is CPython's")
def test_nothing_leaks_on_good_or_bad_input(implementation: Implementation) -> None:
    _skip_where_python_leaks(implementation)
    once = _good_and_bad(implementation)
    for _ in range(5):
        once()
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(20):
        once()
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    assert grown < 20 * 100  # a leak of one object a round would be more


@pytest.mark.skipif(not (ON_LINUX and ON_CPYTHON), reason="reads /proc")
def test_the_process_does_not_grow(implementation: Implementation) -> None:
    _skip_where_python_leaks(implementation)
    once = _good_and_bad(implementation)
    for _ in range(30):
        once()
    gc.collect()
    before = _rss()
    for _ in range(120):
        once()
    gc.collect()
    assert _rss() - before < 2 * MIB


@pytest.mark.skipif(not ON_CPYTHON, reason="counts references")
def test_arguments_keep_no_reference(implementation: Implementation) -> None:
    key, data = bytes(bytearray(KEY)), bytes(bytearray(b"some text"))
    wire = bytes(bytearray(frame(1, b"abc", key=KEY)))
    decoders = implementation.frames.FrameDecoder, implementation.messages.MessageDecoder
    counts = [sys.getrefcount(value) for value in (key, data, wire)]
    for _ in range(100):
        implementation.mask.apply_mask(data, key)
        implementation.utf8.is_utf8(data)
        implementation.utf8.decode_text(data, None)
        implementation.frames.encode_frame(1, data, mask=True, masking_key=key)
        for make in decoders:
            make("server").feed(wire)
    gc.collect()
    assert [sys.getrefcount(value) for value in (key, data, wire)] == counts


def test_a_cycle_through_an_inflater_is_collected(implementation: Implementation) -> None:
    class Owner(Repeater):
        decoder: Any = None

    inflater = Owner()
    inflater.decoder = implementation.messages.MessageDecoder("server", inflater=inflater)
    gone = weakref.ref(inflater)
    del inflater
    gc.collect()
    assert gone() is None
