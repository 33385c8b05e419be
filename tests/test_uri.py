"""WebSocket URIs, RFC 6455 section 3, and where redirects lead, RFC 3986 section 5."""

from __future__ import annotations

import pickle
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wsfast.exceptions import HandshakeError
from wsfast.handshake.uri import URI


@pytest.mark.parametrize(
    ("uri", "secure", "host", "port", "target"),
    [
        ("ws://example.com", False, "example.com", 80, "/"),
        ("wss://example.com", True, "example.com", 443, "/"),
        ("WSS://Example.COM/Chat", True, "example.com", 443, "/Chat"),
        ("ws://example.com:8080/chat?a=b&c", False, "example.com", 8080, "/chat?a=b&c"),
        ("ws://example.com:/", False, "example.com", 80, "/"),
        ("ws://example.com:00080/", False, "example.com", 80, "/"),
        ("ws://example.com?a", False, "example.com", 80, "/?a"),
        # An empty query is none, RFC 6455 section 3.
        ("ws://example.com/?", False, "example.com", 80, "/"),
        ("ws://example.com/a??b", False, "example.com", 80, "/a??b"),
        ("ws://example.com./", False, "example.com.", 80, "/"),
        ("ws://my_host-1/", False, "my_host-1", 80, "/"),
        ("ws://127.0.0.1:65535/", False, "127.0.0.1", 65535, "/"),
        ("ws://[::1]/", False, "::1", 80, "/"),
        ("ws://[2001:DB8:0::1]:81/", False, "2001:db8::1", 81, "/"),
        ("ws://[64:ff9b::192.0.2.33]/", False, "64:ff9b::c000:221", 80, "/"),
        ("ws://[fe80::1%25eth0]/", False, "fe80::1%eth0", 80, "/"),
        # IDNA, and percent-encoding on the way to it (RFC 3986 section 3.2.2).
        ("wss://bücher.example/", True, "xn--bcher-kva.example", 443, "/"),
        ("wss://B%C3%BCcher.example/", True, "xn--bcher-kva.example", 443, "/"),
        ("ws://例え.jp/", False, "xn--r8jz45g.jp", 80, "/"),
        ("ws://%61%2Ecom/", False, "a.com", 80, "/"),
        # What must be percent-encoded is, once.
        ("ws://a/é/日本?ü", False, "a", 80, "/%C3%A9/%E6%97%A5%E6%9C%AC?%C3%BC"),
        ('ws://a/"<>\\^`{|}', False, "a", 80, "/%22%3C%3E%5C%5E%60%7B%7C%7D"),
        ("ws://a/%c3%A9%20!$&'()*+,;=:@~-._", False, "a", 80, "/%c3%A9%20!$&'()*+,;=:@~-._"),
        ("ws://a/[1]", False, "a", 80, "/%5B1%5D"),
        # Dots are the server's to see, in what is no redirect.
        ("ws://a/../b/./c", False, "a", 80, "/../b/./c"),
    ],
)
def test_parts(uri: str, secure: bool, host: str, port: int, target: str) -> None:
    found = URI.parse(uri)
    assert found == URI(secure, host, port, target, None)
    assert f"{found.path}?{found.query}".rstrip("?") == target


