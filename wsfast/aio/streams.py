"""Messages that are received, or sent, piece by piece."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..frames import encode_frame
from ..link import Receiving
from ..protocol import CloseCode, Opcode
from .later import Later

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .websocket import WebSocket

__all__ = ["MessageStream"]


class MessageStream:
    """A message that is still coming: an async iterable of its pieces, once.

    The pieces are str for text (bytes with `text="bytes"`), else bytes, cut anywhere but never
    inside a character; none is empty. Memory is bounded by `receive_queue` and one read (256 KiB;
    where messages are compressed, what some 4 KiB inflate to), whatever the message's length. To
    receive the next message drops what is left of this one. Raises ConnectionClosed if
    the connection is closed before its end.
    """

    __slots__ = ("_empty", "_first", "_ws", "text")

    def __init__(self, ws: WebSocket, first: Any) -> None:
        # None when its end has come.
        self._ws: WebSocket | None = ws
        self._first = first
        self._empty = first.data[:0]
        #: Whether it is a text message.
        self.text: bool = first.opcode == Opcode.TEXT

    def __aiter__(self) -> MessageStream:
        return self

    async def __anext__(self) -> Any:
        while self._ws is not None:
            part, self._first = self._first, None
            if part is None:
                part = await Receiving(self._ws, False)
            if part.last:
                if self._ws is not None and self._ws._stream is self:
                    self._ws._stream = None
                self._ws = None
            if part.data:
                return part.data
        raise StopAsyncIteration

    async def read(self) -> Any:
        """What is left of the message, in one piece; at most `max_message_length` octets."""
        pieces = [piece async for piece in self]
        if pieces and isinstance(pieces[0], str):
            return "".join(pieces)
        return b"".join(pieces) if pieces else self._empty

    async def skip(self) -> None:
        """Drop what is left of the message."""
        async for _ in self:
            pass


class Outbox:
    """Messages that a connection sends in fragments, one at a time, and what is to follow them.

    No other data may come between a message's frames (RFC 6455 section 5.4): meanwhile the link
    hands over to `put` what is written.
    """

    __slots__ = ("_following", "_opcode", "_ws", "is_busy", "put_in", "sent")

    def __init__(self, ws: WebSocket) -> None:
        self._ws = ws
        # Of the message that is being sent; None: nothing of it has been yet.
        self._opcode: Opcode | None = None
        # Whole messages, and the Futures of others in fragments that wait for their turn.
        self._following: deque[Any] = deque()
        #: Whether a message in fragments is being sent.
        self.is_busy = False
        #: Whole messages: how many were put in, and how many have been sent.
        self.put_in = self.sent = 0

    def put(self, message: Buffer | str) -> None:
        """Send a whole message when its turn comes."""
        self.put_in += 1
        # A buffer may be changed meanwhile.
        self._following.append(message if isinstance(message, str) else bytes(message))

    def stream(self, message: Any) -> Later[None]:
        """Send what an iterable of pieces gives as one message, when that is awaited."""
        if isinstance(message, Mapping) or not isinstance(message, (AsyncIterable, Iterable)):
            raise TypeError(
                "message must be a str, a bytes-like object or an iterable of either, "
                f"not {type(message).__name__}"
            )
        return Later(lambda: self._stream(message))

    async def _stream(self, message: Any) -> None:
        await self._take_turn()
        try:
            if isinstance(message, AsyncIterable):
                async for piece in message:
                    await self._send(piece)
            else:
                for piece in message:
                    await self._send(piece)
            if self._opcode is not None:
                self._write(Opcode.CONTINUATION, b"", fin=True)
        except BaseException as error:
            if self._opcode is not None and self._ws.is_open:
                self._ws._fail(error, CloseCode.INTERNAL_ERROR, "")
            raise
        finally:
            self._pass_on()
        if self._ws._waits:
            await self._ws.drained()

    async def _send(self, piece: Any) -> None:
        opcode = Opcode.TEXT if isinstance(piece, str) else Opcode.BINARY
        if self._opcode is None:
            self._write(opcode, piece, fin=False)
            self._opcode = opcode
        elif opcode is self._opcode:
            self._write(Opcode.CONTINUATION, piece, fin=False)
        else:
            raise TypeError("the pieces of a message must be all str or all bytes-like")
        if self._ws._waits or self._ws._is_turn_due():
            await self._ws.drained()

    def _write(self, opcode: Opcode, piece: Any, fin: bool) -> None:
        ws = self._ws
        if not ws.is_open:
            raise ws._closed()
        deflater = ws._deflater
        if deflater is not None:
            piece = deflater.deflate(str.encode(piece) if isinstance(piece, str) else piece, fin)
        rsv1 = deflater is not None and opcode is not Opcode.CONTINUATION
        ws._write_frame(encode_frame(opcode, piece, mask=ws._masks, fin=fin, rsv1=rsv1))

    async def _take_turn(self) -> None:
        if self.is_busy:
            turn: asyncio.Future[None] = self._ws._loop.create_future()
            self._following.append(turn)
            try:
                await turn
            except BaseException:
                if turn.done() and not turn.cancelled():
                    self._pass_on()
                raise
        if not self._ws.is_open:
            self._pass_on()
            raise self._ws._closed()
        self._opcode = None
        self.is_busy = True
        self._ws._sends = False

    def _pass_on(self) -> None:
        """Send what waits, up to the next message in fragments."""
        ws = self._ws
        ws._sends = ws.is_open
        while self._following:
            following = self._following.popleft()
            if isinstance(following, asyncio.Future):
                if not following.done():
                    ws._sends = False
                    following.set_result(None)
                    return
            elif ws.is_open:
                self.sent += 1
                ws.write(following)
        self.is_busy = False
        ws._wake_all(ws._drains)
