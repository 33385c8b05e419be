"""Header fields, RFC 9110 section 5, and the head of an HTTP/1.1 message, RFC 9112.

Only what the grammar says is taken: no obs-fold, no bare LF, no white space before the colon.
Whatever gets into `Headers` can be written as it is: it holds no CR, LF or NUL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TypeVar, overload

from ..exceptions import HandshakeError, negative, not_an_integer

DEFAULT_MAX_LINE_LENGTH = 8192
DEFAULT_MAX_HEADERS = 128
DEFAULT_MAX_LENGTH = 65536

# RFC 9110 section 5.6.2.
TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
#   field-line  = field-name ":" OWS field-value OWS
# A value begins with what is no white space, so that no input makes the search go back and forth.
_FIELD_LINE = re.compile(rf"({TOKEN}):[ \t]*((?:[!-~\x80-\xff][\t -~\x80-\xff]*)?)")
# The same without other white space around a value than one space before it, as nearly all are
# sent. Each match is one whole line: where there are as many as there are LFs, all lines are good.
_PLAIN_LINES = re.compile(rf"^({TOKEN}): ?(?![ \t])([\t -~\x80-\xff]*)(?<![ \t])\r\n", re.MULTILINE)
_NAME = re.compile(TOKEN)

Default = TypeVar("Default")


class Headers:
    """Header fields in order, as sent; names are compared regardless of case.

    Made of (name, value) pairs, of a mapping or of other `Headers`. Values are the octets of the
    wire in ISO-8859-1, without white space around them. Immutable. ValueError where a name is no
    token, or where a value holds what a field can't (RFC 9110 section 5.5).
    """

    __slots__ = ("_fields", "_repeated", "_values")

    def __init__(
        self, fields: Headers | Mapping[str, str] | Iterable[tuple[str, str]] = ()
    ) -> None:
        if isinstance(fields, Headers):
            pairs = fields._fields
        else:
            pairs = list(fields.items() if isinstance(fields, Mapping) else fields)
            for name, value in pairs:
                check_field(name, value)
        self._set(pairs)

    def _set(self, fields: list[tuple[str, str]]) -> None:
        self._fields = fields
        self._values = {name.lower(): value for name, value in fields}
        # All values of each name, where a name is there more than once.
        self._repeated: dict[str, list[str]] | None = None
        if len(self._values) != len(fields):
            self._repeated = {name: [] for name in self._values}
            for name, value in fields:
                self._repeated[name.lower()].append(value)
            self._values = {name: ", ".join(values) for name, values in self._repeated.items()}

    @overload
    def get(self, name: str) -> str | None: ...

    @overload
    def get(self, name: str, default: Default) -> str | Default: ...

    def get(self, name: str, default: Default | None = None) -> str | Default | None:
        """The value of the only field of that name; ValueError where there are several."""
        folded = name.lower()
        if self._repeated is not None:
            count = len(self._repeated.get(folded, ()))
            if count > 1:
                raise ValueError(f"{count} {name} header fields: get_all() has them all")
        return self._values.get(folded, default)

    def get_all(self, name: str) -> list[str]:
        """The values of all fields of that name, in order; empty where there is none."""
        name = name.lower()
        if self._repeated is not None:
            return list(self._repeated.get(name, ()))
        value = self._values.get(name)
        return [] if value is None else [value]

    def items(self) -> Iterator[tuple[str, str]]:
        """All fields in order, names spelt as sent."""
        return iter(self._fields)

    def __getitem__(self, name: str) -> str:
        """As `get()`; KeyError where there is none."""
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._values

    def __iter__(self) -> Iterator[str]:
        """The names of all fields in order, as sent; one that is repeated comes repeatedly."""
        return (name for name, _ in self._fields)

    def __len__(self) -> int:
        """The number of fields."""
        return len(self._fields)

    def _folded(self) -> tuple[tuple[str, str], ...]:
        return tuple((name.lower(), value) for name, value in self._fields)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._folded() == other._folded()

    def __hash__(self) -> int:
        return hash(self._folded())

    def __repr__(self) -> str:
        return f"Headers({self._fields!r})"

    def __reduce__(self) -> tuple[type[Headers], tuple[list[tuple[str, str]]]]:
        return (Headers, (self._fields,))


def checked_headers(fields: list[tuple[str, str]]) -> Headers:
    """`Headers` of fields that are known to be well-formed; the list is kept."""
    headers = Headers.__new__(Headers)
    headers._set(fields)
    return headers


def combined(headers: Headers) -> dict[str, str]:
    """Values by name in lower case; several of one name joined by commas (RFC 9110 section 5.3)."""
    return headers._values


def check_single(headers: Headers, names: Iterable[str]) -> None:
    """HandshakeError, status 400, where a field of these names is there more than once."""
    if headers._repeated is None:
        return
    for name in names:
        count = len(headers.get_all(name))
        if count > 1:
            raise HandshakeError(f"{count} {name} header fields: one is allowed")


def check_field(name: object, value: object) -> None:
    """TypeError or ValueError unless this is what `Headers` can hold."""
    if not isinstance(name, str) or not isinstance(value, str):
        raise TypeError(
            "the name and the value of a header field must be str, not "
            f"{type(name).__name__} and {type(value).__name__}"
        )
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"header field name {name!r}: expected a token (RFC 9110 section 5.1)")
    if _FIELD_LINE.fullmatch(f"{name}:{value}") is None or value != value.strip(" \t"):
        raise ValueError(
            f"value {value!r} of header field {name}: expected ISO-8859-1 without control "
            "characters, and no white space around it (RFC 9110 section 5.5)"
        )


def encode_head(first_line: str, *parts: Headers) -> bytes:
    """A message head: first line, fields, empty line. The first line is the caller's to check."""
    lines = [f"{name}: {value}\r\n" for headers in parts for name, value in headers._fields]
    return f"{first_line}\r\n{''.join(lines)}\r\n".encode("latin-1")


