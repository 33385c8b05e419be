"""A real browser on wsfast.aio: headless Chromium loads a page, which checks what WebSockets do.

    python tests/conformance/browser.py [--chromium PATH] [--timeout SECONDS]
    python tests/conformance/browser.py --screenshot FILE URI [--type TEXT] [--delay SECONDS]

The page and its WebSockets are served by wsfast.aio on 127.0.0.1: servers.py has the servers,
checks.mjs the checks. Then our client talks to Chromium's own WebSocket server,
that of its DevTools. WSFAST_BACKEND says which backend is tested.

--screenshot loads the page at URI instead, and saves as a PNG what Chromium shows of it after the
delay; before that, --type types a line into what has the focus there.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from children import Child, ChildFailed, need, run_main
from servers import Log, Servers, make_certificate

import wsfast
from wsfast.aio import WebSocket, connect

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Nothing goes out that nobody asked for, and no proxy is asked for 127.0.0.1.
OPTIONS = (
    "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run "
    "--no-default-browser-check --disable-extensions --disable-background-networking "
    "--disable-component-update --disable-sync --mute-audio --proxy-server=direct:// "
    "--ignore-certificate-errors --enable-logging=stderr --remote-debugging-port=0 "
    "--window-size=1000,800"
).split()
MIB = 1024 * 1024
Result = dict[str, Any]


class Chromium(Child):
    """Chromium with a page, in a new profile."""

    def __init__(self, program: str, directory: Path, timeout: float, uri: str) -> None:
        self.profile = directory / "profile"
        command = [program, *OPTIONS, f"--user-data-dir={self.profile}", uri]
        super().__init__(command, log=directory / "chromium.log", timeout=timeout)

    async def devtools(self) -> str:
        """The URI of its own WebSocket server, once that is up."""
        file = self.profile / "DevToolsActivePort"
        until = monotonic() + self.timeout
        while monotonic() < until:
            if file.exists() and len(lines := file.read_text().split()) == 2:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            await asyncio.sleep(0.05)
        raise self.failure("offers no DevTools")


class DevTools:
    """The DevTools of Chromium's page, a protocol of JSON texts, on our client."""

    def __init__(self, ws: WebSocket) -> None:
        self.ws = ws
        self._number = 0
        self._session: dict[str, str] = {}

    async def call(self, method: str, **parameters: Any) -> Result:
        self._number += 1
        call = {"id": self._number, "method": method, "params": parameters, **self._session}
        await self.ws.send(json.dumps(call))
        while True:
            answer: Result = json.loads(await self.ws.recv())
            if answer.get("id") == self._number:
                break
        if "error" in answer:
            raise ChildFailed(f"{method}: {answer['error']}")
        result: Result = answer["result"]
        return result

    async def attach(self) -> None:
        """From now on what is called is meant for the page."""
        targets = (await self.call("Target.getTargets"))["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        session = await self.call("Target.attachToTarget", targetId=page, flatten=True)
        self._session = {"sessionId": session["sessionId"]}

    async def evaluate(self, expression: str) -> Any:
        return (await self.call("Runtime.evaluate", expression=expression))["result"]["value"]


@asynccontextmanager
async def attached(browser: Chromium, **settings: Any) -> AsyncIterator[DevTools]:
    uri = await browser.devtools()
    async with connect(uri, max_message_length=32 * MIB, **settings) as ws:
        tools = DevTools(ws)
        await tools.attach()
        yield tools


async def check_page(servers: Servers, browser: Chromium) -> AsyncIterator[Result]:
    """What the page reports; the last one has no name, but says who it is."""
    while True:
        get = servers.results.get()
        try:
            result = await asyncio.wait_for(get, browser.timeout)
        except asyncio.TimeoutError:
            raise browser.failure("the page reported no end") from None
        yield result
        if "agent" in result:
            return


async def check_devtools(browser: Chromium, compression: str | None) -> AsyncIterator[Result]:
    """Texts of 0 octets to 16 MiB from a server of Chromium's, and as long ones to it."""
    async with attached(browser, compression=compression) as tools:
        extension = "compressed" if tools.ws.deflate else "plain"
        for length in (0, 1, 125, 126, 65535, 65536, MIB, 16 * MIB):
            began = monotonic()
            text = await tools.evaluate(f"'x'.repeat({length})")
            count = await tools.evaluate(f"'{'x' * length}'.length")
            yield {
                "name": f"client of DevTools, {extension}: {length} characters",
                "error": None if text == "x" * length and count == length else "another text",
                "milliseconds": round((monotonic() - began) * 1000),
            }


async def check(program: str, timeout: float) -> bool:
    """Has the page check everything; prints what came of it, and whether all is well."""
    results: list[Result] = []
    servers = Servers()
    with TemporaryDirectory(ignore_cleanup_errors=True) as name, Log() as log:
        directory = Path(name)
        async with servers.run(make_certificate(directory)):
            uri = f"http://127.0.0.1:{servers.port}/"
            with Chromium(program, directory, timeout, uri) as browser:
                checks = [check_page(servers, browser)]
                checks += [check_devtools(browser, way) for way in (None, "deflate")]
                for each in checks:
                    async for result in each:
                        if "agent" in result:
                            print(result["agent"])
                            continue
                        results.append(result)
                        print(told(result), flush=True)
    results.append(log.result())
    print(told(results[-1]))
    failed = sum(result["error"] is not None for result in results)
    print(f"WSFAST_BACKEND={wsfast.BACKEND}: {len(results) - failed} passed, {failed} failed")
    return bool(results) and not failed


def told(result: Result) -> str:
    end = "passed" if result["error"] is None else f"FAILED: {result['error']}"
    return f"{result['name']}: {end} ({result['milliseconds']} ms)"


async def screenshot(program: str, options: argparse.Namespace) -> bool:
    with TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        file, uri = options.screenshot
        with Chromium(program, Path(directory), options.timeout, uri) as browser:
            async with attached(browser) as tools:
                await asyncio.sleep(options.delay)
                if (await tools.evaluate("location.href")).startswith("chrome-error:"):
                    raise ChildFailed(f"there is no page at {uri}")
                for line in options.type:
                    await tools.call("Input.insertText", text=line)
                    key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
                    await tools.call("Input.dispatchKeyEvent", type="keyDown", text="\r", **key)
                    await tools.call("Input.dispatchKeyEvent", type="keyUp", **key)
                    await asyncio.sleep(options.delay)
                picture = await tools.call("Page.captureScreenshot", format="png")
    Path(file).write_bytes(base64.b64decode(picture["data"]))
    return True


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--chromium", metavar="PATH", help="default: one on PATH")
    parser.add_argument("--timeout", type=float, default=300, help="of all, in seconds")
    parser.add_argument("--screenshot", nargs=2, metavar=("FILE", "URI"))
    parser.add_argument("--type", action="append", default=[], metavar="TEXT")
    parser.add_argument("--delay", type=float, default=1, help="in seconds")
    options = parser.parse_args()
    program = need(*[options.chromium] if options.chromium else CHROMIUM)
    work = screenshot(program, options) if options.screenshot else check(program, options.timeout)
    return 0 if asyncio.run(work) else 1


if __name__ == "__main__":
    run_main(main)
