"""The client's side of the opening handshake, RFC 6455 section 4.1."""

from __future__ import annotations

import os
import re
from binascii import b2a_base64
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..events import Request, Response
from ..exceptions import HandshakeError, HandshakeRejected, LocalProtocolError
from ..protocol import KEY_LENGTH, PROTOCOL_VERSION
from .fields import (
    ACCEPT,
    EXTENSIONS,
    KEY,
    OWN_NAMES,
    PROTOCOL,
    VERSION,
    HeadersLike,
    accept_key,
    has_option,
    is_key,
    octets,
    own_headers,
    own_subprotocols,
)
from .headers import (
    DEFAULT_MAX_HEADERS,
    DEFAULT_MAX_LENGTH,
    DEFAULT_MAX_LINE_LENGTH,
    Headers,
    ResponseHeadParser,
    check_field,
    check_natural,
    check_single,
    checked_headers,
    combined,
    encode_head,
)
from .response_body import ResponseBody
from .uri import URI

if TYPE_CHECKING:
    from ..permessage_deflate import Agreement, PermessageDeflate

DEFAULT_MAX_BODY_LENGTH = 65536

# What a request line can hold, RFC 9112 section 3.2.1; other URIs than those of parse() may not.
_TARGET = re.compile(r"/[!-~]*")

# Responses of 100 or 103 that may come before the answer.
_MAX_INTERIM = 8

# What a 101 may have once (RFC 6455 sections 11.3.2 to 11.3.4).
_SINGLE = ("Upgrade", "Content-Length", ACCEPT, EXTENSIONS, PROTOCOL)


