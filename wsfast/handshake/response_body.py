"""The body of an answer that isn't 101, as far as anybody wants to read it: RFC 9112 section 6."""

from __future__ import annotations

import re

from ..exceptions import HandshakeError
from .headers import Headers, check_single, combined

_WITHOUT_BODY = (204, 304)
_MAX_LENGTH_DIGITS = 18

# RFC 9112 section 7.1; extensions mean nothing to us.
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[\t -~\x80-\xff]*)?")
_MAX_CHUNK_LINE_LENGTH = 256


class ResponseBody:
    """Takes the octets behind a response's head; `data` is what came of the body.

    It is `complete` by its Content-Length, by its last chunk, or when `max_length` octets are
    there: the rest is left unread. Without either header it ends with the stream. HandshakeError
    where the headers contradict each other; a malformed chunk is where the body ends.
    """

    __slots__ = ("_buffer", "_chunk", "_data", "_is_chunked", "_rest", "complete")

    def __init__(self, status: int, headers: Headers, max_length: int) -> None:
        check_single(headers, ("Transfer-Encoding", "Content-Length"))
        values = combined(headers)
        length = _length(values.get("content-length"))
        coding = values.get("transfer-encoding")
        if coding is not None:
            if coding.lower() != "chunked":
                raise HandshakeError(f"Transfer-Encoding {coding[:60]!r}: expected chunked")
            if length is not None:
                raise HandshakeError("Transfer-Encoding and Content-Length (RFC 9112 section 6.1)")
        if status in _WITHOUT_BODY:
            length = 0
        self._data = bytearray()
        # Octets still wanted.
        self._rest = max_length if length is None else min(length, max_length)
        self.complete = self._rest == 0
        self._is_chunked = coding is not None
        self._buffer = bytearray()
        # Octets still to come of a chunk, with the CRLF behind it; 0: its size is next.
        self._chunk = 0

    @property
    def data(self) -> bytes:
        return bytes(self._data)

    def feed(self, data: bytes) -> None:
        if self.complete:
            return
        if self._is_chunked:
            data = self._unchunk(data)
        self._data += data[: self._rest]
        self._rest -= min(len(data), self._rest)
        if self._rest == 0:
            self.complete = True

    def _unchunk(self, data: bytes) -> bytes:
        buffer = self._buffer
        buffer += data
        parts: list[bytes] = []
        position = 0
        while not self.complete and position < len(buffer):
            if self._chunk == 0:
                end = buffer.find(b"\r\n", position, position + _MAX_CHUNK_LINE_LENGTH)
                if end < 0:
                    self.complete = len(buffer) - position >= _MAX_CHUNK_LINE_LENGTH
                    break
                found = _CHUNK_SIZE.fullmatch(buffer, position, end)
                size = 0 if found is None else int(found[1], 16)
                # No octet of a trailer is of use, and none of what can't be understood.
                self.complete = size == 0
                self._chunk = size + 2
                position = end + 2
                continue
            # The last two octets of a chunk are a CRLF.
            of_data = max(0, self._chunk - 2)
            part = bytes(buffer[position : position + self._chunk])
            parts.append(part[:of_data])
            self.complete = not b"\r\n"[-self._chunk :].startswith(part[of_data:])
            self._chunk -= len(part)
            position += len(part)
        del buffer[:position]
        return b"".join(parts)


def _length(length: str | None) -> int | None:
    if length is None:
        return None
    if not (length.isascii() and length.isdigit() and len(length) <= _MAX_LENGTH_DIGITS):
        raise HandshakeError(f"Content-Length {length[:60]!r}: expected a number of octets")
    return int(length)
