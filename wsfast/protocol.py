"""The numbers of RFC 6455, each once: opcodes, close codes, bits of the frame header, limits."""

from __future__ import annotations

from enum import IntEnum


class Opcode(IntEnum):
    """What a frame is, RFC 6455 section 5.2. The values 3 to 7 and 11 to 15 are reserved."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


class CloseCode(IntEnum):
    """Why a connection ended, as IANA registers the codes (RFC 6455 section 7.4.1)."""

    NORMAL_CLOSURE = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    NO_STATUS_RCVD = 1005
    ABNORMAL_CLOSURE = 1006
    INVALID_FRAME_PAYLOAD_DATA = 1007
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    MANDATORY_EXT = 1010
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_GATEWAY = 1014
    TLS_HANDSHAKE = 1015


# Opening handshake, RFC 6455 section 4.
PROTOCOL_VERSION = "13"
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY_LENGTH = 16

# First octet of a frame header, RFC 6455 section 5.2.
FIN = 0x80
RSV1 = 0x40
RSV2 = 0x20
RSV3 = 0x10
RSV_BITS = RSV1 | RSV2 | RSV3
OPCODE_BITS = 0x0F
CONTROL_BIT = 0x08

# Second octet.
MASK_BIT = 0x80
LENGTH_BITS = 0x7F
LENGTH_IS_16_BIT = 126
LENGTH_IS_64_BIT = 127

# Octets.
MASKING_KEY_LENGTH = 4
MAX_HEADER_LENGTH = 14
MAX_CONTROL_PAYLOAD_LENGTH = 125
MAX_PAYLOAD_LENGTH = 2**63 - 1
DEFAULT_MAX_PAYLOAD_LENGTH = 2**20
DEFAULT_MAX_MESSAGE_LENGTH = 2**20

# What get_buffer() offers to one read, in octets.
RECEIVE_BUFFER_LENGTH = 2**16
# The same for the connections of an event loop, which share it.
SHARED_BUFFER_LENGTH = 2**18
# What is read of a compressed stream at a time: it may inflate to a thousand times as much.
COMPRESSED_PIECE_LENGTH = 2**12
# Frames that are held, to be written together, are written from here on.
MAX_HELD_LENGTH = 2**16
# Frames that are sent before their sender gives the event loop a turn.
FRAMES_A_TURN = 64
# What a message in a receive queue counts for besides its octets.
QUEUED_MESSAGE_LENGTH = 64


def is_close_code_on_the_wire(code: int) -> bool:
    """Whether a Close frame may carry `code` (RFC 6455 section 7.4, and IANA's register)."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999
