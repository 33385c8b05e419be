"""What people see: tables and progress, by rich where it is installed, and a dialogue in lines."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from shutil import get_terminal_size
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO
from unicodedata import combining, east_asian_width

if TYPE_CHECKING:
    import rich.progress

PROMPT = "> "
ANSWER = "< "

# Characters that a terminal would obey instead of showing them. Lines and tabs stay.
_CONTROLS = {
    code: f"\\x{code:02x}" for code in (*range(32), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"
}
# VT100: to the start of the line, and erase it; save and restore the cursor's place.
_ERASE_LINE = "\r\x1b[K"
_SAVE, _RESTORE = "\x1b7", "\x1b8"


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
            self._stream.write(f"{_ERASE_LINE}[{self._begun + 1}/{self._total}] {what}")
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
            self._stream.write(_ERASE_LINE)
            self._stream.flush()


class StatusLine:
    """One line on stderr that is rewritten in place; none where stderr is no terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._text = ""
        self.is_shown = self._stream.isatty()

    def show(self, text: str) -> None:
        if self.is_shown and text != self._text:
            self._write(_ERASE_LINE + text)
            self._text = text

    def clear(self) -> None:
        if self.is_shown:
            self._write(_ERASE_LINE)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def printable(text: str) -> str:
    """`text` with escapes in place of what would control a terminal."""
    return text.translate(_CONTROLS)


def rows_of(text: str, columns: int) -> int:
    """How many rows of a terminal `text` takes."""
    rows = 0
    for line in text.expandtabs().split("\n"):
        width = sum(
            2 if east_asian_width(character) in "WF" else not combining(character)
            for character in line
        )
        rows += max(1, -(-width // columns))
    return rows


class Dialogue:
    """Lines read from standard input while others are written at any time.

    A context manager. Where standard input and output are a terminal, `is_typed`, lines are read
    behind a prompt, and what is written stands above it.
    """

    def __init__(self) -> None:
        self.is_typed = bool(sys.stdin and sys.stdin.isatty() and sys.stdout.isatty())
        self._terminal: list[Any] | None = None

    def __enter__(self) -> Dialogue:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        if self.is_typed:
            try:
                import readline  # noqa: F401  # from now on, input() edits the line
                import termios
            except ImportError:
                self.is_typed = False
            else:
                self._terminal = termios.tcgetattr(sys.stdin)
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal is not None:
            import termios

            # A thread that still waits for a line has changed it for readline.
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._terminal)
            print(end=_ERASE_LINE, flush=True)

    def lines(self) -> Iterator[str]:
        """The lines up to the end of input, without their ends. Blocks."""
        if sys.stdin is None:
            return
        if not self.is_typed:
            # Not by sys.stdin: at its end Python waits for a thread that reads from it.
            with open(sys.stdin.fileno(), encoding="utf-8", closefd=False) as lines:
                for line in lines:
                    yield line.removesuffix("\n")
            return
        while True:
            try:
                yield input(PROMPT)
            except EOFError:
                return

    def show(self, text: str) -> None:
        """Writes to standard output what has come from elsewhere."""
        if self.is_typed:
            self._insert(ANSWER + printable(text))
        else:
            print(printable(text) if sys.stdout.isatty() else text, flush=True)

    def tell(self, text: str) -> None:
        """Writes to stderr."""
        if self.is_typed:
            self._insert(text)
        else:
            print(text, file=sys.stderr, flush=True)

    def _insert(self, text: str) -> None:
        columns, lines = get_terminal_size()
        rows = rows_of(text, columns)
        if rows >= lines:
            print(f"{_ERASE_LINE}{text}\n{PROMPT}", end="", flush=True)
            return
        # Room below first, as the last row may be the prompt's; then move the prompt there.
        room = "\n" * rows + f"\x1b[{rows}A\x1b[{rows}L"
        print(f"{_SAVE}{room}\r{text}{_RESTORE}\x1b[{rows}B", end="", flush=True)
