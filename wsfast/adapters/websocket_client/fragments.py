"""Fragmented messages, joined in linear time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

from .._patch import Members, Part, SelfCheckFailed
from .._source import known

_ADD = "websocket._core:continuous_frame.add"
# So many are joined at once: small ones would take many times their room.
_TOGETHER = 1024


class _Fragments(list[Any]):
    """The opcode of a message, and the payload so far: it is joined when it is asked for."""

    __slots__ = ("parts", "recent")

    def __init__(self, opcode: int, payload: bytes) -> None:
        super().__init__((opcode, payload))
        self.parts: list[bytes] = []
        self.recent: list[bytes] = []

    def extend_payload(self, data: bytes) -> None:
        self.recent.append(data)
        if len(self.recent) == _TOGETHER:
            self.parts.append(b"".join(self.recent))
            self.recent = []

    def join(self) -> None:
        if self.parts or self.recent:
            joined = b"".join((super().__getitem__(1), *self.parts, *self.recent))
            super().__setitem__(1, joined)
            self.parts, self.recent = [], []

    def __getitem__(self, index: Any) -> Any:
        self.join()
        return super().__getitem__(index)

    def __iter__(self) -> Iterator[Any]:
        self.join()
        return super().__iter__()

    def __eq__(self, other: object) -> bool:
        self.join()
        return super().__eq__(other)

    def __repr__(self) -> str:
        self.join()
        return super().__repr__()


def _build_fragments(originals: Members) -> Members:
    plain: Callable[[Any, Any], None] = originals[_ADD]

    def add(self: Any, frame: Any) -> None:
        begun = self.cont_data
        if begun and type(frame.data) is bytes:
            if type(begun) is list and type(begun[1]) is bytes:
                begun = self.cont_data = _Fragments(*begun)
            if type(begun) is _Fragments:
                if frame.data:
                    begun.extend_payload(frame.data)
                if frame.fin:
                    self.recving_frames = None
                return
        plain(self, frame)

    return {_ADD: add}


def _check_fragments(originals: Members, replacements: Members) -> None:
    core = sys.modules["websocket._core"]
    seen = []
    for add in (originals[_ADD], replacements[_ADD]):
        message = core.continuous_frame(False, False)
        for number, payload in enumerate((b"ab", b"", b"cd", b"ef")):
            frame = core.ABNF.create_frame(payload, 0 if number else 2, number == 3)
            add(message, frame)
            seen.append((message.recving_frames, message.cont_data[0]))
        seen.append(message.extract(frame)[1].data)
    if seen[: len(seen) // 2] != seen[len(seen) // 2 :]:
        raise SelfCheckFailed("a fragmented message differs")


FRAGMENTS = Part(
    name="fragmented messages",
    replaces={_ADD: known("dee9c0327c98")},
    relies_on={
        "websocket._core:continuous_frame.__init__": known(
            "3b2b423d1a14", "85d76261dfca", "b515b1be1abc"
        ),
        "websocket._core:continuous_frame.extract": known(
            "3676b83e9272", "6ac7e5d4165b", "d35b70ffa357"
        ),
    },
    build=_build_fragments,
    check=_check_fragments,
    pure=True,
)
