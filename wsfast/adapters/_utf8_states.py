"""Validation of UTF-8 by numbered states, as several libraries show them.

They are those of Björn Höhrmann's decoder: 0 between two characters, 1 after an octet that can't
be there (for good), 2 to 8 within a character.
"""

from __future__ import annotations

from ..exceptions import RemoteProtocolError
from ..utf8 import Utf8Validator, is_utf8

ACCEPT = 0
REJECT = 1

# By state, octets after which it is reached from ACCEPT.
_BEGUN = {2: b"\xc2", 3: b"\xe1", 4: b"\xe0", 5: b"\xed", 6: b"\xf0", 7: b"\xf1", 8: b"\xf4"}
# By the number of continuation octets that are lacking, the state; and by lead octets after which
# not any octet of those will do.
_LACKING = {1: 2, 2: 3, 3: 7}
_NARROWED = {0xE0: 4, 0xED: 5, 0xF0: 6, 0xF4: 8}


def advance(state: int, data: bytes | bytearray) -> tuple[int, int]:
    """The state after `data`, and how many octets were taken: all, or those before the one at
    fault."""
    if state == ACCEPT and is_utf8(data):
        return ACCEPT, len(data)
    if not data or state == REJECT:
        return state, 0
    begun = _BEGUN.get(state, b"")
    validator = Utf8Validator()
    validator.feed(begun)
    try:
        validator.feed(data)
    except RemoteProtocolError:
        return REJECT, validator.position - len(begun)
    return _state_after((begun + data[-3:])[-3:]), len(data)


def _state_after(end: bytes) -> int:
    """The state after the last three octets of what is valid so far."""
    for after, octet in enumerate(reversed(end)):
        if octet < 0x80:
            break
        if octet >= 0xC0:
            lacking = 1 + (octet >= 0xE0) + (octet >= 0xF0) - after
            if not after and octet in _NARROWED:
                return _NARROWED[octet]
            return _LACKING[lacking] if lacking > 0 else ACCEPT
    return ACCEPT