class ClientHandshake:
    """One connection's opening handshake: a request out, the answer in.

    `deflate`: what is offered, None without compression. `headers` are added to the request; a Host
    among them replaces the URI's, and an Authorization the URI's user name and password. `key` is
    drawn from the operating system, and given in tests only. Limits: `max_line_length` octets a
    line, `max_headers` header fields, `max_length` octets of the head, and `max_body_length` of a
    rejection's body. ValueError where the URI or another argument is malformed.
    """

    __slots__ = (
        *("_body", "_error", "_interim", "_limits", "_max_body_length", "_outgoing", "_parser"),
        *("_permessage", "_subprotocols", "deflate", "excess", "key", "request", "response"),
        *("subprotocol", "uri"),
    )

    def __init__(
        self,
        uri: str | URI,
        *,
        origin: str | None = None,
        subprotocols: Sequence[str] = (),
        deflate: PermessageDeflate | None = None,
        headers: HeadersLike = (),
        key: str | None = None,
        max_line_length: int = DEFAULT_MAX_LINE_LENGTH,
        max_headers: int = DEFAULT_MAX_HEADERS,
        max_length: int = DEFAULT_MAX_LENGTH,
        max_body_length: int = DEFAULT_MAX_BODY_LENGTH,
    ) -> None:
        self.uri = uri if isinstance(uri, URI) else URI.parse(uri)
        if _TARGET.fullmatch(self.uri.target) is None:
            raise ValueError(f"target {self.uri.target!r}: expected a path, percent-encoded")
        if key is None:
            key = b2a_base64(os.urandom(KEY_LENGTH), newline=False).decode()
        elif not is_key(key):
            raise ValueError(f"key {key!r}: expected {KEY_LENGTH} octets in base64")
        self.key = key
        self._subprotocols = own_subprotocols(subprotocols) if subprotocols else ()
        self._permessage = deflate
        self._limits = (max_line_length, max_headers, max_length)
        self._parser = ResponseHeadParser(*self._limits)
        check_natural("max_body_length", max_body_length)
        self._max_body_length = max_body_length
        self._interim = 0
        # The body of a rejection, and the response before its body is complete.
        self._body: tuple[Response, ResponseBody] | None = None
        self._error: HandshakeError | None = None
        self.request = Request("GET", self.uri.target, self._headers(origin, headers))
        self._outgoing = encode_head(f"GET {self.uri.target} HTTP/1.1", self.request.headers)
        # The server's answer, once it is a 101.
        self.response: Response | None = None
        # Octets that came behind the response: the beginning of the first frames.
        self.excess = b""
        # What the server chose.
        self.subprotocol: str | None = None
        self.deflate: Agreement | None = None

    def _headers(self, origin: str | None, headers: HeadersLike) -> Headers:
        extra = own_headers(headers, OWN_NAMES)
        if len(extra.get_all("Host")) > 1:
            raise ValueError("headers has several Host fields: one is allowed")
        fields = [] if "Host" in extra else [_checked_host(self.uri)]
        fields += [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            (KEY, self.key),
            (VERSION, PROTOCOL_VERSION),
        ]
        if origin is not None:
            if "Origin" in extra:
                raise ValueError("headers has Origin, which origin gives too")
            check_field("Origin", origin)
            fields.append(("Origin", origin))
        if self._subprotocols:
            fields.append((PROTOCOL, ", ".join(self._subprotocols)))
        if self._permessage is not None:
            fields.append((EXTENSIONS, self._permessage.offer()))
        if self.uri.user_info is not None and "Authorization" not in extra:
            fields.append(("Authorization", _basic(*self.uri.user_info)))
        fields += extra.items()
        return checked_headers(fields)

    def data_to_send(self) -> bytes:
        """The octets of the request, once; empty in later calls."""
        data, self._outgoing = self._outgoing, b""
        return data

    def receive_data(self, data: bytes | bytearray | memoryview) -> Response | None:
        """Takes what came, cut anywhere; the 101, by the call that completes it.

        Raises HandshakeRejected when an answer of another status is complete, with its body or the
        first `max_body_length` octets of it, and HandshakeError on anything that is no valid
        answer; in later calls again. Answers of 100 and 103 are passed over.
        """
        if type(data) is not bytes:
            data = octets(data)
        if self._error is not None:
            raise self._error.again()
        if self.response is not None:
            raise LocalProtocolError("the opening handshake is over: frames belong to the decoder")
        try:
            if self._body is not None:
                self._read_body(data)
                return None
            return self._read_head(data)
        except HandshakeError as error:
            # Without its traceback, which would keep this object alive.
            self._error = error.again()
            raise

    def receive_eof(self) -> None:
        """The server sends no more. Raises what receive_data() would, unless a 101 is there."""
        if self._error is not None:
            raise self._error.again()
        if self.response is not None:
            return
        if self._body is not None:
            response, body = self._body
            self._error = HandshakeRejected(response._replace(body=body.data))
        else:
            self._error = HandshakeError("the stream ended before the answer was complete")
        raise self._error.again()

    def _read_head(self, data: bytes) -> Response | None:
        while (found := self._parser.feed(data)) is not None:
            first_line, headers, data = found
            version, digits, reason = first_line.groups(default="")
            if version not in ("1.1", "1.0"):
                raise HandshakeError(f"answer in HTTP/{version}: expected 1.1")
            response = Response(int(digits), reason.strip(" \t"), headers)
            if response.status == 101:
                if version != "1.1":
                    raise HandshakeError(f"101 in HTTP/{version}: expected 1.1")
                self._check(headers)
                self.excess = data
                self.response = response
                return response
            if response.status >= 200:
                body = ResponseBody(response.status, headers, self._max_body_length)
                self._body = response, body
                self._read_body(data)
                return None
            self._interim += 1
            if self._interim > _MAX_INTERIM:
                raise HandshakeError(f"more than {_MAX_INTERIM} answers of 1xx before the last one")
            self._parser = ResponseHeadParser(*self._limits)
        return None

    def _read_body(self, data: bytes) -> None:
        assert self._body is not None
        response, body = self._body
        body.feed(data)
        if body.complete:
            raise HandshakeRejected(response._replace(body=body.data))

    def _check(self, headers: Headers) -> None:
        """Section 4.1, on the server's 101; and it can't have a body, RFC 9110 section 15.2.2."""
        check_single(headers, _SINGLE)
        values = combined(headers)
        upgrade = values.get("upgrade")
        if upgrade is None or upgrade.lower() != "websocket":
            raise _wrong("Upgrade", upgrade, "websocket")
        connection = values.get("connection")
        if connection is None or not has_option(connection, "upgrade"):
            raise _wrong("Connection", connection, "Upgrade")
        accept = values.get("sec-websocket-accept")
        expected = accept_key(self.key)
        if accept != expected:
            raise _wrong(ACCEPT, accept, expected)
        if "transfer-encoding" in values or values.get("content-length", "0") != "0":
            raise HandshakeError("101 with Transfer-Encoding or Content-Length")
        subprotocol = values.get("sec-websocket-protocol")
        if subprotocol is not None and subprotocol not in self._subprotocols:
            raise _wrong(PROTOCOL, subprotocol, ", ".join(self._subprotocols) or "none")
        extensions = values.get("sec-websocket-extensions")
        if extensions is not None:
            if self._permessage is None:
                raise _wrong(EXTENSIONS, extensions, "none")
            self.deflate = self._permessage.confirm(extensions)
        self.subprotocol = subprotocol


def _wrong(name: str, value: str | None, expected: str) -> HandshakeError:
    seen = f"no {name}" if value is None else f"{name} {value[:60]!r}"
    return HandshakeError(f"101 with {seen}: expected {expected}")


def _checked_host(uri: URI) -> tuple[str, str]:
    check_field("Host", uri.authority)
    return ("Host", uri.authority)


def _basic(user: str, password: str) -> str:
    """The value of Authorization, RFC 7617 section 2."""
    if ":" in user:
        raise ValueError("user name with a colon: it can't be sent (RFC 7617 section 2)")
    credentials = f"{user}:{password}".encode()
    return f"Basic {b2a_base64(credentials, newline=False).decode()}"
