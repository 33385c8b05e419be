"""Programs that a conformance test runs beside itself: bounded in time, and ended with it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import TypeVar

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
# Where tools and results are kept unless --work says otherwise; git ignores it.
WORK = ROOT / "build" / "conformance"

LEFT_OUT = 77  # the exit code that says: a tool that this needs is not here


class MissingTool(Exception):
    """A program that is no part of this project is not here, and can't be had; says which."""


class ChildFailed(Exception):
    """A child ended badly, or too late; says how, with the end of what it wrote."""


def need(*names: str) -> str:
    """The first of these programs that is on PATH."""
    for name in names:
        if found := shutil.which(name):
            return found
    raise MissingTool(f"none of {', '.join(names)} is on PATH")


def run_main(main: Callable[[], int]) -> None:
    """Ends this program with what `main` returns; LEFT_OUT where a tool is missing."""
    # As Control-C does: by an exception, so that children are ended.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        code = main()
    except MissingTool as error:
        print(f"LEFT OUT: {Path(sys.argv[0]).name}: {error}")
        code = LEFT_OUT
    except ChildFailed as error:
        print(f"FAILED: {error}")
        code = 1
    sys.exit(code)


_running: set[Child] = set()

AnyChild = TypeVar("AnyChild", bound="Child")


def end_all() -> None:
    """Ends all children: for who doesn't wait for the threads that have started them."""
    for child in list(_running):
        child.end()


class Child:
    """A program in a process group of its own, which ends `timeout` seconds from now at the latest.

    What it writes to standard error goes to the file `log`, standard output too unless `piped`;
    with that, standard input is a pipe as well.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        timeout: float,
        environment: dict[str, str] | None = None,
        piped: bool = False,
    ) -> None:
        self.name = " ".join(str(part) for part in command[:3])
        self.log = log
        self.timeout = timeout
        self._late = False
        pipe = subprocess.PIPE if piped else None
        with open(log, "wb") as file:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                stdin=pipe or subprocess.DEVNULL,
                stdout=pipe or file,
                stderr=file,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
                text=True,
            )
        _running.add(self)
        self._timer = Timer(timeout, self._too_late)
        self._timer.daemon = True
        self._timer.start()

    def __enter__(self: AnyChild) -> AnyChild:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()

    def line(self) -> str:
        """The next line of its standard output."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self.failure("wrote no further line")
        return line.rstrip("\n")

    def rest(self) -> list[str]:
        """The lines that it still writes to its standard output, up to its end."""
        assert self._process.stdout is not None
        return self._process.stdout.read().splitlines()

    def wait(self) -> None:
        """Waits for it to end; not with exit code 0 is an error."""
        code = self._process.wait()
        if code:
            raise self.failure(f"ended with {code}")

    def failure(self, what: str) -> ChildFailed:
        if self._late:
            what = f"had not ended after {self.timeout:.0f} s"
        end = self.log.read_text(encoding="utf-8", errors="replace")[-2000:]
        return ChildFailed(f"{self.name}: {what}\n{end}")

    def end(self) -> None:
        """Ends it and all that it has started. Once more does nothing."""
        self._timer.cancel()
        self._kill()
        self._process.wait()
        _running.discard(self)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _too_late(self) -> None:
        self._late = True
        self._kill()

    def _kill(self) -> None:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
