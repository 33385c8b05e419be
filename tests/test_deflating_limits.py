"""What inflating may take, RFC 7692 section 8: octets while it goes on, and memory afterwards."""

from __future__ import annotations

import itertools
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from deflate_peers import LIBRARIES, Sender, bomb, with_final_block
from implementations import Implementation
from oracle import signature
from streams import KEY, frame

from wsfast import exceptions
from wsfast.deflating import LIBRARIES as TABLE
from wsfast.deflating import Inflater
from wsfast.permessage_deflate import PermessageDeflate

tracemalloc = pytest.importorskip("tracemalloc", reason="tracemalloc is CPython's")
RSV1 = 0x40
MIB = 2**20
BOMB = bomb(64 * MIB)
# What a library may hold for itself.
STATE = 2**17
SIDES: tuple[Any, ...] = ("server", "client")


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def _held(call: Callable[[], Any]) -> tuple[Any, int, int]:
    """What the call gave; the octets that it kept, with that; and those that it took at most."""
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    made = call()
    after, peak = tracemalloc.get_traced_memory()
    return made, after - before, peak - before


def _about(kept: int, expected: int) -> bool:
    """Whether it is so much, and perhaps a few small objects of the test's own."""
    return 0 <= kept - expected < 300


def _inflater(library: str, takeover: bool = True) -> Inflater:
    return Inflater(TABLE[library].load(), window_bits=15, takeover=takeover)


