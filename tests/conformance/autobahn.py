"""The Autobahn|Testsuite's 517 cases on wsfast.aio, as server and as client, compiled and pure.

    python tests/conformance/autobahn.py [--side …] [--backend …] [--count N] [--jobs N] …

It makes the suite's environment by itself, of the packages in autobahn-requirements.txt; the suite
needs Python 2.7 (CPython or PyPy), which has to be there. All of it runs on 127.0.0.1.

Passed is a case whose behaviour and closing behaviour are both OK, or INFORMATIONAL in the three
that are nothing else. The suite's weaker verdicts fail here: NON-STRICT, WRONG CODE, UNCLEAN, and
FAILED BY CLIENT (the server left it to the client to close TCP).

Counts: 228 cases send up to 1,000 messages. With --count 20 all 517 take two minutes.
"""

from __future__ import annotations

import argparse
import glob
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from children import HERE, WORK, Child, ChildFailed, MissingTool, end_all, run_main

INFORMATIONAL = {"7.1.6", "7.13.1", "7.13.2"}
REQUIREMENTS = HERE / "autobahn-requirements.txt"
# The last one that makes environments for Python 2.7.
VIRTUALENV = "virtualenv<20.22"
PYTHONS = ("python2.7", "python2", "pypy2", "pypy")
TOLD = ("result", "resultClose", "expected", "received", "wasNotCleanReason", "wirelog")

LOG = ".endpoint.log"  # the suffix of what the endpoint writes
CASES = 517

Verdict = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """All cases once."""

    side: str
    backend: str
    style: str
    loop: str

    def __str__(self) -> str:
        side = f"wsfast as {self.side}"
        return f"{side}, WSFAST_BACKEND={self.backend}, {self.style}, {self.loop}"


def find_python2(named: str | None) -> str:
    pyenv = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    found = sorted(glob.glob(f"{pyenv}/versions/2.7*/bin/python"))
    for python in [named] if named else [*PYTHONS, *found]:
        check = [python, "-c", "import sys; sys.exit(sys.version_info[:2] != (2, 7))"]
        try:
            if subprocess.run(check, stderr=subprocess.DEVNULL, check=False).returncode == 0:
                return python
        except OSError:
            pass
    raise MissingTool(f"no Python 2.7: {named or 'name one by --python2'}")


def make_environment(work: Path, python2: str | None) -> Path:
    """The Python that has the suite; what is there already is used again."""
    environment = work / "autobahn"
    python = environment / "bin" / "python"
    done = environment / "made-of.txt"
    wanted = REQUIREMENTS.read_text(encoding="utf-8")
    if done.exists() and done.read_text(encoding="utf-8") == wanted:
        return python
    old = find_python2(python2)
    print(f"making an environment of {old} in {environment}", flush=True)
    tool = work / "virtualenv"
    pip = ["-m", "pip", "install", "-q", "--disable-pip-version-check"]
    run = [sys.executable, *pip, "--upgrade", "--target", str(tool), VIRTUALENV]
    subprocess.run(run, check=True)
    subprocess.run(
        [sys.executable, "-m", "virtualenv", "-q", "--clear", "-p", old, str(environment)],
        env={**os.environ, "PYTHONPATH": str(tool)},
        check=True,
    )
    # Its own pip, which is as old, and has a lot to say about its age.
    log = work / "pip.log"
    with open(log, "wb") as file:
        run = [str(python), *pip, "--no-deps", "-r", str(REQUIREMENTS)]
        if subprocess.run(run, stdout=file, stderr=file, check=False).returncode:
            raise ChildFailed(f"the suite can't be installed:\n{log.read_text()[-2000:]}")
    done.write_text(wanted, encoding="utf-8")
    return python


def run_shard(run: Run, plan: dict[str, Any], suite: Path, options: argparse.Namespace) -> int:
    """Runs a shard of the cases, which write their verdicts as `plan` says; how many they are."""
    results = Path(plan["results"])
    file = results.with_suffix(".plan")
    fuzzer = [suite, HERE / "fuzzer.py", file]
    endpoint = [sys.executable, options.endpoint, run.side]
    how = ["--style", run.style, "--loop", run.loop]

    def start(command: Sequence[str | Path], log: str) -> Child:
        return Child(
            command,
            log=results.with_suffix(log),
            timeout=options.timeout,
            environment={"WSFAST_BACKEND": run.backend},
            piped=True,
        )

    if run.side == "server":
        with start([*endpoint, *how], LOG) as server:
            file.write_text(json.dumps({**plan, "uri": server.line()}), encoding="utf-8")
            with start(fuzzer, ".fuzzer.log") as client:
                cases = int(client.line())
                client.wait()
    else:
        file.write_text(json.dumps(plan), encoding="utf-8")
        with start(fuzzer, ".fuzzer.log") as server:
            number, uri = server.line().split()
            cases = int(number)
            with start([*endpoint, uri, number, *how], LOG) as client:
                client.wait()
            server.wait()
    return cases


