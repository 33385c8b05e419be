"""Node's ws and wsfast.aio, each as server of the other.

    python tests/conformance/node.py [--work DIRECTORY] [--timeout SECONDS]

With permessage-deflate on, in several ways, and off; with ws's compiled parts, and without. It
installs ws by npm, if it isn't in the directory already. All runs on 127.0.0.1.

WSFAST_BACKEND says which backend is tested.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from children import HERE, WORK, Child, ChildFailed, need, run_main
from node_checks import CHECKS, Node
from servers import Log, Servers, make_certificate

import wsfast

PACKAGES = ("ws@8", "bufferutil@4", "utf-8-validate@6")
COMPILED = {"WS_NO_BUFFER_UTIL": "", "WS_NO_UTF_8_VALIDATE": ""}
PURE = {"WS_NO_BUFFER_UTIL": "1", "WS_NO_UTF_8_VALIDATE": "1"}
# By name: what ws is given for perMessageDeflate.
DEFLATE = {
    "plain": "false",
    "deflate": "true",
    "no context takeover": json.dumps(
        {"serverNoContextTakeover": True, "clientNoContextTakeover": True, "threshold": 0}
    ),
    "windows": json.dumps({"serverMaxWindowBits": 10, "clientMaxWindowBits": 9, "threshold": 0}),
}
Result = dict[str, Any]


def install(work: Path) -> Path:
    """The directory that Node finds ws in."""
    node = work / "node"
    modules = node / "node_modules"
    if not all((modules / package.partition("@")[0]).is_dir() for package in PACKAGES):
        node.mkdir(parents=True, exist_ok=True)
        # Their compiled parts are in the packages: there is nothing for a script to do.
        flags = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        command = [need("npm"), "install", "--prefix", str(node), *flags, *PACKAGES]
        if subprocess.run(command, check=False).returncode:
            raise ChildFailed("ws can't be installed by npm")
    return modules


class Driver:
    """Starts Node's side, with ws where it was installed."""

    def __init__(self, node: str, modules: Path, directory: Path, timeout: float) -> None:
        self._node = node
        self._modules = modules
        self._directory = directory
        self._timeout = timeout

    def start(self, script: str, *arguments: str, **environment: str) -> Child:
        return Child(
            [self._node, HERE / script, *arguments],
            log=self._directory / "node.log",
            timeout=self._timeout,
            environment={"NODE_PATH": str(self._modules), **environment},
            piped=True,
        )

    async def client(self, servers: Servers, deflate: str, parts: dict[str, str]) -> list[Result]:
        """What ws as client reports of our servers."""
        origin = f"http://127.0.0.1:{servers.port}"
        with self.start("node_client.mjs", origin, deflate, **parts) as child:
            lines = await asyncio.to_thread(child.rest)
            child.wait()
        return [json.loads(line) for line in lines]

    async def server(self, deflate: str, parts: dict[str, str]) -> AsyncIterator[Result]:
        """What our client finds at a server of ws."""
        with self.start("node_server.mjs", deflate, **parts) as child:
            node = Node(int(await asyncio.to_thread(child.line)), deflate != "false")
            for check in CHECKS:
                began = monotonic()
                error = None
                try:
                    await asyncio.wait_for(check(node), 60)
                except Exception as raised:
                    error = f"{type(raised).__name__}: {raised}"
                milliseconds = round((monotonic() - began) * 1000)
                yield {"name": check.__doc__, "error": error, "milliseconds": milliseconds}


def combinations() -> Iterator[tuple[str, str, dict[str, str]]]:
    for name, deflate in DEFLATE.items():
        yield f"{name}, compiled", deflate, COMPILED
        yield f"{name}, JavaScript", deflate, PURE


async def check(driver: Driver, certificate: Path | None) -> bool:
    everything: list[Result] = []
    for name, deflate, parts in combinations():
        for role in ("client", "server"):
            began = monotonic()
            with Log() as log:
                if role == "client":
                    servers = Servers()
                    async with servers.run(certificate):
                        results = await driver.client(servers, deflate, parts)
                else:
                    results = [result async for result in driver.server(deflate, parts)]
            results.append(log.result())
            failed = [result for result in results if result["error"] is not None]
            passed = len(results) - len(failed)
            figures = f"{passed} passed, {len(failed)} failed in {monotonic() - began:.0f} s"
            print(f"ws as {role}, {name}: {figures}", flush=True)
            for result in failed:
                print(f"    {result['name']}: {result['error']}")
            everything += results
    failures = sum(result["error"] is not None for result in everything)
    figures = f"{len(everything) - failures} passed, {failures} failed"
    print(f"WSFAST_BACKEND={wsfast.BACKEND}: {figures}")
    return bool(everything) and not failures


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=WORK, help="where ws is kept")
    parser.add_argument("--timeout", type=float, default=300, help="of one run, in seconds")
    options = parser.parse_args()
    modules = install(options.work.resolve())
    with TemporaryDirectory() as name:
        driver = Driver(need("node"), modules, Path(name), options.timeout)
        return 0 if asyncio.run(check(driver, make_certificate(Path(name)))) else 1


if __name__ == "__main__":
    run_main(main)
