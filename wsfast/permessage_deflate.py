"""Compression negotiated, RFC 7692 sections 5 and 7.1: the extension permessage-deflate."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from .deflating import LIBRARIES, Deflater, Inflater, Library
from .exceptions import HandshakeError, negative, not_a_side, not_an_integer
from .handshake.extensions import parse_extensions

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["Agreement", "Deflater", "Inflater", "PermessageDeflate"]

NAME = "permessage-deflate"

# The four parameters, section 7.1.
SERVER_NO_CONTEXT_TAKEOVER = "server_no_context_takeover"
CLIENT_NO_CONTEXT_TAKEOVER = "client_no_context_takeover"
SERVER_MAX_WINDOW_BITS = "server_max_window_bits"
CLIENT_MAX_WINDOW_BITS = "client_max_window_bits"

_WITHOUT_VALUE = frozenset((SERVER_NO_CONTEXT_TAKEOVER, CLIENT_NO_CONTEXT_TAKEOVER))
_WITH_VALUE = frozenset((SERVER_MAX_WINDOW_BITS, CLIENT_MAX_WINDOW_BITS))

# The base-2 logarithm of a window's length in octets. A raw deflate by zlib can't do 8.
MIN_WINDOW_BITS = 8
MAX_WINDOW_BITS = 15
MIN_OWN_WINDOW_BITS = 9
# For few octets a connection: 15 bits compress long messages better, and take five times as many.
DEFAULT_WINDOW_BITS = 12
DEFAULT_MEMORY_LEVEL = 5

# As they must be spelt: no other digits, no leading zeroes (section 7.1.2).
_WINDOW_BITS = {str(bits): bits for bits in range(MIN_WINDOW_BITS, MAX_WINDOW_BITS + 1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class PermessageDeflate:
    """What this end wants of permessage-deflate, for any number of connections.

    The four parameters of section 7.1. `server_no_context_takeover` and
    `client_no_context_takeover` forbid messages of that side to refer to earlier ones: they are
    longer then, and no memory is kept between them. `server_max_window_bits` and
    `client_max_window_bits`, 8 to 15, limit how far back that side may refer, to 2**bits octets.
    A server asks clients to keep to 12 where they offer that, and keeps to 12 itself, unless told
    otherwise; a client keeps to 12 itself, and leaves the server free. The window that this end
    compresses with is 9 bits at least, as raw zlib can't do 8.

    How this end compresses: `level`, 0 to 9, or to 3 with isal, more is slower and shorter,
    `None` is the library's own (6, or 2 with isal); `memory_level`, 1 to 9; `min_length`, messages
    of fewer octets go uncompressed; `library`, "zlib", or "isal" or "zlib-ng", packages of those
    names from PyPI, which are faster and take more memory. What windows and memory levels cost
    stands in `wsfast.deflating`: 50,376 octets a connection by the defaults.

    Raises TypeError, ValueError, or the ImportError of a library that isn't there.
    """

    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: int | None = None
    client_max_window_bits: int | None = None
    level: int | None = None
    memory_level: int = DEFAULT_MEMORY_LEVEL
    min_length: int = 64
    library: Literal["zlib", "isal", "zlib-ng"] = "zlib"

    def __post_init__(self) -> None:
        library = _library(self.library)
        for name in _WITHOUT_VALUE:
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise TypeError(f"{name} must be a bool, not {type(value).__name__}")
        for name in _WITH_VALUE:
            value = getattr(self, name)
            if value is not None:
                _check(name, value, MIN_WINDOW_BITS, MAX_WINDOW_BITS)
        if self.level is not None:
            _check("level", self.level, 0, library.highest_level, f" with {self.library}")
        _check("memory_level", self.memory_level, 1, 9)
        _check("min_length", self.min_length, 0, None)
        library.load()

    @property
    def effective_level(self) -> int:
        """`level`, or where that is `None`, the library's own."""
        return _library(self.library).usual_level if self.level is None else self.level

    def offer(self) -> str:
        """What a client sends in Sec-WebSocket-Extensions, section 7.1.

        A limit on the server's window is asked for and not insisted on, as some servers decline
        an offer with it: a second offer without it follows. By default the offer is the one that
        browsers make.
        """
        own = _own(CLIENT_MAX_WINDOW_BITS, self.client_max_window_bits)
        plain = NAME
        if self.server_no_context_takeover:
            plain += f"; {SERVER_NO_CONTEXT_TAKEOVER}"
        if self.client_no_context_takeover:
            plain += f"; {CLIENT_NO_CONTEXT_TAKEOVER}"
        plain += f"; {CLIENT_MAX_WINDOW_BITS}"
        if self.client_max_window_bits is not None and own < MAX_WINDOW_BITS:
            plain += f"={own}"
        asked = self.server_max_window_bits
        if asked is None or asked == MAX_WINDOW_BITS:
            return plain
        return f"{plain}; {SERVER_MAX_WINDOW_BITS}={asked}, {plain}"

    def accept(self, value: str) -> tuple[str, Agreement] | None:
        """A server's answer to a client's Sec-WebSocket-Extensions, `value`, and what it means.

        The first offer that can be accepted is; `None` if there is none. An offer is declined if
        it has a parameter that is unknown, wrong or given twice, or limits the window of the
        server to 8 bits (section 7.1). Raises `HandshakeError`, status 400, if `value` is
        malformed.
        """
        own = _own(SERVER_MAX_WINDOW_BITS, self.server_max_window_bits)
        for name, parameters in parse_extensions(value):
            if name != NAME:
                continue
            try:
                offered = _read(parameters, "offer")
            except HandshakeError:
                continue
            bits = min(own, offered.get(SERVER_MAX_WINDOW_BITS, MAX_WINDOW_BITS))
            if bits >= MIN_OWN_WINDOW_BITS:
                return self._answer(offered, bits)
        return None

    def _answer(self, offered: dict[str, int], own: int) -> tuple[str, Agreement]:
        answer = NAME
        server_forgets = self.server_no_context_takeover or SERVER_NO_CONTEXT_TAKEOVER in offered
        if server_forgets:
            answer += f"; {SERVER_NO_CONTEXT_TAKEOVER}"
        client_forgets = self.client_no_context_takeover or CLIENT_NO_CONTEXT_TAKEOVER in offered
        if client_forgets:
            answer += f"; {CLIENT_NO_CONTEXT_TAKEOVER}"
        if own < MAX_WINDOW_BITS or SERVER_MAX_WINDOW_BITS in offered:
            answer += f"; {SERVER_MAX_WINDOW_BITS}={own}"
        theirs = offered.get(CLIENT_MAX_WINDOW_BITS)
        if theirs is None:
            # Nothing may be asked of a client that didn't offer it (section 7.1.2.2).
            theirs = MAX_WINDOW_BITS
        else:
            theirs = min(theirs, self.client_max_window_bits or DEFAULT_WINDOW_BITS)
            if theirs < MAX_WINDOW_BITS:
                answer += f"; {CLIENT_MAX_WINDOW_BITS}={theirs}"
        return answer, Agreement(
            server_no_context_takeover=server_forgets,
            client_no_context_takeover=client_forgets,
            server_max_window_bits=own,
            client_max_window_bits=theirs,
            settings=self,
        )

    def confirm(self, value: str) -> Agreement | None:
        """What a server's answer, `value`, to the `offer()` means; `None` if it is empty.

        Raises `HandshakeError` for an answer that is malformed, or fits none of the offers: it
        has another extension, or a parameter that is unknown, wrong or given twice, lets the
        server refer to earlier messages though it must not, or limits the window of this end to 8
        bits (sections 5.1 and 7.1).
        """
        if not value:
            return None
        own = _own(CLIENT_MAX_WINDOW_BITS, self.client_max_window_bits)
        extensions = parse_extensions(value)
        name, parameters = extensions[0]
        if name != NAME or len(extensions) > 1:
            others = ", ".join(name for name, _ in extensions)
            raise _refused(f"{others} accepted: expected {NAME} alone, as offered")
        answered = _read(parameters, "answer")
        server_forgets = SERVER_NO_CONTEXT_TAKEOVER in answered
        if self.server_no_context_takeover and not server_forgets:
            raise _refused(f"{NAME} accepted without {SERVER_NO_CONTEXT_TAKEOVER}: it was offered")
        bits = min(own, answered.get(CLIENT_MAX_WINDOW_BITS, MAX_WINDOW_BITS))
        if bits < MIN_OWN_WINDOW_BITS:
            raise _refused(
                f"{CLIENT_MAX_WINDOW_BITS}={bits}: raw deflate needs at least {MIN_OWN_WINDOW_BITS}"
            )
        return Agreement(
            server_no_context_takeover=server_forgets,
            client_no_context_takeover=(
                self.client_no_context_takeover or CLIENT_NO_CONTEXT_TAKEOVER in answered
            ),
            server_max_window_bits=answered.get(SERVER_MAX_WINDOW_BITS, MAX_WINDOW_BITS),
            client_max_window_bits=bits,
            settings=self,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What both ends of a connection agreed on: made by `PermessageDeflate`, on either side.

    The four parameters of section 7.1. Where this end uses a smaller window than it may, or
    doesn't refer to earlier messages though it may, they say what it does. `settings` is what this
    end wanted. The objects of a connection are made by `inflater()` and `deflater()`; `side` is
    whose end this is, "server" or "client".
    """

    server_no_context_takeover: bool
    client_no_context_takeover: bool
    server_max_window_bits: int
    client_max_window_bits: int
    settings: PermessageDeflate

    @property
    def min_length(self) -> int:
        """Messages of fewer octets go uncompressed."""
        return self.settings.min_length

    def inflater(self, side: Literal["server", "client"]) -> Inflater:
        """A new inflater for what the peer of `side` sends, for one connection."""
        forgets, window_bits = self._of("client" if _is_server(side) else "server")
        module = _library(self.settings.library).load()
        return Inflater(module, window_bits=window_bits, takeover=not forgets)

    def deflater(self, side: Literal["server", "client"]) -> Deflater:
        """A new deflater for what `side` sends, for one connection."""
        forgets, window_bits = self._of("server" if _is_server(side) else "client")
        settings = self.settings
        return Deflater(
            _library(settings.library).load(),
            window_bits=window_bits,
            level=settings.effective_level,
            memory_level=settings.memory_level,
            takeover=not forgets,
            min_length=settings.min_length,
        )

    def broadcast_key(self, side: Literal["server", "client"]) -> Hashable:
        """What connections must have in common to share what `compress_alone()` returns."""
        _, window_bits = self._of("server" if _is_server(side) else "client")
        settings = self.settings
        return (
            window_bits,
            settings.library,
            settings.effective_level,
            settings.memory_level,
            settings.min_length,
        )

    def compress_alone(self, side: Literal["server", "client"], data: Buffer) -> bytes:
        """Compress a message that refers to no other, to be sent on any number of connections.

        All must have the `broadcast_key()` of this one. On each of them it may be sent between any
        two messages, if the connection's own `Deflater` is `reset()` at that place: what that
        compresses next must not refer to what stands before this message.
        """
        return self.deflater(side).deflate(data)

    def _of(self, side: Literal["server", "client"]) -> tuple[bool, int]:
        """How that side compresses: whether it forgets, and the bits of its window."""
        if side == "server":
            return self.server_no_context_takeover, self.server_max_window_bits
        return self.client_no_context_takeover, self.client_max_window_bits


def _read(
    parameters: Iterable[tuple[str, str | None]], kind: Literal["offer", "answer"]
) -> dict[str, int]:
    """The parameters that are there, checked; only an offer may leave a value open."""
    found: dict[str, int] = {}
    for name, value in parameters:
        if name in found:
            raise _refused(f"{name} given twice")
        if name in _WITHOUT_VALUE:
            if value is not None:
                raise _refused(f"{name}={value}: expected no value")
            found[name] = True
        elif name in _WITH_VALUE:
            if value in _WINDOW_BITS:
                found[name] = _WINDOW_BITS[value]
            elif value is None and name == CLIENT_MAX_WINDOW_BITS and kind == "offer":
                found[name] = MAX_WINDOW_BITS
            else:
                given = name if value is None else f"{name}={value}"
                raise _refused(f"{given}: expected {MIN_WINDOW_BITS} to {MAX_WINDOW_BITS}")
        else:
            raise _refused(f"unknown parameter {name} of {NAME}")
    return found


def _own(name: str, bits: int | None) -> int:
    """The window that this end compresses with, in bits, as it is set."""
    if bits is None:
        return DEFAULT_WINDOW_BITS
    if bits < MIN_OWN_WINDOW_BITS:
        raise ValueError(
            f"{name} must be at least {MIN_OWN_WINDOW_BITS} on the side that compresses by it, "
            f"not {bits}: raw deflate needs that"
        )
    return bits


def _library(name: Any) -> Library:
    library = LIBRARIES.get(name) if isinstance(name, str) else None
    if library is None:
        raise ValueError(f"library must be {', '.join(map(repr, LIBRARIES))}, not {name!r}")
    return library


def _check(name: str, value: int, least: int, most: int | None, where: str = "") -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise not_an_integer(name, value)
    if most is None:
        if value < least:
            raise negative(name, value)
    elif not least <= value <= most:
        raise ValueError(f"{name} must be {least} to {most}{where}, not {value}")


def _is_server(side: object) -> bool:
    if side not in ("server", "client"):
        raise not_a_side(side)
    return side == "server"


def _refused(message: str) -> HandshakeError:
    return HandshakeError(f"Sec-WebSocket-Extensions: {message} (RFC 7692 section 7.1)")
