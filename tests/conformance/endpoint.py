"""The echo endpoint of wsfast.aio that the Autobahn|Testsuite tests.

    python endpoint.py server [--style …] [--loop …]     prints its URI, serves until its input ends
    python endpoint.py client URI CASES [--style …] …    runs cases 1 to CASES of a fuzzing server

Settings besides the defaults: messages of 16 MiB, since the suite sends such, and compression.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Coroutine
from typing import Any

from wsfast.aio import ConnectionClosed, WebSocket, connect, serve

SETTINGS: dict[str, Any] = {"max_message_length": 16 * 1024 * 1024, "compression": "deflate"}
AGENT = "wsfast"


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


def echo_at_once(ws: WebSocket, message: str | bytes) -> None:
    ws.write(message)


async def run_server(style: str) -> None:
    if style == "handler":
        server = serve(echo, "127.0.0.1", 0, **SETTINGS)
    else:
        server = serve(host="127.0.0.1", port=0, on_message=echo_at_once, **SETTINGS)
    async with server as serving:
        print(f"ws://127.0.0.1:{serving.port}", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def run_case(uri: str, style: str) -> None:
    # What the suite does is all to make connections fail; it tells the verdict, not this end.
    try:
        if style == "handler":
            async with connect(uri, **SETTINGS) as ws:
                await echo(ws)
        else:
            async with connect(uri, on_message=echo_at_once, **SETTINGS) as ws:
                await ws.wait_closed()
    except ConnectionClosed:
        pass


async def run_client(uri: str, cases: int, style: str) -> None:
    for case in range(1, cases + 1):
        await run_case(f"{uri}/runCase?case={case}&agent={AGENT}", style)
    await run_case(f"{uri}/updateReports?agent={AGENT}", "handler")


def run(main: Coroutine[Any, Any, None], loop: str) -> None:
    if loop == "uvloop":
        import uvloop

        uvloop.run(main)
    else:
        asyncio.run(main)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("side", choices=["server", "client"])
    parser.add_argument("uri", nargs="?", default="", help="of the fuzzing server")
    parser.add_argument("cases", nargs="?", type=int, default=0, help="how many it has")
    parser.add_argument("--style", choices=["handler", "callbacks"], default="handler")
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    options = parser.parse_args()
    if options.side == "server":
        run(run_server(options.style), options.loop)
    else:
        run(run_client(options.uri, options.cases, options.style), options.loop)
