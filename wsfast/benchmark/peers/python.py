"""What Python and its standard library have for the same work."""

from __future__ import annotations

import os
import random
import secrets
from codecs import getincrementaldecoder

from ..streams import masked
from .peer import Peer, Side, expression

_DECODE_ALL = """\
for chunk in chunks:
    decode(chunk)
decode(b"", True)"""


class Python(Peer):
    name = "Python"

    def is_utf8(self, data: bytes) -> Side:
        return Side("data.decode()", {"data": data}, lambda: bool(data.decode()), "bytes.decode()")

    def validate(self, chunks: list[bytes]) -> Side:
        decode = getincrementaldecoder("utf-8")().decode

        def output() -> bool:
            for chunk in chunks:
                decode(chunk)
            return not decode(b"", True)

        return Side(
            _DECODE_ALL, {"chunks": chunks, "decode": decode}, output, "incremental decoder"
        )

    def masking_key(self) -> Side:
        return expression(
            "token_bytes(4)", "secrets.token_bytes(4)", token_bytes=secrets.token_bytes
        )


class Urandom(Peer):
    name = "os.urandom(4)"

    def masking_key(self) -> Side:
        return expression("urandom(4)", urandom=os.urandom)


class Getrandbits(Peer):
    """Not for masking keys, which must be unpredictable; but nothing is cheaper."""

    name = "random.getrandbits(32)"
    is_reference = True

    def masking_key(self) -> Side:
        getrandbits = random.Random().getrandbits
        return Side(
            "getrandbits(32)",
            {"getrandbits": getrandbits},
            lambda: getrandbits(32).to_bytes(4, "big"),
        )


class Copy(Peer):
    """No masking at all: what it costs to make a bytes object of the same size."""

    name = "a plain copy"
    is_reference = True

    def mask(self, payload: bytes, key: bytes) -> Side:
        # What is timed copies; what is compared is the masking that it stands for.
        buffer = bytearray(payload)
        return Side("bytes(buffer)", {"buffer": buffer}, lambda: masked(payload, key))
