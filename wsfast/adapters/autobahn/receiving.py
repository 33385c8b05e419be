"""autobahn: whole messages out of what was received."""

from __future__ import annotations

import sys
from collections.abc import Callable
from operator import attrgetter
from typing import Any

from ...frames import FrameSplitter
from ...protocol import (
    FIN,
    LENGTH_BITS,
    LENGTH_IS_64_BIT,
    MASKING_KEY_LENGTH,
    MAX_CONTROL_PAYLOAD_LENGTH,
    Opcode,
)
from ...utf8 import is_utf8
from .._patch import Members
from .._source import Known, UnknownCode, fingerprint, known

PROTOCOL = "autobahn.websocket.protocol:WebSocketProtocol"
PROCESS_DATA = f"{PROTOCOL}.processData"
FIRE = "autobahn.util:ObservableMixin.fire"

# What a frame goes through on its way to onMessage(), and users may override.
HOOKS: dict[str, Known] = {
    f"{PROTOCOL}.{name}": known(*fingerprints)
    for name, fingerprints in {
        "onFrameBegin": ("87f04be4f3dd", "cf3449ef70c8"),
        "onFrameData": ("cbe8b1fe61bf", "4c35a99c27fa", "7095b59fee5e", "027076b8a462"),
        "onFrameEnd": ("ac08c5e2ce57", "3bf2bc4d31fc", "581d180bc2ce"),
        "onMessageBegin": ("87472857ba16", "88d98743f684"),
        "onMessageFrameBegin": ("042af9cb9356", "2a804ff5b063"),
        "onMessageFrameData": ("a9fbdfe53901", "729ddd0654d3"),
        "onMessageFrameEnd": ("5e8f1448e3b0", "28b5c877d9c6"),
        "onMessageFrame": ("a50b1f039918", "1251062ce97f"),
        "onMessageEnd": ("00dc12945e66", "9c3b93972677"),
    }.items()
}
# What calls them on asyncio, and on Twisted.
_CALLERS = {
    "_onMessageBegin": known("2f1f4fe4e408", "634133463d20", "2425243c45d3"),
    "_onMessageFrameBegin": known("cf9ab77514f1", "57dfe1a43823", "bba875504788"),
    "_onMessageFrameData": known("cf9faff4fbde", "f4221eb0bc73", "57132f2aec66"),
    "_onMessageFrameEnd": known("e014637357cd", "b9005a7dddbd", "51ea53a6a459"),
    "_onMessageFrame": known("fb39974b0095", "5cdf3fc16895", "44272126318e"),
    "_onMessageEnd": known("7352f62debc8", "cf3c3f6f63b5", "cf1f16d4c355"),
}

_WHOLE_TEXT = FIN | Opcode.TEXT
_WHOLE_BINARY = FIN | Opcode.BINARY
_WHOLE = (_WHOLE_TEXT, _WHOLE_BINARY)

# For the self-check: hooks of its own.
trusted: set[Any] = set()


class _Delivered:
    """A connection to the library's own end of a message, which was handed over before."""

    failedByMe = False
    trackedTimings = None

    def __init__(self, connection: Any, payload: bytes, is_binary: bool) -> None:
        self._connection = connection
        self.message_data: Any = [payload]
        self.message_is_binary = is_binary

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def _onMessage(self, payload: bytes, isBinary: bool) -> None:
        pass


