"""FrameSplitter takes what is whole and valid; where it stops, it says what is lacking."""

from __future__ import annotations

import array
import itertools
import mmap
from typing import Any

import pytest
from guard import GuardedPages
from hypothesis import given
from hypothesis import strategies as st
from implementations import Implementation
from oracle import BINARY, CONTINUATION, PING, PONG, TEXT, Fault, Rules, is_utf8, read_header
from oracle import rfc_mask as mask
from streams import KEY, OTHER_KEY, STREAMS, frame

WHOLE = (0x80 | TEXT, 0x80 | BINARY)
Split = tuple[list[tuple[int, Any]], int, int]


def expected(
    stream: bytes,
    side: str,
    *,
    offset: int = 0,
    rsv: int = 0,
    text: str = "bytes",
    in_message: bool = False,
    max_payload: int | None = None,
) -> Split:
    """What split() has to return, from the oracle's reading of headers."""
    rules = Rules(side, rsv, max_payload, in_message=in_message)
    frames: list[tuple[int, Any]] = []
    while True:
        header = read_header(stream, offset, rules)
        if isinstance(header, Fault):
            return frames, offset, 0
        if header is None:
            return frames, offset, header_lacks(stream[offset:])
        end = header.start + header.length
        if end > len(stream):
            return frames, offset, end - len(stream)
        payload: Any = mask(stream[header.start : end], header.key)
        if stream[offset] == WHOLE[0] and text == "str":
            if not is_utf8(payload):
                return frames, offset, 0
            payload = payload.decode()
        frames.append((stream[offset], payload))
        whole = stream[offset] in WHOLE
        offset = end
        if not whole:
            return frames, offset, 2


def header_lacks(begun: bytes) -> int:
    """RFC 6455 section 5.2: what is known of the length of a header after so many octets of it."""
    if len(begun) < 2:
        return 2 - len(begun)
    extended = {126: 2, 127: 8}.get(begun[1] & 0x7F, 0)
    key = 4 if begun[1] & 0x80 else 0
    return 2 + extended + key - len(begun)


def make(implementation: Implementation, side: str, **options: Any) -> Any:
    return implementation.splitter.FrameSplitter(side, **options)


@pytest.mark.parametrize("stream", STREAMS, ids=[stream.name for stream in STREAMS])
def test_every_stream_as_it_is_and_cut_everywhere(
    implementation: Implementation, stream: Any
) -> None:
    options = {"rsv": stream.frames.get("rsv", 0)}
    limit = stream.frames.get("max_payload_length", 2**20)
    for text, in_message in itertools.product(("bytes", "str"), (False, True)):
        splitter = make(implementation, stream.side, text=text, **options)
        for end in range(len(stream.data) + 1):
            data = stream.data[:end]
            found = splitter.split(data, 0, in_message, limit)
            assert found == expected(
                data, stream.side, text=text, in_message=in_message, max_payload=limit, **options
            )


@pytest.mark.parametrize("stream", STREAMS, ids=[stream.name for stream in STREAMS])
def test_taken_on_from_where_it_stopped(implementation: Implementation, stream: Any) -> None:
    """As an adapter drives it: it goes on behind what it got, until nothing more is whole."""
    rsv = stream.frames.get("rsv", 0)
    splitter = make(implementation, stream.side, rsv=rsv)
    offset, in_message = 0, False
    for _ in range(len(stream.data) + 1):
        found, end, lacks = splitter.split(stream.data, offset, in_message, 2**20)
        assert (found, end, lacks) == expected(
            stream.data,
            stream.side,
            offset=offset,
            rsv=rsv,
            in_message=in_message,
            max_payload=2**20,
        )
        for first, _ in found:
            if not first & 0x08:
                in_message = not first & 0x80
        if not found:
            assert end == offset
            break
        offset = end
    else:
        pytest.fail("it never ends")


