"""Connection: what goes out and what comes in, RFC 6455 sections 5.4 to 5.6; frames only."""

from __future__ import annotations

import array
import pickle
from typing import Any

import pytest
from connections import OTHER, close_from_peer, from_peer, opened, sent, standing
from oracle import BINARY, CONTINUATION, PING, PONG, TEXT

import wsfast
from wsfast.closing import State
from wsfast.connection import Connection
from wsfast.events import (
    BinaryMessage,
    Close,
    CloseReceived,
    Ping,
    Pong,
    Request,
    Response,
    TextMessage,
)
from wsfast.exceptions import LocalProtocolError

SIDES = ("server", "client")
both_sides = pytest.mark.parametrize("side", SIDES)


# What goes out


@both_sides
def test_a_message_is_one_frame(side: str) -> None:
    connection = opened(side)
    connection.send_text("zwölf €")
    connection.send_binary(b"\x00\xff")
    connection.send_text("")
    connection.send_binary(b"")
    assert sent(connection, side) == [
        (TEXT, True, False, "zwölf €".encode()),
        (BINARY, True, False, b"\x00\xff"),
        (TEXT, True, False, b""),
        (BINARY, True, False, b""),
    ]


def test_the_octets_of_section_5_7() -> None:
    server = opened("server")
    server.send_text("Hello")
    assert server.data_to_send() == bytes.fromhex("810548656c6c6f")
    server.send_text("Hel", fin=False)
    server.send_text("lo")
    assert server.data_to_send() == bytes.fromhex("010348656c 80026c6f")
    server.send_ping(b"Hello")
    assert server.data_to_send() == bytes.fromhex("890548656c6c6f")
    server.send_binary(bytes(256))
    assert server.data_to_send() == bytes.fromhex("827e0100") + bytes(256)


def test_a_client_masks_every_frame_by_a_key_of_its_own() -> None:
    client = opened("client")
    keys = set()
    for _ in range(50):
        client.send_binary(bytes(9))
        wire = client.data_to_send()
        assert wire[:2] == b"\x82\x89"
        keys.add(wire[2:6])
        # A payload of zeroes is the key itself.
        assert wire[6:] == (wire[2:6] * 3)[:9]
    assert len(keys) == 50


def test_what_was_queued_is_given_once_and_in_order() -> None:
    connection = opened("server")
    assert connection.data_to_send() == b""
    connection.send_text("a")
    connection.send_ping(b"b")
    connection.receive_data(from_peer("server", PING, b"c"))
    connection.send_pong(b"d")
    connection.send_close(1000, "e")
    assert connection.data_to_send() == (
        b"\x81\x01a" + b"\x89\x01b" + b"\x8a\x01c" + b"\x8a\x01d" + b"\x88\x03\x03\xe8e"
    )
    assert connection.data_to_send() == b""


@both_sides
def test_fragments_go_on_until_fin(side: str) -> None:
    connection = opened(side)
    connection.send_text("a", fin=False)
    connection.send_text("", fin=False)
    connection.send_ping(b"between")
    connection.send_text("€", fin=False)
    connection.send_text("z")
    connection.send_binary(b"1", fin=False)
    connection.send_pong(b"")
    connection.send_binary(b"")
    connection.send_text("whole")
    assert sent(connection, side) == [
        (TEXT, False, False, b"a"),
        (CONTINUATION, False, False, b""),
        (PING, True, False, b"between"),
        (CONTINUATION, False, False, "€".encode()),
        (CONTINUATION, True, False, b"z"),
        (BINARY, False, False, b"1"),
        (PONG, True, False, b""),
        (CONTINUATION, True, False, b""),
        (TEXT, True, False, b"whole"),
    ]


def test_another_message_may_not_stand_between_fragments() -> None:
    connection = opened("server")
    connection.send_text("a", fin=False)
    with pytest.raises(LocalProtocolError) as raised:
        connection.send_binary(b"b")
    assert str(raised.value) == (
        "a fragmented TEXT message isn't finished: expected its next fragment "
        "(RFC 6455 section 5.4)"
    )
    connection.send_text("c")
    connection.send_binary(b"d", fin=False)
    with pytest.raises(LocalProtocolError, match="fragmented BINARY message isn't finished"):
        connection.send_text("e")
    connection.send_binary(b"f")
    assert [payload for _, _, _, payload in sent(connection, "server")] == [b"a", b"c", b"d", b"f"]


def test_a_close_frame_may_stand_between_fragments() -> None:
    connection = opened("server")
    connection.send_text("a", fin=False)
    connection.send_close(1001)
    assert connection.data_to_send() == b"\x01\x01a" + b"\x88\x02\x03\xe9"


