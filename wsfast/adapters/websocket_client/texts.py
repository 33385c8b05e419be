"""Its UTF-8 check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...exceptions import RemoteProtocolError
from ...utf8 import Utf8Validator, is_utf8
from .._patch import Members, Part, SelfCheckFailed
from .._samples import TEXT
from .._source import known

_VALIDATE_UTF8 = "websocket._abnf:validate_utf8"


def _build_utf8(originals: Members) -> Members:
    plain: Callable[[Any], bool] = originals[_VALIDATE_UTF8]

    def validate_utf8(utfbytes: Any) -> bool:
        if type(utfbytes) is not bytes:
            return plain(utfbytes)
        if is_utf8(utfbytes):
            return True
        # It doesn't mind if the text ends within a character.
        try:
            Utf8Validator().feed(utfbytes)
        except RemoteProtocolError:
            return False
        return True

    return {_VALIDATE_UTF8: validate_utf8}


def _check_utf8(originals: Members, replacements: Members) -> None:
    plain, ours = originals[_VALIDATE_UTF8], replacements[_VALIDATE_UTF8]
    texts: list[Any] = [TEXT.encode()[:end] for end in range(len(TEXT.encode()) + 1)]
    texts += [b"\xed\xa0", b"\xc0", b"a\xf4\x90", b"\xe4\xbd\xff", bytearray(b"\xff")]
    for text in texts:
        if ours(text) is not plain(text):
            raise SelfCheckFailed(f"whether {text!r} is UTF-8 differs")


UTF8 = Part(
    name="UTF-8 check",
    replaces={_VALIDATE_UTF8: known("0fe208aa7aca", "49d92b9a6f0b", "ce89aa1b58b0")},
    relies_on={
        "websocket._utils:_validate_utf8": known(
            "15c7ef220f58", "71869b1d487f", "cb8e4e4449a9", "d1ac0826304d", "d25cc1724d9b"
        )
    },
    build=_build_utf8,
    check=_check_utf8,
    operations=("utf8",),
    pure=True,
)
