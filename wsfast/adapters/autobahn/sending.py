"""autobahn: frames out."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any

from ...frames import encode_frame
from ...protocol import Opcode
from .._patch import Members

PROTOCOL = "autobahn.websocket.protocol:WebSocketProtocol"
SEND_MESSAGE = f"{PROTOCOL}.sendMessage"
SEND_FRAME = f"{PROTOCOL}.sendFrame"
SEND_DATA = f"{PROTOCOL}.sendData"

# What somebody replaces who wants to know a key.
_getrandbits = random.getrandbits

_DATA_OPCODES = frozenset(map(int, (Opcode.CONTINUATION, Opcode.TEXT, Opcode.BINARY)))
# RSV1, as the library has it: of a message that is compressed.
_COMPRESSED = 4


def build_sending(originals: Members) -> Members:
    module = sys.modules["autobahn.websocket.protocol"]
    OPEN = module.WebSocketProtocol.STATE_OPEN
    plain_message: Callable[..., None] = originals[SEND_MESSAGE]
    plain_frame: Callable[..., None] = originals[SEND_FRAME]
    plain_data: Callable[..., None] = originals[SEND_DATA]

    def send_message(
        self: Any,
        payload: Any,
        isBinary: Any = False,
        fragmentSize: Any = None,
        sync: Any = False,
        doNotCompress: Any = False,
    ) -> None:
        if (
            type(payload) is bytes
            and (isBinary is True or isBinary is False)
            and fragmentSize is None
            and sync is False
            and self._perMessageCompress is None
            and self.state == OPEN
            and not self.trackedTimings
        ):
            length = len(payload)
            if not (
                0 < self.maxMessagePayloadSize < length or 0 < self.autoFragmentSize < length
            ) and (doNotCompress is False or doNotCompress is True):
                stats = self.trafficStats
                stats.outgoingWebSocketMessages += 1
                stats.outgoingOctetsAppLevel += length
                stats.outgoingOctetsWebSocketLevel += length
                opcode = 2 if isBinary else 1
                self.sendFrame(opcode=opcode, payload=payload, sync=sync, rsv=0)
                return
        plain_message(self, payload, isBinary, fragmentSize, sync, doNotCompress)

    def send_frame(
        self: Any,
        opcode: int,
        payload: bytes = b"",
        fin: bool = True,
        rsv: int = 0,
        mask: bytes | None = None,
        payload_len: int | None = None,
        chopsize: int | None = None,
        sync: bool = False,
    ) -> None:
        masks = self.maskServerFrames if self.factory.isServer else self.maskClientFrames
        if (
            type(payload) is bytes
            and opcode in _DATA_OPCODES
            and not mask
            and payload_len is None
            and not self.logFrames
            and (not masks or (self.applyMask and random.getrandbits is _getrandbits))
        ):
            if fin and rsv == 0:
                raw = encode_frame(opcode, payload, mask=bool(masks))
            elif rsv in (0, _COMPRESSED):
                raw = encode_frame(
                    opcode, payload, mask=bool(masks), fin=bool(fin), rsv1=rsv == _COMPRESSED
                )
            else:
                raw = None
            if raw is not None:
                self.trafficStats.outgoingWebSocketFrames += 1
                self.sendData(raw, sync, chopsize)
                return
        plain_frame(self, opcode, payload, fin, rsv, mask, payload_len, chopsize, sync)

    def send_data(self: Any, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        if (
            chopsize
            or sync
            or self.send_queue
            or self.logOctets
            or self.state != OPEN
            or not is_silent(self.log.debug)
        ):
            plain_data(self, data, sync, chopsize)
            return
        self.transport.write(data)
        if self.state == OPEN:
            self.trafficStats.outgoingOctetsWireLevel += len(data)

    return {SEND_MESSAGE: send_message, SEND_FRAME: send_frame, SEND_DATA: send_data}


def is_silent(log: Any) -> bool:
    """Whether it is what the library's loggers have for levels that are switched off."""
    return log in _silent or _learn_silent(log)


_silent: set[Any] = set()


def _learn_silent(log: Any) -> bool:
    for name in ("txaio.aio", "txaio.tx"):
        module = sys.modules.get(name)
        if module is not None and log is vars(module).get("_no_op"):
            _silent.add(log)
            return True
    return False
