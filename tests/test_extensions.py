"""The value of Sec-WebSocket-Extensions, RFC 6455 section 9.1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsfast.exceptions import HandshakeError
from wsfast.handshake.extensions import parse_extensions

Extensions = list[tuple[str, list[tuple[str, str | None]]]]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # RFC 6455 section 9.1.
        ("foo", [("foo", [])]),
        ("bar; baz=2", [("bar", [("baz", "2")])]),
        ("foo, bar; baz=2", [("foo", []), ("bar", [("baz", "2")])]),
        ("deflate-stream", [("deflate-stream", [])]),
        (
            "mux; max-channels=4; flow-control, deflate-stream",
            [("mux", [("max-channels", "4"), ("flow-control", None)]), ("deflate-stream", [])],
        ),
        ("private-extension", [("private-extension", [])]),
        # RFC 7692 sections 5.1, 5.2 and 7.1.
        (
            "permessage-foo; use_y, permessage-foo",
            [("permessage-foo", [("use_y", None)]), ("permessage-foo", [])],
        ),
        (
            'permessage-deflate; client_max_window_bits; server_max_window_bits="10"',
            [
                (
                    "permessage-deflate",
                    [("client_max_window_bits", None), ("server_max_window_bits", "10")],
                )
            ],
        ),
        # White space, empty elements, quoting, and one parameter twice, which is not ours to judge.
        (" foo\t;a = 1 ;b\t, bar ", [("foo", [("a", "1"), ("b", None)]), ("bar", [])]),
        (",foo, ,\t,bar,", [("foo", []), ("bar", [])]),
        (r'foo;a="\b\c"', [("foo", [("a", "bc")])]),
        ("foo;a=1;a=2", [("foo", [("a", "1"), ("a", "2")])]),
        ("!#$%&'*+-.^_`|~09AZaz", [("!#$%&'*+-.^_`|~09AZaz", [])]),
    ],
)
def test_what_is_well_formed(value: str, expected: Extensions) -> None:
    assert parse_extensions(value) == expected


@pytest.mark.parametrize("value", ["", " ", ",", " ,\t, "])
def test_one_extension_at_least(value: str) -> None:
    with pytest.raises(HandshakeError, match="is empty") as caught:
        parse_extensions(value)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("value", "position"),
    [
        *[(";", 0), ("foo;", 3), ("foo bar", 4), ("foo=1", 3), ("foo; bar baz", 9)],
        *[("foo;a=", 5), ("foo;a=,b", 5), ("foo;=1", 3), ("foo;;a", 3), ("foo;a=1 2", 8)],
        *[("foo;a=b=c", 7), ("foo, é", 3), ("foo;a=é", 5), ("foo/1", 3), ("foo\n", 3)],
        # What is in quotes must be a token, too.
        *[('foo;a=""', 7), ('foo;a="b c"', 7), ('foo;a="b,c"', 7), ('foo;a="b', 5)],
        *[('foo;a="b\\"', 5), ('foo;a="b"c', 9), ('foo;a="\\\\"', 7), ('"foo"', 0), ('foo;"a"', 3)],
    ],
)
def test_what_is_malformed(value: str, position: int) -> None:
    with pytest.raises(HandshakeError, match=f"position {position} ") as caught:
        parse_extensions(value)
    assert caught.value.status == 400


tokens = st.text("!#$%&'*+-.^_`|~09AZaz", min_size=1, max_size=5)
spaces = st.sampled_from(["", "", " ", "\t "])


@given(st.data())
def test_whatever_is_written_by_the_grammar(data: st.DataObject) -> None:
    expected: Extensions = []
    elements = []
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(tokens)
        text, parameters = name, []
        for key in data.draw(st.lists(tokens, max_size=3)):
            value = data.draw(st.none() | tokens)
            parameters.append((key, value))
            text += f"{data.draw(spaces)};{data.draw(spaces)}{key}"
            if value is not None:
                escaped = "".join(data.draw(st.sampled_from([c, "\\" + c])) for c in value)
                written = data.draw(st.sampled_from([value, f'"{escaped}"']))
                text += f"{data.draw(spaces)}={data.draw(spaces)}{written}"
        expected.append((name, parameters))
        elements.append(data.draw(spaces) + text + data.draw(spaces))
    assert parse_extensions(",".join(elements)) == expected


@given(st.text(' \t,;="\\aé\n', max_size=12))
def test_nothing_raises_anything_else(value: str) -> None:
    try:
        extensions = parse_extensions(value)
    except HandshakeError:
        return
    assert extensions
    # Nothing but white space and empty elements is lost.
    assert sum(len(name) for name, _ in extensions) <= value.count("a")


@pytest.mark.parametrize("part", ["a;", ";a", '"', 'a="', "\\", " ", ",", 'a;b="\\'])
def test_work_is_linear(part: str) -> None:
    # Quadratic work would take minutes: this is no measurement, it just ends.
    value = "a;b=" + part * (200_000 // len(part)) + "\0"
    with pytest.raises(HandshakeError):
        parse_extensions(value)
