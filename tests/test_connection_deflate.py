"""permessage-deflate through a Connection, RFC 7692; zlib itself is the peer."""

from __future__ import annotations

import zlib
from typing import Any

import pytest
from connections import from_peer, opened, sent
from oracle import BINARY, CLOSE, CONTINUATION, PING, TEXT

from wsfast.closing import State
from wsfast.connection import Connection
from wsfast.events import BinaryMessage, Ping, TextMessage
from wsfast.exceptions import LocalProtocolError, RemoteProtocolError
from wsfast.handshake import ClientHandshake, ServerHandshake
from wsfast.permessage_deflate import Agreement, PermessageDeflate

SIDES = ("server", "client")
both_sides = pytest.mark.parametrize("side", SIDES)
RSV1 = 0x40
TAIL = b"\x00\x00\xff\xff"


def _agreement(offer: str = "permessage-deflate", **settings: Any) -> Agreement:
    accepted = PermessageDeflate(**settings).accept(offer)
    assert accepted is not None
    return accepted[1]


def _compressing(side: str, offer: str = "permessage-deflate", **settings: Any) -> Connection:
    return opened(side, deflate=_agreement(offer, **settings))


def _deflated(data: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


@both_sides
def test_a_compressed_message_has_rsv1(side: str) -> None:
    connection = _compressing(side)
    text = "Grüße " * 100
    connection.send_text(text)
    connection.send_text(text.encode())
    connection.send_binary(bytearray(text.encode()))
    frames = sent(connection, side)
    assert [frame[:3] for frame in frames] == [
        (TEXT, True, True),
        (TEXT, True, True),
        (BINARY, True, True),
    ]
    inflater = zlib.decompressobj(-15)
    for _, _, _, payload in frames:
        assert inflater.decompress(payload + TAIL) == text.encode()
    lengths = [len(payload) for _, _, _, payload in frames]
    # The second refers to the first.
    assert lengths[1] < lengths[0] < len(text)


@both_sides
def test_only_the_first_fragment_has_rsv1(side: str) -> None:
    connection = _compressing(side)
    pieces = [b"abc" * 50, b"", b"abc" * 50, b""]
    for n, piece in enumerate(pieces):
        connection.send_binary(piece, fin=n == len(pieces) - 1)
        connection.send_ping(b"%d" % n)
    frames = sent(connection, side)
    messages = [frame for frame in frames if frame[0] != PING]
    assert [frame[:3] for frame in messages] == [
        (BINARY, False, True),
        (CONTINUATION, False, False),
        (CONTINUATION, False, False),
        (CONTINUATION, True, False),
    ]
    # Control frames are never compressed: section 6.1.
    assert [frame for frame in frames if frame[0] == PING] == [
        (PING, True, False, b"%d" % n) for n in range(4)
    ]
    whole = b"".join(payload for _, _, _, payload in messages) + TAIL
    assert zlib.decompressobj(-15).decompress(whole) == b"abc" * 100


@both_sides
def test_short_messages_go_uncompressed(side: str) -> None:
    connection = _compressing(side, min_length=10)
    connection.send_text("x" * 9)
    connection.send_text("ä" * 4)
    # Octets are counted, not characters.
    connection.send_text("ä" * 5)
    connection.send_binary(bytes(9))
    connection.send_binary(bytes(10))
    # How long this will be isn't known.
    connection.send_text("y", fin=False)
    connection.send_text("z")
    frames = sent(connection, side)
    assert [frame[2] for frame in frames] == [False, False, True, False, True, True, False]
    assert frames[0][3] == b"x" * 9


def test_a_message_that_is_refused_leaves_the_context_alone() -> None:
    connection = _compressing("server", min_length=0)
    connection.send_text("one" * 30, fin=False)
    with pytest.raises(LocalProtocolError, match="TEXT message isn't finished"):
        connection.send_binary(b"two" * 30)
    with pytest.raises(LocalProtocolError, match="text that isn't UTF-8"):
        connection.send_text(b"\xff" * 90)
    with pytest.raises(UnicodeEncodeError):
        connection.send_text("\ud800" * 90)
    with pytest.raises(TypeError):
        connection.send_text(3)  # type: ignore[arg-type]
    connection.send_text("three" * 30)
    data = b"".join(payload for _, _, _, payload in sent(connection, "server"))
    assert zlib.decompressobj(-15).decompress(data + TAIL) == b"one" * 30 + b"three" * 30


@both_sides
def test_the_examples_of_rfc_7692(side: str) -> None:
    # Section 7.2.3: "Hello" in one frame, in two, again by the context, and not compressed.
    hello = bytes.fromhex("f248cdc9c90700")
    connection = _compressing(side)
    wire = from_peer(side, TEXT, hello, rsv=RSV1)
    wire += from_peer(side, TEXT, hello[:3], rsv=RSV1, fin=False)
    wire += from_peer(side, PING, b"between") + from_peer(side, CONTINUATION, hello[3:])
    wire += from_peer(side, TEXT, bytes.fromhex("f200110000"), rsv=RSV1)
    wire += from_peer(side, TEXT, b"Hello")
    wire += from_peer(side, TEXT, bytes.fromhex("000500faff48656c6c6f00"), rsv=RSV1)
    wire += from_peer(side, TEXT, b"\x00", rsv=RSV1)
    assert connection.receive_data(wire) == [
        TextMessage("Hello"),
        Ping(b"between"),
        *[TextMessage("Hello")] * 4,
        TextMessage(""),
    ]
    for at in range(len(wire)):
        connection = _compressing(side)
        events = connection.receive_data(wire[:at]) + connection.receive_data(wire[at:])
        assert len(events) == 7


@both_sides
def test_a_bomb_fails_while_it_is_inflated(side: str) -> None:
    # 1000 to 1; what is allowed is a thousandth of it.
    bomb = _deflated(bytes(10**7))
    connection = _compressing(side)
    wire = from_peer(side, TEXT, b"before") + from_peer(side, BINARY, bomb, rsv=RSV1)
    message, error = connection.receive_data(wire)
    assert message == TextMessage("before")
    assert isinstance(error, RemoteProtocolError)
    assert error.close_code == 1009
    [close] = sent(connection, side)
    assert close[:3] == (CLOSE, True, False)
    assert close[3][:2] == b"\x03\xf1"


@both_sides
@pytest.mark.parametrize(
    ("octets", "code"),
    [
        # What can't be inflated, and text that isn't UTF-8 when it is.
        ({"opcode": BINARY, "payload": b"\xff" * 10, "rsv": RSV1}, 1007),
        ({"opcode": TEXT, "payload": _deflated(b"a\xff"), "rsv": RSV1}, 1007),
        # Control frames and later fragments are never marked: section 6.
        ({"opcode": PING, "payload": b"", "rsv": RSV1}, 1002),
        ({"opcode": TEXT, "payload": b"", "rsv": 0x20}, 1002),
    ],
)
def test_what_is_wrong_in_a_compressed_frame(side: str, octets: dict[str, Any], code: int) -> None:
    connection = _compressing(side)
    [error] = connection.receive_data(from_peer(side, **octets))
    assert isinstance(error, RemoteProtocolError)
    assert error.close_code == code
    assert connection.state is State.FAILED


@both_sides
def test_rsv1_is_an_error_where_nothing_was_agreed_on(side: str) -> None:
    connection = opened(side)
    [error] = connection.receive_data(from_peer(side, TEXT, _deflated(b"x"), rsv=RSV1))
    assert isinstance(error, RemoteProtocolError)
    assert error.close_code == 1002


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"server_no_context_takeover": True, "client_no_context_takeover": True},
        {"server_max_window_bits": 9, "client_max_window_bits": 10},
        {"min_length": 0, "level": 9, "memory_level": 9},
    ],
)
def test_two_ends_agree_and_talk(options: dict[str, Any]) -> None:
    deflate = PermessageDeflate(**options)
    client = Connection("client", handshake=ClientHandshake("ws://a/", deflate=deflate))
    server = Connection("server", handshake=ServerHandshake(deflate=deflate))
    server.receive_data(client.data_to_send())
    server.accept()
    client.receive_data(server.data_to_send())
    assert client.deflate is not None
    assert server.deflate is not None
    for sender, receiver in ((client, server), (server, client)) * 2:
        for text in ("", "short", "long €" * 1000):
            sender.send_text(text)
            sender.send_text(text, fin=False)
            sender.send_text(text)
            sender.send_binary(text.encode())
            assert receiver.receive_data(sender.data_to_send()) == [
                TextMessage(text),
                TextMessage(text * 2),
                BinaryMessage(text.encode()),
            ]


@pytest.mark.parametrize("forgets", [False, True])
def test_context_takeover_is_as_agreed(forgets: bool) -> None:
    offer = "permessage-deflate"
    if forgets:
        offer += "; server_no_context_takeover"
    connection = _compressing("server", offer)
    for _ in range(2):
        connection.send_binary(bytes(range(200)))
    first, second = (payload for _, _, _, payload in sent(connection, "server"))
    assert (first == second) is forgets