def test_it_is_a_bomb() -> None:
    assert 1000 < 64 * MIB / len(BOMB) < 1100


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("length", [0, 1, 1000, 32_768, 100_000])
@pytest.mark.parametrize("max_length", [0, 1, 999, 1000, 32_767, 32_768, 100_000, None, 2**64])
def test_one_octet_more_than_the_limit_at_most(
    library: str, length: int, max_length: int | None
) -> None:
    message = bytes(range(256)) * (length // 256) + bytes(length % 256)
    wanted = length if max_length is None else min(length, max_length + 1)
    payload = Sender().message(message)
    assert _inflater(library).inflate(payload, True, max_length) == message[:wanted]
    final = with_final_block(message)
    assert _inflater(library).inflate(final + b"\x00", True, max_length) == message[:wanted]
    thrice = with_final_block(b"a") + final + final + b"\x00"
    wanted = 2 * length + 1 if max_length is None else min(2 * length + 1, max_length + 1)
    found = _inflater(library).inflate(thrice, True, max_length)
    assert found == (b"a" + message + message)[:wanted]


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("max_length", [0, 1000, MIB])
@pytest.mark.parametrize("last", [True, False])
def test_a_bomb_takes_no_more_than_its_limit(library: str, max_length: int, last: bool) -> None:
    # Twice: a library may join what it made in parts, and it keeps a copy of what it didn't read.
    inflater = _inflater(library)
    inflater.inflate(Sender().message(b"before"), True, 100)
    inflated, _, peak = _held(lambda: inflater.inflate(BOMB, last, max_length))
    assert len(inflated) == max_length + 1
    assert peak < 2 * (max_length + len(BOMB)) + STATE


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_bomb_behind_final_blocks_takes_no_more(library: str) -> None:
    payload = with_final_block(b"") * 100 + BOMB
    inflated, _, peak = _held(lambda: _inflater(library).inflate(payload, True, MIB))
    assert len(inflated) == MIB + 1
    assert peak < 2 * (MIB + len(payload)) + 2 * STATE


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("size", [100, 4096, len(BOMB) + 100])
def test_a_bomb_fails_the_connection_with_1009(
    implementation: Implementation, library: str, size: int
) -> None:
    inflater = _inflater(library)
    decoder = implementation.messages.MessageDecoder("server", inflater=inflater)
    wire = frame(2, BOMB, rsv=RSV1, key=KEY)

    def feed() -> exceptions.RemoteProtocolError:
        with pytest.raises(exceptions.RemoteProtocolError) as caught:
            for at in range(0, len(wire), size):
                decoder.feed(wire[at : at + size])
        caught.value.__traceback__ = None
        return caught.value

    error, _, peak = _held(feed)
    assert signature(error) == signature(exceptions.message_too_long(MIB + 1, MIB))
    assert peak < 4 * MIB + 3 * len(BOMB) + STATE


def test_many_final_blocks_take_linear_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    # 20,000 blocks in one piece: what is given to zlib doesn't grow with the square of it.
    read = 0

    class Counting:
        def __init__(self, stream: Any) -> None:
            self._stream = stream

        def __getattr__(self, name: str) -> Any:
            return getattr(self._stream, name)

        def decompress(self, data: Any, max_length: int) -> bytes:
            nonlocal read
            read += len(data)
            return bytes(self._stream.decompress(data, max_length))

    class Module:
        @staticmethod
        def decompressobj(window_bits: int) -> Counting:
            return Counting(zlib.decompressobj(window_bits))

    payload = with_final_block(b"") * 20_000 + b"\x00"
    inflater = Inflater(Module, window_bits=15, takeover=True)
    assert inflater.inflate(payload, True, MIB) == b""
    assert read < 2000 * len(payload)


# Memory between messages


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("side", SIDES)
def test_nothing_is_allocated_before_the_first_message(library: str, side: Any) -> None:
    settings = PermessageDeflate(library=library)
    accepted = settings.accept("permessage-deflate; client_max_window_bits")
    assert accepted is not None
    _, agreement = accepted
    agreement.inflater(side), agreement.deflater(side)
    both, kept, _ = _held(lambda: (agreement.inflater(side), agreement.deflater(side)))
    assert kept < 1024
    _, kept, _ = _held(lambda: both[1].deflate(b"Hello"))
    assert kept > 8_000
    _, kept, _ = _held(lambda: both[0].inflate(Sender().message(b"Hello"), True, 100))
    assert kept > 7_000


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("library", LIBRARIES)
def test_nothing_is_kept_without_takeover(library: str) -> None:
    settings = PermessageDeflate(
        server_no_context_takeover=True, client_no_context_takeover=True, library=library
    )
    agreement = settings.confirm("permessage-deflate; server_no_context_takeover")
    assert agreement is not None
    for side in SIDES:
        inflater, deflater = agreement.inflater(side), agreement.deflater(side)
        payload = deflater.deflate(b"Hello")
        inflater.inflate(payload, True, None)
        _, kept, peak = _held(lambda d=deflater: len(d.deflate(b"Hello" * 100)))  # type: ignore[misc]
        assert kept < 512 < peak
        _, kept, peak = _held(lambda i=inflater, p=payload: len(i.inflate(p, True, 9)))  # type: ignore[misc]
        assert kept < 512 < peak
        fragments = [deflater.deflate(b"Hello", False), deflater.deflate(b", world")]
        assert inflater.inflate(fragments[0], False, 20) == b"Hello"
        assert inflater.inflate(fragments[1], True, 20) == b", world"


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("library", LIBRARIES)
def test_reset_gives_the_memory_back(library: str) -> None:
    agreement = PermessageDeflate(library=library).confirm("permessage-deflate")
    assert agreement is not None
    deflater = agreement.deflater("client")
    deflater.deflate(b"Hello")
    deflater.reset()

    def use() -> None:
        deflater.deflate(b"Hello")
        deflater.reset()

    _, kept, peak = _held(use)
    assert kept < 512
    assert peak > 8_000


@pytest.mark.usefixtures("traced")
@pytest.mark.skipif(
    getattr(zlib, "ZLIB_RUNTIME_VERSION", "") != "1.2.13" or sys.version_info < (3, 13),
    reason="the figures are of zlib 1.2.13 and CPython 3.13",
)
def test_the_documented_cost_is_right() -> None:
    for window_bits, memory_level in itertools.product(range(9, 16), range(1, 10)):
        settings = PermessageDeflate(
            server_max_window_bits=window_bits,
            client_max_window_bits=window_bits,
            memory_level=memory_level,
        )
        accepted = settings.accept("permessage-deflate; client_max_window_bits")
        assert accepted is not None
        deflater, inflater = accepted[1].deflater("server"), accepted[1].inflater("server")
        _, kept, _ = _held(lambda d=deflater: len(d.deflate(b"Hello")))  # type: ignore[misc]
        assert _about(kept, 2 ** (window_bits + 2) + 2 ** (memory_level + 9) + 6152)
        payload = Sender(9).message(b"Hello")
        _, kept, _ = _held(lambda i=inflater, p=payload: len(i.inflate(p, True, 100)))  # type: ignore[misc]
        assert _about(kept, 2**window_bits + 7360)