class HeadParser:
    """Takes the octets of a message head, cut anywhere, and hands it out parsed.

    Limits: `max_line_length` octets a line without its CRLF, `max_headers` fields, `max_length`
    octets in all, with the empty line. What is wrong first in the stream is what is raised, however
    the stream is cut: `HandshakeError` with status 400 or 431, or 414 for the first line's length.
    """

    __slots__ = ("_buffer", "_lines", "_max_headers", "_max_length", "_max_line_length", "_start")

    # The first line with its CRLF, its parts in groups.
    _FIRST_LINE: re.Pattern[str]
    _NAME_OF_FIRST_LINE: str

    def __init__(self, max_line_length: int, max_headers: int, max_length: int) -> None:
        _check_limits(max_line_length, max_headers, max_length)
        self._max_line_length = max_line_length
        self._max_headers = max_headers
        self._max_length = max_length
        self._buffer: bytes | bytearray = b""
        # Of an incomplete head: how many lines were checked, and where they end.
        self._lines = 0
        self._start = 0

    def feed(self, data: bytes) -> tuple[re.Match[str], Headers, bytes] | None:
        """The first line, the fields and what came behind the head, once that is complete."""
        source: bytes | bytearray = data
        searched = 0
        if self._buffer:
            # The end may lie across the cut.
            searched = max(0, len(self._buffer) - 3)
            self._buffer += data
            source = self._buffer
        end = source.find(b"\r\n\r\n", searched)
        if end < 0:
            self._check(source, len(source), len(source))
            if source is data:
                self._buffer = bytearray(data)
            return None
        if end + 4 > self._max_length:
            self._check(source, end + 2, end + 4)
        text = str(source[: end + 2], "latin-1")
        first_line = self._FIRST_LINE.match(text)
        fields: list[tuple[str, str]] = []
        if first_line is not None:
            fields = _PLAIN_LINES.findall(text, first_line.end())
        if (
            first_line is None
            or len(fields) != text.count("\n") - 1
            or len(fields) > self._max_headers
            or len(text) - 2 > self._max_line_length
        ):
            self._check(source, end + 2, end + 4)
            fields = [_parts(line) for line in text.split("\r\n")[1:-1]]
            assert first_line is not None
        return first_line, checked_headers(fields), bytes(source[end + 4 :])

    def _check(self, source: bytes | bytearray, end: int, length: int) -> None:
        """Raises what is wrong first in the lines up to `end`, of which the last may be a part.

        `length` is what is known of the length of the head.
        """
        self._check_beginning(source)
        end = min(end, self._max_length)
        while (newline := source.find(b"\n", self._start, end)) >= 0:
            line = str(source[self._start : newline], "latin-1")
            self._check_length(len(line) - line.endswith("\r"))
            if not line.endswith("\r"):
                raise HandshakeError("a line ends in LF without CR (RFC 9112 section 2.2)")
            self._check_line(line[:-1])
            self._lines += 1
            self._start = newline + 1
        self._check_length(end - self._start - source.endswith(b"\r", self._start, end))
        if length > self._max_length:
            raise HandshakeError(
                f"more than {self._max_length} octets before the end of the header fields", 431
            )

    def _check_length(self, length: int) -> None:
        if length <= self._max_line_length:
            return
        name, status = ("header field", 431) if self._lines else (self._NAME_OF_FIRST_LINE, 414)
        raise HandshakeError(f"{name} of more than {self._max_line_length} octets", status)

    def _check_line(self, line: str) -> None:
        if self._lines == 0:
            if self._FIRST_LINE.fullmatch(line + "\r\n") is None:
                raise HandshakeError(
                    f"malformed {self._NAME_OF_FIRST_LINE} {_shown(line)} (RFC 9112)"
                )
        elif self._lines > self._max_headers:
            raise HandshakeError(f"more than {self._max_headers} header fields", 431)
        elif line.startswith((" ", "\t")):
            raise HandshakeError("a header field goes on in a second line (RFC 9112 section 5.2)")
        elif _FIELD_LINE.fullmatch(line) is None:
            raise HandshakeError(f"malformed header field {_shown(line)} (RFC 9112 section 5)")

    def _check_beginning(self, source: bytes | bytearray) -> None:
        """Raises as soon as this can't become a message of the kind: there may never be a LF."""
        raise NotImplementedError


