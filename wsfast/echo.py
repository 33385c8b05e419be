"""`python -m wsfast echo`: an echo server, or a client that prints messages and sends lines."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from .aio import ConnectionClosed, Server, WebSocket, connect, serve
from .exceptions import HandshakeError, HandshakeRejected
from .handshake import URI
from .protocol import CloseCode
from .terminal import Dialogue, StatusLine, printable

# In seconds: how often the server's counts are shown, and how long the client waits for an answer
# to what it was given through a pipe.
COUNT_INTERVAL = 0.5
MOST_SILENCE = 5.0
# How many lines of input may wait to be sent.
MOST_LINES = 100
# How much is shown of a binary message, in octets, and of a server's refusal, in characters.
MOST_OCTETS = 32
MOST_REFUSAL = 2000

# Added to a signal's number, as shells do, it is the exit code of a client that was ended by it.
SIGNALLED = 128

_SERVER_OPTIONS = ("host", "port", "certificate", "key")
_CLIENT_OPTIONS = ("trust", "header", "wait")


class UsageError(Exception):
    """The command line can't be run; the message says why."""


def run(options: argparse.Namespace) -> int:
    """Runs what `options` say. Returns the exit code: 1 for what failed, 2 for wrong use."""
    try:
        return asyncio.run(_main(options))
    except UsageError as error:
        print(f"wsfast echo: error: {error}", file=sys.stderr)
        return 2


async def _main(options: argparse.Namespace) -> int:
    _check(options)
    settings: dict[str, Any] = {
        "compression": None if options.compression == "none" else options.compression,
        "max_message_length": options.max_message_length,
        "subprotocols": options.subprotocol or (),
    }
    try:
        settings["ssl"] = _tls(options)
    except OSError as error:
        return _fail(f"can't use {options.trust or options.certificate}: {_why(error)}")
    with _ended_by_signals() as ended:
        if options.connect is None:
            return await _serve(options, settings, ended)
        return await _talk(options, settings, ended)


def _check(options: argparse.Namespace) -> None:
    for name in (*_SERVER_OPTIONS, *_CLIENT_OPTIONS):
        if getattr(options, name) is None:
            continue
        if (name in _SERVER_OPTIONS) is (options.connect is not None):
            whose = "the server's" if name in _SERVER_OPTIONS else "of use with --connect only"
            raise UsageError(f"--{name} is {whose}")
        if options.path is not None and name in ("host", "port"):
            raise UsageError(f"--path and --{name}: expected one of them")
    if options.key is not None and options.certificate is None:
        raise UsageError("--key without --certificate")


def _tls(options: argparse.Namespace) -> ssl.SSLContext | None:
    if options.trust is not None:
        return ssl.create_default_context(cafile=options.trust)
    if options.certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.certificate, options.key)
        return context
    return None


@contextmanager
def _ended_by_signals() -> Iterator[asyncio.Future[int]]:
    """A future that gets the number of the first SIGINT or SIGTERM; a second one ends at once."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def end(number: int, frame: FrameType | None) -> None:
        restore()
        loop.call_soon_threadsafe(ended.set_result, number)

    # Not loop.add_signal_handler(): Windows has none.
    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ended
    finally:
        restore()


def _why(error: BaseException) -> str:
    """What is wrong, in the words of the system where it is the system's error."""
    if isinstance(error, UnicodeDecodeError):
        return f"standard input isn't UTF-8: {error}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, (ssl.SSLError, socket.gaierror)):
        return error.strerror or str(error)
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__


def _fail(what: str) -> int:
    print(f"wsfast echo: {what}", file=sys.stderr)
    return 1


# The server


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


class _Counts:
    def __init__(self) -> None:
        self.open = self.connections = self.messages = self.octets = 0

    def __str__(self) -> str:
        return (
            f"{_number(self.connections, 'connection')}, {self.open:,} open; "
            f"{_number(self.messages, 'message')}, {_number(self.octets, 'octet')}"
        )


async def _serve(
    options: argparse.Namespace, settings: dict[str, Any], ended: asyncio.Future[int]
) -> int:
    counts = _Counts()

    async def echo(ws: WebSocket) -> None:
        counts.connections += 1
        counts.open += 1
        try:
            async for message in ws:
                await ws.send(message)
                counts.messages += 1
                counts.octets += len(message)
        finally:
            counts.open -= 1

    if options.path is not None:
        where: dict[str, Any] = {"path": options.path}
    else:
        port = 8765 if options.port is None else options.port
        where = {"host": options.host or "127.0.0.1", "port": port}
    try:
        server = await serve(echo, **where, **settings)
    except OSError as error:
        place = ":".join(str(part) for part in where.values())
        return _fail(f"can't listen on {place}: {_why(error)}")
    except ValueError as error:
        raise UsageError(str(error)) from None
    async with server:
        for uri in _uris(server, options):
            print(f"listening on {uri}", flush=True)
        status = StatusLine()
        while not ended.done():
            status.show(str(counts))
            await asyncio.wait([ended], timeout=COUNT_INTERVAL if status.is_shown else None)
        status.clear()
    print(counts)
    return 0


def _uris(server: Server, options: argparse.Namespace) -> Iterator[str]:
    scheme = "ws" if options.certificate is None else "wss"
    for listening in server.sockets:
        address = listening.getsockname()
        if isinstance(address, tuple):
            host, port = address[:2]
            yield f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/"
        else:
            yield f"{scheme}://localhost/ at {os.fsdecode(address)}"


