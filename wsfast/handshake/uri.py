"""WebSocket URIs, RFC 6455 section 3."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..exceptions import HandshakeError

# RFC 3986 appendix B: scheme, authority, path, query, fragment. It matches anything.
_PARTS = re.compile(r"(?:([^:/?#]+):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL)
_AUTHORITY = re.compile(r"(?:([^@]*)@)?(\[[^\]@]*\]|[^:@\[\]]*)(?::([0-9]*))?")
_SPACE_OR_CONTROL = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]")
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}")
# RFC 3986 section 3.2.1.
_USER_INFO = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:%]|[^\x00-\x7f])*")
_HOST_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_\-.]*[a-z0-9_\-])?\.?")
_ZONE = re.compile(r"[A-Za-z0-9\-._~]+")
# What may not stand in a path or a query as it is, RFC 3986 section 3.3 and 3.4.
_TO_ENCODE = re.compile(r"[^A-Za-z0-9\-._~!$&'()*+,;=:@/?%]+")

_DEFAULT_PORTS = {False: 80, True: 443}
_SCHEMES = {"ws": False, "wss": True}
# What servers redirect to, and what it means for a WebSocket.
_HTTP_SCHEMES = {"http": "ws", "https": "wss"}

_MAX_HOST_LENGTH = 253
_MAX_LABEL_LENGTH = 63


class URI(NamedTuple):
    """Where a server is, and what is asked of it.

    `host` is in ASCII and lower case: a name (IDNA), an IPv4 address, or an IPv6 one without its
    brackets. `target` is RFC 6455's resource name: path and query, percent-encoded. `user_info` is
    user name and password, decoded; the password is kept out of `repr()`.
    """

    secure: bool
    host: str
    port: int
    target: str = "/"
    user_info: tuple[str, str] | None = None

    @classmethod
    def parse(cls, uri: str) -> URI:
        """`ws://` or `wss://`, the host, and what RFC 3986 allows behind it, but no fragment.

        Characters beyond ASCII are encoded: IDNA in the host, percent-encoded UTF-8 elsewhere.
        Raises ValueError that says what is wrong.
        """
        if not isinstance(uri, str):
            raise TypeError(f"uri must be str, not {type(uri).__name__}")
        scheme, authority, path, query, fragment = _take_apart(uri)
        if scheme is None or scheme.lower() not in _SCHEMES or authority is None:
            raise ValueError(f"URI {_without_password(uri)!r}: expected ws://… or wss://…")
        if fragment is not None:
            raise ValueError(
                f"URI with fragment {'#' + fragment!r}: it can't have one (RFC 6455 section 3)"
            )
        secure = _SCHEMES[scheme.lower()]
        user_info, host, port = _parse_authority(authority)
        target = _encode(path or "/", query)
        return cls(
            secure, host, _DEFAULT_PORTS[secure] if port is None else port, target, user_info
        )

    @property
    def authority(self) -> str:
        """The value of the Host header: host, and port unless it is the scheme's own."""
        host = self.host
        if ":" in host:
            # A zone means something on this machine only (RFC 6874 section 4).
            host = f"[{host.partition('%')[0]}]"
        return host if self.port == _DEFAULT_PORTS[self.secure] else f"{host}:{self.port}"

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """What stands behind the `?`; empty where there is none."""
        return self.target.partition("?")[2]

    def is_same_origin(self, other: URI) -> bool:
        """Whether the scheme, host and port are the same (RFC 6454 section 5)."""
        return (self.secure, self.host, self.port) == (other.secure, other.host, other.port)

    def join(self, location: str) -> URI:
        """Where a redirect leads: `location` is absolute, or relative to this URI.

        RFC 3986 section 5.2. `https` means `wss` there and `http` means `ws`; a fragment is
        dropped; user name and password stay only within the origin. Raises HandshakeError where
        `location` is malformed, or leads from `wss` to `ws`.
        """
        try:
            joined = self._join(location)
        except ValueError as error:
            raise HandshakeError(f"malformed Location: {error}") from None
        if self.secure and not joined.secure:
            raise HandshakeError(f"redirect from wss to ws, host {joined.host}: not followed")
        return joined

    def _join(self, location: str) -> URI:
        scheme, authority, path, query, _ = _take_apart(location)
        if scheme is not None:
            scheme = _HTTP_SCHEMES.get(scheme.lower(), scheme)
        elif authority is not None:
            scheme = "wss" if self.secure else "ws"
        else:
            if not path:
                path = self.path
                query = self.query if query is None else query
            elif not path.startswith("/"):
                path = self.path.rpartition("/")[0] + "/" + path
            return self._replace(target=_encode(_without_dots(path), query))
        if authority is None:
            raise ValueError(f"{location!r} has a scheme, but no host")
        suffix = "" if query is None else f"?{query}"
        joined = URI.parse(f"{scheme}://{authority}{_without_dots(path)}{suffix}")
        if joined.user_info is None and self.is_same_origin(joined):
            return joined._replace(user_info=self.user_info)
        return joined

    def __str__(self) -> str:
        """The URI without user name and password."""
        return f"{'wss' if self.secure else 'ws'}://{self.authority}{self.target}"

    def __repr__(self) -> str:
        user_info = self.user_info and (self.user_info[0], "…")
        return (
            f"URI(secure={self.secure}, host={self.host!r}, port={self.port}, "
            f"target={self.target!r}, user_info={user_info!r})"
        )


