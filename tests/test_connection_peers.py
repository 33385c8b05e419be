"""Connection against other libraries': random conversations and streams, cut anywhere."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from connection_peers import PEERS, End, Ours, pair
from connections import OTHER, from_peer
from hypothesis import given
from hypothesis import strategies as st
from oracle import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT

from wsfast.closing import State

every_peer = pytest.mark.parametrize("peer", PEERS)
both_sides = pytest.mark.parametrize("side", ["server", "client"])

# wsproto has no 1014.
CODES = st.sampled_from([1000, 1001, 1002, 1003, 1007, 1011, 1013, 3000, 4999, 1005])
TEXTS = st.text(st.sampled_from("aä€🚀\0"), max_size=40)
OCTETS = st.binary(max_size=40) | st.sampled_from([bytes(125), bytes(126), bytes(65536)])

# What an end does, or "deliver": how many of the octets under way arrive there.
ACTIONS = st.tuples(
    st.sampled_from(["ours", "peer"]),
    st.one_of(
        st.tuples(st.just("send"), TEXTS | OCTETS, st.booleans()),
        st.tuples(st.just("ping"), st.binary(max_size=124).map(b"p".__add__)),
        st.tuples(st.just("pong"), st.binary(max_size=124).map(b"u".__add__)),
        st.tuples(st.just("close"), CODES, st.text("a€", max_size=41)),
        st.tuples(st.just("deliver"), st.integers(1, 200) | st.just(1 << 20)),
        st.tuples(st.just("deliver"), st.integers(1, 9)),
    ),
)


@pytest.fixture(autouse=True)
def _libraries() -> None:
    pytest.importorskip("websockets", minversion="15")
    pytest.importorskip("wsproto")


# RFC 6455 section 5.4 lets control frames stand between fragments; websockets takes a Close frame
# there for an error.
NO_CLOSE_INSIDE_A_MESSAGE = {"websockets"}


class Conversation:
    def __init__(self, side: str, peer: str) -> None:
        self.ends_messages = peer in NO_CLOSE_INSIDE_A_MESSAGE
        self.ours, self.peer = pair(side, peer)
        self.ends: dict[str, End] = {"ours": self.ours, "peer": self.peer}
        # By the end that sent it: whole messages, the fragments of one that isn't, and Pings.
        self.sent: dict[str, list[str | bytes]] = {"ours": [], "peer": []}
        self.begun: dict[str, list[Any]] = {"ours": [], "peer": []}
        self.pings: dict[str, list[bytes]] = {"ours": [], "peer": []}
        # Unsolicited ones, of either end.
        self.pongs: list[bytes] = []

    def act(self, name: str, action: tuple[Any, ...]) -> None:
        end = self.ends[name]
        kind, *arguments = action
        if kind == "deliver":
            self.deliver(name, *arguments)
        elif end.is_open():
            getattr(self, kind)(name, *arguments)

    def deliver(self, name: str, octets: int) -> None:
        """Octets arrive at the end `name`."""
        other = self.ends["peer" if name == "ours" else "ours"]
        if name == "ours":
            # There may be a Close frame in it, which is answered at once.
            self.end_message(name)
        data, other.out = other.out[:octets], other.out[octets:]
        if data:
            self.ends[name].receive(data)

    def send(self, name: str, data: str | bytes, fin: bool) -> None:
        begun = self.begun[name]
        if begun:
            # Only the next fragment may follow.
            data = type(begun[0])() if type(data) is not type(begun[0]) else data
        self.ends[name].send(data, not begun, fin)
        begun.append(data)
        if fin:
            self.sent[name].append(type(begun[0])().join(begun))
            begun.clear()

    def end_message(self, name: str) -> None:
        if self.ends_messages and self.begun[name] and self.ends[name].is_open():
            self.send(name, type(self.begun[name][0])(), True)

    def ping(self, name: str, data: bytes) -> None:
        self.ends[name].ping(data)
        self.pings[name].append(data)

    def pong(self, name: str, data: bytes) -> None:
        self.ends[name].pong(data)
        self.pongs.append(data)

    def close(self, name: str, code: int, reason: str) -> None:
        self.end_message(name)
        self.ends[name].close(code, "" if code == 1005 else reason)

    def finish(self) -> None:
        """Close, if nobody has, and let all arrive."""
        if self.ours.is_open() and self.peer.is_open():
            self.close("ours", 1000, "done")
        while self.ours.out or self.peer.out:
            self.deliver("ours", 1 << 30)
            self.deliver("peer", 1 << 30)


@every_peer
@both_sides
@given(script=st.lists(ACTIONS, max_size=30))
def test_any_conversation_ends_in_the_same_state(
    side: str, peer: str, script: list[tuple[str, tuple[Any, ...]]]
) -> None:
    talk = Conversation(side, peer)
    for name, action in script:
        talk.act(name, action)
    talk.finish()
    ours, other = talk.ours, talk.peer
    assert ours.failed is other.failed is None
    # Everything that was sent whole before a Close frame has come.
    assert other.messages == talk.sent["ours"]
    assert ours.messages == talk.sent["peer"]
    assert other.pings == talk.pings["ours"]
    assert ours.pings == talk.pings["peer"]
    # Pings are answered in order, until a Close frame stops that.
    for end, name in ((ours, "ours"), (other, "peer")):
        answers = [pong for pong in end.pongs if pong not in talk.pongs]
        assert answers == talk.pings[name][: len(answers)]
    connection = ours.connection
    assert connection.state is State.CLOSE_COMPLETE
    assert connection.should_close is (side == "server")
    assert connection.close_sent is not None
    assert connection.close_received is not None
    # Each end has what the other one sent.
    assert other.close_received == connection.close_sent
    assert ours.close_received == connection.close_received
    assert connection.receive_eof() == []
    assert connection.close_code == connection.close_received.code


# Streams that may be wrong, to our end and to a peer's on the same side: both read the same, and
# fail by the same code.

WRONG_TEXTS = (b"a\xff", b"\xe2\x82")
FRAMES = st.one_of(
    st.builds(
        lambda opcode, payload, fin: {"opcode": opcode, "payload": payload, "fin": fin},
        st.sampled_from([TEXT, BINARY, CONTINUATION, CONTINUATION]),
        TEXTS.map(str.encode) | st.sampled_from([*WRONG_TEXTS, bytes(126)]),
        st.booleans(),
    ),
    st.builds(
        lambda opcode, payload, fin: {"opcode": opcode, "payload": payload, "fin": fin},
        st.sampled_from([PING, PONG]),
        st.binary(max_size=10) | st.sampled_from([bytes(125), bytes(126)]),
        st.sampled_from([True, True, True, False]),
    ),
    st.builds(
        lambda code, reason: {"opcode": CLOSE, "payload": code.to_bytes(2, "big") + reason},
        st.sampled_from([999, 1000, 1003, 1005, 1006, 1015, 2999, 3000, 4999, 5000]),
        st.sampled_from([b"", b"bye", "€".encode()]),
    ),
    st.sampled_from(
        [
            {"opcode": CLOSE},
            {"opcode": CLOSE, "payload": b"\x03"},
            {"opcode": 3},
            {"opcode": 11},
            {"opcode": TEXT, "rsv": 0x40},
            {"opcode": TEXT, "rsv": 0x10},
        ]
    ),
)


def _decided(frames: list[dict[str, Any]], peer: str) -> list[dict[str, Any]]:
    """The frames of which that peer has the same opinion as the RFC."""
    decided = []
    in_message = False
    for frame in frames:
        opcode = frame["opcode"]
        if opcode == CLOSE and in_message and peer in NO_CLOSE_INSIDE_A_MESSAGE:
            continue
        # It leaves text to the layer above.
        if frame.get("payload") in WRONG_TEXTS and peer == "websockets":
            continue
        decided.append(frame)
        if opcode < CLOSE:
            in_message = not frame.get("fin", True)
    return decided


@every_peer
@both_sides
@given(frames=st.lists(FRAMES, max_size=8), cuts=st.lists(st.integers(0, 400), max_size=4))
def test_any_stream_is_read_alike(
    side: str, peer: str, frames: list[dict[str, Any]], cuts: list[int]
) -> None:
    stream = b"".join(from_peer(side, **frame) for frame in _decided(frames, peer))
    ends: list[End] = [Ours(side), PEERS[peer](side)]
    borders = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    for end in ends:
        for begin, stop in pairwise(borders):
            end.receive(stream[begin:stop])
    ours, other = ends
    assert ours.failed == other.failed
    assert ours.messages == other.messages
    assert ours.pings == other.pings
    assert ours.pongs == other.pongs
    assert ours.close_received == other.close_received
    assert ours.is_open() == other.is_open()
    # And what either sends is a whole stream of frames to the other.
    reader = Ours(OTHER[side])
    reader.receive(ours.out)
    theirs = Ours(OTHER[side])
    theirs.receive(other.out)
    assert reader.pongs == theirs.pongs
    assert (reader.close_received is None) == (theirs.close_received is None)
    if reader.close_received is not None and theirs.close_received is not None:
        assert reader.close_received.code == theirs.close_received.code
