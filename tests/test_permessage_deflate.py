"""permessage-deflate negotiated, RFC 7692 sections 5 and 7.1."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import sys
from typing import Any

import pytest
from deflate_peers import LIBRARIES, Receiver, Sender
from hypothesis import given
from hypothesis import strategies as st

from wsfast.exceptions import HandshakeError
from wsfast.permessage_deflate import Agreement, PermessageDeflate

BROWSER = "permessage-deflate; client_max_window_bits"
SIDES: tuple[Any, ...] = ("server", "client")

NSC, NCC = "server_no_context_takeover", "client_no_context_takeover"
SB, CB = "server_max_window_bits", "client_max_window_bits"


def _parameters(agreement: Agreement) -> tuple[bool, bool, int, int]:
    return tuple(getattr(agreement, name) for name in (NSC, NCC, SB, CB))  # type: ignore[return-value]


def _accept(value: str, **wanted: Any) -> tuple[str, tuple[bool, bool, int, int]] | None:
    accepted = PermessageDeflate(**wanted).accept(value)
    if accepted is None:
        return None
    answer, agreement = accepted
    name, _, parameters = answer.partition("; ")
    assert name == "permessage-deflate"
    return parameters, _parameters(agreement)


def _confirm(value: str, **wanted: Any) -> tuple[bool, bool, int, int]:
    agreement = PermessageDeflate(**wanted).confirm(value)
    assert agreement is not None
    return _parameters(agreement)


# A client's offer


@pytest.mark.parametrize(
    ("wanted", "offer"),
    [
        ({}, f"; {CB}"),
        ({CB: 15}, f"; {CB}"),
        ({CB: 10}, f"; {CB}=10"),
        ({NSC: True}, f"; {NSC}; {CB}"),
        ({NCC: True}, f"; {NCC}; {CB}"),
        ({SB: 15}, f"; {CB}"),
        ({SB: 8}, f"; {CB}; {SB}=8, permessage-deflate; {CB}"),
        (
            {NSC: True, NCC: True, SB: 9, CB: 9},
            f"; {NSC}; {NCC}; {CB}=9; {SB}=9, permessage-deflate; {NSC}; {NCC}; {CB}=9",
        ),
    ],
    ids=str,
)
def test_what_is_offered(wanted: dict[str, Any], offer: str) -> None:
    assert PermessageDeflate(**wanted).offer() == "permessage-deflate" + offer


def test_the_default_offer_is_that_of_browsers() -> None:
    # Chromium and Node's ws send this; Firefox and older ones send no parameter.
    assert PermessageDeflate().offer() == BROWSER


# A server's answer: section 7.1, row by row


@pytest.mark.parametrize(
    ("wanted", "offered", "answer", "agreed"),
    [
        # The defaults, to browsers and others.
        ({}, f"; {CB}", f"{SB}=12; {CB}=12", (False, False, 12, 12)),
        ({}, "", f"{SB}=12", (False, False, 12, 15)),
        ({}, f"; {NSC}; {NCC}", f"{NSC}; {NCC}; {SB}=12", (True, True, 12, 15)),
        # server_max_window_bits: the smaller of the two, said if there is something to say.
        ({SB: 15}, "", "", (False, False, 15, 15)),
        ({SB: 15}, f"; {SB}=15", f"{SB}=15", (False, False, 15, 15)),
        ({SB: 15}, f"; {SB}=10", f"{SB}=10", (False, False, 10, 15)),
        ({SB: 9}, f"; {SB}=10", f"{SB}=9", (False, False, 9, 15)),
        ({SB: 11}, "", f"{SB}=11", (False, False, 11, 15)),
        ({}, f"; {SB}=9", f"{SB}=9", (False, False, 9, 15)),
        # client_max_window_bits: only where it is offered.
        ({SB: 15, CB: 9}, "", "", (False, False, 15, 15)),
        ({SB: 15, CB: 9}, f"; {CB}", f"{CB}=9", (False, False, 15, 9)),
        ({SB: 15, CB: 8}, f"; {CB}", f"{CB}=8", (False, False, 15, 8)),
        ({SB: 15, CB: 15}, f"; {CB}", "", (False, False, 15, 15)),
        ({SB: 15, CB: 15}, f"; {CB}=10", f"{CB}=10", (False, False, 15, 10)),
        ({SB: 15, CB: 10}, f"; {CB}=11", f"{CB}=10", (False, False, 15, 10)),
        ({SB: 15}, f"; {CB}=8", f"{CB}=8", (False, False, 15, 8)),
        ({SB: 15}, f"; {CB}=15", f"{CB}=12", (False, False, 15, 12)),
        # No context takeover: by either side's wish.
        ({SB: 15, NSC: True}, "", NSC, (True, False, 15, 15)),
        ({SB: 15}, f"; {NSC}", NSC, (True, False, 15, 15)),
        ({SB: 15, NCC: True}, "", NCC, (False, True, 15, 15)),
        ({SB: 15}, f"; {NCC}", NCC, (False, True, 15, 15)),
        # All at once, in any order, values quoted or not, blanks where the grammar allows them.
        (
            {},
            f' ;\t{SB} = "10";{CB}="9" ; {NCC};{NSC}',
            f"{NSC}; {NCC}; {SB}=10; {CB}=9",
            (True, True, 10, 9),
        ),
    ],
    ids=str,
)
def test_what_a_server_answers(
    wanted: dict[str, Any], offered: str, answer: str, agreed: tuple[bool, bool, int, int]
) -> None:
    assert _accept(f"permessage-deflate{offered}", **wanted) == (answer, agreed)


WRONG_IN_BOTH = [
    *(f"{flag}={value}" for flag in (NSC, NCC) for value in ("true", "1", '"15"')),
    *(f"{bits}={value}" for bits in (SB, CB) for value in ("7", "16", "08", "+9", "9.0", "x", "1")),
    *(f"{bits}={value}" for bits in (SB, CB) for value in ("010", "0x9", '"012"')),
    f"{NSC}; {NSC}",
    f"{NCC}; {NCC}",
    f"{SB}=10; {SB}=10",
    f"{CB}=10; {CB}=10",
    SB,
    "unknown",
    "unknown=1",
    "max_window_bits=10",
    NSC.upper(),
]


@pytest.mark.parametrize("wrong", [*WRONG_IN_BOTH, f"{CB}; {CB}=10", f"{SB}=8"])
def test_an_offer_that_is_declined(wrong: str) -> None:
    declined = f"permessage-deflate; {wrong}"
    assert _accept(declined) is None
    # So is the next one taken, as section 5.1 has it, and of two good ones the first.
    answer = (f"{SB}=12; {CB}=9", (False, False, 12, 9))
    assert _accept(f"{declined}, permessage-deflate; {CB}=9, permessage-deflate") == answer
    assert _accept(f"x-other; a=b, {declined},permessage-deflate;{CB}=9, {BROWSER}") == answer


def test_other_extensions_are_skipped() -> None:
    assert _accept("x-webkit-deflate-frame") is None
    assert _accept("permessage-bzip2; client_max_window_bits, permessage-foo") is None
    assert _accept(f"permessage-bzip2, {BROWSER}, bbf-usp-protocol") is not None


@pytest.mark.parametrize("value", ["", ",", "permessage-deflate;", "permessage-deflate; a=", "a b"])
def test_a_malformed_header_is_refused(value: str) -> None:
    with pytest.raises(HandshakeError) as caught:
        PermessageDeflate().accept(value)
    assert caught.value.status == 400
    if value:
        with pytest.raises(HandshakeError):
            PermessageDeflate().confirm(value)


# A client reads the answer


@pytest.mark.parametrize(
    ("wanted", "answer", "agreed"),
    [
        ({}, "", (False, False, 15, 12)),
        ({CB: 15}, "", (False, False, 15, 15)),
        ({}, f"; {SB}=12; {CB}=12", (False, False, 12, 12)),
        ({}, f"; {SB}=8; {CB}=9", (False, False, 8, 9)),
        ({CB: 15}, f"; {CB}=10", (False, False, 15, 10)),
        ({CB: 10}, f"; {CB}=15", (False, False, 15, 10)),
        ({CB: 10}, "", (False, False, 15, 10)),
        ({}, f"; {NSC}; {NCC}", (True, True, 15, 12)),
        ({NCC: True}, "", (False, True, 15, 12)),
        ({NSC: True}, f"; {NSC}", (True, False, 15, 12)),
        # The second of our offers was accepted; or the first.
        ({SB: 10}, "", (False, False, 15, 12)),
        ({SB: 10}, f"; {SB}=13", (False, False, 13, 12)),
        ({SB: 10}, f'; {SB}="9"', (False, False, 9, 12)),
    ],
    ids=str,
)
def test_what_an_answer_means(
    wanted: dict[str, Any], answer: str, agreed: tuple[bool, bool, int, int]
) -> None:
    assert _confirm(f"permessage-deflate{answer}", **wanted) == agreed


def test_no_answer_is_no_agreement() -> None:
    assert PermessageDeflate().confirm("") is None


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        *((f"permessage-deflate; {wrong}", "RFC 7692 section 7.1") for wrong in WRONG_IN_BOTH),
        (f"permessage-deflate; {CB}", f"{CB}: expected 8 to 15"),
        (f"permessage-deflate; {CB}=8", "needs at least 9"),
        ("permessage-deflate, permessage-deflate", "alone"),
        ("permessage-deflate, x-other", "x-other"),
        ("x-other", "x-other accepted: expected permessage-deflate alone"),
        ("Permessage-Deflate", "alone"),
    ],
)
def test_an_answer_that_is_refused(wrong: str, says: str) -> None:
    with pytest.raises(HandshakeError, match=says):
        PermessageDeflate().confirm(wrong)


def test_a_server_must_not_take_over_what_it_was_told_not_to() -> None:
    with pytest.raises(HandshakeError, match=f"without {NSC}"):
        PermessageDeflate(server_no_context_takeover=True).confirm("permessage-deflate")


# Both together

_bits = st.none() | st.integers(9, 15)
_settings = st.fixed_dictionaries(
    {NSC: st.booleans(), NCC: st.booleans(), SB: _bits, CB: _bits, "min_length": st.just(0)}
)


@given(server=_settings, client=_settings, data=st.data())
def test_any_two_ends_agree_and_read_each_other(
    server: dict[str, Any], client: dict[str, Any], data: Any
) -> None:
    asks, answers = PermessageDeflate(**client), PermessageDeflate(**server)
    accepted = answers.accept(asks.offer())
    assert accepted is not None
    value, servers = accepted
    clients = asks.confirm(value)
    assert clients is not None
    # Each may do less than it is allowed to, and never more.
    assert clients.server_no_context_takeover == servers.server_no_context_takeover
    assert clients.server_max_window_bits == servers.server_max_window_bits
    assert clients.client_no_context_takeover == servers.client_no_context_takeover
    assert clients.client_max_window_bits <= servers.client_max_window_bits
    assert servers.server_max_window_bits <= (server[SB] or 12)
    assert servers.server_max_window_bits <= (client[SB] or 15)
    assert clients.client_max_window_bits <= min(client[CB] or 12, server[CB] or 12)
    ends: Any = {"server": servers, "client": clients}
    for side, other in (SIDES, SIDES[::-1]):
        deflater, inflater = ends[side].deflater(side), ends[other].inflater(other)
        forgets = getattr(servers, f"{side}_no_context_takeover")
        peer = Receiver(getattr(ends[other], f"{side}_max_window_bits"), not forgets)
        for message in data.draw(st.lists(st.binary(max_size=50).map(lambda b: b * 9), max_size=3)):
            payload = deflater.deflate(message)
            assert inflater.inflate(payload, True, 1000) == message
            assert peer.message(payload) == message


def test_each_direction_has_its_own_parameters() -> None:
    wanted = PermessageDeflate(server_no_context_takeover=True, server_max_window_bits=9)
    accepted = wanted.accept(f"permessage-deflate; {CB}=14")
    assert accepted is not None
    _, agreement = accepted
    assert _parameters(agreement) == (True, False, 9, 12)
    message = Sender().message(b"x") * 3 + bytes(range(256)) * 2
    server, client = agreement.deflater("server"), agreement.deflater("client")
    assert server.deflate(message) == server.deflate(message)
    first, second = client.deflate(message), client.deflate(message)
    assert len(second) < len(first) / 4
    inflater = agreement.inflater("server")
    assert [inflater.inflate(p, True, None) for p in (first, second)] == [message] * 2


# Settings


def test_settings_are_immutable_and_equal_by_value() -> None:
    one, two = (PermessageDeflate(level=3, memory_level=9) for _ in range(2))
    assert one == two != PermessageDeflate()
    assert len({one, two, copy.deepcopy(one), pickle.loads(pickle.dumps(one))}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.level = 5  # type: ignore[misc]
    assert "memory_level=9" in repr(one)
    agreement = one.confirm("permessage-deflate")
    assert (
        agreement == two.confirm("permessage-deflate") != one.confirm(f"permessage-deflate; {NSC}")
    )
    assert pickle.loads(pickle.dumps(agreement)) == agreement
    assert agreement is not None
    assert agreement.settings is one
    assert agreement.min_length == agreement.deflater("client").min_length == 64


@pytest.mark.parametrize(
    ("wanted", "error", "says"),
    [
        ({SB: 7}, ValueError, f"{SB} must be 8 to 15, not 7"),
        ({CB: 16}, ValueError, f"{CB} must be 8 to 15, not 16"),
        ({SB: "12"}, TypeError, f"{SB} must be an integer, not str"),
        ({CB: True}, TypeError, f"{CB} must be an integer, not bool"),
        ({NSC: 1}, TypeError, f"{NSC} must be a bool, not int"),
        ({NCC: None}, TypeError, f"{NCC} must be a bool, not NoneType"),
        ({"level": -1}, ValueError, "level must be 0 to 9 with zlib, not -1"),
        ({"level": 10}, ValueError, "level must be 0 to 9 with zlib, not 10"),
        ({"level": 4, "library": "isal"}, ValueError, "level must be 0 to 3 with isal, not 4"),
        ({"memory_level": 0}, ValueError, "memory_level must be 1 to 9, not 0"),
        ({"memory_level": None}, TypeError, "memory_level must be an integer, not NoneType"),
        ({"min_length": -1}, ValueError, "min_length must be at least 0, not -1"),
        ({"library": "zopfli"}, ValueError, "library must be 'zlib', 'isal', 'zlib-ng', not 'zopf"),
        ({"library": None}, ValueError, "library must be 'zlib', 'isal', 'zlib-ng', not None"),
        ({"library": []}, ValueError, "library must be 'zlib', 'isal', 'zlib-ng', not"),
    ],
    ids=str,
)
def test_wrong_settings(wanted: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        PermessageDeflate(**wanted)


def test_a_window_of_8_bits_is_for_the_peer_alone() -> None:
    says = "must be at least 9 on the side that compresses by it, not 8"
    with pytest.raises(ValueError, match=f"{SB} {says}"):
        PermessageDeflate(server_max_window_bits=8).accept(BROWSER)
    for call in ("offer", "confirm"):
        settings = PermessageDeflate(client_max_window_bits=8)
        with pytest.raises(ValueError, match=f"{CB} {says}"):
            getattr(settings, call)(*["permessage-deflate"] * (call == "confirm"))


@pytest.mark.parametrize("side", ["Server", None, 1, b"client"])
def test_a_wrong_side(side: Any) -> None:
    agreement = PermessageDeflate().confirm("permessage-deflate")
    for method in (agreement.inflater, agreement.deflater, agreement.broadcast_key):  # type: ignore[union-attr]
        with pytest.raises(ValueError, match="side must be 'server' or 'client'"):
            method(side)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("level", [None, 0, 1, 3])
def test_every_library_and_level(library: str, level: int | None) -> None:
    settings = PermessageDeflate(library=library, level=level, memory_level=9)
    agreement = settings.confirm("permessage-deflate")
    assert agreement is not None
    payload = agreement.deflater("client").deflate(b"Hello " * 100)
    assert Receiver(12).message(payload) == b"Hello " * 100
    assert len(payload) < (100 if level != 0 else 700)


@pytest.mark.parametrize(
    ("library", "module"), [("isal", "isal.isal_zlib"), ("zlib-ng", "zlib_ng.zlib_ng")]
)
def test_a_library_that_is_missing(
    monkeypatch: pytest.MonkeyPatch, library: Any, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module.partition(".")[0], None)
    monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(ImportError, match=f"library='{library}' needs the module {module}: "):
        PermessageDeflate(library=library)
