from __future__ import annotations

import io
import sys

import pytest

from wsfast.terminal import Progress, StatusLine, print_table, printable, rows_of


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def no_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich", None)


def test_a_table_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "count"), [("a", "1"), ("bcdef", "200")], right=(1,))
    assert capsys.readouterr().out == "name   count\na          1\nbcdef    200\n"


def test_a_table_without_rows_is_its_head(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "count"), [])
    assert capsys.readouterr().out == "name  count\n"


def test_a_table_by_rich_has_the_same_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    print_table(("name", "count"), [("a[b]", "1")], right=(1,))
    assert "a[b]" in terminal.getvalue()


def test_progress_is_silent_away_from_a_terminal() -> None:
    stream = io.StringIO()
    with Progress(2, stream) as progress:
        progress.step("first")
        progress.step("second")
    assert stream.getvalue() == ""


@pytest.mark.usefixtures("no_rich")
def test_progress_in_plain_text_is_one_line_that_goes_away() -> None:
    terminal = Terminal()
    with Progress(2, terminal) as progress:
        progress.step("first")
        progress.step("second")
    assert terminal.getvalue() == "\r\x1b[K[1/2] first\r\x1b[K[2/2] second\r\x1b[K"


def test_progress_by_rich() -> None:
    pytest.importorskip("rich")
    terminal = Terminal()
    with Progress(1, terminal) as progress:
        progress.step("first")
    assert "first" in terminal.getvalue()


def test_a_status_line_is_written_when_it_changes() -> None:
    terminal = Terminal()
    status = StatusLine(terminal)
    for text in ("one", "one", "two"):
        status.show(text)
    status.clear()
    assert terminal.getvalue() == "\r\x1b[Kone\r\x1b[Ktwo\r\x1b[K"


def test_a_status_line_is_silent_away_from_a_terminal() -> None:
    stream = io.StringIO()
    status = StatusLine(stream)
    status.show("one")
    status.clear()
    assert stream.getvalue() == ""


def test_what_would_control_a_terminal_is_escaped() -> None:
    assert printable("a\tb\nc Grüße 世界") == "a\tb\nc Grüße 世界"
    assert printable("\x00\x07\x08\r\x1b[31m\x7f\x9b") == (
        "\\x00\\x07\\x08\\x0d\\x1b[31m\\x7f\\x9b"
    )


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", 1),
        ("x" * 10, 1),
        ("x" * 11, 2),
        ("世" * 5, 1),
        ("世" * 6, 2),
        ("e\u0301" * 10, 1),
        ("a\n\nb", 3),
        ("\tabc", 2),
    ],
)
def test_how_many_rows_of_a_terminal_a_text_takes(text: str, rows: int) -> None:
    assert rows_of(text, 10) == rows