def test_any_buffer_is_octets() -> None:
    connection = opened("client")
    words = array.array("I", [1, 2, 3])
    wide = memoryview(words)
    shaped = memoryview(bytes(range(12))).cast("B", (3, 4))
    for data in (bytearray(b"x"), memoryview(b"yz"), words, wide, shaped, array.array("H")):
        connection.send_binary(data)
        connection.send_ping(data)
    payloads = [b"x", b"yz", words.tobytes(), words.tobytes(), bytes(range(12)), b""]
    expected = [payload for payload in payloads for _ in range(2)]
    assert [payload for _, _, _, payload in sent(connection, "client")] == expected


def test_what_was_queued_is_a_copy() -> None:
    connection = opened("server")
    data = bytearray(b"abc")
    connection.send_binary(data)
    data[:] = b"xyz"
    data += b"more"
    assert connection.data_to_send() == b"\x82\x03abc"


def test_text_may_be_given_as_utf_8() -> None:
    connection = opened("server")
    connection.send_text("€".encode())
    connection.send_text(bytearray("ä".encode()), fin=False)
    connection.send_text(memoryview(b"z"))
    assert sent(connection, "server") == [
        (TEXT, True, False, "€".encode()),
        (TEXT, False, False, "ä".encode()),
        (CONTINUATION, True, False, b"z"),
    ]


@pytest.mark.parametrize("text", [b"a\xff", b"\xed\xa0\x80", b"\xe2\x82", bytearray(b"\xac")])
@pytest.mark.parametrize("fin", [True, False])
def test_text_that_is_not_utf_8_is_refused(text: Any, fin: bool) -> None:
    connection = opened("server")
    with pytest.raises(LocalProtocolError, match="text that isn't UTF-8 in whole characters"):
        connection.send_text(text, fin=fin)
    connection.send_binary(text)
    assert sent(connection, "server") == [(BINARY, True, False, bytes(text))]


def test_a_lone_surrogate_is_refused() -> None:
    connection = opened("client")
    connection.send_text("a", fin=False)
    with pytest.raises(UnicodeEncodeError):
        connection.send_text("\ud83d", fin=False)
    connection.send_text("z")
    assert [payload for _, _, _, payload in sent(connection, "client")] == [b"a", b"z"]


@both_sides
def test_a_control_frame_has_at_most_125_octets(side: str) -> None:
    connection = opened(side)
    for send, opcode in ((connection.send_ping, PING), (connection.send_pong, PONG)):
        send(bytes(125))
        with pytest.raises(LocalProtocolError, match="payload of 126 octets: at most 125"):
            send(bytes(126))
        assert sent(connection, side) == [(opcode, True, False, bytes(125))]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("send_binary", "text"),
        ("send_binary", 3),
        ("send_text", None),
        ("send_text", 7),
        ("send_ping", "text"),
        ("send_pong", [1]),
    ],
)
def test_wrong_arguments_change_nothing(name: str, value: Any) -> None:
    connection = opened("server")
    before = standing(connection)
    with pytest.raises(
        TypeError, match=f"data must be a bytes-like object.*{type(value).__name__}"
    ):
        getattr(connection, name)(value)
    with pytest.raises(ValueError, match="data must be C-contiguous"):
        getattr(connection, name)(memoryview(b"abcd")[::2])
    assert standing(connection) == before
    assert connection.data_to_send() == b""


# What comes in


@both_sides
def test_messages_and_control_frames_are_events_in_order(side: str) -> None:
    connection = opened(side)
    wire = (
        from_peer(side, TEXT, "zwölf".encode())
        + from_peer(side, PING, b"?")
        + from_peer(side, BINARY, b"a", fin=False)
        + from_peer(side, PONG, b"!")
        + from_peer(side, CONTINUATION, b"b")
        + close_from_peer(side, 1001, "tschüß")
    )
    assert connection.receive_data(wire) == [
        TextMessage("zwölf"),
        Ping(b"?"),
        Pong(b"!"),
        BinaryMessage(b"ab"),
        CloseReceived(1001, "tschüß"),
    ]


def test_text_may_be_handed_out_as_utf_8() -> None:
    connection = opened("server", text="bytes")
    wire = from_peer("server", TEXT, b"z", fin=False)
    wire += from_peer("server", CONTINUATION, "wölf".encode())
    assert connection.receive_data(wire) == [TextMessage("zwölf".encode())]


def test_data_may_be_any_buffer() -> None:
    connection = opened("client")
    for data in (bytearray(b"\x81\x01a"), memoryview(b"\x81\x01a"), array.array("B", b"\x81\x01a")):
        assert connection.receive_data(data) == [TextMessage("a")]
    assert connection.receive_data(b"") == []
    with pytest.raises(TypeError, match="data must be a bytes-like object, not str"):
        connection.receive_data("text")  # type: ignore[arg-type]
    assert connection.receive_data(b"\x81\x01b") == [TextMessage("b")]


