"""Errors, and the words of every one of them, so that both twins say the same.

    Exception
    └── ProtocolError             a rule of RFC 6455 was broken
        ├── LocalProtocolError    by this program: the call was refused, nothing was sent
        └── RemoteProtocolError   by the peer: fail the connection with `close_code`
            └── HandshakeError          in the opening handshake: answer with `status`
                └── HandshakeRejected   the server's answer was not 101

Wrong arguments raise TypeError or ValueError.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .protocol import (
    LENGTH_IS_16_BIT,
    MAX_CONTROL_PAYLOAD_LENGTH,
    RSV_BITS,
    CloseCode,
    Opcode,
)

if TYPE_CHECKING:
    from .events import Response


class ProtocolError(Exception):
    """A rule of RFC 6455 was broken.

    `close_code` is the code to fail the connection with. `completed` is what the call that raised
    had completed before, in order: nothing that was received whole is lost. `position` is the
    offset of the octet at fault in the text, in octets, where the error is about UTF-8, else None.
    """

    def __init__(
        self,
        message: str,
        close_code: CloseCode = CloseCode.PROTOCOL_ERROR,
        position: int | None = None,
    ) -> None:
        super().__init__(message)
        self.close_code = close_code
        self.position = position
        self.completed: list[Any] = []

    def __reduce__(self) -> tuple[Any, ...]:
        return (
            type(self),
            (self.args[0], self.close_code, self.position),
            {"completed": self.completed},
        )

    def again(self) -> ProtocolError:
        """The same error for a later call, which has completed nothing."""
        return type(self)(self.args[0], self.close_code, self.position)


class LocalProtocolError(ProtocolError):
    """This program asked for something that RFC 6455 forbids."""


class RemoteProtocolError(ProtocolError):
    """The peer sent something that RFC 6455 forbids, or more than the limits allow."""


class HandshakeError(RemoteProtocolError):
    """The peer broke a rule of the opening handshake, or sent more than the limits allow.

    A server answers with the HTTP status code `status` and the header fields `headers`, as
    `ServerHandshake.reject_error()` does; on a client they mean nothing. No Close frame can be
    sent yet: `close_code` is 1006.
    """

    def __init__(
        self, message: str, status: int = 400, headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        super().__init__(message, CloseCode.ABNORMAL_CLOSURE)
        self.status = status
        self.headers = tuple(headers)

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = (self.args[0], self.status, self.headers)
        return (type(self), arguments, {"completed": self.completed})

    def again(self) -> HandshakeError:
        return type(self)(self.args[0], self.status, self.headers)


class HandshakeRejected(HandshakeError):
    """The server answered with another status than 101: `response`, with what came of its body."""

    def __init__(self, response: Response) -> None:
        answer = f"{response.status} {response.reason}".rstrip()
        super().__init__(f"the server answered {answer}: expected 101", response.status)
        self.response = response

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.response,), {"completed": self.completed})

    def again(self) -> HandshakeRejected:
        return type(self)(self.response)


_OPCODES = "expected 0, 1, 2, 8, 9 or 10 (RFC 6455 section 5.2)"


# Frames from the peer


def reserved_bits(first_octet: int, allowed: int) -> RemoteProtocolError:
    return RemoteProtocolError(
        f"reserved bits {(first_octet & RSV_BITS) >> 4:03b} set: at most {allowed >> 4:03b} "
        "is negotiated for this frame (RFC 6455 section 5.2)"
    )


def reserved_opcode(opcode: int) -> RemoteProtocolError:
    return RemoteProtocolError(f"reserved opcode {opcode}: {_OPCODES}")


def fragmented_control_frame(opcode: int) -> RemoteProtocolError:
    return RemoteProtocolError(
        f"fragmented {Opcode(opcode).name} frame: a control frame must have FIN set "
        "(RFC 6455 section 5.4)"
    )


def unexpected_continuation() -> RemoteProtocolError:
    return RemoteProtocolError(
        "CONTINUATION frame without a message to continue: expected TEXT or BINARY "
        "(RFC 6455 section 5.4)"
    )


def expected_continuation(opcode: int) -> RemoteProtocolError:
    return RemoteProtocolError(
        f"{Opcode(opcode).name} frame inside a fragmented message: expected CONTINUATION "
        "(RFC 6455 section 5.4)"
    )


def unmasked_frame() -> RemoteProtocolError:
    return RemoteProtocolError(
        "unmasked frame from a client: a client must mask (RFC 6455 section 5.1)"
    )


def masked_frame() -> RemoteProtocolError:
    return RemoteProtocolError(
        "masked frame from a server: a server must not mask (RFC 6455 section 5.1)"
    )


def long_control_frame(opcode: int) -> RemoteProtocolError:
    return RemoteProtocolError(
        f"{Opcode(opcode).name} frame with a payload of more than {MAX_CONTROL_PAYLOAD_LENGTH} "
        "octets (RFC 6455 section 5.5)"
    )


def length_not_minimal(length: int, bits: int) -> RemoteProtocolError:
    fewest = 7 if length < LENGTH_IS_16_BIT else 16
    return RemoteProtocolError(
        f"payload length {length} sent in {bits} bits: it must be sent in {fewest} "
        "(RFC 6455 section 5.2)"
    )


def length_with_top_bit(length: int) -> RemoteProtocolError:
    return RemoteProtocolError(
        f"payload length {length}: the top bit of a 64-bit length must be 0 (RFC 6455 section 5.2)"
    )


def payload_too_long(length: int, limit: int) -> RemoteProtocolError:
    return RemoteProtocolError(
        f"payload of {length} octets: at most {limit} are allowed", CloseCode.MESSAGE_TOO_BIG
    )


def message_too_long(length: int, limit: int) -> RemoteProtocolError:
    return RemoteProtocolError(
        f"message of at least {length} octets: at most {limit} are allowed",
        CloseCode.MESSAGE_TOO_BIG,
    )


def too_many_fragments(limit: int) -> RemoteProtocolError:
    return RemoteProtocolError(f"message of more than {limit} fragments", CloseCode.MESSAGE_TOO_BIG)


def short_close_payload() -> RemoteProtocolError:
    return RemoteProtocolError(
        "Close frame with a payload of 1 octet: expected none, or 2 octets of close code and a "
        "reason (RFC 6455 section 5.5.1)"
    )


def close_code_not_allowed(code: int) -> RemoteProtocolError:
    return RemoteProtocolError(
        f"close code {code} in a Close frame: expected 1000 to 1003, 1007 to 1014 or 3000 to 4999 "
        "(RFC 6455 section 7.4)"
    )


def invalid_utf8(position: int, octet: int) -> RemoteProtocolError:
    return RemoteProtocolError(
        f"invalid UTF-8: octet 0x{octet:02x} at position {position} can't stand there (RFC 3629)",
        CloseCode.INVALID_FRAME_PAYLOAD_DATA,
        position,
    )


def truncated_utf8(length: int) -> RemoteProtocolError:
    return RemoteProtocolError(
        f"truncated UTF-8: the text ends inside a character, after {length} octets (RFC 3629)",
        CloseCode.INVALID_FRAME_PAYLOAD_DATA,
        length,
    )


def inflate_failed(error: Exception) -> RemoteProtocolError:
    return RemoteProtocolError(
        f"compressed message can't be inflated: {error}", CloseCode.INVALID_FRAME_PAYLOAD_DATA
    )


def ended_inside_frame() -> RemoteProtocolError:
    return RemoteProtocolError("the stream ended inside a frame", CloseCode.ABNORMAL_CLOSURE)


def ended_inside_message() -> RemoteProtocolError:
    return RemoteProtocolError(
        "the stream ended between two fragments of a message", CloseCode.ABNORMAL_CLOSURE
    )


# Frames to the peer


def cannot_send_opcode(opcode: int) -> LocalProtocolError:
    return LocalProtocolError(f"opcode {opcode}: {_OPCODES}")


def cannot_fragment_control_frame(opcode: int) -> LocalProtocolError:
    return LocalProtocolError(
        f"{Opcode(opcode).name} frame with fin=False: a control frame can't be fragmented "
        "(RFC 6455 section 5.4)"
    )


def cannot_send_long_control_frame(opcode: int, length: int) -> LocalProtocolError:
    return LocalProtocolError(
        f"{Opcode(opcode).name} frame with a payload of {length} octets: at most "
        f"{MAX_CONTROL_PAYLOAD_LENGTH} are allowed (RFC 6455 section 5.5)"
    )


def broke_off(error: BaseException) -> LocalProtocolError:
    return LocalProtocolError(
        f"the decoder broke off by {type(error).__name__} and lost its place",
        CloseCode.INTERNAL_ERROR,
    )


# Wrong arguments


def not_bytes_like(name: str, value: object, also: str = "") -> TypeError:
    return TypeError(f"{name} must be a bytes-like object{also}, not {type(value).__name__}")


def not_contiguous(name: str, value: object) -> ValueError:
    return ValueError(f"{name} must be C-contiguous, unlike this {type(value).__name__}")


def not_writable(name: str, value: object) -> TypeError:
    return TypeError(
        f"{name} must be a writable bytes-like object, not a read-only {type(value).__name__}"
    )


def not_an_integer(name: str, value: object) -> TypeError:
    return TypeError(f"{name} must be an integer, not {type(value).__name__}")


def wrong_key_length(length: int) -> ValueError:
    return ValueError(f"masking_key must be 4 octets long, not {length}")


def negative(name: str, value: int) -> ValueError:
    return ValueError(f"{name} must be at least 0, not {value}")


def key_without_mask() -> ValueError:
    return ValueError("masking_key was given, but mask is false")


def not_a_frame(value: object) -> TypeError:
    return TypeError(f"frames must hold Frame objects, not {type(value).__name__}")


def not_a_side(value: object) -> ValueError:
    return ValueError(f"side must be 'server' or 'client', not {value!r}")


def not_a_text_type(value: object) -> ValueError:
    return ValueError(f"text must be 'str' or 'bytes', not {value!r}")


def not_rsv_bits(value: int) -> ValueError:
    return ValueError(f"rsv must be a union of RSV1 (64), RSV2 (32) and RSV3 (16), not {value}")


def offset_too_large(offset: int, length: int) -> ValueError:
    return ValueError(f"offset must be at most {length}, the length of data, not {offset}")


def wrong_update(nbytes: int, limit: int) -> ValueError:
    return ValueError(f"nbytes must be 0 to {limit}, the length of the buffer, not {nbytes}")


def unknown_isa(name: object, known: Sequence[str]) -> ValueError:
    return ValueError(f"WSFAST_ISA={name!r}: expected {', '.join(known)}")


def unsupported_isa(name: str, have: Sequence[str]) -> ValueError:
    return ValueError(f"WSFAST_ISA={name!r}: this CPU has only {', '.join(have)}")


# Wrong use of a decoder


def in_use(name: str) -> RuntimeError:
    return RuntimeError(f"{name} is in use by another thread or by an outer call of its own")


def no_buffer() -> RuntimeError:
    return RuntimeError("buffer_updated() without get_buffer()")


def buffer_is_exported() -> RuntimeError:
    return RuntimeError("the buffer of get_buffer() is still held by somebody else")


# Wrong use of a connection


def already_receiving() -> RuntimeError:
    return RuntimeError("recv() while another one waits for a message of this connection")


def wrong_thread() -> RuntimeError:
    return RuntimeError("a connection may be used by its event loop's thread only")


def already_awaited() -> RuntimeError:
    return RuntimeError("an awaitable of recv() can be awaited once")


# Wrong switches


def unknown_backend(value: str) -> ValueError:
    return ValueError(f"WSFAST_BACKEND={value!r}: expected auto, c or python")


def no_compiled_backend(error: ImportError) -> ImportError:
    return ImportError(f"WSFAST_BACKEND='c': {error}", name=error.name, path=error.path)
