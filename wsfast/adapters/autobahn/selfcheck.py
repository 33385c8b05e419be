"""autobahn: a protocol without a network, driven through both codes."""

from __future__ import annotations

import itertools
import sys
from typing import Any

from ...mask import apply_mask
from ...protocol import MASKING_KEY_LENGTH
from .._patch import Members, SelfCheckFailed
from .._samples import CUTS, pieces, streams
from . import receiving
from .receiving import PROCESS_DATA
from .sending import PROTOCOL, SEND_DATA


def _on_message_begin(self: Any, isBinary: bool) -> None:
    self.onMessageBegin(isBinary)


def _on_message_frame_begin(self: Any, length: int) -> None:
    self.onMessageFrameBegin(length)


def _on_message_frame_data(self: Any, payload: bytes) -> None:
    self.onMessageFrameData(payload)


def _on_message_frame_end(self: Any) -> None:
    self.onMessageFrameEnd()


def _on_message_frame(self: Any, payload: bytes) -> None:
    self.onMessageFrame(payload)


def _on_message_end(self: Any) -> None:
    self.onMessageEnd()


def _end_message(self: Any) -> None:
    """The original fires an event besides, which takes a framework."""
    self._onMessage(b"".join(self.message_data), self.message_is_binary)
    self.message_data = None


_CALLERS = {
    "_onMessageBegin": _on_message_begin,
    "_onMessageFrameBegin": _on_message_frame_begin,
    "_onMessageFrameData": _on_message_frame_data,
    "_onMessageFrameEnd": _on_message_frame_end,
    "_onMessageFrame": _on_message_frame,
    "_onMessageEnd": _on_message_end,
}


class _Nothing:
    """Takes every call, and remembers none."""

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments, **options: None


_SHORT = 1000

receiving.trusted.update((*_CALLERS.values(), _end_message))


class _Factory:
    proxy = None
    _batched_timer = _Nothing()

    def __init__(self, is_server: bool) -> None:
        self.isServer = is_server


class _Transport:
    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)


def _members(seen: list[Any]) -> dict[str, Any]:
    """What makes a protocol of the library's one that needs no network and no framework."""
    return {
        **_CALLERS,
        "__init__": lambda self: None,
        "log": _Nothing(),
        "onMessageEnd": _end_message,
        "peer": "nobody",
        "is_closed": None,
        "onMessage": lambda self, payload, isBinary: seen.append((payload, isBinary)),
        "_onMessage": lambda self, payload, isBinary: self.onMessage(payload, isBinary),
        "_onPing": lambda self, payload: self.onPing(payload),
        "_onPong": lambda self, payload: seen.append(payload),
        "unregisterProducer": lambda self: None,
        "_closeConnection": lambda self, abort=False: seen.append(abort),
        "dropConnection": lambda self, abort=False: seen.append(abort),
    }


def _protocol(cls: Any, is_server: bool) -> Any:
    module = sys.modules["autobahn.websocket.protocol"]
    protocol = cls()
    vars(protocol).update(
        factory=_Factory(is_server),
        transport=_Transport(),
        trafficStats=module.TrafficStats(),
        utf8validator=module.Utf8Validator(),
        state=cls.STATE_OPEN,
        send_queue=[],
        data=b"",
        websocket_version=13,
        maxMessagePayloadSize=2**17,
        **dict.fromkeys(
            (
                "_perMessageCompress",
                "autoPingPending",
                "autoPingTimeoutCall",
                "closeHandshakeTimeoutCall",
                "current_frame",
                "serverConnectionDropTimeoutCall",
                "trackedTimings",
            )
        ),
        **dict.fromkeys(
            (
                "applyMask",
                "echoCloseCodeReason",
                "maskClientFrames",
                "requireMaskedClientFrames",
                "utf8validateIncoming",
            ),
            True,
        ),
        **dict.fromkeys(
            (
                "acceptMaskedServerFrames",
                "autoPingRestartOnAnyTraffic",
                "failByDrop",
                "failedByMe",
                "inside_message",
                "logFrames",
                "logOctets",
                "maskServerFrames",
                "wasClean",
            ),
            False,
        ),
        **dict.fromkeys(
            (
                "autoFragmentSize",
                "closeHandshakeTimeout",
                "maxFramePayloadSize",
                "serverConnectionDropTimeout",
            ),
            0,
        ),
    )
    return protocol


def check_receiving(originals: Members, replacements: Members) -> None:
    plain = sys.modules["autobahn.websocket.protocol"].WebSocketProtocol
    for is_server in (True, False):
        for stream, cuts in itertools.product(streams(is_server), CUTS):
            # Whole, a long one is taken once: the original may need a while for it.
            taken = stream[:_SHORT] if cuts else stream
            expected = _receive(plain, {}, is_server, taken, cuts)
            ours = {"processData": replacements[PROCESS_DATA]}
            if _receive(plain, ours, is_server, taken, cuts) != expected:
                raise SelfCheckFailed("messages received differ")


def _receive(
    base: Any, replaced: dict[str, Any], is_server: bool, stream: bytes, cuts: tuple[int, ...]
) -> list[Any]:
    """All that a protocol shows of itself while it receives a stream."""
    seen: list[Any] = []
    members = _members(seen)
    protocol = _protocol(type("Protocol", (base,), {**members, **replaced}), is_server)
    for piece in pieces(stream, cuts):
        protocol._dataReceived(piece)
        stats = protocol.trafficStats
        seen += [(len(sent) if not is_server else sent) for sent in protocol.transport.written]
        seen.append(
            (
                protocol.state,
                protocol.failedByMe,
                len(protocol.data),
                stats.incomingOctetsAppLevel,
                stats.incomingOctetsWebSocketLevel,
                stats.incomingOctetsWireLevel,
                stats.incomingWebSocketFrames,
                stats.incomingWebSocketMessages,
            )
        )
    return seen


def check_sending(originals: Members, replacements: Members) -> None:
    base = sys.modules["autobahn.websocket.protocol"].WebSocketProtocol
    names = {place: place.rpartition(".")[2] for place in replacements}
    plain = type("Protocol", (base,), _members([]))
    ours = type("Protocol", (plain,), {names[place]: replacements[place] for place in names})
    assert f"{PROTOCOL}.sendData" == SEND_DATA
    for is_server, length in itertools.product((True, False), (0, 125, 126, 2**16)):
        wrote = []
        for cls in (plain, ours):
            protocol = _protocol(cls, is_server)
            for is_binary in (False, True):
                protocol.sendMessage(bytes(length), is_binary)
            protocol.autoFragmentSize = length // 3
            protocol.sendMessage(bytes(length))
            protocol.sendFrame(opcode=0, payload=bytes(length), fin=False, rsv=4)
            written = protocol.transport.written
            if not is_server:
                written = [_unmask(frame) for frame in written]
            wrote.append((written, vars(protocol.trafficStats)))
        if wrote[0] != wrote[1]:
            raise SelfCheckFailed(f"a message of {length} octets differs")


def _unmask(frame: bytes) -> bytes:
    """A frame without its key, which nobody knows."""
    start = 2 + {126: 2, 127: 8}.get(frame[1] & 127, 0)
    key, payload = frame[start : start + MASKING_KEY_LENGTH], frame[start + MASKING_KEY_LENGTH :]
    return frame[:start] + apply_mask(payload, key)