@pytest.mark.parametrize("key", [KEY, None])
@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 255, 256, 65535, 65536, 70000])
def test_what_it_lacks_is_exact(
    implementation: Implementation, length: int, key: bytes | None
) -> None:
    """With one octet less than it says nothing more can be told; with them, something can."""
    side = "server" if key else "client"
    splitter = make(implementation, side)
    payload = bytes(range(256)) * (length // 256) + bytes(length % 256)
    wire = frame(BINARY, payload, key=key)
    header = len(wire) - length
    have, steps = 0, 0
    while have < len(wire):
        found, end, lacks = splitter.split(wire[:have])
        assert (found, end) == ([], 0)
        assert 0 < lacks <= len(wire) - have
        for less in (1, lacks // 2, lacks - 1):
            if 0 < less < lacks:
                assert splitter.split(wire[: have + less])[2] == lacks - less
        have += lacks
        steps += 1
    # Two octets, the rest of the header, the payload: those that there are.
    assert steps == 1 + (header > 2) + (length > 0)
    assert splitter.split(wire) == ([(0x82, payload)], len(wire), 2)


def test_it_takes_whole_messages_in_a_row_and_stops_behind_the_first_other(
    implementation: Implementation,
) -> None:
    splitter = make(implementation, "server")
    texts = b"".join(frame(TEXT, bytes([letter]), key=KEY) for letter in b"abc")
    for other in (
        frame(PING, b"p", key=OTHER_KEY),
        frame(PONG, key=KEY),
        frame(8, b"\x03\xe8", key=KEY),
        frame(TEXT, b"x", fin=False, key=KEY),
        frame(BINARY, b"x", fin=False, key=KEY),
    ):
        found, end, lacks = splitter.split(texts + other + texts)
        assert [payload for _, payload in found[:3]] == [b"a", b"b", b"c"]
        assert found[3][0] == other[0]
        assert (len(found), end, lacks) == (4, len(texts + other), 2)
    # One that is not the last of its message, and one that is.
    for fin in (False, True):
        wire = frame(CONTINUATION, b"x", fin=fin, key=KEY)
        assert splitter.split(wire + texts, 0, True) == ([(wire[0], b"x")], len(wire), 2)


def test_compressed_messages_are_whole_but_come_one_by_one(implementation: Implementation) -> None:
    splitter = make(implementation, "client", rsv=0x40, text="str")
    wire = frame(TEXT, b"\xff\x00", rsv=0x40)
    assert splitter.split(wire + wire) == ([(0xC1, b"\xff\x00")], len(wire), 2)
    assert make(implementation, "client").split(wire) == ([], 0, 0)


RULES = {
    "reserved bit": b"\xc1\x00",
    "reserved bit of a control frame": b"\xc9\x00",
    "reserved opcode": b"\x83\x00",
    "reserved control opcode": b"\x8b\x00",
    "fragmented control frame": b"\x09\x00",
    "control frame too long": b"\x89\x7e",
    "masked by a server": b"\x81\x80",
    "continuation without a start": b"\x80\x00",
    "16 bits for 125": b"\x82\x7e\x00\x7d",
    "64 bits for 65535": b"\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff",
    "top bit of a length": b"\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00",
    "too long": b"\x82\x7e\x04\x01",
}


@pytest.mark.parametrize("name", RULES)
def test_it_stops_before_what_breaks_a_rule(implementation: Implementation, name: str) -> None:
    splitter = make(implementation, "client")
    before = frame(BINARY, b"before")
    for start, found in ((b"", []), (before, [(0x82, b"before")])):
        for behind in (b"", bytes(20)):
            data = start + RULES[name] + behind
            assert splitter.split(data, 0, False, 1024) == (found, len(start), 0)


def test_a_started_message_has_to_be_continued(implementation: Implementation) -> None:
    splitter = make(implementation, "client")
    for opcode in (TEXT, BINARY):
        assert splitter.split(frame(opcode, b"x"), 0, True) == ([], 0, 0)
    assert splitter.split(frame(PING, b"x"), 0, True) == ([(0x89, b"x")], 3, 2)


def test_clients_mask_and_servers_do_not(implementation: Implementation) -> None:
    wire = frame(BINARY, b"x", key=KEY)
    assert make(implementation, "server").split(wire) == ([(0x82, b"x")], 7, 2)
    assert make(implementation, "client").split(wire) == ([], 0, 0)
    assert make(implementation, "server").split(frame(BINARY, b"x")) == ([], 0, 0)


@pytest.mark.parametrize("limit", [0, 1, 125, 126, 65535, 65536, 2**32, 2**63 - 2])
def test_the_limit_is_exact(implementation: Implementation, limit: int) -> None:
    splitter = make(implementation, "client")
    bits = 7 if limit + 1 < 126 else 16 if limit + 1 < 65536 else 64
    above = frame(BINARY, declared=limit + 1, bits=bits)
    assert splitter.split(above, 0, False, limit) == ([], 0, 0)
    bits = 7 if limit < 126 else 16 if limit < 65536 else 64
    at_limit = frame(BINARY, declared=limit, bits=bits)
    if limit:
        assert splitter.split(at_limit, 0, False, limit) == ([], 0, limit)
    else:
        assert splitter.split(at_limit, 0, False, limit) == ([(0x82, b"")], 2, 2)
    for unlimited in (None, 2**63 - 1, 2**63, 2**100):
        assert splitter.split(above, 0, False, unlimited) == ([], 0, limit + 1)


def test_the_limit_is_for_control_frames_too(implementation: Implementation) -> None:
    splitter = make(implementation, "client")
    assert splitter.split(frame(PING, b"abc"), 0, False, 2) == ([], 0, 0)


@pytest.mark.parametrize(
    "text", ["", "a", "aéя€漢🚀", "ÿ" * 70, "z" * 200, "漢" * 100, "\0\x7f", "a" * 65 + "é"]
)
@pytest.mark.parametrize("key", [KEY, None])
def test_texts_come_decoded_where_wanted(
    implementation: Implementation, text: str, key: bytes | None
) -> None:
    side = "server" if key else "client"
    wire = frame(TEXT, text.encode(), key=key)
    assert make(implementation, side, text="str").split(wire) == ([(0x81, text)], len(wire), 2)
    assert make(implementation, side).split(wire) == ([(0x81, text.encode())], len(wire), 2)
    parts = make(implementation, side, text="str")
    begun = frame(TEXT, text.encode(), fin=False, key=key)
    assert parts.split(begun) == ([(0x01, text.encode())], len(begun), 2)
    binary = frame(BINARY, text.encode(), key=key)
    assert parts.split(binary) == ([(0x82, text.encode())], len(binary), 2)


@pytest.mark.parametrize(
    "octets", [b"\xff", b"a" * 70 + b"\x80", b"\xed\xa0\x80", b"\xc0\xaf", "🚀".encode()[:3]]
)
def test_texts_that_are_not_utf8_are_left_to_the_caller(
    implementation: Implementation, octets: bytes
) -> None:
    wire = frame(TEXT, octets, key=KEY)
    ahead = frame(TEXT, b"ok", key=KEY)
    splitter = make(implementation, "server", text="str")
    assert splitter.split(ahead + wire) == ([(0x81, "ok")], len(ahead), 0)
    assert make(implementation, "server").split(wire) == ([(0x81, octets)], len(wire), 2)


def test_buffers_of_every_kind(implementation: Implementation) -> None:
    splitter = make(implementation, "server")
    wire = frame(BINARY, bytes(range(100)), key=KEY)
    result = ([(0x82, bytes(range(100)))], len(wire), 2)
    mapped = mmap.mmap(-1, len(wire))
    mapped[:] = wire
    buffers = (wire, bytearray(wire), memoryview(wire), memoryview(bytearray(wire)), mapped)
    for buffer in (*buffers, array.array("B", wire)):
        assert splitter.split(buffer) == result
        # Neither changed nor held.
        assert bytes(buffer) == wire
    grown = bytearray(wire)
    splitter.split(grown)
    grown.append(0)
    mapped.close()


def test_payloads_are_copies(implementation: Implementation) -> None:
    data = bytearray(frame(BINARY, b"abc"))
    found, _, _ = make(implementation, "client").split(data)
    data[:] = bytes(len(data))
    assert found == [(0x82, b"abc")]
    assert type(found[0][1]) is bytes


def test_an_offset_begins_it_there(implementation: Implementation) -> None:
    splitter = make(implementation, "client")
    wire = frame(BINARY, b"abc")
    assert splitter.split(b"\xff" * 7 + wire, 7) == ([(0x82, b"abc")], 12, 2)
    assert splitter.split(wire, len(wire)) == ([], len(wire), 2)
    assert splitter.split(b"") == ([], 0, 2)
    with pytest.raises(ValueError):
        splitter.split(wire, len(wire) + 1)


def test_it_has_no_state(implementation: Implementation) -> None:
    splitter = make(implementation, "client")
    begun = frame(TEXT, b"x", fin=False)
    for _ in range(2):
        assert splitter.split(begun) == ([(0x01, b"x")], 3, 2)
        assert splitter.split(b"\x82") == ([], 0, 1)


def test_it_reads_nothing_beyond_its_buffer(
    implementation: Implementation, guarded: GuardedPages
) -> None:
    """Before and behind the octets there is memory that crashes when it is touched."""
    splitters = [make(implementation, "server", text=text) for text in ("bytes", "str")]
    for length in (*range(140), 1000, 65536):
        wire = frame(TEXT, b"x" * length, key=KEY)
        for splitter in splitters:
            for place in (guarded.ending, guarded.starting):
                assert splitter.split(place(wire))[1] == len(wire)
        ends = (*range(min(len(wire), 16)), len(wire) - 1)
        for end in ends:
            assert splitters[0].split(guarded.ending(wire[:end]))[0] == []


LENGTHS = st.one_of(st.integers(0, 8), st.sampled_from([124, 125, 126, 127, 300]))
FRAMES = st.builds(
    lambda opcode, length, fin, rsv, key, text: frame(
        opcode,
        ("é" * length).encode()[:length] if text else bytes(length),
        fin=fin,
        rsv=rsv,
        key=key,
    ),
    st.sampled_from([0, 1, 1, 2, 2, 8, 9, 10, 3]),
    LENGTHS,
    st.sampled_from([True, True, True, False]),
    st.sampled_from([0, 0, 0, 0, 0x40, 0x10]),
    st.sampled_from([KEY, KEY, KEY, OTHER_KEY, None]),
    st.booleans(),
)


@given(
    made=st.lists(FRAMES, max_size=5),
    noise=st.binary(max_size=12),
    cut=st.integers(0, 400),
    offset=st.integers(0, 3),
    options=st.fixed_dictionaries(
        {"rsv": st.sampled_from([0, 0x40, 0x70]), "text": st.sampled_from(["str", "bytes"])}
    ),
    in_message=st.booleans(),
    limit=st.sampled_from([None, 0, 5, 125, 126, 300]),
)
def test_anything(
    implementation: Implementation,
    made: list[bytes],
    noise: bytes,
    cut: int,
    offset: int,
    options: dict[str, Any],
    in_message: bool,
    limit: int | None,
) -> None:
    data = bytes(offset) + b"".join(made) + noise
    data = data[: max(offset, len(data) - cut)]
    for side in ("server", "client"):
        found = make(implementation, side, **options).split(data, offset, in_message, limit)
        assert found == expected(
            data, side, offset=offset, in_message=in_message, max_payload=limit, **options
        )
