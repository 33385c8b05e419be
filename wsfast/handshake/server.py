"""The server's side of the opening handshake, RFC 6455 section 4.2."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from types import EllipsisType
from typing import TYPE_CHECKING

from ..events import Request
from ..exceptions import HandshakeError, LocalProtocolError
from ..protocol import PROTOCOL_VERSION
from .extensions import parse_extensions
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
    parse_subprotocols,
)
from .headers import (
    DEFAULT_MAX_HEADERS,
    DEFAULT_MAX_LENGTH,
    DEFAULT_MAX_LINE_LENGTH,
    Headers,
    RequestHeadParser,
    check_single,
    combined,
)
from .rejection import encode_rejection

if TYPE_CHECKING:
    from ..permessage_deflate import Agreement, PermessageDeflate

# RFC 9110 section 7.2 and RFC 3986 section 3.2, without user info.
_HOST = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=%]*(?::[0-9]*)?|\[[0-9A-Fa-f:.]+\](?::[0-9]*)?")
# RFC 9112 section 3.2.2, or RFC 6455 section 4.2.1: "an absolute HTTP/HTTPS URI".
_ABSOLUTE_FORM = re.compile(r"(?:https?|wss?)://([^/?#]+)([/?].*)?", re.IGNORECASE)
# RFC 6454 section 6.2; schemes like chrome-extension have hosts of their own kinds.
_ORIGIN = re.compile(r"null|[a-z][a-z0-9+\-.]*://[^/?#\sA-Z]*")

# What goes with a 426, RFC 9110 section 15.5.22 and RFC 6455 section 4.4.
_UPGRADE = (("Upgrade", "websocket"), (VERSION, PROTOCOL_VERSION))


class ServerHandshake:
    """One connection's opening handshake: a request in, one answer out.

    `subprotocols`: what this server speaks, best first. `deflate`: its settings, None without
    compression. `origins`: the values of Origin that are let in, where None stands for a request
    without one, as programs send it; by default all are. Limits: `max_line_length` octets a line,
    `max_headers` header fields, `max_length` octets of the head, and as many behind it before the
    answer.
    """

    __slots__ = (
        *("_answered", "_error", "_extensions", "_key", "_max_excess", "_origins", "_parser"),
        *("_permessage", "_subprotocols", "deflate", "excess", "offered_subprotocols"),
        *("request", "subprotocol", "upgrade_error"),
    )

    def __init__(
        self,
        *,
        subprotocols: Sequence[str] = (),
        deflate: PermessageDeflate | None = None,
        origins: Sequence[str | None] | None = None,
        max_line_length: int = DEFAULT_MAX_LINE_LENGTH,
        max_headers: int = DEFAULT_MAX_HEADERS,
        max_length: int = DEFAULT_MAX_LENGTH,
    ) -> None:
        self._subprotocols = own_subprotocols(subprotocols) if subprotocols else ()
        self._permessage = deflate
        self._origins = None if origins is None else _checked_origins(origins)
        self._parser = RequestHeadParser(max_line_length, max_headers, max_length)
        self._max_excess = max_length
        self._error: HandshakeError | None = None
        self._answered = ""
        self._key = ""
        self._extensions: tuple[str, Agreement] | None = None
        # What the client asks for, once it is there.
        self.request: Request | None = None
        # Why the request can't be upgraded, though it is a valid one; None if it can.
        self.upgrade_error: HandshakeError | None = None
        # The subprotocols that the client offers, best first.
        self.offered_subprotocols: Sequence[str] = ()
        # Octets that came behind the request: the beginning of the first frames.
        self.excess = b""
        # What was agreed on by accept().
        self.subprotocol: str | None = None
        self.deflate: Agreement | None = None

    def receive_data(self, data: bytes | bytearray | memoryview) -> Request | None:
        """Takes what came, cut anywhere; the request, by the call that completes it.

        Any GET or HEAD without a body is a request, whether or not it asks for an upgrade:
        `upgrade_error` tells. Raises HandshakeError on anything else, in later calls again. What
        comes after an answer that isn't 101 is dropped.
        """
        if type(data) is not bytes:
            data = octets(data)
        if self._error is not None:
            raise self._error.again()
        if self._answered == "accept":
            raise LocalProtocolError("the opening handshake is over: frames belong to the decoder")
        if self._answered:
            return None
        try:
            if self.request is not None:
                self._add_excess(data)
                return None
            found = self._parser.feed(data)
            if found is None:
                return None
            first_line, headers, excess = found
            method, target, version = first_line.groups()
            request = _request(method, target, version, headers)
            if excess:
                self._add_excess(excess)
        except HandshakeError as error:
            # Without its traceback, which would keep this object alive.
            self._error = error.again()
            raise
        try:
            self._check_upgrade(request, version)
        except HandshakeError as error:
            self.upgrade_error = error.with_traceback(None)
        self.request = request
        return request

    def receive_eof(self) -> None:
        """The client sends no more. HandshakeError unless the request is complete."""
        if self._error is not None:
            raise self._error.again()
        if self.request is None and not self._answered:
            self._error = HandshakeError("the stream ended before the request was complete")
            raise self._error.again()

    def accept(
        self, *, subprotocol: str | EllipsisType | None = ..., headers: HeadersLike = ()
    ) -> bytes:
        """The octets of a 101; then `subprotocol` and `deflate` say what was agreed on.

        By default the subprotocol is the first of the server's own that the client offers, or
        none. ValueError where `headers` is malformed or has what belongs to the handshake,
        LocalProtocolError where there is no request that can be upgraded, or the client doesn't
        offer that subprotocol.
        """
        self._check_unanswered()
        error = self._error or self.upgrade_error
        if error is not None:
            raise LocalProtocolError(f"the request can't be upgraded: {error}")
        if self.request is None:
            raise LocalProtocolError("accept() without a request")
        extra = own_headers(headers, OWN_NAMES) if headers else None
        if subprotocol is ...:
            subprotocol = self._chosen_subprotocol() if self._subprotocols else None
        elif subprotocol is not None and subprotocol not in self.offered_subprotocols:
            offered = ", ".join(self.offered_subprotocols) or "none"
            raise LocalProtocolError(f"subprotocol {subprotocol!r}: the client offers {offered}")
        answer = (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"{ACCEPT}: {accept_key(self._key)}\r\n"
        )
        if subprotocol is not None:
            answer += f"{PROTOCOL}: {subprotocol}\r\n"
        if self._extensions is not None:
            value, self.deflate = self._extensions
            answer += f"{EXTENSIONS}: {value}\r\n"
        if extra is not None:
            answer += "".join([f"{name}: {value}\r\n" for name, value in extra.items()])
        self.subprotocol = subprotocol
        self._answered = "accept"
        return (answer + "\r\n").encode("latin-1")

    def reject(self, status: int, *, headers: HeadersLike = (), body: bytes = b"") -> bytes:
        """The octets of an answer of any status from 200 to 599, with Connection: close.

        A request needn't have come. Content-Length is that of `body`, which a HEAD doesn't get; its
        type is text/plain unless `headers` says otherwise. ValueError where the arguments make no
        valid response, or `headers` contradicts this.
        """
        self._check_unanswered()
        if type(body) is not bytes:
            body = octets(body)
        is_head = self.request is not None and self.request.method == "HEAD"
        rejection = encode_rejection(status, headers, body, is_head)
        self._answered = "reject"
        return rejection

    def reject_error(self, error: HandshakeError) -> bytes:
        """The answer to what broke the rules: its status, its headers, and its words as text."""
        return self.reject(error.status, headers=error.headers, body=f"{error}\n".encode())

    def _check_unanswered(self) -> None:
        if self._answered:
            raise LocalProtocolError(f"the request was answered already, by {self._answered}()")

    def _add_excess(self, data: bytes) -> None:
        if len(self.excess) + len(data) > self._max_excess:
            raise HandshakeError(
                f"more than {self._max_excess} octets behind the request, before it was answered"
            )
        self.excess += data

    def _chosen_subprotocol(self) -> str | None:
        return next(
            (name for name in self._subprotocols if name in self.offered_subprotocols), None
        )

    def _check_upgrade(self, request: Request, version: str) -> None:
        """Section 4.2.1, in an order that gives each the status that helps most."""
        values = combined(request.headers)
        if request.method != "GET":
            raise _wrong_method(request.method)
        if not has_option(values.get("upgrade", ""), "websocket"):
            raise HandshakeError(
                "no Upgrade: websocket (RFC 6455 section 4.2.1)", 426, headers=_UPGRADE
            )
        if version != "1.1":
            raise HandshakeError(f"HTTP/{version}: expected 1.1 (RFC 6455 section 4.2.1)", 505)
        if not has_option(values.get("connection", ""), "upgrade"):
            raise HandshakeError("no Connection: Upgrade (RFC 6455 section 4.2.1)")
        check_single(request.headers, (VERSION, KEY, "Origin"))
        wanted = values.get("sec-websocket-version")
        if wanted != PROTOCOL_VERSION:
            seen = f"no {VERSION}" if wanted is None else f"{VERSION} {wanted[:20]!r}"
            raise HandshakeError(f"{seen}: expected {PROTOCOL_VERSION}", 426, headers=_UPGRADE)
        key = values.get("sec-websocket-key")
        if key is None or not is_key(key):
            seen = f"no {KEY}" if key is None else f"{KEY} {key[:60]!r}"
            raise HandshakeError(f"{seen}: expected 16 octets in base64")
        self._key = key
        if self._origins is not None:
            origin = values.get("origin")
            if origin not in self._origins:
                raise HandshakeError(f"origin {origin!r} is not let in", 403)
        subprotocols = values.get("sec-websocket-protocol")
        if subprotocols is not None:
            self.offered_subprotocols = parse_subprotocols(subprotocols)
        extensions = values.get("sec-websocket-extensions")
        if extensions is not None:
            if self._permessage is None:
                _check_extensions(extensions)
            else:
                self._extensions = self._permessage.accept(extensions)


# Most clients are browsers, which offer the same.
@lru_cache(maxsize=16)
def _check_extensions(value: str) -> None:
    parse_extensions(value)


def _request(method: str, target: str, version: str, headers: Headers) -> Request:
    """What a message head of RFC 9112 asks for; HandshakeError if it can't be answered."""
    if version not in ("1.1", "1.0"):
        raise HandshakeError(f"HTTP/{version}: expected 1.1 or 1.0", 505)
    check_single(headers, ("Host", "Content-Length"))
    values = combined(headers)
    if "transfer-encoding" in values:
        if "content-length" in values:
            raise HandshakeError("Transfer-Encoding and Content-Length (RFC 9112 section 6.1)")
        raise HandshakeError("Transfer-Encoding: a request with a body is not supported", 501)
    length = values.get("content-length")
    if length is not None and length != "0":
        if not (length.isascii() and length.isdigit()):
            raise HandshakeError(f"Content-Length {length[:60]!r}: expected a number")
        raise HandshakeError(f"Content-Length {length[:60]}: no body is supported", 413)
    host = values.get("host")
    if host is None:
        if version == "1.1":
            raise HandshakeError("no Host header field (RFC 9112 section 3.2)")
    elif _HOST.fullmatch(host) is None:
        raise HandshakeError(f"malformed Host {host[:60]!r} (RFC 9112 section 3.2)")
    if method not in ("GET", "HEAD"):
        raise _wrong_method(method)
    return Request(method, _resource_name(target, host), headers)


def _wrong_method(method: str) -> HandshakeError:
    return HandshakeError(f"method {method[:20]}: expected GET", 405, headers=(("Allow", "GET"),))


def _resource_name(target: str, host: str | None) -> str:
    if target.startswith("/") and "#" not in target:
        return target
    absolute = _ABSOLUTE_FORM.fullmatch(target)
    if absolute is None or "#" in target:
        raise HandshakeError(f"malformed target {target[:60]!r} (RFC 9112 section 3.2)")
    authority, rest = absolute.groups(default="/")
    if host is not None and authority.lower() != host.lower():
        raise HandshakeError(f"target for {authority[:60]!r}, but Host {host[:60]!r}")
    return rest if rest.startswith("/") else f"/{rest}"


def _checked_origins(origins: Iterable[str | None]) -> tuple[str | None, ...]:
    if isinstance(origins, str):
        raise TypeError(f"origins must be a sequence of str and None, not {origins!r} itself")
    checked = tuple(origins)
    for origin in checked:
        if origin is not None and _ORIGIN.fullmatch(origin) is None:
            raise ValueError(
                f"origin {origin!r}: expected scheme://host or scheme://host:port in lower case "
                "(RFC 6454 section 6.2), 'null' or None"
            )
    return checked
