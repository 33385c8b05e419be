"""A coroutine that may be left alone."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["Later"]

_Result = TypeVar("_Result")


class Later(Coroutine[Any, Any, _Result]):
    """What `begin()` returns, begun when it is awaited.

    For calls whose work is done by the call: if nobody waits for its outcome, nothing is lost, and
    no warning given, unlike with the coroutine of an `async def`.
    """

    __slots__ = ("_begin", "_coroutine")

    def __init__(self, begin: Callable[[], Coroutine[Any, Any, _Result]]) -> None:
        self._begin = begin
        self._coroutine: Coroutine[Any, Any, _Result] | None = None

    def __await__(self) -> Any:
        return self._begun().__await__()

    def send(self, value: Any) -> Any:
        return self._begun().send(value)

    def throw(self, error: Any, value: Any = None, traceback: Any = None) -> Any:
        if isinstance(error, type):
            error = error() if value is None else value
        try:
            return self._begun().throw(error)
        finally:
            # Its traceback holds this frame.
            del error, value

    def close(self) -> None:
        if self._coroutine is not None:
            self._coroutine.close()

    def _begun(self) -> Coroutine[Any, Any, _Result]:
        if self._coroutine is None:
            self._coroutine = self._begin()
        return self._coroutine
