"""Answers of a server that don't open a connection: any HTTP response with its whole body."""

from __future__ import annotations

from .fields import HeadersLike, own_headers
from .headers import Headers, checked_headers, encode_head

# RFC 9110 section 15, RFC 6585 and RFC 8297; any other status goes without a phrase.
_REASONS = {
    200: "OK",
    201: "Created",
    202: "Accepted",
    204: "No Content",
    301: "Moved Permanently",
    302: "Found",
    303: "See Other",
    304: "Not Modified",
    307: "Temporary Redirect",
    308: "Permanent Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    410: "Gone",
    413: "Content Too Large",
    414: "URI Too Long",
    421: "Misdirected Request",
    426: "Upgrade Required",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
    511: "Network Authentication Required",
}
_WITHOUT_BODY = (204, 304)
_RESERVED = ("transfer-encoding",)


def encode_rejection(status: int, headers: HeadersLike, body: bytes, is_head: bool) -> bytes:
    """The octets of a response that ends the connection; without its body, if it answers a HEAD.

    ValueError where the arguments make no valid response: a status below 200 or above 599, a body
    with a 204 or 304, or `headers` with another Content-Length or Connection than those of this
    response.
    """
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise ValueError(f"status must be 200 to 599, not {status!r}")
    extra = _without_own(own_headers(headers, _RESERVED), len(body))
    # Who sends Upgrade must name it there (RFC 9110 section 7.8).
    fields = [("Connection", "close, Upgrade" if "Upgrade" in extra else "close")]
    if status in _WITHOUT_BODY:
        if body:
            raise ValueError(f"body of {len(body)} octets: status {status} has none")
    else:
        fields.append(("Content-Length", str(len(body))))
    if body and "Content-Type" not in extra:
        fields.append(("Content-Type", "text/plain; charset=utf-8"))
    first_line = f"HTTP/1.1 {status:d} {_REASONS.get(status, '')}"
    head = encode_head(first_line, checked_headers(fields), extra)
    return head if is_head else head + body


def _without_own(headers: Headers, length: int) -> Headers:
    """`headers` without what stands in every rejection, which may be there if it is the same."""
    own = {"content-length": str(length), "connection": "close"}
    if not any(name in headers for name in own):
        return headers
    for name, expected in own.items():
        for value in headers.get_all(name):
            if value.lower() != expected:
                raise ValueError(f"headers has {name} {value!r}: expected {expected}")
    return Headers(field for field in headers.items() if field[0].lower() not in own)
