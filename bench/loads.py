"""What the clients of the endpoints' benchmarks do."""

from __future__ import annotations

from typing import NamedTuple

from wsfast.benchmark import texts
from wsfast.benchmark.cases import size
from wsfast.protocol import Opcode


class Load(NamedTuple):
    """Messages of so many octets: of text, or binary where `text` is empty.

    `in_flight`: on one connection, a message more for each reply. `connections`: on each of them
    the next message follows the reply.
    """

    octets: int
    text: str = ""
    in_flight: int = 1
    connections: int = 1

    @property
    def name(self) -> str:
        what = f"{self.text} {size(self.octets)}".lstrip()
        if self.in_flight > 1:
            return f"{self.in_flight} in flight, {what}"
        if self.connections > 1:
            return f"{self.connections} connections, {what}"
        return f"ping-pong, {what}"

    @property
    def opcode(self) -> Opcode:
        return Opcode.TEXT if self.text else Opcode.BINARY

    def payload(self) -> bytes:
        if self.text:
            return texts.text(self.text, self.octets).encode()
        return (bytes(range(256)) * (self.octets // 256 + 1))[: self.octets]


class Opening(NamedTuple):
    """Opening handshakes, from TCP on, so many at the same time."""

    at_once: int = 64

    @property
    def name(self) -> str:
        return "opening handshakes"
