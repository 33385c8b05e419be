"""`python -m wsfast run`: a program as Python runs it, and as it would have run, but sped up.

It is not run in here: Python is, in the place of this process, with the same options and
`PYTHONPATH` before it. So whatever a program can see of how it was started (`sys.argv`,
`sys.path[0]`, `__main__` and its spec, tracebacks, exit codes, signals, what multiprocessing tells
its children) is Python's own doing. runpy would have had to imitate each of them. It costs the
start of a second interpreter.

What speeds it up is a sitecustomize in the folder `startup`, which does what WSFAST_ADAPTERS says,
and then calls on the next one. Both are inherited by all processes that the program starts, however
it does; those started with -I, -E or -S, or without the environment, are not reached.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from . import adapters

# Whether enable() is strict in the program and in what it starts.
STRICT_SWITCH = "WSFAST_ADAPTERS_STRICT"

STARTUP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "startup")

# Python's options that take an argument, those that end them, and those by which it takes no heed
# of PYTHONPATH or of sitecustomize.
_WITH_ARGUMENT = "WX"
_ENDING = "cm"
_HIDING = "EIS"
_LONG_WITH_ARGUMENT = "--check-hash-based-pycs"


class UsageError(Exception):
    """The command line can't be run; the message says why."""


def divide(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The options of `run` itself, and what follows: options of Python's and the program."""
    own: list[str] = []
    rest = list(arguments)
    while rest:
        long = rest[0].startswith("--") and rest[0] not in ("--", _LONG_WITH_ARGUMENT)
        if not long and rest[0] != "-h":
            break
        own.append(rest.pop(0))
        if own[-1] == "--adapters" and rest:
            own.append(rest.pop(0))
    return own, rest


def divide_python(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Python's own options, and what it is to run: script, -m module or -c code, with arguments."""
    options: list[str] = []
    rest = list(arguments)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        token = rest[0]
        if token == "--":
            break
        taken = 2 if token == _LONG_WITH_ARGUMENT else 1
        if not token.startswith("--"):
            for index, letter in enumerate(token[1:], 1):
                if letter in _ENDING:
                    if index > 1:
                        options.append(token[:index])
                        rest[0] = "-" + token[index:]
                    return options, rest
                if letter in _WITH_ARGUMENT:
                    taken = 2 if index == len(token) - 1 else 1
                    break
        options += rest[:taken]
        del rest[:taken]
    return options, rest


def _inherited_options() -> list[str]:
    """The options that this Python was started with."""
    return divide_python(getattr(sys, "orig_argv", sys.argv)[1:])[0]


def _hides(options: Sequence[str]) -> bool:
    for option in options:
        if option.startswith("-") and not option.startswith(("--", "-W", "-X")):
            letters = option[1:].partition("W")[0].partition("X")[0]
            if any(letter in _HIDING for letter in letters):
                return True
    return False


def command(program: Sequence[str]) -> list[str]:
    """The whole command line of Python for the program. Raises UsageError."""
    options, rest = divide_python(program)
    if not rest or rest == ["--"]:
        raise UsageError("say what to run: a script, -m module or -c code")
    if rest[0] in ("-c", "-m") and len(rest) == 1:
        raise UsageError(f"argument expected for the {rest[0]} option")
    if not sys.executable:
        raise UsageError("it is not known which Python this is (sys.executable)")
    inherited = _inherited_options()
    if _hides([*inherited, *options]):
        raise UsageError("with Python's options -E, -I or -S the program can't be reached")
    return [sys.executable, *inherited, *program]


def environment(names: Sequence[str] | None, strict: bool) -> dict[str, str]:
    """The environment for a program in which these libraries, or all, are to be sped up."""
    path = [STARTUP]
    # An empty one is none.
    path += [entry for entry in [os.environ.get("PYTHONPATH")] if entry]
    if path[1:] and path[1].split(os.pathsep)[0] == STARTUP:
        del path[0]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path),
        adapters.SWITCH: "all" if names is None else ",".join(names) or "none",
        STRICT_SWITCH: "1" if strict else "0",
    }


def run(program: Sequence[str], names: Sequence[str] | None, strict: bool) -> NoReturn:
    """Become the program, with the libraries named sped up in it, or those of the environment, or
    all. Raises UsageError, ValueError, and with `strict` AdapterError where it is clear already."""
    line = command(program)
    required = names is not None
    if names is None:
        names = adapters.switched()
    if strict:
        from .adapters._registry import check_installed

        check_installed(adapters.NAMES if names is None else names, required)
    _become(line, environment(names, strict))


def _become(line: list[str], environment: dict[str, str]) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    if sys.platform != "win32":
        os.execve(line[0], line, environment)
    # There, a process can't become another one: this one waits. Ctrl-C reaches both.
    import subprocess

    with subprocess.Popen(line, env=environment) as child:
        while True:
            try:
                sys.exit(child.wait())
            except KeyboardInterrupt:
                continue


def enable_as_told() -> None:
    """What WSFAST_ADAPTERS and WSFAST_ADAPTERS_STRICT say, for sitecustomize."""
    strict = os.environ.get(STRICT_SWITCH) or "0"
    if strict not in ("0", "1"):
        raise ValueError(f"{STRICT_SWITCH}={strict!r}: expected 0 or 1")
    if adapters.switched():
        adapters.enable(strict=strict == "1")