class RequestHeadParser(HeadParser):
    """Of requests. Groups of the first line: method, target, HTTP version."""

    __slots__ = ()

    _FIRST_LINE = re.compile(rf"({TOKEN}) ([!-~]+) HTTP/([0-9]\.[0-9])\r\n")
    _NAME_OF_FIRST_LINE = "request line"

    def _check_beginning(self, source: bytes | bytearray) -> None:
        if source and _NAME.match(chr(source[0])) is None:
            tls = ", as TLS does" if source[0] == _TLS_HANDSHAKE else ""
            raise HandshakeError(
                f"no HTTP request: it begins with octet 0x{source[0]:02x}{tls} (RFC 9112 section 3)"
            )


class ResponseHeadParser(HeadParser):
    """Of responses. Groups of the first line: HTTP version, status, reason phrase or None."""

    __slots__ = ()

    # Servers that leave out the space before an empty reason phrase are common.
    _FIRST_LINE = re.compile(r"HTTP/([0-9]\.[0-9]) ([1-5][0-9]{2})(?: ([\t -~\x80-\xff]*))?\r\n")
    _NAME_OF_FIRST_LINE = "status line"

    def _check_beginning(self, source: bytes | bytearray) -> None:
        # No further than where a limit is reached, which would be what is wrong first.
        limit = min(self._max_line_length, self._max_length) + 1
        beginning = bytes(source[: min(limit, len(_HTTP))])
        if beginning != _HTTP[: len(beginning)]:
            at, octet = next(
                (at, octet)
                for at, (octet, expected) in enumerate(zip(beginning, _HTTP, strict=False))
                if octet != expected
            )
            raise HandshakeError(
                f"no HTTP response: octet 0x{octet:02x} at position {at}, where "
                "'HTTP/' was expected (RFC 9112 section 4)"
            )


_HTTP = b"HTTP/"
# The first octet of a TLS connection, RFC 8446 section 5.1.
_TLS_HANDSHAKE = 0x16


def check_natural(name: str, value: object) -> None:
    """TypeError or ValueError unless `value` is an integer of 0 or more."""
    if not isinstance(value, int):
        raise not_an_integer(name, value)
    if value < 0:
        raise negative(name, value)


# Of all connections of a program, most have the same.
@lru_cache(maxsize=16, typed=True)
def _check_limits(max_line_length: int, max_headers: int, max_length: int) -> None:
    check_natural("max_line_length", max_line_length)
    check_natural("max_headers", max_headers)
    check_natural("max_length", max_length)


def _parts(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value.strip(" \t")


def _shown(line: str) -> str:
    return repr(line if len(line) <= 60 else line[:60] + "…")
