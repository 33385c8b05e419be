"""What a library looks like to the benchmark: for each operation, a statement that does it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from os import environ
from typing import Any, NamedTuple

from ..streams import Stream


class Side(NamedTuple):
    """One library doing one operation.

    `statement` is what is timed, over and over; `names` are what it uses. `output` does the same
    work once and returns what came of it, in one shape for all libraries, to be compared.
    """

    statement: str
    names: Mapping[str, object]
    output: Callable[[], object]
    who: str = ""


def expression(source: str, who: str = "", **names: object) -> Side:
    """A side whose statement is an expression, and its value the output."""
    compiled = compile(source, "<benchmark>", "eval")
    return Side(source, names, lambda: eval(compiled, dict(names)), who)


class Peer:
    """A library. What it can't do stays None.

    `pure` asks for its Python code alone; then its compiled parts must not be used.
    """

    name = ""
    distribution = ""  # where it is none of Python's own
    # Something to compare with that does less than the whole work: not a competitor.
    is_reference = False

    def __init__(self, pure: bool = False) -> None:
        self.pure = pure

    def mask(self, payload: bytes, key: bytes) -> Side | None:
        """The payload masked, in a new object."""
        return None

    def mask_inplace(self, buffer: bytearray, key: bytes) -> Side | None:
        """The buffer masked where it is. The output is None: the buffer is looked at."""
        return None

    def is_utf8(self, data: bytes) -> Side | None:
        """Whether the data is UTF-8: True."""
        return None

    def validate(self, chunks: list[bytes]) -> Side | None:
        """A text that comes in chunks, cut anywhere, validated by one object: True."""
        return None

    def decode(self, masked: bytes, key: bytes) -> Side | None:
        """The str of a masked text payload."""
        return None

    def frames(self, stream: Stream) -> Side | None:
        """The payloads of a stream of masked binary frames, as one list of bytes."""
        return None

    def messages(self, stream: Stream) -> Side | None:
        """A stream of masked text messages, as one list of str."""
        return None

    def fragments(self, stream: Stream) -> Side | None:
        """A stream of fragmented messages, as one list of bytes, or of str for text."""
        return None

    def encode(self, payload: bytes, mask: bool) -> Side | None:
        """A frame of a binary message."""
        return None

    def encode_text(self, text: str) -> Side | None:
        """A masked frame of a text message."""
        return None

    def masking_key(self) -> Side | None:
        """A masking key."""
        return None


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: environ.get(name) for name in variables}
    environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del environ[name]
            else:
                environ[name] = value


def private_copy(
    names: Sequence[str],
    without: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
) -> list[Any]:
    """Imports modules of one package anew, without the modules `without`, beside those in use.

    What imports the package elsewhere keeps the one it has.
    """
    package = names[0].partition(".")[0]
    hidden = {
        name: module
        for name, module in sys.modules.items()
        if name.partition(".")[0] == package or name in without
    }
    for name in hidden:
        del sys.modules[name]
    sys.modules.update(dict.fromkeys(without))  # type: ignore[arg-type]
    try:
        with _environment(variables or {}):
            return [import_module(name) for name in names]
    finally:
        for name in list(sys.modules):
            if name.partition(".")[0] == package or name in without:
                del sys.modules[name]
        sys.modules.update(hidden)
