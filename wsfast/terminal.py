"""Tables and progress for people: by rich on a terminal where it is installed, else plain text."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    import rich.progress


def _has_rich() -> bool:
    try:
        import rich  # noqa: F401
    except ImportError:
        return False
    return True


def print_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()
) -> None:
    """Prints rows of text under `head`; the columns numbered in `right` are aligned right."""
    if sys.stdout.isatty() and _has_rich():
        from rich.console import Console
        from rich.table import Table

        table = Table(box=None, pad_edge=False)
        for column, title in enumerate(head):
            table.add_column(title, justify="right" if column in right else "left", overflow="fold")
        for row in rows:
            table.add_row(*row)
        Console(markup=False, highlight=False).print(table)
        return
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        cells = (
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join(cells).rstrip())


class Progress:
    """Shows on stderr what is being done and how much of it is done, where stderr is a terminal.

    >>> with Progress(total=2) as progress:
    ...     progress.step("first")
    ...     progress.step("second")
    """

    def __init__(self, total: int, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._total = total
        self._begun = 0
        self._shown = self._stream.isatty()
        self._bar: rich.progress.Progress | None = None

    def __enter__(self) -> Progress:
        if self._shown and _has_rich():
            from rich.console import Console
            from rich.progress import Progress as Bar

            self._bar = Bar(console=Console(file=self._stream), transient=True)
            self._task = self._bar.add_task("", total=self._total)
            self._bar.start()
        return self

    def step(self, what: str) -> None:
        """Says that `what` begins, and everything before it is done."""
        if self._bar is not None:
            self._bar.update(self._task, description=what, completed=self._begun)
        elif self._shown:
            self._stream.write(f"\r\x1b[K[{self._begun + 1}/{self._total}] {what}")
            self._stream.flush()
        self._begun += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
