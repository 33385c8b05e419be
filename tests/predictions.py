"""What the oracle expects of each read of a stream; and a decoder driven through the same reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import pytest
from oracle import (
    CLOSE,
    CONTINUATION,
    TEXT,
    Reading,
    close_error,
    pieces,
    read_close,
    read_utf8,
    repeated,
    signature,
)

from wsfast.exceptions import ProtocolError, RemoteProtocolError


class Outcome(NamedTuple):
    """What one read gave: plain items, and the signature of the error that it ended in."""

    items: list[Any]
    error: tuple[Any, ...] | None


def _with_faults(
    reading: Reading, cuts: Sequence[int], items: Iterable[list[Any]]
) -> list[Outcome]:
    fault = reading.fault
    error = None if fault is None else signature(fault.error)
    return [
        Outcome(found, error if fault is not None and fault.needs <= end else None)
        for end, found in zip(cuts, items, strict=True)
    ]


def whole_items(reading: Reading, cuts: Sequence[int]) -> list[Outcome]:
    """Frames or messages, each by the read that brings its last octet."""
    begins = [0, *cuts][: len(cuts)]
    items = [
        [item for needs, item in reading.items if begin < needs <= end]
        for begin, end in zip(begins, cuts, strict=True)
    ]
    return _with_faults(reading, cuts, items)


def frame_parts(reading: Reading, cuts: Sequence[int]) -> list[Outcome]:
    items: list[list[Any]] = []
    for read in pieces(reading, cuts):
        items.append([])
        for frame, begin, end in read:
            header = frame.header
            if header.opcode == CLOSE and close_error(frame.data) is not None:
                continue
            rsv = (bool(header.rsv & bit) for bit in (0x40, 0x20, 0x10))
            data, last = frame.data[begin:end], end == header.length
            start = (frame.number, header.opcode, header.fin, *rsv, header.length)
            items[-1].append((*start, begin, data, last))
    return _with_faults(reading, cuts, items)


def message_parts(
    reading: Reading, cuts: Sequence[int], *, text: str = "str", ratio: int = 0
) -> list[Outcome]:
    """Parts of messages; with text="bytes" only for streams without a fault in a text."""
    items: list[list[Any]] = []
    held, offset = b"", 0
    for read in pieces(reading, cuts):
        items.append([])
        for frame, begin, end in read:
            header = frame.header
            if header.opcode & 0x08:
                closing = header.opcode == CLOSE
                if closing and close_error(frame.data) is not None:
                    continue
                payload = read_close(frame.data) if closing else frame.data
                items[-1].append((header.opcode, 0, payload, True))
                continue
            if header.opcode != CONTINUATION and begin == 0:
                held, offset = b"", 0
            step = ratio if frame.compressed else 1
            octets = held + repeated(frame.data[begin:end], step)
            last = header.fin and end == header.length
            data: str | bytes = octets
            whole, bad = len(octets), False
            if frame.message == TEXT and text == "str":
                fault, whole = read_utf8(octets)
                bad = fault is not None or (last and whole < len(octets))
                data = octets[:whole].decode()
            held = octets[whole:]
            if data or (last and not bad):
                items[-1].append((frame.message, offset, data, last and not bad))
            offset += whole
    return _with_faults(reading, cuts, items)


def plain(item: Any) -> Any:
    """A Frame as the oracle writes it; everything else is a tuple already."""
    if isinstance(item, tuple):
        return item
    return (item.opcode, item.fin, item.rsv1, item.rsv2, item.rsv3, item.payload)


def attempt(call: Callable[..., Any], *args: Any) -> Outcome:
    """One call of `feed` or `buffer_updated`."""
    try:
        return Outcome([plain(item) for item in call(*args)], None)
    except Exception as error:
        completed = getattr(error, "completed", [])
        return Outcome([plain(item) for item in completed], signature(error))


def feed_cut(decoder: Any, stream: bytes, cuts: Sequence[int]) -> tuple[list[int], list[Outcome]]:
    """Feeds the stream in reads that end at `cuts`."""
    begins = [0, *cuts[:-1]]
    reads = [stream[begin:end] for begin, end in zip(begins, cuts, strict=True)]
    return list(cuts), [attempt(decoder.feed, read) for read in reads]


def receive_cut(
    decoder: Any, stream: bytes, cuts: Sequence[int]
) -> tuple[list[int], list[Outcome]]:
    """The same through get_buffer() and buffer_updated(); where a buffer is shorter than a read
    there are more cuts."""
    real: list[int] = []
    outcomes: list[Outcome] = []
    at = 0
    for end in cuts:
        while at < end:
            try:
                view = decoder.get_buffer()
            except Exception as error:
                outcomes.append(Outcome([], signature(error)))
                at = end
            else:
                count = min(len(view), end - at)
                view[:count] = stream[at : at + count]
                outcomes.append(attempt(decoder.buffer_updated, count))
                at += count
            real.append(at)
    return real, outcomes


WAYS = {"feed": feed_cut, "receive buffer": receive_cut}


def finish_signature(decoder: Any) -> tuple[Any, ...] | None:
    try:
        decoder.finish()
    except Exception as error:
        return signature(error)
    return None


def two_reads(length: int) -> list[list[int]]:
    """Every stream cut at every position, once whole, and octet by octet."""
    cuts = [[at, length] for at in range(1, length)]
    return [[length], *cuts, list(range(1, length + 1))] if length else [[0]]


def fails(decoder: Any, data: bytes, expected: ProtocolError) -> Any:
    """Feeds `data`, which has to fail so; and so does every later call, with nothing completed."""
    with pytest.raises(RemoteProtocolError) as caught:
        decoder.feed(data)
    assert signature(caught.value) == signature(expected)
    errors = [caught.value]
    calls = (lambda: decoder.feed(b""), lambda: decoder.feed(b"\x81\x80"), decoder.finish)
    for call in (*calls, decoder.get_buffer, lambda: decoder.buffer_updated(0)):
        with pytest.raises(RemoteProtocolError) as again:
            call()
        assert signature(again.value) == signature(expected)
        assert again.value.completed == []
        errors.append(again.value)
    assert len(set(map(id, errors))) == len(errors), "tracebacks of one error would pile up"
    return caught.value
