"""What a Connection makes of a peer that breaks the rules, RFC 6455 section 7.1.7."""

from __future__ import annotations

from typing import Any

import pytest
from connections import close_from_peer, from_peer, opened, sent
from oracle import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT

from wsfast.closing import State
from wsfast.events import CloseReceived, Ping, TextMessage
from wsfast.exceptions import RemoteProtocolError

SIDES = ("server", "client")
both_sides = pytest.mark.parametrize("side", SIDES)

# What the peer may not send, as arguments of from_peer(); and the code that it costs.
FAULTS: dict[str, tuple[dict[str, Any], int]] = {
    "reserved bit": ({"opcode": TEXT, "rsv": 0x40}, 1002),
    "reserved opcode": ({"opcode": 3}, 1002),
    "continuation of nothing": ({"opcode": CONTINUATION, "payload": b"x"}, 1002),
    "fragmented ping": ({"opcode": PING, "fin": False}, 1002),
    "long ping": ({"opcode": PING, "payload": bytes(126)}, 1002),
    "length not minimal": ({"opcode": BINARY, "payload": b"x", "bits": 16}, 1002),
    "length with its top bit": ({"opcode": BINARY, "bits": 64, "declared": 2**63}, 1002),
    "invalid text": ({"opcode": TEXT, "payload": b"a\xff"}, 1007),
    "truncated text": ({"opcode": TEXT, "payload": b"a\xe2\x82"}, 1007),
    "too long": ({"opcode": BINARY, "bits": 64, "declared": 2**20 + 1}, 1009),
    "2 GiB declared": ({"opcode": BINARY, "bits": 64, "declared": 2**31}, 1009),
    "close of one octet": ({"opcode": CLOSE, "payload": b"\x03"}, 1002),
    "close with 1005": ({"opcode": CLOSE, "payload": b"\x03\xed"}, 1002),
    "close with 1006": ({"opcode": CLOSE, "payload": b"\x03\xee"}, 1002),
    "close with invalid text": ({"opcode": CLOSE, "payload": b"\x03\xe8\xff"}, 1007),
}
faults = pytest.mark.parametrize("fault", FAULTS)


@both_sides
@faults
def test_the_error_is_the_last_event_behind_all_before_it(side: str, fault: str) -> None:
    octets, code = FAULTS[fault]
    connection = opened(side)
    wire = from_peer(side, TEXT, b"whole") + from_peer(side, PING, b"p") + from_peer(side, **octets)
    *events, error = connection.receive_data(wire + from_peer(side, TEXT, b"behind"))
    assert events == [TextMessage("whole"), Ping(b"p")]
    assert type(error) is RemoteProtocolError
    assert error.close_code == code
    assert connection.state is State.FAILED
    pong, close = sent(connection, side)
    assert pong == (PONG, True, False, b"p")
    assert close == (CLOSE, True, False, code.to_bytes(2, "big") + str(error).encode()[:123])
    assert connection.close_sent is not None
    assert connection.close_sent.code == code


@both_sides
@faults
def test_nothing_is_read_or_sent_behind_an_error(side: str, fault: str) -> None:
    connection = opened(side)
    connection.receive_data(from_peer(side, **FAULTS[fault][0]))
    connection.data_to_send()
    for data in (from_peer(side, PING), close_from_peer(side), b"", bytes(1000)):
        assert connection.receive_data(data) == []
    assert connection.data_to_send() == b""
    # The peer's Close frame wasn't read: sections 7.1.5 and 7.1.7.
    assert (connection.close_code, connection.close_received) == (1006, None)
    assert connection.should_close is (side == "server")
    assert connection.receive_eof() == []
    assert connection.state is State.CLOSED
    assert connection.should_close


@both_sides
@faults
def test_an_error_behind_our_close_sends_no_second_one(side: str, fault: str) -> None:
    connection = opened(side)
    connection.send_close(1000)
    assert len(sent(connection, side)) == 1
    wire = from_peer(side, TEXT, b"late") + from_peer(side, **FAULTS[fault][0])
    event, error = connection.receive_data(wire)
    assert event == TextMessage("late")
    assert isinstance(error, RemoteProtocolError)
    assert error.close_code == FAULTS[fault][1]
    assert connection.data_to_send() == b""
    assert (connection.state, connection.close_code) == (State.FAILED, 1006)


@both_sides
def test_masking_by_the_wrong_side_is_an_error(side: str) -> None:
    connection = opened(side)
    wire = b"\x81\x01a" if side == "server" else b"\x81\x81abcd\x00"
    [error] = connection.receive_data(wire)
    assert isinstance(error, RemoteProtocolError)
    assert error.close_code == 1002
    [(_, _, _, payload)] = sent(connection, side)
    assert payload[:2] == b"\x03\xea"


@both_sides
def test_another_message_inside_a_fragmented_one_is_an_error(side: str) -> None:
    connection = opened(side)
    assert connection.receive_data(from_peer(side, TEXT, b"a", fin=False)) == []
    [error] = connection.receive_data(from_peer(side, BINARY, b"b"))
    assert isinstance(error, RemoteProtocolError)
    assert error.close_code == 1002


@both_sides
def test_text_fails_at_the_first_octet_that_is_wrong(side: str) -> None:
    wire = from_peer(side, TEXT, "ä".encode()[:1], fin=False)
    wire += from_peer(side, CONTINUATION, b"x" + bytes(100))
    at = len(wire) - 100
    connection = opened(side)
    for i in range(at - 1):
        assert connection.receive_data(wire[i : i + 1]) == []
    [error] = connection.receive_data(wire[at - 1 : at])
    assert isinstance(error, RemoteProtocolError)
    assert (error.close_code, error.position) == (1007, 1)


@both_sides
def test_a_length_declared_fails_at_its_header(side: str) -> None:
    connection = opened(side, max_message_length=10)
    head = from_peer(side, BINARY, declared=11)[:2]
    [error] = connection.receive_data(head)
    assert isinstance(error, RemoteProtocolError)
    assert str(error) == "message of at least 11 octets: at most 10 are allowed"
    assert sent(connection, side) == [
        (
            *(CLOSE, True, False),
            b"\x03\xf1message of at least 11 octets: at most 10 are allowed",
        )
    ]


@both_sides
def test_many_pings_in_one_read_are_all_answered(side: str) -> None:
    connection = opened(side)
    wire = b"".join(from_peer(side, PING, b"%d" % n) for n in range(5000))
    assert connection.receive_data(wire) == [Ping(b"%d" % n) for n in range(5000)]
    assert sent(connection, side) == [(PONG, True, False, b"%d" % n) for n in range(5000)]


@both_sides
def test_garbage_is_an_error_and_nothing_else(side: str) -> None:
    for first in range(256):
        connection = opened(side)
        events = connection.receive_data(bytes([first]) * 3 + b"GET / HTTP/1.1\r\n\r\n" * 100)
        kinds = [isinstance(event, RemoteProtocolError) for event in events]
        assert not any(kinds[:-1])
        if kinds and kinds[-1]:
            assert connection.state is State.FAILED
        elif isinstance(events[-1] if events else None, CloseReceived):
            assert connection.state is State.CLOSE_COMPLETE
