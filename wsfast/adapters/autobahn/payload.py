"""autobahn: masking and UTF-8 validation, for what does not come in whole messages."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ... import utf8
from ...exceptions import ProtocolError
from ...mask import apply_mask
from ...protocol import MASKING_KEY_LENGTH
from .._patch import Members, SelfCheckFailed
from .._samples import KEY, TEXT

CREATE_MASKER = "autobahn.websocket.protocol:create_xor_masker"
VALIDATOR = "autobahn.websocket.protocol:Utf8Validator"

Verdict = tuple[bool, bool, int, int]


class XorMasker:
    """Masks a payload piece by piece."""

    __slots__ = ("_key", "_pointer")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._pointer = 0

    def pointer(self) -> int:
        return self._pointer

    def reset(self) -> None:
        self._pointer = 0

    def process(self, data: bytes) -> bytes:
        masked = apply_mask(data, self._key, self._pointer)
        self._pointer += len(data)
        return masked


def build_masker(originals: Members) -> Members:
    plain: Callable[[Any, Any], Any] = originals[CREATE_MASKER]

    def create_xor_masker(mask: bytes, length: int | None = None) -> Any:
        if type(mask) is bytes and len(mask) == MASKING_KEY_LENGTH:
            return XorMasker(mask)
        return plain(mask, length)

    return {CREATE_MASKER: create_xor_masker}


def check_masker(originals: Members, replacements: Members) -> None:
    plain, ours = originals[CREATE_MASKER], replacements[CREATE_MASKER]
    data = bytes(octet & 255 for octet in range(517))
    for length in (None, len(data)):
        maskers = plain(KEY, length), ours(KEY, length)
        for start, end in ((0, 5), (5, 5), (5, 133), (133, 517)):
            expected, found = (
                (masker.process(data[start:end]), masker.pointer()) for masker in maskers
            )
            if expected != found:
                raise SelfCheckFailed(f"octets {start} to {end} masked differ")
        for masker in maskers:
            masker.reset()
        if maskers[0].process(data) != maskers[1].process(data):
            raise SelfCheckFailed("octets masked after a reset differ")


def build_validator(originals: Members) -> Members:
    plain = originals[VALIDATOR]()
    # Of what follows an invalid octet, one of its two sides says that it is valid.
    plain.validate(b"\xff")
    goes_on: bool = plain.validate(b"x")[0]

    class Utf8Validator:
        """Validates a text piece by piece, and says where it stands."""

        __slots__ = ("_begun", "_core", "_end", "_failed", "_total")

        def __init__(self) -> None:
            self._core = utf8.Utf8Validator()
            self.reset()

        def reset(self) -> None:
            self._begun = self._failed = False
            self._total = 0

        def validate(self, ba: bytes) -> Verdict:
            length = len(ba)
            if self._failed:
                if goes_on:
                    self._total += length
                elif length:
                    return False, False, 0, self._total
                return True, False, length, self._total
            if not self._begun:
                if utf8.is_utf8(ba):
                    self._total += length
                    return True, True, length, self._total
                # The last three octets: they tell whether a character is begun.
                self._end = b""
                self._core.reset()
            before = self._core.position
            try:
                self._core.feed(ba)
            except ProtocolError:
                self._failed = True
                index = self._core.position - before
                self._total += index
                return False, False, index, self._total
            self._end = end = (self._end + bytes(ba[-3:]))[-3:]
            self._begun = _is_begun(end)
            self._total += length
            return True, not self._begun, length, self._total

    Utf8Validator.__module__ = originals[VALIDATOR].__module__
    Utf8Validator.__qualname__ = "Utf8Validator"
    return {VALIDATOR: Utf8Validator}


def _is_begun(end: bytes) -> bool:
    """Whether valid octets end inside a character, by the last three of them."""
    for back in range(1, len(end) + 1):
        octet = end[-back]
        if octet >= 0xC0:
            return back < (2 if octet < 0xE0 else 3 if octet < 0xF0 else 4)
    return False


def check_validator(originals: Members, replacements: Members) -> None:
    plain, ours = originals[VALIDATOR](), replacements[VALIDATOR]()
    text = TEXT.encode()
    for stream in (
        text,
        text * 9,
        b"a" * 70 + b"\xff" + text,
        b"\xed\xa0\x80x",
        b"\xc3(",
        b"\xf4\x90",
    ):
        for step in (1, 2, 3, 7, 64, 1000):
            for piece in (
                *(stream[at : at + step] for at in range(0, len(stream), step)),
                b"",
                b"x",
            ):
                if ours.validate(piece) != plain.validate(piece):
                    raise SelfCheckFailed("UTF-8 in pieces is judged differently")
            plain.reset()
            ours.reset()


def uses_nvx() -> str | None:
    return None if vars(sys.modules["autobahn.websocket"])["USES_NVX"] else "NVX is not in use"


def does_not_use_nvx() -> str | None:
    return "NVX is in use" if vars(sys.modules["autobahn.websocket"])["USES_NVX"] else None
