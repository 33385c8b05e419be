from collections.abc import Callable
from typing import Any

from typing_extensions import disjoint_base

__all__ = ["Hub"]

@disjoint_base
class Hub:
    def __init__(
        self,
        current_task: Callable[[Any], Any],
        cancelled_error: type[BaseException],
        get_running_loop: Callable[[], Any],
    ) -> None: ...
    @property
    def current_task(self) -> Callable[[Any], Any]: ...
    @property
    def cancelled_error(self) -> type[BaseException]: ...
    @property
    def get_running_loop(self) -> Callable[[], Any]: ...