def build_receiving(originals: Members) -> Members:
    module = sys.modules["autobahn.websocket.protocol"]
    OPEN = module.WebSocketProtocol.STATE_OPEN
    plain: Callable[[Any], bool] = originals[PROCESS_DATA]
    end_message = originals[f"{PROTOCOL}.onMessageEnd"]
    plain_hooks = tuple(originals[place] for place in (*HOOKS, FIRE))
    names = (*(place.rpartition(".")[2] for place in (*HOOKS, FIRE)), *_CALLERS)
    hooks_of = attrgetter(*names)
    # By class, its hooks where they are none of the user's.
    plain_classes: dict[type, tuple[Any, ...]] = {}
    split_by_server = FrameSplitter("server").split
    split_by_client = FrameSplitter("client").split

    def has_plain_hooks(protocol: Any) -> bool:
        cls = type(protocol)
        hooks = hooks_of(cls)
        if hooks != plain_classes.get(cls):
            own, callers = hooks[: len(plain_hooks)], hooks[len(plain_hooks) :]
            if not all(
                hook is plain or hook in trusted
                for hook, plain in zip(own, plain_hooks, strict=True)
            ):
                return False
            if not all(map(_is_known, callers, _CALLERS.values())):
                return False
            plain_classes[cls] = hooks
        mine: dict[str, Any] = vars(protocol)
        return mine.keys().isdisjoint(names)

    def is_plain(protocol: Any) -> bool:
        return bool(
            protocol.state == OPEN
            and protocol.applyMask
            and protocol._perMessageCompress is None
            and protocol._listeners is None
            and not protocol.failedByMe
            and not protocol.logFrames
            and not protocol.trackedTimings
            and not protocol.autoPingTimeoutCall
            and protocol.websocket_version != 0
            and has_plain_hooks(protocol)
        )

    def process_data(self: Any) -> bool:
        data = self.data
        if (
            self.current_frame is None
            and not self.inside_message
            and len(data) > 1
            and data[0] in _WHOLE
            # A long one that is not there as yet: known at less cost than by looking closely.
            and not (
                data[1] & LENGTH_BITS == LENGTH_IS_64_BIT
                and int.from_bytes(data[2:10], "big") > len(data)
            )
            and is_plain(self)
        ):
            limit = self.maxMessagePayloadSize
            if 0 < self.maxFramePayloadSize and not 0 < limit < self.maxFramePayloadSize:
                limit = self.maxFramePayloadSize
            split = split_by_server if self.factory.isServer else split_by_client
            found, end, _ = split(data, 0, False, limit if limit > 0 else None)
            if found:
                return deliver(self, data, found, end)
        # The original frees it on its way, and so has its memory for what comes.
        del data
        return plain(self)

    def deliver(self: Any, data: bytes, found: list[tuple[int, Any]], end: int) -> bool:
        """Hand over the messages, and leave the rest to the next call or to the original."""
        stats = self.trafficStats
        validates = self.utf8validateIncoming
        header = 2 + MASKING_KEY_LENGTH if self.factory.isServer else 2
        taken = 0
        self.data = data[end:]
        for first, payload in found:
            is_binary = first == _WHOLE_BINARY
            if not is_binary and (first != _WHOLE_TEXT or (validates and not is_utf8(payload))):
                self.data = data[taken:]
                return plain(self)
            length = len(payload)
            taken += header + length
            if length > MAX_CONTROL_PAYLOAD_LENGTH:
                taken += 2 if length < 65536 else 8
            stats.incomingOctetsWebSocketLevel += length
            stats.incomingOctetsAppLevel += length
            stats.incomingWebSocketFrames += 1
            stats.incomingWebSocketMessages += 1
            self.message_is_binary = is_binary
            self.message_data_total_length = self.frame_length = length
            try:
                self._onMessage(payload, is_binary)
                if self._listeners is not None:
                    end_message(_Delivered(self, payload, is_binary))
            except BaseException:
                self.data = data[taken:]
                raise
            # Whoever is called may have changed what the next one is for.
            if (
                self.state != OPEN
                or self.failedByMe
                or self._listeners is not None
                or self.trackedTimings
                or self.logFrames
            ):
                self.data = data[taken:]
                break
        return len(self.data) > 0

    return {PROCESS_DATA: process_data}


def _is_known(caller: Any, fingerprints: Known) -> bool:
    if caller in trusted:
        return True
    try:
        return fingerprint(caller) in fingerprints
    except UnknownCode:
        return False