# The client


async def _talk(
    options: argparse.Namespace, settings: dict[str, Any], ended: asyncio.Future[int]
) -> int:
    shown = options.connect
    try:
        uri = URI.parse(options.connect)
        # Without a password.
        shown = str(uri)
        opening = connect(
            uri,
            path=options.path,
            headers=options.header or (),
            **settings,
        )
        task = asyncio.ensure_future(opening)
        either: tuple[asyncio.Future[Any], ...] = (task, ended)
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            return SIGNALLED + ended.result()
        ws = task.result()
    except HandshakeRejected as error:
        body = error.response.body.decode("utf-8", "replace").strip()
        reasons = f"\n{printable(body[:MOST_REFUSAL])}" if body else ""
        return _fail(f"{error}{reasons}")
    except (OSError, HandshakeError, asyncio.TimeoutError) as error:
        # A certificate that isn't accepted is a ValueError, too.
        return _fail(f"can't connect to {shown}: {_why(error)}")
    except ValueError as error:
        raise UsageError(str(error)) from None
    return await _Talk(ws, options.wait).run(shown, ended)


class _Input:
    """The lines of standard input, read by a thread, while the connection goes on."""

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[str | Exception | None] = asyncio.Queue()
        self._room = threading.Semaphore(MOST_LINES)
        # A daemon: nothing can wake it as long as nobody types.
        threading.Thread(target=self._read, name="wsfast-input", daemon=True).start()

    def _read(self) -> None:
        last: Exception | None = None
        try:
            for line in self._dialogue.lines():
                self._room.acquire()
                self._put(line)
        except (OSError, UnicodeDecodeError) as error:
            last = error
        self._put(last)

    def _put(self, line: str | Exception | None) -> None:
        # The loop is closed when the connection was before the input.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._lines.put_nowait, line)

    async def __aiter__(self) -> AsyncIterator[str]:
        while (line := await self._lines.get()) is not None:
            if isinstance(line, Exception):
                raise line
            self._room.release()
            yield line


class _Talk:
    """One connection, with standard input and output at its other end."""

    def __init__(self, ws: WebSocket, wait: float | None) -> None:
        self._ws = ws
        self._wait = wait
        self._dialogue = Dialogue()
        self._sent = self._received = 0
        self._heard = asyncio.Event()

    async def run(self, uri: str, ended: asyncio.Future[int]) -> int:
        """Talk until either side has had enough. Returns the exit code."""
        ws, tell = self._ws, self._dialogue.tell
        with self._dialogue as dialogue:
            tell(f"connected to {uri}{self._terms()}")
            if dialogue.is_typed:
                tell("Each line that you type is sent as a text. Ctrl-D closes the connection.")
            listening = asyncio.ensure_future(self._listen())
            speaking = asyncio.ensure_future(self._speak())
            await asyncio.wait((listening, speaking, ended), return_when=asyncio.FIRST_COMPLETED)
            interrupted = ended.done()
            await ws.close(CloseCode.GOING_AWAY if interrupted else CloseCode.NORMAL_CLOSURE)
            speaking.cancel()
            await asyncio.wait((listening, speaking))
            heard = listening.exception()
            spoke = None if speaking.cancelled() else speaking.exception()
            if isinstance(spoke, ConnectionClosed):
                # The listener knows of it, too.
                spoke = None
            why = heard.__cause__ if isinstance(heard, ConnectionClosed) else heard
            for error in (why, spoke):
                if error is not None:
                    tell(f"wsfast echo: {_why(error)}")
            tell(f"closed: {self._end()}")
        if interrupted:
            return SIGNALLED + ended.result()
        return 0 if heard is spoke is None else 1

    async def _listen(self) -> None:
        async for message in self._ws:
            self._received += 1
            self._heard.set()
            text = message if isinstance(message, str) else _dump(message)
            try:
                self._dialogue.show(text)
            except BrokenPipeError:
                # Nobody reads any more; Python would say so again when it ends.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                return

    async def _speak(self) -> None:
        async for line in _Input(self._dialogue):
            await self._ws.send(line)
            self._sent += 1
        if self._wait is not None:
            await asyncio.sleep(self._wait)
        elif not self._dialogue.is_typed:
            await self._answers()

    async def _answers(self) -> None:
        """Wait until as many messages have come as were sent, or none comes any more."""
        while self._received < self._sent:
            self._heard.clear()
            try:
                await asyncio.wait_for(self._heard.wait(), MOST_SILENCE)
            except asyncio.TimeoutError:
                return

    def _terms(self) -> str:
        ws = self._ws
        subprotocol = "" if ws.subprotocol is None else f", subprotocol {ws.subprotocol}"
        return subprotocol + ("" if ws.deflate is None else ", permessage-deflate")

    def _end(self) -> str:
        code, reason = self._ws.close_code, self._ws.close_reason
        name = "".join(f" {known.name}" for known in CloseCode if known == code)
        return f"{code}{name}{f': {printable(reason)}' if reason else ''}"


def _dump(data: bytes) -> str:
    shown = data[:MOST_OCTETS].hex(" ") + (" …" if len(data) > MOST_OCTETS else "")
    return f"binary, {_number(len(data), 'octet')}{f': {shown}' if shown else ''}"