def run_cases(
    run: Run, suite: Path, options: argparse.Namespace
) -> tuple[list[Verdict], list[str]]:
    """The verdicts of all cases, and what went wrong apart from them."""
    index, of = options.shard
    jobs = options.jobs
    with TemporaryDirectory() as directory, ThreadPoolExecutor(jobs) as pool:
        plans = [
            {
                "side": run.side,
                "cases": options.only.split(","),
                "shard": [index + of * job, of * jobs],
                "count": options.count,
                "timeout": options.timeout,
                "results": f"{directory}/{job}.results",
            }
            for job in range(jobs)
        ]
        futures = [pool.submit(run_shard, run, plan, suite, options) for plan in plans]
        verdicts: list[Verdict] = []
        troubles: list[str] = []
        for future, plan in zip(futures, plans, strict=True):
            try:
                expected = future.result()
            except ChildFailed as error:
                troubles.append(f"BROKEN OFF: {error}")
            except BaseException:
                # Interrupted, or a defect here: the pool would wait for the others.
                end_all()
                raise
            results = Path(plan["results"])
            seen = list(read(results))
            if future.exception() is None and len(seen) != expected:
                troubles.append(f"{len(seen)} cases of {expected} have a verdict")
            verdicts += seen
            # No peer may bring an endpoint to log an error.
            if future.exception() is None and (said := results.with_suffix(LOG).read_text()):
                troubles.append(f"THE ENDPOINT WROTE: {said[:2000]}")
    if options.only == "*" and of == 1 and len(verdicts) != CASES:
        troubles.append(f"{len(verdicts)} cases have run, expected {CASES}")
    verdicts.sort(key=lambda verdict: [int(part) for part in verdict["id"].split(".")])
    return verdicts, troubles


def read(results: Path) -> Iterator[Verdict]:
    if results.exists():
        with open(results, encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def is_passed(verdict: Verdict) -> bool:
    wanted = "INFORMATIONAL" if verdict["id"] in INFORMATIONAL else "OK"
    return bool(verdict["behavior"] == verdict["behaviorClose"] == wanted)


def report(verdicts: list[Verdict], troubles: list[str], seconds: float, details: bool) -> bool:
    """Prints what came of one run; whether all is well."""
    for title, name in (("behaviour", "behavior"), ("closing", "behaviorClose")):
        count = Counter(verdict[name] for verdict in verdicts)
        print(f"  {title:<10}", ", ".join(f"{n} {what}" for what, n in count.most_common()))
    failed = [verdict for verdict in verdicts if not is_passed(verdict)]
    for verdict in failed:
        behaviour = f"{verdict['behavior']}, closing {verdict['behaviorClose']}"
        print(f"  {verdict['id']}: {behaviour} ({verdict['closeCode']}, {verdict['duration']} ms)")
        for name in TOLD if details else TOLD[:2]:
            if name in verdict:
                print(f"      {name}: {verdict[name]}")
    for trouble in troubles:
        print(f"  {trouble}")
    passed = len(verdicts) - len(failed)
    print(f"  {passed} passed, {len(failed)} failed in {seconds:.0f} s", flush=True)
    return bool(verdicts) and not failed and not troubles


def shard(text: str) -> tuple[int, int]:
    index, _, of = text.partition("/")
    if not 1 <= int(index) <= int(of):
        raise ValueError(text)
    return int(index), int(of)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    both = "or both (the default)"
    parser.add_argument("--side", choices=["server", "client", "both"], default="both", help=both)
    parser.add_argument("--backend", choices=["c", "python", "both"], default="both", help=both)
    parser.add_argument("--style", choices=["handler", "callbacks"], default="handler")
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    parser.add_argument("--count", type=int, metavar="N", help="most messages of a case")
    parser.add_argument("--only", default="*", metavar="PATTERN,…", help="cases, such as 9.*")
    parser.add_argument("--shard", type=shard, default=(1, 1), metavar="I/N", help="each N-th case")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="cases at the same time")
    parser.add_argument("--timeout", type=float, default=3600, help="of a run, in seconds")
    parser.add_argument("--details", action="store_true", help="of failed cases, the wire's log")
    parser.add_argument("--work", type=Path, default=WORK, help="where the suite is kept")
    parser.add_argument("--python2", metavar="PATH", help="a Python 2.7; default: it is looked for")
    parser.add_argument("--endpoint", default=HERE / "endpoint.py", help="another endpoint program")
    options = parser.parse_args()
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    suite = make_environment(work, options.python2)
    sides = ["server", "client"] if options.side == "both" else [options.side]
    backends = ["c", "python"] if options.backend == "both" else [options.backend]
    well = True
    for side in sides:
        for backend in backends:
            run = Run(side, backend, options.style, options.loop)
            print(run, flush=True)
            began = monotonic()
            verdicts, troubles = run_cases(run, suite, options)
            well &= report(verdicts, troubles, monotonic() - began, options.details)
    return 0 if well else 1


if __name__ == "__main__":
    run_main(main)
