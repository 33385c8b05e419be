"""`python -m wsfast echo` on a terminal: a prompt, what comes above it, counts on one line."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time

import pytest
from echoes import DEADLINE, ECHO, echo_server, run, server_of, talk, unix
from processes import ROOT

from wsfast.aio import WebSocket

pytestmark = unix


class Terminal:
    """A process on a pseudo-terminal of 80 columns and 24 lines."""

    def __init__(self, *arguments: str) -> None:
        import pty

        self.process, self._end = pty.fork()
        if self.process == 0:
            os.environ["PYTHONPATH"] = ROOT
            os.chdir(ROOT)
            os.environ["TERM"] = "xterm"
            os.execv(sys.executable, [sys.executable, *arguments])
        self.seen = ""

    def until(self, text: str) -> None:
        """Read until `text` was seen."""
        import select

        deadline = time.monotonic() + DEADLINE
        while text not in self.seen:
            ready = select.select([self._end], [], [], max(0.0, deadline - time.monotonic()))[0]
            assert ready, self.seen
            try:
                data = os.read(self._end, 65536)
            except OSError:
                data = b""
            assert data, self.seen
            self.seen += data.decode()

    def type(self, text: str) -> None:
        os.write(self._end, text.encode())

    def echoes(self) -> bool:
        """Whether the terminal shows what is typed, as it does when nobody has changed it."""
        import termios

        return bool(termios.tcgetattr(self._end)[3] & termios.ECHO)

    def wait(self) -> int:
        deadline = time.monotonic() + DEADLINE
        while True:
            pid, status = os.waitpid(self.process, os.WNOHANG)
            if pid:
                os.close(self._end)
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > deadline:
                os.kill(self.process, signal.SIGKILL)
            time.sleep(0.01)


def test_on_a_terminal_answers_stand_above_the_prompt() -> None:
    pytest.importorskip("readline")
    with echo_server() as (_, uri):
        terminal = Terminal(*ECHO, "--connect", uri)
        terminal.until("> ")
        terminal.type("hello\r")
        terminal.until("< hello")
        terminal.type("not sent")
        terminal.until("not sent")
        terminal.type("\x15\x04")
        terminal.until("closed: 1000 NORMAL_CLOSURE")
        assert terminal.wait() == 0


def test_on_a_terminal_nothing_controls_it_and_it_is_left_as_it_was() -> None:
    pytest.importorskip("readline")
    shown: list[bool] = []

    def look(uri: str) -> int:
        terminal = Terminal(*ECHO, "--connect", uri)
        terminal.until("> ")
        shown.append(terminal.echoes())
        terminal.type("go on\r")
        terminal.until("< \\x1b[31m")
        # The prompt goes last, when all is as it was.
        terminal.until("closed: 4000: enough\x1b8\x1b[1B\r\x1b[K")
        shown.append(terminal.echoes())
        return terminal.wait()

    async def handler(ws: WebSocket) -> None:
        await ws.recv()
        await ws.send("\x1b[31mred")
        await ws.close(4000, "enough")

    async def main() -> int:
        async with server_of(handler) as (_, uri):
            return await asyncio.to_thread(look, uri)

    assert run(main()) == 1
    # readline shows what is typed by itself; behind it, the terminal has to again.
    assert shown == [False, True]


def test_on_a_terminal_the_server_counts_on_one_line() -> None:
    terminal = Terminal(*ECHO, "--port", "0")
    terminal.until("\r\n\r\x1b[K0 connections, 0 open; 0 messages, 0 octets")
    uri = terminal.seen.split()[2]
    assert talk(uri, lines="hello\n")[:2] == (0, "hello\n")
    terminal.until("\r\x1b[K1 connection, 0 open; 1 message, 5 octets")
    terminal.type("\x03")
    terminal.until("\r\x1b[K1 connection, 0 open; 1 message, 5 octets\r\n")
    assert terminal.wait() == 0
