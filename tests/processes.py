"""Fresh Python processes that find the same wsfast as the tests do."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import wsfast

# CPython without the GIL; 3.13 has it as an experiment.
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
EXPERIMENTAL = FREE_THREADED and sys.version_info < (3, 14)

_SWITCHES = ("WSFAST_BACKEND", "WSFAST_ISA")


assert wsfast.__file__ is not None
# Where that is; processes start there, so that none takes another for it.
ROOT = str(Path(wsfast.__file__).parent.parent)


def _environment(switches: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _SWITCHES}
    path = os.pathsep.join(filter(None, [ROOT, os.environ.get("PYTHONPATH")]))
    return {**kept, "PYTHONPATH": path, **switches}


def python(*args: str, **switches: str) -> subprocess.CompletedProcess[str]:
    """Runs `python *args` with these environment variables, and no switch of wsfast's but them."""
    return subprocess.run(
        [sys.executable, *args],
        capture_output=True,
        text=True,
        timeout=300,
        env=_environment(switches),
        cwd=ROOT,
    )


@contextmanager
def running(*args: str, **switches: str) -> Iterator[subprocess.Popen[str]]:
    """`python *args` beside the test, with pipes, on the backend that is tested.

    It is ended with the test, and after a minute in any case.
    """
    with subprocess.Popen(
        [sys.executable, "-W", "error", *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=_environment(
            {"WSFAST_BACKEND": wsfast.BACKEND, "PYTHONIOENCODING": "utf-8"} | switches
        ),
        cwd=ROOT,
    ) as process:
        timer = Timer(60.0, process.kill)
        timer.start()
        try:
            yield process
        finally:
            timer.cancel()
            process.kill()


def output(code: str, **switches: str) -> str:
    """What `code` prints; it has to end well."""
    ran = python("-c", code, **switches)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def last_line_of_failure(code: str, **switches: str) -> str:
    """The error that `code` ends with, as its traceback writes it."""
    ran = python("-c", code, **switches)
    assert ran.returncode == 1, ran.stdout
    return ran.stderr.strip().splitlines()[-1]
