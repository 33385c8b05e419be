"""The text of messages: `MessageDecoder.process_frame()`.

The octets of a character that has begun stay where they are kept by the library, in its decoder.
"""

from __future__ import annotations

import codecs
import sys
from typing import Any

from ...protocol import Opcode
from ...utf8 import decode_text
from .._patch import Members, Part, SelfCheckFailed
from .._samples import TEXT
from .._source import known
from .masks import is_octets

_PROCESS_FRAME = "wsproto.frame_protocol:MessageDecoder.process_frame"

_getincrementaldecoder = codecs.getincrementaldecoder
_Utf8Decoder: Any = _getincrementaldecoder("utf-8")


def _build(originals: Members) -> Members:
    library = sys.modules["wsproto.frame_protocol"]
    Frame = library.Frame
    CONTINUATION, TEXT = library.Opcode(Opcode.CONTINUATION), library.Opcode(Opcode.TEXT)
    plain_process_frame = originals[_PROCESS_FRAME]

    def process_frame(self: Any, frame: Any) -> Any:
        opcode, payload, frame_finished, message_finished = frame
        begins = opcode is TEXT and self.opcode is None
        if begins:
            decoder = library.getincrementaldecoder is _getincrementaldecoder and _Utf8Decoder()
        else:
            goes_on = opcode is CONTINUATION and self.opcode is TEXT
            decoder = goes_on and type(self.decoder) is _Utf8Decoder and self.decoder
        if not decoder or not is_octets(payload):
            return plain_process_frame(self, frame)
        finished = frame_finished and message_finished
        if decoder.buffer:
            payload = decoder.buffer + payload
        end = len(payload) if finished else len(payload) - _begun(payload)
        try:
            text = _decoded(payload, end)
        except UnicodeDecodeError:
            return plain_process_frame(self, frame)
        if finished:
            self.opcode = self.decoder = None
        else:
            self.opcode, self.decoder = TEXT, decoder
            decoder.buffer = bytes(payload[end:])
        return Frame(TEXT, text, frame_finished, finished)

    return {_PROCESS_FRAME: process_frame}


def _begun(data: bytes | bytearray) -> int:
    """How many octets at the end may be a character that goes on behind it."""
    if not data or data[-1] < 0x80:
        return 0
    for held, lead in ((1, 0xC0), (2, 0xE0), (3, 0xF0)):
        if len(data) >= held and data[-held] >= lead:
            return held
    return 0


def _decoded(data: bytes | bytearray, end: int) -> str:
    """The text before `end`. What is behind it must be the beginning of a character."""
    if end == len(data):
        return decode_text(data)
    codecs.utf_8_decode(data[end:], "strict", False)
    with memoryview(data) as view, view[:end] as whole:
        return decode_text(whole)


def _check(originals: Members, replacements: Members) -> None:
    library = sys.modules["wsproto.frame_protocol"]
    octets = TEXT.encode()
    for data in (octets, octets[:-1], b"\xff" + octets, octets + b"\xe0\x80", b""):
        for cut in range(len(data) + 1):
            runs: list[list[Any]] = []
            for process_frame in (originals[_PROCESS_FRAME], replacements[_PROCESS_FRAME]):
                decoder = library.MessageDecoder()
                runs.append([])
                for opcode, piece, fin in ((1, data[:cut], False), (0, data[cut:], True)):
                    frame = library.Frame(library.Opcode(opcode), piece, fin, fin)
                    try:
                        runs[-1].append(process_frame(decoder, frame))
                    except library.ParseFailed as error:
                        runs[-1].append((str(error), error.code))
                        break
                    runs[-1].append(decoder.decoder and decoder.decoder.getstate())
            if runs[0] != runs[1]:
                raise SelfCheckFailed(f"a text cut after {cut} octets differs")


TEXTS = Part(
    name="texts",
    replaces={_PROCESS_FRAME: known("3e505200d812", "9408762ae86f")},
    relies_on={
        "wsproto.frame_protocol:MessageDecoder.__init__": known("f135265e90bd", "58a4d9f99ff5"),
    },
    build=_build,
    check=_check,
    operations=("text",),
)
