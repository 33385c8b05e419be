"""wsaccel: masking and validation in Cython."""

from __future__ import annotations

from importlib import import_module

from .autobahn import validating
from .peer import Peer, Side, expression


class Wsaccel(Peer):
    name = "wsaccel"
    distribution = "wsaccel"

    def __init__(self, pure: bool = False) -> None:
        super().__init__(pure)
        self._xormask = import_module("wsaccel.xormask")
        self._validator = import_module("wsaccel.utf8validator")

    def mask(self, payload: bytes, key: bytes) -> Side:
        return expression(
            "XorMaskerSimple(key).process(payload)",
            XorMaskerSimple=self._xormask.XorMaskerSimple,
            payload=payload,
            key=key,
        )

    def decode(self, masked: bytes, key: bytes) -> Side:
        return expression(
            "XorMaskerSimple(key).process(masked).decode()",
            XorMaskerSimple=self._xormask.XorMaskerSimple,
            masked=masked,
            key=key,
        )

    def is_utf8(self, data: bytes) -> Side:
        validator = self._validator.Utf8Validator()
        return Side(
            "reset(); validate(data)",
            {"reset": validator.reset, "validate": validator.validate, "data": data},
            lambda: validator.reset() or validator.validate(data)[:2] == (True, True),
        )

    def validate(self, chunks: list[bytes]) -> Side:
        return validating(self._validator.Utf8Validator(), chunks)
