"""The closing handshake of a Connection, RFC 6455 sections 5.5.1 and 7."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from connections import OTHER, close_from_peer, from_peer, opened, sent, standing
from oracle import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT

from wsfast.closing import State
from wsfast.connection import Connection
from wsfast.events import (
    BinaryMessage,
    Close,
    CloseReceived,
    Ping,
    TextMessage,
)
from wsfast.exceptions import LocalProtocolError, RemoteProtocolError
from wsfast.protocol import CloseCode

SIDES = ("server", "client")
both_sides = pytest.mark.parametrize("side", SIDES)
CODES = (1000, 1001, 1002, 1003, 1007, 1010, 1014, 3000, 4999)


def _close_payload(code: int, reason: str = "") -> bytes:
    return code.to_bytes(2, "big") + reason.encode()


@both_sides
@pytest.mark.parametrize("code", CODES)
def test_the_peers_close_is_answered_by_the_same(side: str, code: int) -> None:
    connection = opened(side)
    assert connection.receive_data(close_from_peer(side, code, "why €")) == [
        CloseReceived(code, "why €")
    ]
    assert sent(connection, side) == [(CLOSE, True, False, _close_payload(code, "why €"))]
    assert connection.state is State.CLOSE_COMPLETE
    assert connection.close_received == Close(code, "why €")
    assert connection.close_sent == Close(code, "why €")
    assert (connection.close_code, connection.close_reason) == (code, "why €")


@both_sides
def test_an_empty_close_is_answered_by_an_empty_one(side: str) -> None:
    connection = opened(side)
    assert connection.receive_data(close_from_peer(side, None)) == [CloseReceived(1005, "")]
    assert sent(connection, side) == [(CLOSE, True, False, b"")]
    assert (connection.close_code, connection.close_reason) == (1005, "")


@both_sides
@pytest.mark.parametrize("code", CODES)
def test_this_end_closes_and_the_peer_answers(side: str, code: int) -> None:
    connection = opened(side)
    connection.send_close(code, "enough")
    assert connection.state is State.CLOSING
    assert connection.close_code is None
    assert sent(connection, side) == [(CLOSE, True, False, _close_payload(code, "enough"))]
    assert connection.receive_data(close_from_peer(side, code)) == [CloseReceived(code, "")]
    assert connection.state is State.CLOSE_COMPLETE
    assert connection.data_to_send() == b""
    assert (connection.close_code, connection.close_reason) == (code, "")


@both_sides
def test_an_empty_close_can_be_sent(side: str) -> None:
    connection = opened(side)
    connection.send_close(CloseCode.NO_STATUS_RCVD)
    assert sent(connection, side) == [(CLOSE, True, False, b"")]
    assert connection.close_sent == Close(1005, "")


@both_sides
def test_close_is_normal_closure_where_nothing_else_is_said(side: str) -> None:
    connection = opened(side)
    connection.send_close()
    assert sent(connection, side) == [(CLOSE, True, False, b"\x03\xe8")]


@both_sides
def test_messages_come_until_the_peers_close(side: str) -> None:
    connection = opened(side)
    connection.send_close()
    connection.data_to_send()
    wire = from_peer(side, TEXT, b"a", fin=False) + from_peer(side, PING, b"p")
    wire += from_peer(side, CONTINUATION, b"b") + from_peer(side, BINARY, b"c")
    assert connection.receive_data(wire) == [
        Ping(b"p"),
        TextMessage("ab"),
        BinaryMessage(b"c"),
    ]
    # Section 5.5.2: only the peer's Close frame ends the duty to answer.
    assert sent(connection, side) == [(PONG, True, False, b"p")]
    assert connection.receive_data(close_from_peer(side)) == [CloseReceived(1000, "")]


@both_sides
def test_nothing_is_read_behind_the_peers_close(side: str) -> None:
    connection = opened(side)
    behind = from_peer(side, TEXT, b"a") + from_peer(side, PING) + b"\xff\xff" * 20
    wire = from_peer(side, PING, b"1") + close_from_peer(side) + behind
    assert connection.receive_data(wire) == [Ping(b"1"), CloseReceived(1000, "")]
    for data in (behind, close_from_peer(side), b"\xff"):
        assert connection.receive_data(data) == []
    assert sent(connection, side) == [
        (PONG, True, False, b"1"),
        (CLOSE, True, False, b"\x03\xe8"),
    ]


@both_sides
def test_a_close_inside_a_fragmented_message_ends_it(side: str) -> None:
    connection = opened(side)
    wire = from_peer(side, TEXT, b"a", fin=False) + close_from_peer(side, 1001)
    assert connection.receive_data(wire) == [CloseReceived(1001, "")]
    assert connection.receive_data(from_peer(side, CONTINUATION, b"b")) == []
    assert connection.receive_eof() == []


def test_both_ends_close_at_the_same_time() -> None:
    ends = {side: opened(side) for side in SIDES}
    ends["server"].send_close(1001, "down")
    ends["client"].send_close(4000, "done")
    wires = {side: end.data_to_send() for side, end in ends.items()}
    for side, end in ends.items():
        [event] = end.receive_data(wires[OTHER[side]])
        assert event == (
            CloseReceived(4000, "done") if side == "server" else CloseReceived(1001, "down")
        )
        assert end.data_to_send() == b""
        assert end.state is State.CLOSE_COMPLETE
    assert (ends["server"].close_code, ends["client"].close_code) == (4000, 1001)


@both_sides
def test_a_close_between_own_fragments_ends_the_message(side: str) -> None:
    connection = opened(side)
    connection.send_text("a", fin=False)
    connection.receive_data(close_from_peer(side))
    with pytest.raises(LocalProtocolError, match="the closing handshake is complete"):
        connection.send_text("b")
    assert sent(connection, side) == [(TEXT, False, False, b"a"), (CLOSE, True, False, b"\x03\xe8")]


# Who closes the transport, section 7.1.1.


def test_the_server_closes_the_transport_first() -> None:
    server, client = opened("server"), opened("client")
    client.send_close()
    assert not client.should_close
    server.receive_data(client.data_to_send())
    assert server.should_close
    client.receive_data(server.data_to_send())
    assert client.state is State.CLOSE_COMPLETE
    assert not client.should_close
    # The server has closed it.
    assert client.receive_eof() == []
    assert client.should_close
    assert client.state is State.CLOSED
    assert server.receive_eof() == []
    assert server.state is State.CLOSED


@both_sides
def test_codes_stay_when_the_transport_has_ended(side: str) -> None:
    connection = opened(side)
    connection.receive_data(close_from_peer(side, 3001, "x"))
    for _ in range(3):
        assert connection.receive_eof() == []
        assert connection.receive_data(b"\x81\x01a") == []
    assert (connection.close_code, connection.close_reason) == (3001, "x")
    assert sent(connection, side) == [(CLOSE, True, False, _close_payload(3001, "x"))]


# What each state allows.

SENDS: dict[str, Callable[[Connection], Any]] = {
    "send_text()": lambda connection: connection.send_text("x"),
    "send_binary()": lambda connection: connection.send_binary(b"x"),
    "send_ping()": lambda connection: connection.send_ping(b"x"),
    "send_pong()": lambda connection: connection.send_pong(b"x"),
    "send Close": lambda connection: connection.send_close(1000, "x"),
}
ENDS: dict[str, tuple[Callable[[Connection, str], Any], str]] = {
    "CLOSING": (lambda connection, side: connection.send_close(), "a Close frame was sent"),
    "CLOSE_COMPLETE": (
        lambda connection, side: connection.receive_data(close_from_peer(side)),
        "the closing handshake is complete",
    ),
    "FAILED": (
        lambda connection, side: connection.receive_data(b"\xff\xff"),
        "the connection has failed",
    ),
    "CLOSED": (
        lambda connection, side: connection.receive_eof(),
        "the connection is closed",
    ),
}


@both_sides
@pytest.mark.parametrize("state", ENDS)
@pytest.mark.parametrize("what", SENDS)
def test_nothing_can_be_sent_behind_a_close(side: str, state: str, what: str) -> None:
    connection = opened(side)
    end, why = ENDS[state]
    end(connection, side)
    assert connection.state is State[state]
    connection.data_to_send()
    before = standing(connection)
    for _ in range(2):
        with pytest.raises(LocalProtocolError) as raised:
            SENDS[what](connection)
        assert str(raised.value) == f"{what} refused: {why}"
        assert standing(connection) == before
        assert connection.data_to_send() == b""


@both_sides
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((1005, "x"), "reason without a close code"),
        ((1004,), "close code 1004 can't be sent"),
        ((1006,), "close code 1006 can't be sent"),
        ((1015,), "close code 1015 can't be sent"),
        ((0,), "close code 0 can't be sent"),
        ((2999,), "close code 2999 can't be sent"),
        ((5000,), "close code 5000 can't be sent"),
        ((1000, "€" * 42), "reason of 126 octets: at most 123"),
    ],
)
def test_a_close_that_is_refused_leaves_the_connection_open(
    side: str, arguments: tuple[Any, ...], words: str
) -> None:
    connection = opened(side)
    before = standing(connection)
    with pytest.raises(LocalProtocolError, match=words):
        connection.send_close(*arguments)
    assert standing(connection) == before
    assert connection.data_to_send() == b""
    connection.send_text("still here")
    connection.send_close(1000)
    assert len(sent(connection, side)) == 2


# The transport's end.


@both_sides
@pytest.mark.parametrize("closing", [False, True])
def test_an_end_without_a_close_is_1006(side: str, closing: bool) -> None:
    connection = opened(side)
    connection.send_text("on its way")
    if closing:
        connection.send_close(1000)
    [error] = connection.receive_eof()
    assert type(error) is RemoteProtocolError
    assert str(error) == "the stream ended without a Close frame (RFC 6455 section 7.1.5)"
    assert error.close_code == 1006
    assert (connection.close_code, connection.close_reason) == (1006, "")
    assert connection.state is State.CLOSED
    assert connection.should_close
    assert connection.close_received is None
    # 1006 is never sent.
    assert len(sent(connection, side)) == (2 if closing else 1)
    assert connection.receive_eof() == []


@both_sides
@pytest.mark.parametrize("closing", [False, True])
@pytest.mark.parametrize(
    ("octets", "words"),
    [
        ({"opcode": TEXT, "payload": b"ab"}, "the stream ended inside a frame"),
        (
            {"opcode": TEXT, "payload": b"ab", "fin": False},
            "the stream ended between two fragments of a message",
        ),
    ],
)
def test_an_end_inside_a_message_is_1006(
    side: str, closing: bool, octets: dict[str, Any], words: str
) -> None:
    connection = opened(side)
    if closing:
        connection.send_close()
    wire = from_peer(side, **octets)
    cut = wire if "fin" in octets else wire[:-1]
    assert connection.receive_data(cut) == []
    [error] = connection.receive_eof()
    assert isinstance(error, RemoteProtocolError)
    assert (str(error), error.close_code) == (words, 1006)
    assert (connection.state, connection.close_code) == (State.CLOSED, 1006)
