"""The libraries' own test suites, plain and on wsfast, compared test by test.

    python tests/adapters/suites.py [--only NAME,…] [--modes MODE,…] [--quick] …

It fetches each library's sources by pip or apt, makes a virtual environment for each with this
wsfast in it, and runs the library's suite in each mode:

    plain    without wsfast
    enabled  by `python -m wsfast run --adapters LIBRARY`, before anything is collected
    all      with the adapters of all libraries
    python   enabled, on the pure side, with every part forced on

A test that passes plain must pass in every mode; none may be new, missing or skipped. Some tests
depend on time: what differs is run again, plain and in the mode, and counts if it always differs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import venv
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import monotonic
from typing import NamedTuple
from xml.etree import ElementTree

from suites_list import SUITES, UNITTEST, Suite
from suites_sources import NoSource, debian, sdist

ROOT = Path(__file__).parents[2]
MODES = ("plain", "enabled", "all", "python")
TIMEOUT = 1200  # seconds, of one run of one suite
RANKS = ("passed", "skipped", "failed")
AGAIN = 3  # times, of tests that differ
MOST_TOLD = 10  # differences of one run that are printed

Outcomes = dict[str, str]


class Verdict(NamedTuple):
    """What one suite did in one mode, and in which tests that differs from plain."""

    suite: str
    mode: str
    outcomes: Outcomes
    differences: list[str]
    seconds: float
    note: str = ""

    def __str__(self) -> str:
        count = Counter(self.outcomes.values())
        figures = f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped"
        end = f", {len(self.differences)} DIFFER from plain" if self.differences else ""
        return f"{self.suite}: {self.mode}: {figures} in {self.seconds:.0f} s{self.note}{end}"


class Home:
    """Where a library's sources, its virtual environment and its results are."""

    def __init__(self, work: Path, suite: Suite) -> None:
        self.path = work / f"{suite.name}-{suite.version}"
        self.path.mkdir(parents=True, exist_ok=True)
        self.suite = suite
        scripts = "Scripts" if os.name == "nt" else "bin"
        self.python = str(self.path / "venv" / scripts / "python")
        self.results = self.path / "results"

    def install(self, wheel: Path) -> None:
        suite = self.suite
        if not Path(self.python).exists():
            venv.create(self.path / "venv", with_pip=True)
        library = f"{suite.name}=={suite.version}"
        pip = [self.python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "pytest", library, *suite.needs], check=True)
        subprocess.run([*pip, "--force-reinstall", "--no-deps", str(wheel)], check=True)

    def sources(self) -> Path:
        """The directory to run the tests in."""
        suite = self.suite
        if suite.source == "wheel":
            empty = self.path / "empty"
            empty.mkdir(exist_ok=True)
            return empty
        found = self.path / "sources"
        if found.exists():
            return next(found.iterdir())
        if suite.source == "debian":
            return debian(suite.name, suite.version, suite.keep, self.path)
        return sdist(self.python, suite.name, suite.version, suite.keep, self.path)

    def run(self, mode: str, command: tuple[str, ...], where: Path) -> tuple[Outcomes, float]:
        self.results.unlink(missing_ok=True)
        arguments = [argument.replace("{results}", str(self.results)) for argument in command]
        program = [self.python]
        if mode != "plain":
            program += ["-m", "wsfast", "run"]
            if mode != "all":
                program += ["--strict", "--adapters", self.suite.adapter or self.suite.name]
        environment = {**os.environ, **self.suite.environment}
        for name in [name for name in environment if name.startswith(("WSFAST_", "PYTHONPATH"))]:
            del environment[name]
        if mode == "python":
            environment |= {"WSFAST_BACKEND": "python", "WSFAST_ADAPTERS_FORCE": "1"}
        began = monotonic()
        log = self.path / f"{mode}.log"
        with open(log, "w", encoding="utf-8") as file:
            subprocess.run(
                [*program, *arguments],
                cwd=where,
                env=environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=TIMEOUT,
                check=False,
            )
        if not self.results.exists():
            raise NoSource(f"the run wrote no results; see {log}")
        return read_outcomes(self.results), monotonic() - began


