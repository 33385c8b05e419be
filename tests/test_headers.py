"""Header fields, RFC 9110 section 5: a multidict that holds only what can be written."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsfast.handshake.headers import Headers, encode_head

TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# RFC 9110 section 5.5: VCHAR, obs-text, and SP and HTAB between them.
VALUE_CHARACTERS = "\t " + "".join(map(chr, [*range(0x21, 0x7F), *range(0x80, 0x100)]))

names = st.text(TOKEN_CHARACTERS, min_size=1, max_size=8)
values = st.text(VALUE_CHARACTERS, max_size=8).map(lambda value: value.strip(" \t"))

PAIRS = [("Host", "a"), ("Cookie", "x=1"), ("cookie", "y=2"), ("X-Empty", "")]


def test_fields_come_in_order_and_names_as_sent() -> None:
    headers = Headers(PAIRS)
    assert list(headers.items()) == PAIRS
    assert list(headers) == ["Host", "Cookie", "cookie", "X-Empty"]
    assert len(headers) == 4
    assert repr(headers) == f"Headers({PAIRS!r})"


def test_names_are_compared_regardless_of_case() -> None:
    headers = Headers(PAIRS)
    assert headers["HOST"] == headers.get("host") == "a"
    assert headers["x-empty"] == ""
    assert "hOST" in headers
    assert "Origin" not in headers
    assert 1 not in headers


def test_one_that_is_repeated_must_be_asked_for_as_such() -> None:
    headers = Headers(PAIRS)
    assert headers.get_all("COOKIE") == ["x=1", "y=2"]
    assert headers.get_all("Host") == ["a"]
    assert headers.get_all("Origin") == []
    with pytest.raises(ValueError, match="2 Cookie header fields: get_all"):
        headers["Cookie"]
    with pytest.raises(ValueError, match="2 Cookie header fields: get_all"):
        headers.get("Cookie", "none")


def test_one_that_is_missing() -> None:
    for headers in (Headers(PAIRS), Headers([("Host", "a")]), Headers()):
        assert headers.get("Origin") is None
        assert headers.get("Origin", 5) == 5
        assert headers.get_all("Origin") == []
        with pytest.raises(KeyError, match="Origin"):
            headers["Origin"]


def test_what_they_are_made_of() -> None:
    expected = Headers([("A", "1"), ("B", "2")])
    assert Headers({"A": "1", "B": "2"}) == expected
    assert Headers(iter([("A", "1"), ("B", "2")])) == expected
    assert Headers(expected) == expected
    assert Headers() == Headers([])
    assert not Headers()


def test_what_was_given_may_change_later() -> None:
    pairs = [("A", "1")]
    headers = Headers(pairs)
    pairs.append(("B", "2"))
    assert list(headers.items()) == [("A", "1")]


def test_equality_needs_the_same_fields_in_the_same_order() -> None:
    headers = Headers([("A", "x"), ("B", "y")])
    same = Headers([("a", "x"), ("b", "y")])
    assert headers == same
    assert hash(headers) == hash(same)
    assert headers != Headers([("B", "y"), ("A", "x")])
    assert headers != Headers([("A", "X"), ("B", "y")])
    assert headers != [("A", "x"), ("B", "y")]


def test_pickles() -> None:
    headers = Headers(PAIRS)
    again = pickle.loads(pickle.dumps(headers))
    assert again == headers
    assert list(again.items()) == PAIRS


@given(st.lists(st.tuples(names, values), max_size=6))
def test_what_can_be_held_can_be_written(pairs: list[tuple[str, str]]) -> None:
    expected = b"GET / HTTP/1.1\r\n"
    for name, value in pairs:
        expected += name.encode("ascii") + b": " + value.encode("latin-1") + b"\r\n"
    assert encode_head("GET / HTTP/1.1", Headers(pairs)) == expected + b"\r\n"


def test_every_character_of_a_name() -> None:
    for character in [*map(chr, range(0x100)), "ſ", "K", "😀"]:
        for name in (character, f"a{character}", f"{character}a"):
            if character in TOKEN_CHARACTERS:
                assert name in Headers([(name, "")])
            else:
                with pytest.raises(ValueError, match="expected a token"):
                    Headers([(name, "")])


def test_every_character_of_a_value() -> None:
    for character in [*map(chr, range(0x100)), "Ā", "😀", "\u2028"]:
        if character in VALUE_CHARACTERS:
            assert Headers([("a", f"x{character}x")])["A"] == f"x{character}x"
        else:
            with pytest.raises(ValueError, match="without control characters"):
                Headers([("a", f"x{character}x")])


@pytest.mark.parametrize(
    "value", [" a", "a ", "\ta", "a\t", " ", "a\r\n", "a\n", "a\r\nB: c", "a\n b", "a\0"]
)
def test_nothing_that_would_be_another_field_or_another_value(value: str) -> None:
    with pytest.raises(ValueError, match=r"value .* of header field X"):
        Headers([("X", value)])


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "a\n", "é", " a"])
def test_no_name_that_is_no_token(name: str) -> None:
    with pytest.raises(ValueError, match="expected a token"):
        Headers([(name, "x")])


@pytest.mark.parametrize("pair", [(b"a", "b"), ("a", b"b"), ("a", 1), (None, "b")])
def test_str_only(pair: tuple[str, str]) -> None:
    with pytest.raises(TypeError, match="must be str"):
        Headers([pair])