@pytest.mark.parametrize(
    ("uri", "user_info"),
    [
        ("ws://user:password@a/", ("user", "password")),
        ("ws://user@a/", ("user", "")),
        ("ws://:p@a/", ("", "p")),
        ("ws://@a/", ("", "")),
        ("ws://u:p:q@a/", ("u", "p:q")),
        ("ws://%40:%2F%3A%25@a/", ("@", "/:%")),
        ("ws://é:%C3%A9@a/", ("é", "é")),
    ],
)
def test_user_name_and_password(uri: str, user_info: tuple[str, str]) -> None:
    assert URI.parse(uri) == URI(False, "a", 80, "/", user_info)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        *((uri, "expected ws://… or wss://…") for uri in ("", "a", "//a/", "http://a/", "ws:a")),
        *((uri, "expected ws://… or wss://…") for uri in ("ws:/a", "ws.//a", "://a", "/a", "?a")),
        ("ws://a/#b", "with fragment '#b': it can't have one"),
        ("ws://a/#", "with fragment '#'"),
        ("ws://a#/", "with fragment '#/'"),
        *((f"ws://a/{c}b", "at position 7: white space and control") for c in " \t\r\n\0\x7f\xa0"),
        (" ws://a/", "' ' at position 0"),
        ("ws://a/\n", "at position 7"),
        ("ws://a\u2028/", "at position 6"),
        *((f"ws://{host}/", "with host ''") for host in ("", ":80", "u@", "u@:80")),
        *((f"ws://{host}/", "expected a host name") for host in ("a!", "-a", ".a", "a*b", "a\\b")),
        *((f"ws://{host}/", "expected a host name") for host in ("a%00", "a%2Fb", "%40", "℀.com")),
        *((f"ws://{host}/", "1 to 63 between") for host in ("a..b", "x" * 64)),
        *((f"ws://{host}/", "no IDNA name") for host in ("é" * 60, "\u05d0a.com")),
        *((f"ws://{host}/", "at most 253 characters") for host in ("x." * 126 + "xy", "é" * 1000)),
        ("ws://a%FF/", "with host that isn't UTF-8"),
        *((f"ws://a:{port}/", "port") for port in ("0", "65536", "99999", "1" * 5000)),
        *((f"ws://a:{port}/", "authority 'a:") for port in ("x", "-1", "+1", "８０", "80:80")),
        ("ws://::1/", "IPv6 in brackets"),
        *((f"ws://[{host}]/", "no IPv6 address") for host in ("", "1", "::1::", "g::", "1.2.3.4")),
        *((f"ws://[{host}]/", "no IPv6 address") for host in ("::1%eth0", "::1%25")),
        *((f"ws://{host}/", "authority") for host in ("[::1", "::1]", "[::1]a", "a[::1]", "[[a]]")),
        *((f"ws://{host}/", "authority") for host in ("a@b@c", "@@a")),
        ("ws://u\\@a/", "user name or password that must be percent-encoded"),
        ("ws://u[@a/", "must be percent-encoded"),
        ("ws://u%FF@a/", "user name that isn't UTF-8"),
        ("ws://u:%C3@a/", "password that isn't UTF-8"),
        *((f"ws://a/{bad}", "expected '%' and two") for bad in ("%", "%a", "%zz", "?%2", "%%41")),
        ("ws://u%@a/", "expected '%' and two"),
        ("ws://a%x/", "expected '%' and two"),
        ("ws://a/\ud800", "surrogate"),
    ],
)
def test_what_is_wrong_is_said(uri: str, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        URI.parse(uri)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 300


def test_str_only() -> None:
    with pytest.raises(TypeError, match="uri must be str, not bytes"):
        URI.parse(b"ws://a/")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "uri", ["http://user:secret@a/", "ws://user:secret@a:x/", "ws://u:sec ret@"]
)
def test_errors_keep_the_password(uri: str) -> None:
    with pytest.raises(ValueError) as caught:
        URI.parse(uri)
    assert "sec" not in str(caught.value)


def test_what_is_shown_has_no_password() -> None:
    uri = URI.parse("wss://user:secret@example.com:444/a?b")
    assert str(uri) == f"{uri}" == "wss://example.com:444/a?b"
    assert repr(uri) == (
        "URI(secure=True, host='example.com', port=444, target='/a?b', user_info=('user', '…'))"
    )
    assert pickle.loads(pickle.dumps(uri)) == uri
    assert uri.user_info == ("user", "secret")


@pytest.mark.parametrize(
    ("uri", "authority"),
    [
        ("ws://a", "a"),
        ("ws://a:443", "a:443"),
        ("wss://a:443", "a"),
        ("wss://[::1]:80", "[::1]:80"),
        ("ws://[fe80::1%25eth0]", "[fe80::1]"),
        ("ws://u:p@é.example:1/", "xn--9ca.example:1"),
    ],
)
def test_the_value_of_host(uri: str, authority: str) -> None:
    assert URI.parse(uri).authority == authority


# Redirects.

BASE = "ws://a/b/c/d;p?q"


@pytest.mark.parametrize(
    ("location", "target"),
    [
        # RFC 3986 section 5.4, normal and abnormal examples.
        *[
            ("g", "/b/c/g"),
            ("./g", "/b/c/g"),
            ("g/", "/b/c/g/"),
            ("/g", "/g"),
            ("?y", "/b/c/d;p?y"),
        ],
        *[("g?y", "/b/c/g?y"), ("#s", "/b/c/d;p?q"), ("g#s", "/b/c/g"), ("g?y#s", "/b/c/g?y")],
        *[(";x", "/b/c/;x"), ("g;x", "/b/c/g;x"), ("g;x?y#s", "/b/c/g;x?y"), ("", "/b/c/d;p?q")],
        *[(".", "/b/c/"), ("./", "/b/c/"), ("..", "/b/"), ("../", "/b/"), ("../g", "/b/g")],
        *[("../..", "/"), ("../../", "/"), ("../../g", "/g"), ("../../../g", "/g")],
        *[("../../../../g", "/g"), ("/./g", "/g"), ("/../g", "/g"), ("g.", "/b/c/g.")],
        *[(".g", "/b/c/.g"), ("g..", "/b/c/g.."), ("..g", "/b/c/..g"), ("./../g", "/b/g")],
        *[("./g/.", "/b/c/g/"), ("g/./h", "/b/c/g/h"), ("g/../h", "/b/c/h")],
        *[("g;x=1/./y", "/b/c/g;x=1/y"), ("g;x=1/../y", "/b/c/y"), ("g?y/./x", "/b/c/g?y/./x")],
        *[("é", "/b/c/%C3%A9"), ("%2e%2E/g", "/b/c/%2e%2E/g")],
    ],
)
def test_locations_within_the_server(location: str, target: str) -> None:
    assert URI.parse(BASE).join(location) == URI(False, "a", 80, target)


