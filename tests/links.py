"""Links as the tests take them: their transport, their event loop, and what a subclass is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from implementations import Implementation
from streams import KEY, frame

from wsfast.exceptions import ProtocolError
from wsfast.protocol import Opcode

HELLO = b"\x81\x05Hello"


class Transport:
    """Keeps what is written, and whether it is read from."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.reading = True
        self.closing = False

    def write(self, data: bytes) -> None:
        assert type(data) is bytes
        self.written.append(data)

    def pause_reading(self) -> None:
        assert self.reading
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading
        self.reading = True

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closing


class End(Exception):
    pass


def make(
    side: Implementation,
    on_message: Callable[[Any, Any], object] | None = None,
    *,
    masks: bool = False,
    queue_limit: int = 1000,
    decoder: Any = None,
    inflates: bool = False,
    in_parts: bool = False,
) -> Any:
    class Connection(side.link.Link):  # type: ignore[name-defined,misc]
        __slots__ = ("told",)

        def _control_received(self, opcode: Opcode, payload: Any) -> None:
            self.told.append((opcode, payload))

        def _part_received(self, part: Any) -> None:
            self._put(part)

        def _peer_failed(self, error: ProtocolError) -> None:
            self.told.append(error)

        def _callback_failed(self, error: Exception) -> None:
            self.told.append(error)
            self._drops = True

        def _consumed(self) -> None:
            self.told.append("consumed")
            self._is_ending = False
            self._ended = True

        def _end_of(self, iterates: bool) -> BaseException:
            return StopAsyncIteration() if iterates else End()

        def _recv_stream(self, iterates: bool) -> Any:
            return side.link.Receiving(self, iterates)

        def _write_otherwise(self, message: Any) -> None:
            raise End

        def _send_otherwise(self, message: Any) -> Any:
            return ("otherwise", message)

        def _wait_to_send(self) -> Any:
            return "waits"

    made: Any = Connection(
        side.link.Hub(asyncio.current_task, asyncio.CancelledError, asyncio.get_running_loop),
        asyncio.get_running_loop(),
        Transport(),
        decoder or side.messages.MessageDecoder("client" if masks else "server"),
        masks,
        on_message,
        queue_limit,
        inflates,
        in_parts,
    )
    made.told = []
    return made


def feed(link: Any, data: bytes) -> None:
    """As an event loop does it, within a callback."""
    view = link.get_buffer(-1)
    assert len(view) >= 65536
    view[: len(data)] = data
    link.buffer_updated(len(data))


def masked(*messages: str | bytes) -> bytes:
    return b"".join(
        frame(Opcode.TEXT, message.encode(), key=KEY)
        if isinstance(message, str)
        else frame(Opcode.BINARY, message, key=KEY)
        for message in messages
    )


def looped(test: Callable[[Implementation], Any]) -> Callable[[Implementation], None]:
    def run(implementation: Implementation) -> None:
        asyncio.run(asyncio.wait_for(test(implementation), 20))

    run.__name__ = test.__name__
    return run
