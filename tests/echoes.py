"""`python -m wsfast echo` as a process, and servers for its client to talk to."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from subprocess import Popen
from typing import Any

import pytest
from processes import running

from wsfast.aio import Server, serve

ECHO = ("-m", "wsfast", "echo")
DEADLINE = 30.0

unix = pytest.mark.skipif(sys.platform == "win32", reason="needs signals, ptys or Unix sockets")


@contextmanager
def echo_server(*options: str) -> Iterator[tuple[Popen[str], str]]:
    """The server, and the URI that it says it listens on."""
    place = () if "--path" in options else ("--port", "0")
    with running(*ECHO, *place, *options) as process:
        assert process.stdout is not None
        found = re.fullmatch(r"listening on (\S+)( at .*)?\n", process.stdout.readline())
        assert found is not None, process.communicate()[1]
        yield process, found[1]


def talk(uri: str, *options: str, lines: str = "") -> tuple[int, str, str]:
    """What the client makes of `lines`: exit code, standard output, standard error."""
    with running(*ECHO, "--connect", uri, *options) as process:
        out, err = process.communicate(lines, timeout=DEADLINE)
        return process.returncode, out, err


@asynccontextmanager
async def server_of(handler: Any, **options: Any) -> AsyncIterator[tuple[Server, str]]:
    async with serve(handler, "127.0.0.1", 0, **options) as server:
        yield server, f"ws://127.0.0.1:{server.port}/"


async def talk_to(handler: Any, *arguments: str, lines: str = "", **options: Any) -> Any:
    """What the client makes of a server with this handler."""
    async with server_of(handler, **options) as (_, uri):
        return await asyncio.to_thread(talk, uri, *arguments, lines=lines)


def run(coroutine: Any) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, DEADLINE))