@pytest.mark.parametrize(
    ("base", "location", "expected"),
    [
        (BASE, "//g", "ws://g/"),
        ("wss://a/", "//g:1/h", "wss://g:1/h"),
        (BASE, "http://g/h?i", "ws://g/h?i"),
        (BASE, "HTTPS://g:80/h", "wss://g:80/h"),
        (BASE, "ws://g", "ws://g/"),
        (BASE, "wss://g/../h/.", "wss://g/h/"),
        ("wss://a/", "https://g/#h", "wss://g/"),
    ],
)
def test_locations_elsewhere(base: str, location: str, expected: str) -> None:
    assert str(URI.parse(base).join(location)) == expected


@pytest.mark.parametrize("location", ["ws://a/", "http://a/", "HTTP://a/"])
def test_never_to_a_lower_security(location: str) -> None:
    with pytest.raises(HandshakeError, match="redirect from wss to ws, host a: not followed"):
        URI.parse("wss://a/").join(location)


@pytest.mark.parametrize(
    ("location", "user_info"),
    [
        *[("/g", ("u", "p")), ("?g", ("u", "p")), ("http://a/g", ("u", "p"))],
        *[("ws://A:80/g", ("u", "p")), ("//a/g", ("u", "p"))],
        *[("http://b/g", None), ("ws://a:81/g", None), ("https://a/g", None), ("//b", None)],
        *[("ws://v:q@b/g", ("v", "q")), ("ws://v@a/g", ("v", ""))],
    ],
)
def test_credentials_stay_within_the_origin(
    location: str, user_info: tuple[str, str] | None
) -> None:
    assert URI.parse("ws://u:p@a/").join(location).user_info == user_info


@pytest.mark.parametrize(
    "location",
    [
        "ftp://a/",
        "mailto:a",
        "ws:b",
        "http:///b",
        "/a b",
        "/%",
        "//",
        "ws://a:x/",
        "/\r\nX: y",
        "/\0",
    ],
)
def test_a_location_that_is_none(location: str) -> None:
    with pytest.raises(HandshakeError, match="malformed Location"):
        URI.parse(BASE).join(location)


# urllib as the oracle.

paths = st.lists(st.sampled_from([*"ab./;=~", "%41", "../", "./"]), max_size=8).map("".join)


@given(
    host=st.from_regex(r"[a-z0-9]{1,5}(\.[a-z0-9]{1,5})?", fullmatch=True),
    port=st.none() | st.integers(1, 65535),
    path=paths,
    query=st.none() | paths,
)
def test_what_urllib_says(host: str, port: int | None, path: str, query: str | None) -> None:
    uri = f"ws://{host}{'' if port is None else f':{port}'}/{path}"
    uri += "" if query is None else f"?{query}"
    expected, found = urlsplit(uri), URI.parse(uri)
    assert (found.host, found.port) == (expected.hostname, expected.port or 80)
    assert (found.path, found.query) == (expected.path, expected.query)


@given(path=paths, location=paths)
def test_where_urllib_says_that_it_leads(path: str, location: str) -> None:
    # urllib drops empty segments, which RFC 3986 keeps, and takes off what stands behind a ";".
    assume("//" not in f"/{path} {location}" and ";" not in location and location)
    found = URI.parse(f"ws://a/{path}").join(location)
    assert found.target == (urlsplit(urljoin(f"http://a/{path}", location)).path or "/")


@given(st.text(max_size=20))
def test_any_text_in_a_path_or_none(text: str) -> None:
    try:
        found = URI.parse(f"ws://a/{text}")
    except ValueError:
        return
    assert all("!" <= character <= "~" for character in found.target)
    assert unquote(found.target).rstrip("?") == unquote(f"/{text}").rstrip("?")


@given(st.text("ws:/@[]#?%. \\a1é-", max_size=12))
def test_nothing_raises_anything_else(text: str) -> None:
    for uri in (text, f"ws://{text}"):
        try:
            found = URI.parse(uri)
        except ValueError:
            continue
        assert URI.parse(str(found)) == found._replace(user_info=None)
