"""Fresh Python processes that find the same wsfast as the tests do."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import wsfast

# CPython without the GIL; 3.13 has it as an experiment.
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
EXPERIMENTAL = FREE_THREADED and sys.version_info < (3, 14)

_SWITCHES = ("WSFAST_BACKEND", "WSFAST_ISA")


def python(*args: str, **switches: str) -> subprocess.CompletedProcess[str]:
    """Runs `python *args` with these environment variables, and no switch of wsfast's but them."""
    assert wsfast.__file__ is not None
    root = str(Path(wsfast.__file__).parent.parent)
    kept = {name: value for name, value in os.environ.items() if name not in _SWITCHES}
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    env = {**kept, "PYTHONPATH": path, **switches}
    return subprocess.run(
        [sys.executable, *args], capture_output=True, text=True, timeout=300, env=env, cwd=root
    )


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
