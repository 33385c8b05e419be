"""Servers of wsfast.aio that checks.mjs is about: each has pages and WebSockets on one port."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from children import HERE, MissingTool, need

from wsfast import Request
from wsfast.aio import Server, WebSocket, serve

MIB = 1024 * 1024
SETTINGS: dict[str, Any] = {
    "max_message_length": 16 * MIB,
    "subprotocols": ["chat.v2", "chat.v1"],
    # The page keeps this machine busy with its checks.
    "ping_timeout": 60,
}
PAGES = {
    "/": ("browser.html", "text/html; charset=utf-8"),
    "/browser.mjs": ("browser.mjs", "text/javascript; charset=utf-8"),
    "/checks.mjs": ("checks.mjs", "text/javascript; charset=utf-8"),
}
LOGGERS = ("wsfast.aio", "asyncio")
# Paths that one connection has alone, by a number behind the name.
UNIQUE = re.compile(r"/[^/]+/\d")
Answer = tuple[int, dict[str, str], bytes]


class PlannedError(Exception):
    """Of a handler that is meant to fail."""


class Log(logging.Handler):
    """Keeps what was logged, warnings and worse, besides planned errors: no peer may cause such."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not (record.exc_info and isinstance(record.exc_info[1], PlannedError)):
            self.lines.append(self.format(record))

    def __enter__(self) -> Log:
        for name in LOGGERS:
            logging.getLogger(name).addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        for name in LOGGERS:
            logging.getLogger(name).removeHandler(self)

    def result(self) -> dict[str, Any]:
        """What is to stand among the results of the checks."""
        error = "\n".join(self.lines) or None
        return {"name": "nothing is logged", "error": error, "milliseconds": 0}


class Servers:
    """Servers with different settings, what they have seen, and what the page has reported."""

    def __init__(self) -> None:
        self.port = 0
        self.results: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._uris: dict[str, dict[str, str]] = {"echo": {}, "handlers": {}, "once": {}}
        self._ends: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._leaving: Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def run(self, certificate: Path | None) -> AsyncIterator[None]:
        """Serves; with TLS too, if there is a file of a certificate and its key."""
        async with AsyncExitStack() as stack:

            async def start(name: str, *kinds: str, scheme: str = "ws", **settings: Any) -> Server:
                way = {} if "on_message" in settings else {"handler": self.handle}
                common = {"process_request": self.process_request, "on_close": self.on_close}
                server = serve(host="127.0.0.1", port=0, **SETTINGS, **common, **way, **settings)
                serving = await stack.enter_async_context(server)
                for kind in kinds:
                    self._uris[kind][name] = f"{scheme}://127.0.0.1:{serving.port}"
                return serving

            self.port = (await start("plain", "echo", "handlers", "once")).port
            await start("compressed", "echo", "handlers", "once", compression="deflate")
            callbacks = {"on_message": echo_at_once}
            await start("callbacks", "echo", **callbacks)
            await start("callbacks, compressed", "echo", compression="deflate", **callbacks)
            if certificate is not None:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(certificate)
                await start("TLS", "echo", "handlers", scheme="wss", ssl=context)
            await start("other origin", "once", origins=["https://example.com"])
            self._leaving = await start("shut down", "once")
            yield

    async def process_request(self, request: Request) -> Answer | None:
        if "Upgrade" in request.headers:
            refused: Answer = (403, {}, b"not for you")
            return refused if request.path == "/forbidden" else None
        kind, body = "text/plain", b""
        if request.path in PAGES:
            name, kind = PAGES[request.path]
            body = (HERE / name).read_bytes()
        elif request.path == "/health":
            body = b"well"
        elif request.path == "/servers":
            body = json.dumps(self._uris).encode()
        elif request.path == "/seen":
            end = asyncio.shield(self._end(unquote(request.query)))
            body = json.dumps(await asyncio.wait_for(end, 15)).encode()
        else:
            return 404, {}, b"nothing here"
        return 200, {"Content-Type": kind, "Cache-Control": "no-store"}, body

    def _end(self, path: str) -> asyncio.Future[dict[str, Any]]:
        if path not in self._ends:
            self._ends[path] = asyncio.get_running_loop().create_future()
        return self._ends[path]

    def on_close(self, ws: WebSocket, code: int, reason: str) -> None:
        if UNIQUE.match(path := ws.request.path):
            self._end(path).set_result({"code": code, "reason": reason})

    async def handle(self, ws: WebSocket) -> None:
        _, name, *rest = ws.request.path.split("/")
        what = getattr(self, "handle_" + name.replace("-", "_"))
        await what(ws, *[unquote(part) for part in rest[1:]])

    async def handle_report(self, ws: WebSocket) -> None:
        async for message in ws:
            self.results.put_nowait(json.loads(message))

    async def handle_echo(self, ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    async def handle_fragments(self, ws: WebSocket, kind: str, sizes: str) -> None:
        async def parts() -> AsyncIterator[str | bytes]:
            for size in sizes.split(","):
                yield "é" * int(size) if kind == "text" else b"\7" * int(size)

        await ws.send(parts())
        await ws.send("behind it")
        await self.handle_echo(ws)

    async def handle_greeting(self, ws: WebSocket) -> None:
        for message in ("one", "two", "three"):
            await ws.send(message)
        await self.handle_echo(ws)

    async def handle_ping(self, ws: WebSocket) -> None:
        await ws.send(str(await ws.ping()))
        await self.handle_echo(ws)

    async def handle_close(self, ws: WebSocket, code: str, reason: str) -> None:
        await ws.close(int(code), reason)

    async def handle_last_words(self, ws: WebSocket) -> None:
        await ws.send(bytes(4 * MIB))
        await ws.close()

    async def handle_return(self, ws: WebSocket) -> None:
        pass

    async def handle_raise(self, ws: WebSocket) -> None:
        raise PlannedError("a handler that fails")

    async def handle_vanish(self, ws: WebSocket) -> None:
        ws.abort()

    async def handle_reserved_opcode(self, ws: WebSocket) -> None:
        ws.transport.write(b"\x83\x00")
        await self.handle_echo(ws)

    async def handle_shut_down(self, ws: WebSocket) -> None:
        assert self._leaving is not None
        # Not here: it waits for this handler.
        self._tasks.add(asyncio.create_task(self._leaving.close()))
        await self.handle_echo(ws)


def echo_at_once(ws: WebSocket, message: str | bytes) -> None:
    ws.write(message)


def make_certificate(directory: Path) -> Path | None:
    """A file with a key and its certificate for 127.0.0.1; None where there is no OpenSSL."""
    try:
        openssl = need("openssl")
    except MissingTool as error:
        print(f"TLS is left out: {error}")
        return None
    file = directory / "certificate.pem"
    command = f"{openssl} req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1"
    files = ["-keyout", str(file), "-out", str(file)]
    subprocess.run([*command.split(), *files], check=True, stderr=subprocess.DEVNULL)
    return file
