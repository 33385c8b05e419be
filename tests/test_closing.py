"""The closing handshake's states and the Close frame's payload, RFC 6455 section 7 and 5.5.1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsfast.closing import (
    TRANSITIONS,
    Closing,
    Happening,
    State,
    encode_close,
    shorten_reason,
)
from wsfast.events import Close
from wsfast.exceptions import LocalProtocolError
from wsfast.protocol import CloseCode

# How a connection gets into each state.
WAYS: dict[str, list[str]] = {
    "CONNECTING": [],
    "OPEN": ["OPENED"],
    "CLOSING": ["OPENED", "SEND_CLOSE"],
    "CLOSE_RECEIVED": ["OPENED", "RECEIVE_CLOSE"],
    "CLOSE_COMPLETE": ["OPENED", "SEND_CLOSE", "RECEIVE_CLOSE"],
    "FAILING": ["OPENED", "FAIL"],
    "FAILED": ["OPENED", "FAIL", "SEND_CLOSE"],
    "CLOSED": ["OPENED", "LOST"],
}
HAPPENINGS: dict[str, Callable[[Closing], Any]] = {
    "OPENED": lambda closing: closing.open(),
    "SEND_CLOSE": lambda closing: closing.send_close(1000, "bye"),
    "RECEIVE_CLOSE": lambda closing: closing.receive_close(Close(1001, "away")),
    "FAIL": lambda closing: closing.fail(1002, "wrong"),
    "EOF": lambda closing: closing.receive_eof(),
    "LOST": lambda closing: closing.lose(),
}
# Where each state goes by each happening; "-": refused.
TABLE = """
                OPENED  SEND_CLOSE      RECEIVE_CLOSE   FAIL            EOF             LOST
