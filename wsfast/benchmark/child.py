"""Child processes of the benchmark: this interpreter, with this process's modules in reach."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from typing import IO

# Seconds that a child has to end by itself.
PATIENCE = 5.0


class ChildError(Exception):
    """A child process did not do what it was started for; the message says what it said."""


class Child:
    """`write` gives it a line, `lines` reads its own. Its standard error goes to a file."""

    def __init__(self, process: subprocess.Popen[str], errors: IO[str]) -> None:
        self._process = process
        self._errors = errors

    def write(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except OSError:
            raise self._error() from None

    def read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._error()
        return line.rstrip("\n")

    def _error(self) -> ChildError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE)
        self._errors.seek(0)
        said = [line.strip() for line in self._errors.read().splitlines() if line.strip()]
        # Of a traceback it is the last line that says what is wrong.
        return ChildError(": ".join([f"ended with {self._process.returncode}", *said[-1:]]))

    def end(self) -> None:
        """It ends when its standard input does; or it is killed."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def started(module: str, arguments: Sequence[str] = (), limit: float = 600) -> Iterator[Child]:
    """Runs main() of a module in a process of its own.

    It outlives neither the block nor `limit`, in seconds.
    """
    # Its path is ours: the folder that it is started in may have another wsfast.
    path = [os.path.abspath(entry) for entry in sys.path]
    program = (
        f"import sys; sys.path[:] = {path!r}; import importlib; "
        f"importlib.import_module({module!r}).main(sys.argv[1:])"
    )
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        process = subprocess.Popen(
            [sys.executable, "-I", "-X", "utf8", "-c", program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
        )
        child = Child(process, errors)
        overdue = threading.Timer(limit, process.kill)
        overdue.daemon = True
        overdue.start()
        try:
            yield child
        except BaseException:
            process.kill()
            raise
        finally:
            overdue.cancel()
            child.end()


def own_stdout() -> IO[str]:
    """For the child: its standard output for us alone. What others print goes to stderr."""
    ours = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    return ours
