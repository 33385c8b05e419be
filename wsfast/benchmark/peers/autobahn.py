"""autobahn: its mask and validator, NVX (C) where that is installed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .peer import Peer, Side, expression, private_copy

_NAMES = ("autobahn.websocket.xormasker", "autobahn.websocket.utf8validator")

_VALIDATE_ALL = """\
reset()
for chunk in chunks:
    validate(chunk)"""


def validating(validator: Any, chunks: list[bytes]) -> Side:
    """For validators of the shape that autobahn has and wsaccel has taken over."""

    def output() -> bool:
        validator.reset()
        results = [validator.validate(chunk) for chunk in chunks]
        return all(valid for valid, *_ in results) and bool(results[-1][1])

    names = {"chunks": chunks, "reset": validator.reset, "validate": validator.validate}
    return Side(_VALIDATE_ALL, names, output)


class Autobahn(Peer):
    name = "autobahn"
    distribution = "autobahn"

    def __init__(self, pure: bool = False) -> None:
        super().__init__(pure)
        modules: list[Any]
        if pure:
            modules = private_copy(_NAMES, variables={"AUTOBAHN_USE_NVX": "0"})
        else:
            modules = [import_module(name) for name in _NAMES]
        self._masker, self._validator = modules

    def mask(self, payload: bytes, key: bytes) -> Side:
        return expression(
            "create_xor_masker(key, len(payload)).process(payload)",
            create_xor_masker=self._masker.create_xor_masker,
            payload=payload,
            key=key,
        )

    def decode(self, masked: bytes, key: bytes) -> Side:
        return expression(
            "create_xor_masker(key, len(masked)).process(masked).decode()",
            create_xor_masker=self._masker.create_xor_masker,
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
