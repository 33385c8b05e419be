"""Several threads: decoders side by side, one decoder by many, buffers that change while read."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from implementations import Implementation
from oracle import is_utf8, rfc_mask, signature
from predictions import plain
from processes import EXPERIMENTAL
from streams import KEY, STREAMS, Stream, frame, message_decoder
from texts import TEXTS

from wsfast import exceptions

THREADS = 6


@pytest.fixture(autouse=True)
def _frequent_switches() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


def _together(works: list[Callable[[], None]]) -> None:
    """Runs all at the same time, and raises what one of them raised."""
    barrier, errors = threading.Barrier(len(works)), []

    def run(work: Callable[[], None]) -> None:
        barrier.wait()
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def _results(implementation: Implementation, stream: Stream, size: int) -> list[Any]:
    decoder = message_decoder(implementation, stream.side, **stream.messages)
    found: list[Any] = []
    for at in range(0, len(stream.data), size):
        try:
            found += decoder.feed(stream.data[at : at + size])
        except exceptions.ProtocolError as error:
            found += [*error.completed, signature(error)]
    return found


def test_each_thread_has_its_own_decoders(implementation: Implementation) -> None:
    expected = {
        (s.name, size): _results(implementation, s, size) for s in STREAMS for size in (1, 7)
    }

    def work() -> None:
        for stream in STREAMS:
            for size in (1, 7):
                found = _results(implementation, stream, size)
                assert found == expected[stream.name, size]

    _together([work] * THREADS)


def test_functions_run_side_by_side(implementation: Implementation) -> None:
    mask, utf8, frames = implementation.mask, implementation.utf8, implementation.frames
    text = "".join(text for name, text in TEXTS.items() if not name.startswith("corpus")) * 40
    data = text.encode()
    assert len(data) > 2**16
    masked = mask.apply_mask(data, KEY)
    encoded = frame(1, data, key=KEY)

    def work() -> None:
        for _ in range(15):
            assert mask.apply_mask(data, KEY) == masked
            assert utf8.is_utf8(data)
            assert not utf8.is_utf8(masked)
            assert utf8.decode_text(masked, KEY) == text
            assert frames.encode_frame(1, text, mask=True, masking_key=KEY) == encoded
            work_on = bytearray(data)
            mask.apply_mask_inplace(work_on, KEY)
            assert work_on == masked
            validator = utf8.Utf8Validator()
            validator.feed(data)
            validator.finish()
            assert frames.Frame(1, data) == frames.Frame(1, text)

    _together([work] * THREADS)


def test_frames_are_made_and_dropped_by_many_threads(implementation: Implementation) -> None:
    make = implementation.frames.Frame

    def work(number: int) -> None:
        kept = []
        for round_ in range(3000):
            kept.append(make(2, b"%d %d" % (number, round_)))
            if len(kept) > 50:
                kept = kept[25:]
        assert [f.payload for f in kept] == [
            b"%d %d" % (number, 3000 - n) for n in range(len(kept), 0, -1)
        ]

    _together([lambda number=number: work(number) for number in range(THREADS)])  # type: ignore[misc]


@pytest.mark.parametrize("kind", ["FrameDecoder", "MessageDecoder"])
@pytest.mark.parametrize("size", [10, 200000])
def test_one_decoder_by_many_threads_is_used_in_turn_or_refused(
    implementation: Implementation, kind: str, size: int
) -> None:
    module = implementation.frames if kind == "FrameDecoder" else implementation.messages
    decoder = getattr(module, kind)("server")
    counts = [0] * THREADS
    payload = b"x" * size
    wire = frame(2, payload, key=KEY) * (20 if size < 1000 else 2)
    busy = str(exceptions.in_use(kind))

    def work(number: int) -> None:
        for _ in range(200 if size < 1000 else 30):
            try:
                found = decoder.feed(wire)
            except RuntimeError as error:
                assert str(error) == busy
            else:
                received = [item[1] if kind == "MessageDecoder" else item.payload for item in found]
                assert received == [payload] * len(received)
                counts[number] += len(received)

    _together([lambda number=number: work(number) for number in range(THREADS)])  # type: ignore[misc]
    assert sum(counts) % (20 if size < 1000 else 2) == 0
    assert sum(counts) > 0
    decoder.finish()


def test_a_decoder_in_use_by_another_thread_says_so(implementation: Implementation) -> None:
    inside, let_go = threading.Event(), threading.Event()

    class Waiting:
        def inflate(self, data: bytes, last: bool, max_length: int | None) -> bytes:
            inside.set()
            assert let_go.wait(60)
            return data

    decoder = implementation.messages.MessageDecoder("server", inflater=Waiting())
    found: list[Any] = []
    wire = frame(1, b"abc", rsv=0x40, key=KEY)
    thread = threading.Thread(target=lambda: found.extend(decoder.feed(wire)))
    thread.start()
    assert inside.wait(60)
    try:
        for call in (
            lambda: decoder.feed(frame(1, b"x", key=KEY)),
            lambda: decoder.feed(b""),
            decoder.get_buffer,
            lambda: decoder.buffer_updated(0),
            decoder.finish,
        ):
            with pytest.raises(RuntimeError) as caught:
                call()
            assert str(caught.value) == str(exceptions.in_use("MessageDecoder"))
    finally:
        let_go.set()
        thread.join()
    assert found == [(1, "abc")]
    assert decoder.feed(frame(1, b"after", key=KEY)) == [(1, "after")]


@pytest.mark.parametrize("kind", ["FrameDecoder", "MessageDecoder"])
def test_an_argument_cant_use_the_decoder_that_it_is_for(
    implementation: Implementation, kind: str
) -> None:
    """A call from inside of a call is refused, or comes before it; nothing is torn."""
    module = implementation.frames if kind == "FrameDecoder" else implementation.messages
    decoder = getattr(module, kind)("client")
    wire = frame(2, b"abc")
    inner: list[Any] = []

    class Reentrant:
        def __index__(self) -> int:
            try:
                inner.extend(decoder.feed(wire))
            except RuntimeError as error:
                assert str(error) == str(exceptions.in_use(kind))
            return len(wire)

        def __buffer__(self, flags: int) -> memoryview:
            self.__index__()
            return memoryview(wire)

    for _ in range(3):
        decoder.get_buffer()[: len(wire)] = wire
        try:
            found = decoder.buffer_updated(Reentrant())
        except RuntimeError as error:
            assert str(error) == str(exceptions.no_buffer())
            assert len(inner) == 1
        else:
            assert len(found) == 1
        if sys.version_info >= (3, 12):
            assert len(decoder.feed(Reentrant())) == 1
        assert len(decoder.get_buffer(Reentrant())) >= len(wire)
        assert len(decoder.feed(wire)) == 1
        inner.clear()
    decoder.finish()


def test_a_validator_by_many_threads_does_not_break(implementation: Implementation) -> None:
    validator = implementation.utf8.Utf8Validator()
    chunk = "ä€🚀".encode() * 5000

    def work() -> None:
        for _ in range(40):
            try:
                validator.feed(chunk)
            except RuntimeError as error:
                assert "in use" in str(error)

    _together([work] * THREADS)
    try:
        assert validator.position % len(chunk) == 0
        validator.finish()
    except exceptions.ProtocolError:
        pytest.fail("whole characters in whole chunks are valid in any order")


def _while_changing(buffer: bytearray, values: list[bytes], work: Callable[[], None]) -> None:
    """Runs `work` while another thread writes one value after the other over the buffer."""
    done = threading.Event()

    def change() -> None:
        while not done.is_set():
            for value in values:
                buffer[:] = value

    thread = threading.Thread(target=change)
    thread.start()
    try:
        work()
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("size", [100, 5000, 300000])
def test_a_buffer_may_change_while_it_is_read(implementation: Implementation, size: int) -> None:
    """The result is anything but a crash or a str that is none."""
    chars = ["a" * 12, "é" * 6, "漢" * 4, "🚀" * 3, "\xff" * 6]
    values = [(char * (size // 12 + 1)).encode()[:size] for char in chars]
    values.append(b"\xff" * size)
    buffer = bytearray(values[0])
    view = memoryview(buffer)
    utf8, mask, frames = implementation.utf8, implementation.mask, implementation.frames

    def work() -> None:
        for _ in range({100: 150, 5000: 50, 300000: 8}[size]):
            assert utf8.is_utf8(view) in (True, False)
            for key in (None, KEY, bytes(4)):
                try:
                    text = utf8.decode_text(view, key)
                except UnicodeDecodeError as error:
                    assert len(error.object) == size
                    assert 0 <= error.start < error.end <= size
                else:
                    assert "".join(map(chr, map(ord, text))) == text
                    assert text.isascii() == (max(text) < "\x80")
            assert len(mask.apply_mask(view, KEY)) == size
            encoded = frames.encode_frame(2, view, mask=True)
            assert len(encoded) == len(frame(2, bytes(size), key=KEY))
            made = frames.Frame(2, view)
            assert made.payload == made.payload[:]
            validator = utf8.Utf8Validator()
            try:
                validator.feed(view)
            except exceptions.ProtocolError as error:
                assert error.position is not None
                assert 0 <= error.position < size

    _while_changing(buffer, values, work)


@pytest.mark.parametrize("size", [100, 300000])
def test_wire_octets_may_change_while_they_are_read(
    implementation: Implementation, size: int
) -> None:
    values = [
        frame(1, ("ä" * (size // 2)).encode(), key=bytes(4)),
        frame(1, ("a" * size).encode(), key=bytes(4)),
        frame(1, b"\xff" * (size // 2 * 2), key=bytes(4)),
        frame(2, b"a" * (size // 2 * 2), key=KEY),
        frame(9, b"", key=KEY) * (size // 6)
        + bytes(len(frame(1, bytes(size), key=KEY)) - size // 6 * 6),
    ]
    assert len({len(value) for value in values}) == 1
    buffer = bytearray(values[0])
    view = memoryview(buffer)

    def work() -> None:
        for _ in range(10 if size > 1000 else 150):
            for partial in (False, True):
                for decoder in (
                    implementation.frames.FrameDecoder("server", partial=partial),
                    implementation.messages.MessageDecoder("server", partial=partial),
                ):
                    try:
                        found = decoder.feed(view)
                    except exceptions.ProtocolError as error:
                        found = error.completed
                    for item in found:
                        for value in plain(item):
                            if isinstance(value, str):
                                assert is_utf8(value[:100].encode())

    _while_changing(buffer, values, work)


def test_a_buffer_being_read_cant_be_resized(implementation: Implementation) -> None:
    if EXPERIMENTAL and not implementation.compiled:
        pytest.skip("in the free-threaded 3.13 a bytearray can be resized while it is exported")
    buffer = bytearray(b"x" * 2_000_000)
    refused = []
    done = threading.Event()

    def resize() -> None:
        while not done.is_set():
            try:
                buffer.append(0)
                del buffer[-1:]
            except BufferError:
                refused.append(1)

    thread = threading.Thread(target=resize)
    thread.start()
    try:
        for _ in range(30):
            assert implementation.mask.apply_mask(buffer, KEY)[:4] == rfc_mask(b"xxxx", KEY)
            implementation.utf8.is_utf8(buffer)
            implementation.mask.apply_mask_inplace(buffer, bytes(4))
    finally:
        done.set()
        thread.join()
    buffer.append(0)  # nothing holds it any more


def test_a_view_released_by_another_thread_is_read_or_refused(
    implementation: Implementation,
) -> None:
    for _ in range(200):
        view = memoryview(bytearray(b"x" * 100_000))
        thread = threading.Thread(target=view.release)
        thread.start()
        try:
            assert len(implementation.mask.apply_mask(view, KEY)) == 100_000
        except ValueError as error:
            assert "released" in str(error)
        thread.join()
