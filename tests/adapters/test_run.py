"""`python -m wsfast run` runs a program as Python does, and speeds it up."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from made_library import NAME, Library

import wsfast
from wsfast import adapters, cli, launcher

ROOT = str(Path(wsfast.__file__).parent.parent)
RUN = (sys.executable, "-m", "wsfast", "run")

# All that a program can see of how it was started.
SEEN = """
import json, pickle, sys, threading
class Mine: pass
main = sys.modules["__main__"]
print(json.dumps({
    "argv": sys.argv, "path": sys.path, "flags": repr(sys.flags), "warn": sys.warnoptions,
    "x": {name: value for name, value in sys._xoptions.items()},
    "file": globals().get("__file__"), "name": __name__, "package": __package__,
    "spec": __spec__ and [__spec__.name, __spec__.origin, __spec__.parent],
    "cached": repr(globals().get("__cached__")), "builtins": repr(__builtins__),
    "loader": type(__loader__).__name__, "doc": __doc__, "globals": sorted(globals()),
    "main": main.__dict__ is globals(), "stdin": sys.stdin.read(),
    "pickled": type(pickle.loads(pickle.dumps(Mine()))) is Mine,
    "sitecustomize": getattr(sys.modules.get("sitecustomize"), "__file__", None),
    "threads": threading.active_count(), "orig": sys.orig_argv[-3:],
}, indent=1))
"""


def execute(
    *line: str, stdin: str = "", cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    kept = {
        name: os.environ[name] for name in os.environ if not name.startswith(("WSFAST_", "PYTHON"))
    }
    kept |= {"PYTHONPATH": ROOT, "PYTHONDONTWRITEBYTECODE": "1"} | environment
    return subprocess.run(
        line, input=stdin, capture_output=True, text=True, timeout=120, env=kept, cwd=cwd or ROOT
    )


def both(
    *program: str, options: tuple[str, ...] = (), **more: Any
) -> subprocess.CompletedProcess[str]:
    """Runs it by Python, and by us: it has to come to the same; returns it."""
    plain = execute(sys.executable, *options, *program, **more)
    ours = execute(sys.executable, *options, "-m", "wsfast", "run", *program, **more)
    assert (ours.returncode, ours.stdout, ours.stderr) == (
        plain.returncode,
        plain.stdout,
        plain.stderr,
    )
    return ours


@pytest.fixture
def program(tmp_path: Path) -> Path:
    package = tmp_path / "package"
    package.mkdir()
    for file in (tmp_path / "script.py", package / "__main__.py", package / "module.py"):
        file.write_text(SEEN, encoding="utf-8")
    (package / "__init__.py").write_text("", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "line",
    [
        ("script.py", "a", "--strict", "--adapters", "-h"),
        ("-m", "package.module", "--", "-m"),
        ("-m", "package"),
        ("-c", SEEN, "x", "-c"),
        ("-", "from", "stdin"),
        ("package",),
        ("-Om", "package", "x"),
        ("-W", "ignore", "-Xdev", "-u", "script.py", "-W"),
        ("--", "script.py", "--"),
    ],
    ids=["script", "module", "package", "code", "stdin", "folder", "cluster", "options", "dashes"],
)
def test_a_program_sees_what_it_would_have_seen(program: Path, line: tuple[str, ...]) -> None:
    ours = both(*line, cwd=program, stdin=SEEN if line[0] == "-" else "typed")
    assert ours.returncode == 0
    assert json.loads(ours.stdout)["name"] == "__main__"


def test_options_of_python_are_handed_on(program: Path) -> None:
    options = ("-O", "-u", "-Werror::UserWarning", "-X", "utf8=1", "-s")
    ours = json.loads(both("script.py", options=options, cwd=program).stdout)
    assert "optimize=1" in ours["flags"]
    assert "no_user_site=1" in ours["flags"]
    assert ours["warn"] == ["error::UserWarning"]


@pytest.mark.parametrize(
    "ending",
    [
        "raise SystemExit",
        "sys.exit(0)",
        "sys.exit(3)",
        "sys.exit('said')",
        "sys.exit([1])",
        "def f():\n    1 / 0\nf()",
        "raise KeyboardInterrupt",
        "os._exit(9)",
        "os.kill(os.getpid(), 15)",
        "import missing_module",
        "def f(:",
    ],
)
def test_a_program_ends_as_it_would_have_ended(tmp_path: Path, ending: str) -> None:
    (tmp_path / "script.py").write_text(f"import os, sys\n{ending}\n", encoding="utf-8")
    both("script.py", cwd=tmp_path)


def test_a_script_that_is_missing(tmp_path: Path) -> None:
    assert "can't open file" in both("missing.py", cwd=tmp_path).stderr
    assert "No module named missing" in both("-m", "missing", cwd=tmp_path).stderr


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_reach_the_program(tmp_path: Path, number: signal.Signals) -> None:
    code = "import time\nprint('ready', flush=True)\ntime.sleep(60)\n"
    ends = []
    for line in ((sys.executable, "-c", code), (*RUN, "-c", code)):
        with subprocess.Popen(
            line,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": ROOT},
            cwd=tmp_path,
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.send_signal(number)
            _, errors = process.communicate(timeout=30)
            ends.append((process.returncode, errors.splitlines()[-1:], errors.count(b"  File ")))
    assert ends[0] == ends[1]
    assert ends[0][0] == -number


TOLD = (
    "import sys, wsfast\n"
    "print(','.join(sorted(n for n, s in wsfast.status().items() if s.enabled)), flush=True)\n"
)


def test_the_libraries_are_enabled_in_it_and_in_its_children(tmp_path: Path) -> None:
    known = ",".join(sorted(adapters.NAMES))
    alone = f"import sys\nsys.path.append({ROOT!r})\n{TOLD}"
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing, os, subprocess, sys\n"
        "def told():\n"
        + "".join(f"    {line}\n" for line in TOLD.splitlines())
        + "if __name__ == '__main__':\n"
        "    told()\n"
        "    method = 'forkserver' if os.name == 'posix' else 'spawn'\n"
        "    for method in dict.fromkeys(['spawn', method]):\n"
        "        child = multiprocessing.get_context(method).Process(target=told)\n"
        "        child.start()\n"
        "        child.join()\n"
        f"    subprocess.run([sys.executable, '-c', {TOLD!r}])\n"
        f"    subprocess.run([sys.executable, '-I', '-c', {alone!r}])\n",
        encoding="utf-8",
    )
    children = 4 if os.name == "posix" else 3
    ran = execute(*RUN, str(script))
    assert ran.stdout.splitlines() == [known] * children + [""], ran.stderr
    ran = execute(*RUN, "--adapters", "websockets", str(script))
    assert ran.stdout.splitlines() == ["websockets"] * children + [""], ran.stderr
    assert ran.stderr == ""


def test_the_environment_says_which(tmp_path: Path) -> None:
    for value, told in {
        "websockets": "websockets",
        " websockets , tornado": "tornado,websockets",
        "none": "",
        "all": ",".join(sorted(adapters.NAMES)),
        "": ",".join(sorted(adapters.NAMES)),
    }.items():
        ran = execute(*RUN, "-c", TOLD, WSFAST_ADAPTERS=value)
        assert (ran.stdout.strip(), ran.stderr) == (told, "")
    ran = execute(*RUN, "--adapters=all", "-c", TOLD, WSFAST_ADAPTERS="none")
    assert ran.stdout.strip() == ",".join(sorted(adapters.NAMES))
    # Without `run`, it only says which ones enable() is for.
    ran = execute(sys.executable, "-c", TOLD, WSFAST_ADAPTERS="all")
    assert ran.stdout.strip() == ""


def test_the_next_sitecustomize_is_called(tmp_path: Path) -> None:
    next_one = tmp_path / "next"
    next_one.mkdir()
    file = next_one / "sitecustomize.py"
    path = os.pathsep.join((str(next_one), ROOT))
    show = "import sys; print(sys.modules['sitecustomize'].__file__, sys.path)"
    file.write_text("print('called')\n", encoding="utf-8")
    plain = execute(sys.executable, "-c", show, PYTHONPATH=path)
    # `python -m wsfast` itself has that sitecustomize, too.
    ours = execute(*RUN, "-c", show, PYTHONPATH=path)
    assert (ours.stdout, ours.stderr) == ("called\n" + plain.stdout, "")
    file.write_text("1 / 0\n", encoding="utf-8")
    plain = execute(sys.executable, "-c", "print(1)", PYTHONPATH=path)
    assert "Error in sitecustomize" in plain.stderr
    ours = execute(*RUN, "-c", "print(1)", PYTHONPATH=path)
    assert (ours.stdout, ours.stderr) == (plain.stdout, plain.stderr * 2)
    file.write_text("import missing_module\n", encoding="utf-8")
    assert "missing_module" in execute(*RUN, "-c", "", PYTHONPATH=path).stderr


def test_info_tells_of_the_switches() -> None:
    ran = execute(sys.executable, "-m", "wsfast", "info", "--json", WSFAST_ADAPTERS="none")
    switches = json.loads(ran.stdout)["switches"]
    assert (switches["WSFAST_ADAPTERS"], switches["WSFAST_ADAPTERS_STRICT"]) == ("none", None)


def test_run_within_run(tmp_path: Path) -> None:
    shown = "import os; print(os.environ['PYTHONPATH'])"
    one = execute(*RUN, "-c", shown, cwd=tmp_path)
    two = execute(*RUN, "-m", "wsfast", "run", "-c", shown, cwd=tmp_path)
    assert one.stdout == two.stdout
    assert one.stdout.count("startup") == 1
    assert execute(*RUN, "-m", "wsfast", "run", "-c", TOLD, cwd=tmp_path).stdout.strip()


def test_wrong_values_of_the_switches_are_told_but_do_not_stop_a_child() -> None:
    path = os.pathsep.join((launcher.STARTUP, ROOT))
    for switches, said in (
        ({"WSFAST_ADAPTERS": "socket"}, "WSFAST_ADAPTERS='socket': no adapter for 'socket'"),
        ({"WSFAST_ADAPTERS": "all", "WSFAST_ADAPTERS_STRICT": "yes"}, "expected 0 or 1"),
    ):
        ran = execute(sys.executable, "-c", "print(1)", PYTHONPATH=path, **switches)
        assert (ran.returncode, ran.stdout) == (0, "1\n")
        assert ran.stderr.startswith("wsfast: nothing is sped up: ValueError: ")
        assert said in ran.stderr


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ((), "say what to run"),
        (("-u",), "say what to run"),
        (("--",), "say what to run"),
        (("-m",), "argument expected for the -m option"),
        (("-I", "x.py"), "-E, -I or -S"),
        (("-Om", "x", "-I"), None),
        (("-uE", "x.py"), "-E, -I or -S"),
        (("--strict", "-c"), "argument expected for the -c option"),
    ],
)
def test_what_can_not_be_run(line: tuple[str, ...], said: str | None) -> None:
    own, program = launcher.divide(line)
    if said is None:
        assert launcher.command(program)[-3:] == ["-Om", "x", "-I"]
        return
    assert all(option == "--strict" for option in own)
    with pytest.raises(launcher.UsageError, match=said):
        launcher.command(program)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            ["run", "--adapters", "socket", "x.py"],
            "no adapter for 'socket': there are adapters for",
        ),
        (["run", "--adapter", "x.py"], "--adapter"),
        (["run", "--adapters"], "expected one argument"),
        (["run", "--unknown", "x.py"], "unrecognized arguments: --unknown"),
    ],
)
def test_wrong_use_is_told(line: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        cli.main(line)
    assert exit.value.code == 2
    assert said in capsys.readouterr().err


def test_nothing_to_run_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.main(["run"]) == 2
    assert "wsfast run: error: say what to run" in capsys.readouterr().err
    monkeypatch.setenv("WSFAST_ADAPTERS", "socket")
    assert cli.main(["run", "x.py"]) == 2
    assert "WSFAST_ADAPTERS='socket': no adapter for" in capsys.readouterr().err


def test_strict_fails_before_the_program_where_it_is_clear_already(
    library: Library, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    library.release("3.0")
    library.enable()
    begun: list[Any] = []
    monkeypatch.setattr(launcher, "_become", lambda *arguments: begun.append(arguments))
    assert cli.main(["run", "--strict", "--adapters", NAME, "x.py"]) == 1
    assert f"{NAME}: version 3.0: 1.0 to below 2 is known" in capsys.readouterr().err
    assert begun == []
    assert launcher.run(["x.py"], [NAME], False) is None  # type: ignore[func-returns-value]
    [(line, environment)] = begun
    assert line == [sys.executable, *line[1:-1], "x.py"]
    assert environment["WSFAST_ADAPTERS"] == NAME
    assert environment["WSFAST_ADAPTERS_STRICT"] == "0"
    assert environment["PYTHONPATH"].split(os.pathsep)[0] == launcher.STARTUP


def test_strict_in_the_program(tmp_path: Path) -> None:
    """Unknown code makes the import fail in the program, which is told as any error."""
    if importlib.util.find_spec("websockets") is None:
        pytest.skip("websockets is not installed")
    (tmp_path / "script.py").write_text(
        "import websockets.frames\n"
        "websockets.frames.Frame.parse = None\n"
        "import websockets.protocol\n",
        encoding="utf-8",
    )
    line = ("--adapters", "websockets", "script.py")
    ran = execute(*RUN, "--strict", *line, cwd=tmp_path, WSFAST_ADAPTERS_FORCE="1")
    assert ran.returncode == 1
    assert "wsfast.adapters.AdapterError: websockets: " in ran.stderr
    lenient = execute(*RUN, *line, cwd=tmp_path, WSFAST_ADAPTERS_FORCE="1")
    assert lenient.returncode == 0
    # Said once, on stderr, since the program has not set up logging.
    assert lenient.stderr.count(" left alone: ") == len(lenient.stderr.splitlines()) > 0


@pytest.mark.skipif(sys.platform == "win32", reason="there it is the only way")
def test_where_a_process_can_not_become_another(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    line = [sys.executable, "-c", "import sys; print(sys.argv); sys.exit(5)", "x"]
    with pytest.raises(SystemExit) as exit:
        launcher._become(line, dict(os.environ))
    assert exit.value.code == 5
    assert capfd.readouterr().out == "['-c', 'x']\n"


def test_status_tells_of_each_library(capsys: pytest.CaptureFixture[str]) -> None:
    ran = execute(sys.executable, "-m", "wsfast", "status", "--json")
    assert ran.returncode == 0, ran.stderr
    found = {entry["name"]: entry for entry in json.loads(ran.stdout)["libraries"]}
    assert set(found) == set(adapters.NAMES)
    states = {"replaced", "waiting", "left alone", "not applicable"}
    for name, entry in found.items():
        for part in entry["parts"]:
            assert part["state"] in states
            assert part["state"] == "replaced" or part["reason"], name
    table = execute(sys.executable, "-m", "wsfast", "status").stdout
    assert all(name in table for name in adapters.NAMES)


def test_status_of_libraries_that_are_not_there(
    library: Library, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    library.enable()
    monkeypatch.setattr(cli.adapters, "NAMES", {NAME: adapters.NAMES[NAME]})
    library.write("protocol", "import missing_module\n")
    assert cli.main(["status"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].split() == [NAME, "1.5", "frames", "replaced"]
    assert "protocol" in lines[-1] and "waiting" in lines[-1]
    assert "can't be imported: ModuleNotFoundError: No module named 'missing_module'" in lines[-1]
    library.forget()
    library.write("__init__", "1 / 0\n")
    assert cli.main(["status"]) == 0
    assert "can't be imported" in capsys.readouterr().out
