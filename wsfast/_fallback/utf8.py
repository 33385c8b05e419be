"""UTF-8, RFC 3629: overlong forms, surrogates, what is above U+10FFFF or cut off are invalid."""

from __future__ import annotations

from codecs import utf_8_decode
from typing import TYPE_CHECKING, final

from ..exceptions import ProtocolError, RemoteProtocolError, invalid_utf8, truncated_utf8
from .arguments import key_octets, octets
from .mask import masked_buffer

if TYPE_CHECKING:
    from typing_extensions import Buffer


def text_error(error: UnicodeDecodeError, position: int) -> RemoteProtocolError:
    """The protocol's error for Python's; `position` is where the octets it is about begin."""
    text = error.object
    # From C2 to F4 a character may begin: then the octet at fault is the first that doesn't
    # continue it.
    fault = error.end if 0xC2 <= text[error.start] <= 0xF4 else error.start
    if fault == len(text):
        return truncated_utf8(position + fault)
    return invalid_utf8(position + fault, text[fault])


def check_begun(text: bytes, whole: int) -> None:
    """Check what follows the whole characters that `codecs.utf_8_decode` has found: of a surrogate,
    CPython waits for the third octet."""
    if text[whole] == 0xED and text[whole + 1 :] > b"\x9f":
        raise UnicodeDecodeError("utf-8", text, whole, whole + 1, "invalid continuation byte")


def is_utf8(data: Buffer) -> bool:
    """Say whether a buffer holds whole, valid UTF-8.

    Any C-contiguous buffer is taken, as its octets in memory order. RFC 3629.
    """
    if type(data) is not bytes:
        data = octets("data", data)
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError:
            return False
    return True


def decode_text(payload: Buffer, masking_key: Buffer | None = None) -> str:
    """Unmask, validate and decode the whole payload of a text message.

    Any C-contiguous buffer is taken, as its octets in memory order; `masking_key`, if given, has
    4 octets. Where the (unmasked) payload isn't UTF-8, raises the UnicodeDecodeError that
    `bytes.decode()` raises. RFC 6455 sections 5.3 and 5.6.
    """
    text = octets("payload", payload)
    if masking_key is None:
        return text.decode()
    return masked_buffer(text, key_octets(masking_key)).decode()


@final
class Utf8Validator:
    """Validates a text that comes in pieces, cut anywhere, and fails at the first octet that no
    valid text could have there.

    After an error every `feed` and `finish` raises it again, until `reset`. RFC 3629 and RFC 6455
    section 8.1.
    """

    __slots__ = ("_begun", "_failure", "_position")
    __module__ = "wsfast.utf8"

    # What has come of a character that isn't whole yet: at most three octets.
    _begun: bytes
    _failure: ProtocolError | None
    _position: int

    def __init__(self) -> None:
        self.reset()

    @property
    def position(self) -> int:
        """How many octets of the text have come; after an error, where the one at fault is."""
        return self._position

    def feed(self, data: Buffer) -> None:
        """Take the next piece: any C-contiguous buffer, as its octets in memory order.

        Raises RemoteProtocolError with `close_code` 1007 and the `position` of the octet at fault,
        counted from the text's beginning.
        """
        if self._failure is not None:
            raise self._failure.again()
        if type(data) is not bytes:
            data = octets("data", data)
        begun = self._begun
        text = begun + data if begun else data
        if not text.isascii():
            try:
                whole = utf_8_decode(text)[1]
                if whole < len(text):
                    check_begun(text, whole)
            except UnicodeDecodeError as error:
                raise self._failed(text_error(error, self._position - len(begun))) from None
            self._begun = text[whole:]
        self._position += len(data)

    def finish(self) -> None:
        """Say that the text ends here; the validator is then ready for the next one.

        Raises RemoteProtocolError with `close_code` 1007 if it ends inside a character.
        """
        if self._failure is not None:
            raise self._failure.again()
        if self._begun:
            raise self._failed(truncated_utf8(self._position))
        self.reset()

    def reset(self) -> None:
        """Forget the text so far, and any error in it."""
        self._begun = b""
        self._failure = None
        self._position = 0

    def _failed(self, error: RemoteProtocolError) -> RemoteProtocolError:
        self._failure = error.again()
        self._position = error.position or 0
        self._begun = b""
        return error