CONNECTING      OPEN    -               -               CLOSED          CLOSED          CLOSED
OPEN            -       CLOSING         CLOSE_RECEIVED  FAILING         CLOSED          CLOSED
CLOSING         -       -               CLOSE_COMPLETE  FAILED          CLOSED          CLOSED
CLOSE_RECEIVED  -       CLOSE_COMPLETE  -               FAILING         CLOSE_RECEIVED  CLOSED
CLOSE_COMPLETE  -       -               -               CLOSE_COMPLETE  CLOSED          CLOSED
FAILING         -       FAILED          -               FAILING         FAILING         CLOSED
FAILED          -       -               -               FAILED          CLOSED          CLOSED
CLOSED          -       -               -               CLOSED          CLOSED          CLOSED
"""


def _cells() -> list[tuple[str, str, str]]:
    head, *rows = TABLE.strip().splitlines()
    return [
        (row.split()[0], happening, after)
        for row in rows
        for happening, after in zip(head.split(), row.split()[1:], strict=True)
    ]


def _closing(state: str, side: Any = "server") -> Closing:
    closing = Closing(side, State.CONNECTING)
    for happening in WAYS[state]:
        HAPPENINGS[happening](closing)
    assert closing.state is State[state]
    return closing


def _all_of(closing: Closing) -> tuple[Any, ...]:
    return (
        *(closing.state, closing.sent, closing.received, closing.clean),
        *(closing.code, closing.reason, closing.should_close),
    )


def test_every_state_and_happening_is_in_the_table() -> None:
    cells = {(state, happening) for state, happening, _ in _cells()}
    assert cells == {(state.name, happening.name) for state in State for happening in Happening}
    assert set(TRANSITIONS) == set(State)
    assert set(WAYS) == {state.name for state in State}


@pytest.mark.parametrize(("state", "happening", "after"), _cells())
def test_every_happening_in_every_state(state: str, happening: str, after: str) -> None:
    closing = _closing(state)
    before = _all_of(closing)
    if after == "-":
        with pytest.raises(LocalProtocolError, match="refused"):
            HAPPENINGS[happening](closing)
        assert _all_of(closing) == before
        assert Happening[happening] not in TRANSITIONS[State[state]]
    else:
        HAPPENINGS[happening](closing)
        assert closing.state is State[after]
        assert TRANSITIONS[State[state]][Happening[happening]] is State[after]


@pytest.mark.parametrize(
    ("state", "server", "client"),
    [
        ("CONNECTING", False, False),
        ("OPEN", False, False),
        ("CLOSING", False, False),
        ("CLOSE_RECEIVED", False, False),
        # The server closes TCP first; the client when it sees that: section 7.1.1.
        ("CLOSE_COMPLETE", True, False),
        ("FAILING", False, False),
        ("FAILED", True, False),
        ("CLOSED", True, True),
    ],
)
def test_who_closes_the_transport(state: str, server: bool, client: bool) -> None:
    assert _closing(state, "server").should_close is server
    assert _closing(state, "client").should_close is client


@pytest.mark.parametrize(
    ("happenings", "code", "reason", "clean"),
    [
        ("", None, "", False),
        ("SEND_CLOSE", None, "", False),
        ("SEND_CLOSE RECEIVE_CLOSE", 1001, "away", True),
        ("RECEIVE_CLOSE", 1001, "away", False),
        ("RECEIVE_CLOSE SEND_CLOSE", 1001, "away", True),
        ("RECEIVE_CLOSE SEND_CLOSE EOF", 1001, "away", True),
        ("RECEIVE_CLOSE EOF", 1001, "away", False),
        ("RECEIVE_CLOSE EOF SEND_CLOSE", 1001, "away", True),
        ("RECEIVE_CLOSE LOST", 1001, "away", False),
        ("SEND_CLOSE EOF", 1006, "", False),
        ("SEND_CLOSE LOST", 1006, "", False),
        ("EOF", 1006, "", False),
        ("LOST", 1006, "", False),
        # No Close frame has come, so the code is 1006, whatever ours says: section 7.1.5.
        ("FAIL", 1006, "", False),
        ("FAIL SEND_CLOSE", 1006, "", False),
        ("FAIL SEND_CLOSE EOF", 1006, "", False),
        ("FAIL EOF", 1006, "", False),
        ("SEND_CLOSE FAIL", 1006, "", False),
        ("RECEIVE_CLOSE FAIL SEND_CLOSE", 1001, "away", False),
        ("SEND_CLOSE RECEIVE_CLOSE FAIL", 1001, "away", True),
        ("SEND_CLOSE RECEIVE_CLOSE LOST", 1001, "away", True),
    ],
)
def test_code_and_reason_are_those_of_the_peers_close(
    happenings: str, code: int | None, reason: str, clean: bool
) -> None:
    closing = Closing("client")
    for happening in happenings.split():
        HAPPENINGS[happening](closing)
    assert (closing.code, closing.reason, closing.clean) == (code, reason, clean)


def test_the_handshake_can_fail_without_a_close_frame() -> None:
    closing = Closing("client", State.CONNECTING)
    closing.fail(1002)
    assert closing.answer() is None
    assert (closing.state, closing.code, closing.should_close) == (State.CLOSED, 1006, True)


def test_the_answer_echoes_the_code_and_the_reason() -> None:
    closing = Closing("server")
    assert closing.answer() is None
    closing.receive_close(Close(4321, "why"))
    assert closing.answer() == b"\x10\xe1why"
    assert closing.sent == Close(4321, "why")
    assert closing.received == Close(4321, "why")
    assert closing.answer() is None
    assert closing.state is State.CLOSE_COMPLETE


def test_an_empty_close_is_answered_by_an_empty_one() -> None:
    closing = Closing("server")
    closing.receive_close(Close(1005, ""))
    assert closing.answer() == b""
    assert closing.sent == Close(1005, "")
    assert closing.code == 1005


def test_another_answer_than_the_echo_is_allowed() -> None:
    closing = Closing("server")
    closing.receive_close(Close(1000, ""))
    assert closing.send_close(4000, "no") == b"\x0f\xa0no"
    assert closing.sent == Close(4000, "no")


def test_the_first_failure_is_what_the_close_frame_says() -> None:
    closing = Closing("server")
    closing.fail(1007, "not UTF-8")
    closing.fail(1011, "later")
    assert closing.answer() == b"\x03\xefnot UTF-8"
    assert closing.sent == Close(1007, "not UTF-8")
    assert closing.answer() is None


def test_a_failure_behind_our_close_frame_sends_nothing() -> None:
    closing = Closing("client")
    closing.send_close()
    closing.fail(1002)
    assert closing.answer() is None
    assert closing.sent == Close(1000, "")


def test_the_reason_of_a_failure_is_cut_between_characters() -> None:
    closing = Closing("server")
    closing.fail(1002, "a" + "€" * 50)
    payload = closing.answer()
    assert payload == b"\x03\xea" + b"a" + "€".encode() * 40
    assert closing.sent == Close(1002, "a" + "€" * 40)


@pytest.mark.parametrize("code", [1006, 1015, 999, 5000])
def test_a_failure_needs_a_code_that_can_be_sent(code: int) -> None:
    closing = Closing("server")
    with pytest.raises(LocalProtocolError, match="can't be sent"):
        closing.fail(code)
    assert closing.state is State.OPEN


@pytest.mark.parametrize("arguments", [(1005, "why"), (999, ""), (1000, "x" * 124)])
def test_a_close_frame_that_is_refused_changes_nothing(arguments: tuple[int, str]) -> None:
    for state in ("OPEN", "CLOSE_RECEIVED", "FAILING"):
        closing = _closing(state)
        before = _all_of(closing)
        with pytest.raises(LocalProtocolError):
            closing.send_close(*arguments)
        assert _all_of(closing) == before


def test_a_state_that_refuses_says_so() -> None:
    words = {
        "CONNECTING": "the opening handshake isn't complete",
        "CLOSING": "a Close frame was sent",
        "CLOSE_COMPLETE": "the closing handshake is complete",
        "FAILED": "the connection has failed",
        "CLOSED": "the connection is closed",
    }
    for state, why in words.items():
        with pytest.raises(LocalProtocolError) as raised:
            _closing(state).send_close()
        assert str(raised.value) == f"send Close refused: {why}"
        assert raised.value.close_code == 1002


def test_the_side_is_checked() -> None:
    with pytest.raises(ValueError, match="side must be 'server' or 'client', not 'peer'"):
        Closing("peer")  # type: ignore[arg-type]


# The payload of a Close frame.

MAY_BE_SENT = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}


def test_which_codes_may_be_sent() -> None:
    for code in (*range(-1, 5100), 2**16, 2**64 + 1000):
        if code in MAY_BE_SENT:
            assert encode_close(code) == bytes([code >> 8, code & 255])
        elif code == 1005:
            assert encode_close(code) == b""
        else:
            with pytest.raises(LocalProtocolError) as raised:
                encode_close(code)
            assert str(raised.value) == (
                f"close code {code} can't be sent: expected 1000 to 1003, 1007 to 1014 or "
                "3000 to 4999 (RFC 6455 section 7.4)"
            )


def test_a_close_code_is_sent_in_two_octets_before_the_reason() -> None:
    assert encode_close() == b"\x03\xe8"
    assert encode_close(CloseCode.GOING_AWAY, "tschüß €") == b"\x03\xe9" + "tschüß €".encode()


def test_the_reason_has_at_most_123_octets() -> None:
    assert len(encode_close(1000, "x" * 123)) == 125
    assert len(encode_close(1000, "€" * 41)) == 125
    for reason, length in (("x" * 124, 124), ("€" * 41 + "a", 124), ("🚀" * 31, 124)):
        with pytest.raises(LocalProtocolError, match=f"reason of {length} octets: at most 123"):
            encode_close(1000, reason)


def test_a_reason_needs_a_code() -> None:
    with pytest.raises(LocalProtocolError, match="reason without a close code"):
        encode_close(1005, "x")


def test_wrong_arguments_of_a_close() -> None:
    with pytest.raises(TypeError, match="code must be an integer, not str"):
        encode_close("1000")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="code must be an integer, not NoneType"):
        encode_close(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="reason must be a str, not bytes"):
        encode_close(1000, b"x")  # type: ignore[arg-type]
    with pytest.raises(UnicodeEncodeError):
        encode_close(1000, "\ud800")


@given(st.text(max_size=130))
def test_a_reason_is_cut_to_whole_characters(reason: str) -> None:
    cut = shorten_reason(reason)
    assert reason.startswith(cut)
    octets = len(cut.encode())
    assert octets <= 123
    if cut != reason:
        # One character more would have been too long.
        assert len(reason[: len(cut) + 1].encode()) > 123


def test_a_reason_that_fits_is_not_cut() -> None:
    assert shorten_reason("x" * 123) == "x" * 123
    assert shorten_reason("x" * 124) == "x" * 123
    assert shorten_reason("€" * 42) == "€" * 41
    assert shorten_reason("x" + "€" * 41) == "x" + "€" * 40


def test_what_cannot_be_sent_at_all_is_replaced() -> None:
    assert shorten_reason("a\ud800b") == "a?b"