def read_outcomes(path: Path) -> Outcomes:
    """By test, "passed", "failed" or "skipped": of JSON, or of pytest's XML."""
    text = path.read_text(encoding="utf-8")
    if text.startswith("{"):
        found: Outcomes = json.loads(text)
        return found
    outcomes: Outcomes = {}
    for case in ElementTree.fromstring(text).iter("testcase"):
        # An address in a test's name is another one in each run.
        name = re.sub(r"0x[0-9a-f]+", "0x…", f"{case.get('classname')}::{case.get('name')}")
        kinds = {child.tag for child in case}
        failed = kinds & {"failure", "error"}
        outcome = "failed" if failed else "skipped" if "skipped" in kinds else "passed"
        # Subtests have their test's name: the worst counts.
        outcomes[name] = max(outcome, outcomes.get(name, outcome), key=RANKS.index)
    return outcomes


def differences(plain: Outcomes, other: Outcomes) -> dict[str, str]:
    """Tests that passed plain and don't, that are new, missing, or skipped anew."""
    found = {}
    for name in sorted(plain.keys() | other.keys()):
        before, after = plain.get(name, "missing"), other.get(name, "missing")
        if before != after and after != "passed":
            found[name] = f"{name}: {before} plain, {after} here"
        elif before == "missing":
            found[name] = f"{name}: only here"
    return found


def only(command: tuple[str, ...], names: Iterable[str]) -> tuple[str, ...]:
    """The command for some tests alone, where names say enough for that."""
    if command[0] != UNITTEST:
        return command
    options = [part for part in command if part.startswith("-")]
    return (command[0], "{results}", *options, *names)


def build_wheel(work: Path) -> Path:
    """A wheel of this wsfast; the compiled side must be in it."""
    target = work / "wheel"
    for old in target.glob("*.whl"):
        old.unlink()
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(target), str(ROOT)],
        env={**os.environ, "WSFAST_BUILD": "c"},
        check=True,
    )
    return next(target.glob("*.whl"))


def verdicts(suite: Suite, home: Home, modes: list[str], quick: bool) -> Iterator[Verdict]:
    command = tuple(suite.quick if quick else suite.command)
    where = home.sources()
    plain, seconds = home.run("plain", command, where)
    yield Verdict(suite.title, "plain", plain, [], seconds)
    for mode in modes:
        if mode == "plain":
            continue
        outcomes, seconds = home.run(mode, command, where)
        found, note = differences(plain, outcomes), ""
        for _ in range(AGAIN):
            if not found:
                break
            narrowed = only(command, found)
            before, more = home.run("plain", narrowed, where)
            after, most = home.run(mode, narrowed, where)
            seconds += more + most
            still = differences(before, after)
            found = {name: told for name, told in found.items() if name in still}
            note = ", some run again"
        yield Verdict(suite.title, mode, outcomes, list(found.values()), seconds, note)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", metavar="NAME,…", help="suites whose title has one of these")
    parser.add_argument("--modes", default=",".join(MODES), help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="the quick part of each suite")
    parser.add_argument("--work", type=Path, help="a directory to keep; default: a temporary one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was seen")
    options = parser.parse_args()
    modes = options.modes.split(",")
    if set(modes) - set(MODES):
        parser.error(f"--modes: expected some of {', '.join(MODES)}")
    wanted = [
        suite
        for suite in SUITES
        if (not options.only or any(name in suite.title for name in options.only.split(",")))
        and (suite.quick or not options.quick)
    ]
    if not wanted:
        parser.error(f"--only: there are {', '.join(suite.title for suite in SUITES)}")
    with tempfile.TemporaryDirectory() as temporary:
        work = (options.work or Path(temporary)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        wheel = build_wheel(work)
        seen: list[Verdict] = []
        left_out: list[str] = []
        installed: set[Path] = set()
        for suite in wanted:
            home = Home(work, suite)
            try:
                if home.path not in installed:
                    home.install(wheel)
                    installed.add(home.path)
                for verdict in verdicts(suite, home, modes, options.quick):
                    print(verdict, flush=True)
                    for line in verdict.differences[:MOST_TOLD]:
                        print(f"    {line}")
                    seen.append(verdict)
            except (NoSource, subprocess.SubprocessError) as error:
                print(f"{suite.title}: LEFT OUT: {error}", flush=True)
                left_out.append(suite.title)
    if options.json:
        rows = [verdict._asdict() for verdict in seen]
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    different = [verdict for verdict in seen if verdict.differences]
    runs = len(seen) - len(different)
    print(f"{runs} of {len(seen)} runs as plain, {len(left_out)} suites left out")
    # The quick part is for any machine; the whole is to be whole.
    return 1 if different or (left_out and not options.quick) else 0


if __name__ == "__main__":
    sys.exit(main())