@both_sides
def test_each_ping_is_answered_as_it_comes(side: str) -> None:
    connection = opened(side)
    connection.send_text("before")
    pings = [b"", b"a", bytes(range(125))]
    wire = b"".join(from_peer(side, PING, data) for data in pings)
    assert connection.receive_data(wire) == [Ping(data) for data in pings]
    connection.send_text("behind")
    assert sent(connection, side) == [
        (TEXT, True, False, b"before"),
        *((PONG, True, False, data) for data in pings),
        (TEXT, True, False, b"behind"),
    ]


def test_a_ping_inside_a_message_is_answered_before_it_ends() -> None:
    connection = opened("client")
    events = connection.receive_data(b"\x01\x01a" + b"\x89\x01p" + b"\x80")
    assert events == [Ping(b"p")]
    assert sent(connection, "client") == [(PONG, True, False, b"p")]


def test_pings_may_be_left_to_the_caller() -> None:
    connection = opened("server", answer_pings=False)
    assert connection.receive_data(from_peer("server", PING, b"a")) == [Ping(b"a")]
    assert connection.data_to_send() == b""
    connection.send_pong(b"a")
    assert connection.data_to_send() == b"\x8a\x01a"


def test_a_pong_is_not_answered() -> None:
    connection = opened("server")
    assert connection.receive_data(from_peer("server", PONG, b"a")) == [Pong(b"a")]
    assert connection.data_to_send() == b""


def test_two_ends_talk() -> None:
    ends: dict[str, Connection] = {side: opened(side) for side in SIDES}
    for side, end in ends.items():
        other = ends[OTHER[side]]
        end.send_text("häl", fin=False)
        end.send_ping(b"1")
        end.send_text("lo €")
        end.send_binary(bytes(70000))
        events = other.receive_data(end.data_to_send())
        assert events == [Ping(b"1"), TextMessage("hällo €"), BinaryMessage(bytes(70000))]
        assert end.receive_data(other.data_to_send()) == [Pong(b"1")]


# What the calls of a connection need


def test_limits_are_the_callers() -> None:
    connection = opened("client", max_message_length=3, max_fragments=2)
    wire = b"\x82\x03abc" + b"\x02\x01a" + b"\x80\x02bc"
    assert connection.receive_data(wire) == [BinaryMessage(b"abc"), BinaryMessage(b"abc")]
    *_, error = connection.receive_data(b"\x02\x00" + b"\x00\x00" + b"\x80\x00")
    assert str(error) == "message of more than 2 fragments"
    connection = opened("client", max_message_length=None)
    assert connection.receive_data(b"\x82\x7f" + (2**20 + 1).to_bytes(8, "big")) == []


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ValueError, match="side must be 'server' or 'client'"):
        opened("peer")
    with pytest.raises(ValueError, match="text must be 'str' or 'bytes', not 'utf-8'"):
        opened("server", text="utf-8")
    with pytest.raises(ValueError, match="max_message_length must be at least 0"):
        opened("server", max_message_length=-1)
    with pytest.raises(TypeError, match="max_fragments must be an integer"):
        opened("server", max_fragments="3")


def test_a_connection_after_a_handshake_elsewhere() -> None:
    connection = opened("server", subprotocol="chat")
    assert connection.state is State.OPEN
    assert (connection.subprotocol, connection.deflate) == ("chat", None)
    assert connection.request is connection.response is connection.upgrade_error is None
    for call in (connection.accept, lambda: connection.reject(404)):
        with pytest.raises(LocalProtocolError, match="refused: the connection is open"):
            call()


# Events


def test_events_are_equal_to_their_own_kind_only() -> None:
    kinds = (TextMessage, BinaryMessage, Ping, Pong)
    for kind in kinds:
        event = kind(b"x")
        assert event == kind(b"x")
        assert not event != kind(b"x")
        assert hash(event) == hash(kind(b"x"))
        assert event != kind(b"y")
        others = [other(b"x") for other in kinds if other is not kind]
        for other in (*others, (b"x",), b"x", None):
            assert event != other
            assert not event == other
            assert other != event
    assert CloseReceived(1000, "x") != Close(1000, "x")
    assert Request("GET", "/", None) != ("GET", "/", None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "event",
    [TextMessage("ä"), BinaryMessage(b"x"), Ping(b""), Pong(b"1"), CloseReceived(1000, "bye")],
)
def test_events_are_immutable_and_can_be_pickled(event: Any) -> None:
    assert pickle.loads(pickle.dumps(event)) == event
    assert type(pickle.loads(pickle.dumps(event))) is type(event)
    with pytest.raises(AttributeError):
        event.data = b"other"
    assert eval(repr(event)) == event


def test_the_package_has_the_connection_and_its_events() -> None:
    assert wsfast.Connection is Connection
    for kind in (TextMessage, BinaryMessage, Ping, Pong, CloseReceived, Request, Response):
        assert getattr(wsfast, kind.__name__) is kind
    with pytest.raises(AttributeError, match="module 'wsfast' has no attribute 'nothing'"):
        _ = wsfast.nothing  # type: ignore[attr-defined]
