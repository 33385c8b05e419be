"""What both sides of the opening handshake read and write in header fields, RFC 6455 section 4."""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import sha1

from ..exceptions import HandshakeError, not_bytes_like
from ..protocol import GUID
from .headers import TOKEN, Headers

KEY = "Sec-WebSocket-Key"
ACCEPT = "Sec-WebSocket-Accept"
PROTOCOL = "Sec-WebSocket-Protocol"
EXTENSIONS = "Sec-WebSocket-Extensions"
VERSION = "Sec-WebSocket-Version"

# What the handshake itself decides, in lower case: nobody else may add it.
OWN_NAMES = frozenset(
    name.lower()
    for name in (
        *("Upgrade", "Connection", "Content-Length", "Transfer-Encoding"),
        *(ACCEPT, EXTENSIONS, KEY, PROTOCOL, VERSION),
    )
)

# Octets of the key, of which there are 16: 22 characters of base64, and the padding.
_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")
_TOKEN = re.compile(TOKEN)

HeadersLike = Headers | Mapping[str, str] | Iterable[tuple[str, str]]


def accept_key(key: str) -> str:
    """The value of Sec-WebSocket-Accept that answers this Sec-WebSocket-Key, section 4.2.2."""
    digest = sha1((key + GUID).encode(), usedforsecurity=False).digest()
    return b2a_base64(digest, newline=False).decode()


def is_key(value: str) -> bool:
    """Whether `value` is 16 octets in base64."""
    return _KEY.fullmatch(value) is not None


def has_option(value: str, option: str) -> bool:
    """Whether a list like the value of Connection has `option`, given in lower case."""
    folded = value.lower()
    return folded == option or option in [part.strip(" \t") for part in folded.split(",")]


def parse_subprotocols(value: str) -> list[str]:
    """What a client offers, best first; HandshakeError, status 400, if malformed.

    RFC 6455 section 4.1: one or more tokens, all different.
    """
    offered = [part for part in [part.strip(" \t") for part in value.split(",")] if part]
    if not offered or not all(_TOKEN.fullmatch(token) for token in offered):
        raise HandshakeError(
            f"malformed {PROTOCOL} {value[:60]!r}: expected tokens (RFC 6455 section 4.1)"
        )
    if len(set(offered)) != len(offered):
        raise HandshakeError(f"{PROTOCOL} names one twice (RFC 6455 section 4.1)")
    return offered


def own_subprotocols(subprotocols: Sequence[str]) -> tuple[str, ...]:
    """The setting of that name, checked."""
    if isinstance(subprotocols, str):
        raise TypeError(f"subprotocols must be a sequence of str, not {subprotocols!r} itself")
    return _checked(tuple(subprotocols))


# A server makes this check once a connection, of the same few settings.
@lru_cache(maxsize=64)
def _checked(subprotocols: tuple[str, ...]) -> tuple[str, ...]:
    for name in subprotocols:
        if not isinstance(name, str):
            raise TypeError(f"a subprotocol must be str, not {type(name).__name__}")
        if _TOKEN.fullmatch(name) is None:
            raise ValueError(f"subprotocol {name!r}: expected a token (RFC 6455 section 4.1)")
    if len(set(subprotocols)) != len(subprotocols):
        raise ValueError("subprotocols names one twice (RFC 6455 section 4.1)")
    return subprotocols


def own_headers(fields: HeadersLike, reserved: Container[str]) -> Headers:
    """Headers that the caller adds, checked; `reserved` are the names, in lower case, it can't."""
    headers = Headers(fields)
    for name in headers:
        if name.lower() in reserved:
            raise ValueError(f"headers has {name}, which is not the caller's to set")
    return headers


def octets(data: bytes | bytearray | memoryview) -> bytes:
    """What came, as `bytes`."""
    try:
        return memoryview(data).tobytes()
    except TypeError:
        raise not_bytes_like("data", data) from None
