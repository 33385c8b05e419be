"""`python -m wsfast echo`, run as users run it: both ends, and against wsfast.aio."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from echoes import DEADLINE, ECHO, echo_server, run, server_of, talk, talk_to, unix
from processes import running

import wsfast
from wsfast import cli
from wsfast.aio import ConnectionClosed, WebSocket, connect

# The server


@unix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_server_echoes_and_says_goodbye(number: signal.Signals) -> None:
    async def exchange(process: Popen[str], uri: str) -> tuple[int, list[str | bytes]]:
        async with connect(uri) as ws:
            echoes = []
            for message in ("Grüße", b"\x00\xff", "", "x" * 200_000):
                await ws.send(message)
                echoes.append(await ws.recv())
            process.send_signal(number)
            with pytest.raises(ConnectionClosed) as closed:
                await ws.recv()
            return closed.value.code, echoes

    with echo_server() as (process, uri):
        code, echoes = run(exchange(process, uri))
        out, err = process.communicate(timeout=DEADLINE)
    assert code == 1001
    assert echoes == ["Grüße", b"\x00\xff", "", "x" * 200_000]
    assert out == "1 connection, 0 open; 4 messages, 200,007 octets\n"
    assert err == ""
    assert process.returncode == 0


def test_what_the_server_limits() -> None:
    with echo_server("--max-message-length", "10", "--subprotocol", "chat") as (_, uri):
        code, out, err = talk(uri, "--subprotocol", "chat", lines="0123456789\n0123456789a\n")
    assert out == "0123456789\n"
    assert f"connected to {uri}, subprotocol chat\n" in err
    assert "closed: 1009 MESSAGE_TOO_BIG: " in err
    assert code == 1


@unix
def test_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with echo_server("--path", path) as (_, uri):
        assert talk(uri, "--path", path, lines="hello\n")[:2] == (0, "hello\n")


def test_tls(tmp_path: Path) -> None:
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "own")
    with echo_server("--certificate", str(tmp_path / "own")) as (_, uri):
        assert uri.startswith("wss://")
        trusted = talk(uri, "--trust", str(tmp_path / "authority"), lines="hello\n")
        assert trusted[:2] == (0, "hello\n")
        code, out, err = talk(uri, lines="hello\n")
    assert (code, out) == (1, "")
    assert "can't connect to wss://127.0.0.1" in err
    assert "certificate" in err


def test_a_place_that_is_taken() -> None:
    with echo_server() as (_, uri):
        port = uri.rpartition(":")[2].rstrip("/")
        with running(*ECHO, "--port", port) as second:
            out, err = second.communicate(timeout=DEADLINE)
    assert (second.returncode, out) == (1, "")
    assert err == f"wsfast echo: can't listen on 127.0.0.1:{port}: Address already in use\n"


# The client


def test_lines_are_sent_and_answers_printed() -> None:
    with echo_server("--compression", "deflate") as (_, uri):
        lines = "".join(f"{number} Grüße {'x' * 100}\n" for number in range(2000)) + "\nlast"
        code, out, err = talk(uri, "--compression", "deflate", lines=lines)
    assert out == lines + "\n"
    assert err == f"connected to {uri}, permessage-deflate\nclosed: 1000 NORMAL_CLOSURE\n"
    assert code == 0


def test_what_is_binary_is_dumped() -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.send(b"\x00\x01\xfe")
        await ws.send(bytes(1000))
        await ws.send(b"")

    _, out, _ = run(talk_to(handler, "--wait", "inf"))
    assert out == (
        f"binary, 3 octets: 00 01 fe\nbinary, 1,000 octets: {'00 ' * 32}…\nbinary, 0 octets\n"
    )


@pytest.mark.parametrize(
    ("close", "said", "code"),
    [
        ((1000, ""), "closed: 1000 NORMAL_CLOSURE\n", 0),
        ((1001, "later"), "closed: 1001 GOING_AWAY: later\n", 0),
        ((4000, "no \x1b[31m more"), "closed: 4000: no \\x1b[31m more\n", 1),
    ],
)
def test_the_servers_close_is_told(close: tuple[int, str], said: str, code: int) -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.close(*close)

    returned, _, err = run(talk_to(handler, "--wait", "inf"))
    assert err.endswith(said)
    assert returned == code


def test_a_lost_connection_is_a_failure() -> None:
    async def handler(ws: WebSocket) -> None:
        ws.abort()

    code, _, err = run(talk_to(handler, "--wait", "inf"))
    assert "closed: 1006 ABNORMAL_CLOSURE\n" in err
    assert code == 1


def test_a_message_that_is_too_long_for_it() -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.send("x" * 101)
        await ws.wait_closed()

    code, out, err = run(talk_to(handler, "--wait", "inf", "--max-message-length", "100"))
    assert (code, out) == (1, "")
    assert "wsfast echo: message of at least 101 octets: at most 100 are allowed\n" in err


def test_a_server_that_does_not_answer_is_left() -> None:
    closed: list[int | None] = []

    async def handler(ws: WebSocket) -> None:
        async for _ in ws:
            pass
        closed.append(ws.close_code)

    # Without --wait it would stay for some seconds more.
    assert run(talk_to(handler, "--wait", "0", lines="hello\n"))[:2] == (0, "")
    assert closed == [1000]


def test_a_server_that_rejects() -> None:
    def process_request(request: wsfast.Request) -> Any:
        assert request.headers["X-Token"] == "a: b"
        return 403, {}, b"not you,\nnor \x1b[31m you\n"

    async def handler(ws: WebSocket) -> None:
        raise AssertionError

    code, out, err = run(
        talk_to(handler, "--header", "X-Token: a: b", process_request=process_request)
    )
    assert (code, out) == (1, "")
    assert err == (
        "wsfast echo: the server answered 403 Forbidden: expected 101\n"
        "not you,\nnor \\x1b[31m you\n"
    )


def test_a_server_that_is_not_there() -> None:
    async def port() -> int:
        async with server_of(None, on_message=print) as (server, _):
            return server.port

    uri = f"ws://127.0.0.1:{run(port())}/"
    assert talk(uri) == (1, "", f"wsfast echo: can't connect to {uri}: Connection refused\n")


def test_a_password_is_not_shown() -> None:
    with echo_server() as (_, uri):
        err = talk(uri.replace("//", "//ada:secret@"), lines="hello\n")[2]
    assert err.startswith(f"connected to {uri}\n")
    assert "secret" not in err


def test_input_must_be_utf_8() -> None:
    with echo_server() as (_, uri), running(*ECHO, "--connect", uri) as process:
        assert process.stdin is not None
        process.stdin.buffer.write(b"\xff\n")
        out, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, out) == (1, "")
    assert "wsfast echo: standard input isn't UTF-8: " in err
    assert "closed: 1000" in err


@unix
def test_output_that_nobody_reads_any_more() -> None:
    async def handler(ws: WebSocket) -> None:
        while True:
            await ws.send("x" * 1000)

    async def head() -> tuple[int, str]:
        async with server_of(handler) as (_, uri):
            return await asyncio.to_thread(read_a_line, uri)

    def read_a_line(uri: str) -> tuple[int, str]:
        with running(*ECHO, "--connect", uri, "--wait", "inf") as process:
            assert process.stdout is not None and process.stderr is not None
            assert process.stdout.readline() == "x" * 1000 + "\n"
            process.stdout.close()
            err = process.stderr.read()
            return process.wait(DEADLINE), err

    code, err = run(head())
    assert code == 0
    assert err.endswith("closed: 1000 NORMAL_CLOSURE\n")


@unix
def test_the_client_says_goodbye_when_it_is_interrupted() -> None:
    closed: list[int | None] = []

    async def handler(ws: WebSocket) -> None:
        await ws.send("ready")
        async for _ in ws:
            pass
        closed.append(ws.close_code)

    def interrupt(uri: str) -> int:
        with running(*ECHO, "--connect", uri) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGINT)
            return process.wait(DEADLINE)

    async def main() -> int:
        async with server_of(handler) as (_, uri):
            return await asyncio.to_thread(interrupt, uri)

    assert run(main()) == 130
    assert closed == [1001]


# Wrong use


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "70000"], "'70000': expected 0 to 65535"),
        (["--max-message-length", "many"], "'many': expected a number of octets, or none"),
        (["--compression", "gzip"], "invalid choice: 'gzip'"),
        (["--connect", "ws://h/", "--header", "name"], "expected a name, a colon and a value"),
        (["--connect", "ws://h/", "--wait", "-1"], "'-1': expected a number of seconds, or inf"),
    ],
)
def test_wrong_options(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        cli.main(["echo", *arguments])
    assert exit.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--connect", "ws://h/", "--port", "0"], "--port is the server's"),
        (["--wait", "0"], "--wait is of use with --connect only"),
        (["--path", "p", "--port", "1"], "--path and --port: expected one of them"),
        (["--key", "file"], "--key without --certificate"),
        (["--subprotocol", "a b", "--port", "0"], "subprotocol 'a b': expected a token"),
        (["--connect", "http://h/"], "URI 'http://h/': expected ws://… or wss://…"),
        (["--connect", "ws://h/", "--header", "a: x\ny"], "header field"),
    ],
)
def test_options_that_do_not_go_together(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["echo", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("wsfast echo: error: ")
    assert said in printed.err
    assert printed.out == ""


def test_files_that_are_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["echo", "--certificate", "nowhere.pem"]) == 1
    assert (
        capsys.readouterr().err == "wsfast echo: can't use nowhere.pem: No such file or directory\n"
    )
