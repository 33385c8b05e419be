"""The command line, run as users run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import wsfast
from wsfast import _backend, cli, selftest


def run(*arguments: str, **switches: str) -> subprocess.CompletedProcess[str]:
    environment = {name: os.environ[name] for name in os.environ if not name.startswith("WSFAST_")}
    # The package that this process tests, and not one that lies in the folder it was started in.
    environment["PYTHONPATH"] = str(Path(wsfast.__file__).parent.parent)
    return subprocess.run(
        [sys.executable, "-m", "wsfast", *arguments],
        capture_output=True,
        encoding="utf-8",
        env=environment | {"PYTHONIOENCODING": "utf-8"} | switches,
        cwd=sys.prefix,
        timeout=120,
    )


def test_info_tells_what_runs() -> None:
    done = run("info", "--json")
    assert done.returncode == 0
    facts = json.loads(done.stdout)
    assert facts["version"] == wsfast.__version__
    for operation, isa in wsfast.kernels().items():
        states = {kernel["isa"]: kernel["state"] for kernel in facts["kernels"][operation]}
        assert states[isa] == "in use"


def test_info_says_why_nothing_is_compiled() -> None:
    done = run("info", WSFAST_BACKEND="python")
    assert done.returncode == 0
    assert "python (the pure side): WSFAST_BACKEND" in done.stdout


@pytest.mark.skipif(wsfast.BACKEND != "c", reason="needs the compiled side")
def test_info_says_why_a_kernel_is_not_in_use() -> None:
    done = run("info", "--json", WSFAST_ISA="scalar")
    for operation, kernels in json.loads(done.stdout)["kernels"].items():
        for kernel in kernels:
            if kernel["isa"] == "scalar":
                assert kernel["state"] == "in use"
            elif kernel["isa"] in _backend.kernels.available()[operation]:
                assert kernel["reason"] == "above WSFAST_ISA=scalar"
            else:
                assert kernel["reason"]


def test_check_passes_here() -> None:
    done = run("check", "--json")
    outcome = json.loads(done.stdout)
    assert [found["faults"] for found in outcome["outcomes"] if found["faults"]] == []
    assert outcome["ok"] is True
    assert done.returncode == 0
    assert {found["check"] for found in outcome["outcomes"]} == set(selftest.CHECKS)
    assert all(found["cases"] > 100 for found in outcome["outcomes"])


def wrong_mask(*arguments: Any) -> bytes:
    return b""


def test_check_finds_a_wrong_kernel(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(selftest.mask, "apply_mask", wrong_mask)
    monkeypatch.setattr(selftest, "CHECKS", {"mask": selftest.check_mask})
    assert cli.main(["check"]) == 1
    out = capsys.readouterr().out
    assert "python mask: 10,932 cases, FAILED" in out
    assert out.count("FAILED python mask: apply_mask") == selftest.MOST_FAULTS


def test_check_leaves_the_kernels_as_they_were() -> None:
    before = wsfast.kernels()
    list(selftest.outcomes(lambda what: None))
    assert wsfast.kernels() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required"),
        (["chekc"], "invalid choice: 'chekc'"),
        (["info", "--jsno"], "unrecognized arguments: --jsno"),
        (["bench", "--plot", "out.gif"], "'out.gif' must end in .svg, .png, .pdf"),
        (["bench", "--only", ","], "expected names, separated by commas"),
    ],
)
def test_wrong_use_is_told(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit:
        cli.main(arguments)
    assert exit.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("command", [[], ["info"], ["check"], ["bench"], ["echo"]])
def test_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        cli.main([*command, "--help"])
    assert exit.value.code == 0
    assert "usage: " in capsys.readouterr().out


def test_away_from_a_terminal_it_is_plain_lines() -> None:
    done = run("info")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert done.stderr == ""
