"""The value of Sec-WebSocket-Extensions, RFC 6455 section 9.1."""

from __future__ import annotations

import re

from ..exceptions import HandshakeError
from .headers import TOKEN

#   extension-list  = 1#extension
#   extension       = extension-token *( ";" extension-param )
#   extension-param = token [ "=" (token | quoted-string) ]
# White space may stand between any two of these (RFC 6455 section 4.3: the "implied *LWS rule"),
# and elements of a list may be empty (RFC 9110 section 5.6.1.2).
_NAME = re.compile(rf"[ \t,]*({TOKEN})[ \t]*")
_PARAMETER = re.compile(
    rf';[ \t]*({TOKEN})[ \t]*(?:=[ \t]*(?:({TOKEN})|"([^"\\]*(?:\\.[^"\\]*)*)")[ \t]*)?'
)
_ESCAPE = re.compile(r"\\(.)")
_WHOLE_TOKEN = re.compile(TOKEN)


def parse_extensions(value: str) -> list[tuple[str, list[tuple[str, str | None]]]]:
    """What is offered or accepted, in order: (name, [(parameter, its value or None)]).

    Where the header was sent several times, `value` is all of them, joined by ", ". Quoted values
    come without their quotes. Raises `HandshakeError`, status 400, on anything that the grammar
    doesn't allow.
    """
    extensions: list[tuple[str, list[tuple[str, str | None]]]] = []
    end = len(value.rstrip(" \t,"))
    position = 0
    while position < end:
        found = _NAME.match(value, position)
        if found is None:
            raise _malformed(value, position)
        parameters: list[tuple[str, str | None]] = []
        extensions.append((found[1], parameters))
        position = found.end()
        while (found := _PARAMETER.match(value, position)) is not None:
            name, token, quoted = found.groups()
            if quoted is not None:
                token = _ESCAPE.sub(r"\1", quoted)
                if _WHOLE_TOKEN.fullmatch(token) is None:
                    raise _malformed(value, found.start(3))
            parameters.append((name, token))
            position = found.end()
        if position < end and value[position] != ",":
            raise _malformed(value, position)
    if not extensions:
        raise HandshakeError("Sec-WebSocket-Extensions is empty (RFC 6455 section 9.1)")
    return extensions


def _malformed(value: str, position: int) -> HandshakeError:
    return HandshakeError(
        f"malformed Sec-WebSocket-Extensions at {value[position : position + 20]!r}, position "
        f"{position} (RFC 6455 section 9.1)"
    )