def _take_apart(uri: str) -> tuple[str | None, str | None, str, str | None, str | None]:
    found = _SPACE_OR_CONTROL.search(uri)
    if found is not None:
        raise ValueError(
            f"URI with {found[0]!r} at position {found.start()}: white space and control "
            "characters must be percent-encoded"
        )
    parts = _PARTS.fullmatch(uri)
    assert parts is not None
    scheme, authority, path, query, fragment = parts.groups()
    return scheme, authority, path, query, fragment


def _without_password(uri: str) -> str:
    return re.sub(r"//[^/?#]*@", "//…@", uri)


def _parse_authority(authority: str) -> tuple[tuple[str, str] | None, str, int | None]:
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        shown = authority.rpartition("@")[2]
        raise ValueError(
            f"URI with authority {shown!r}: expected host or host:port, IPv6 in brackets, "
            "and any '@' of user name and password percent-encoded"
        )
    user_info, host, port = parts.groups()
    return (
        None if user_info is None else _parse_user_info(user_info),
        _parse_ipv6(host[1:-1]) if host.startswith("[") else _parse_host(host),
        int(_checked_port(port)) if port else None,
    )


def _checked_port(port: str) -> str:
    if not (len(port) <= 5 and 1 <= int(port) <= 65535):
        raise ValueError(f"URI with port {port[:20]}: expected 1 to 65535")
    return port


def _parse_user_info(user_info: str) -> tuple[str, str]:
    if _USER_INFO.fullmatch(user_info) is None:
        raise ValueError("URI with user name or password that must be percent-encoded")
    user, _, password = user_info.partition(":")
    return _decode(user, "user name"), _decode(password, "password")


def _parse_host(host: str) -> str:
    shown = host
    host = _decode(host, "host").lower()
    # Before IDNA, which takes time that grows with the square of a label's length.
    if len(host) > _MAX_HOST_LENGTH + 1:
        raise _long_host(shown)
    try:
        # An ASCII name comes out as it is; loading Unicode's tables is left to who needs them.
        name = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise ValueError(f"URI with host {shown!r}: no IDNA name ({error})") from None
    if _HOST_NAME.fullmatch(name) is None:
        raise ValueError(f"URI with host {shown!r}: expected a host name or an address")
    labels = name.removesuffix(".").split(".")
    if len(name) > _MAX_HOST_LENGTH + name.endswith("."):
        raise _long_host(shown)
    if not all(0 < len(label) <= _MAX_LABEL_LENGTH for label in labels):
        raise _long_host(shown)
    return name


def _long_host(host: str) -> ValueError:
    return ValueError(
        f"URI with host {host[:80]!r}: at most {_MAX_HOST_LENGTH} characters are allowed, and 1 to "
        f"{_MAX_LABEL_LENGTH} between two dots"
    )


def _parse_ipv6(address: str) -> str:
    # Few need it, and it takes a while to load.
    from ipaddress import IPv6Address

    # RFC 6874: the zone stands behind "%25".
    bare, percent, zone = address.partition("%25")
    try:
        if "%" in bare or (percent and _ZONE.fullmatch(zone) is None):
            raise ValueError("malformed zone")
        bare = str(IPv6Address(bare))
    except ValueError as error:
        raise ValueError(f"URI with host '[{address[:80]}]': no IPv6 address ({error})") from None
    return f"{bare}%{zone}" if percent else bare


def _decode(text: str, name: str) -> str:
    """The characters that `text` stands for, percent-encoded UTF-8."""
    if "%" not in text:
        return text
    _check_percent(text)
    octets = text.encode()
    first, *rest = octets.split(b"%")
    decoded = first + b"".join(bytes((int(part[:2], 16),)) + part[2:] for part in rest)
    try:
        return decoded.decode()
    except UnicodeDecodeError:
        raise ValueError(f"URI with {name} that isn't UTF-8, percent-encoded") from None


def _check_percent(text: str) -> None:
    found = _BAD_PERCENT.search(text)
    if found is not None:
        raise ValueError(f"URI with {found[0]!r}: expected '%' and two hexadecimal digits")


def _encode(path: str, query: str | None) -> str:
    """The resource name, where an empty query is none (RFC 6455 section 3)."""
    target = f"{path}?{query}" if query else path
    _check_percent(target)
    return _TO_ENCODE.sub(lambda found: _percent_encoded(found[0]), target)


def _percent_encoded(text: str) -> str:
    try:
        octets = text.encode()
    except UnicodeEncodeError:
        raise ValueError("URI with half a surrogate pair") from None
    return "".join(f"%{octet:02X}" for octet in octets)


def _without_dots(path: str) -> str:
    """RFC 3986 section 5.2.4: the segments `.` and `..` worked out."""
    segments = path.split("/")
    kept: list[str] = []
    for segment in segments[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/".join(["", *kept])
