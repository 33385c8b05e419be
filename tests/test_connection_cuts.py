"""Every stream through a Connection, cut at every octet and ended at every octet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from connections import opened, sent
from oracle import BINARY, CLOSE, PING, PONG, TEXT, Reading, read_messages, signature
from streams import STREAMS, Stream

from wsfast.closing import State
from wsfast.events import BinaryMessage, CloseReceived, Ping, Pong, TextMessage
from wsfast.exceptions import RemoteProtocolError

# A Connection has no limit on a frame; its inflater comes of an agreement.
PLAIN = [stream for stream in STREAMS if not {"max_payload_length", "ratio"} & {*stream.messages}]
every_stream = pytest.mark.parametrize("stream", PLAIN, ids=lambda stream: stream.name)

KINDS: dict[int, Any] = {TEXT: TextMessage, BINARY: BinaryMessage, PING: Ping, PONG: Pong}


def _plain(events: Iterable[Any]) -> list[Any]:
    return [signature(event) if isinstance(event, Exception) else event for event in events]


def _events(reading: Reading, begin: int, end: int) -> list[Any]:
    """What the oracle expects of the read from octet `begin` to `end`."""
    events: list[Any] = []
    for needs, (opcode, payload) in reading.items:
        if begin < needs <= end:
            events.append(CloseReceived(*payload) if opcode == CLOSE else KINDS[opcode](payload))
    if reading.fault is not None and begin < reading.fault.needs <= end:
        events.append(signature(reading.fault.error))
    return events


def _answers(reading: Reading) -> list[tuple[int, bool, bool, bytes]]:
    """What is sent when all of it has been read."""
    answers = []
    for _, (opcode, payload) in reading.items:
        if opcode == PING:
            answers.append((PONG, True, False, payload))
        elif opcode == CLOSE:
            echo = b"" if payload.code == 1005 else payload.code.to_bytes(2, "big")
            answers.append((CLOSE, True, False, echo + payload.reason.encode()))
    if reading.fault is not None:
        error = reading.fault.error
        reason = str(error).encode()[:123]
        answers.append((CLOSE, True, False, error.close_code.to_bytes(2, "big") + reason))
    return answers


@every_stream
def test_a_stream_may_be_cut_anywhere(stream: Stream) -> None:
    data = stream.data
    reading = read_messages(data, stream.side, **stream.messages)
    answers = _answers(reading)
    state = State.OPEN
    if reading.fault is not None:
        state = State.FAILED
    elif reading.closed is not None:
        state = State.CLOSE_COMPLETE
    for cut in range(len(data) + 1):
        connection = opened(stream.side, **stream.messages)
        assert _plain(connection.receive_data(data[:cut])) == _events(reading, 0, cut)
        assert _plain(connection.receive_data(data[cut:])) == _events(reading, cut, len(data))
        assert sent(connection, stream.side) == answers
        assert connection.state is state


@every_stream
def test_a_stream_may_come_octet_by_octet(stream: Stream) -> None:
    data = stream.data
    reading = read_messages(data, stream.side, **stream.messages)
    connection = opened(stream.side, **stream.messages)
    for at in range(len(data)):
        events = connection.receive_data(data[at : at + 1])
        assert _plain(events) == _events(reading, at, at + 1)
    assert sent(connection, stream.side) == _answers(reading)


@every_stream
def test_a_stream_may_end_anywhere(stream: Stream) -> None:
    data = stream.data
    whole = read_messages(data, stream.side, **stream.messages)
    over = min(
        whole.closed if whole.closed is not None else len(data) + 1,
        whole.fault.needs if whole.fault is not None else len(data) + 1,
    )
    for cut in range(len(data) + 1):
        connection = opened(stream.side, **stream.messages)
        connection.receive_data(data[:cut])
        before = sent(connection, stream.side)
        events = connection.receive_eof()
        if cut >= over:
            assert events == []
        else:
            end = read_messages(data[:cut], stream.side, **stream.messages).end
            [error] = events
            assert type(error) is RemoteProtocolError
            assert error.close_code == 1006
            words = {
                "frame": "the stream ended inside a frame",
                "message": "the stream ended between two fragments of a message",
                "": "the stream ended without a Close frame (RFC 6455 section 7.1.5)",
            }
            assert str(error) == words[end]
        assert connection.data_to_send() == b""
        assert connection.state is State.CLOSED
        assert connection.should_close
        received = any(frame[0] == CLOSE for frame in before) and whole.closed is not None
        assert (connection.close_code == 1006) is not received
