"""permessage-deflate negotiated and spoken with other libraries, each in both roles."""

from __future__ import annotations

from typing import Any

import pytest
from deflate_peers import LIBRARIES, PIECES

from wsfast.handshake.extensions import parse_extensions
from wsfast.permessage_deflate import Agreement, PermessageDeflate

MESSAGES = [b"Hello", b"", b"Hello", *PIECES, b"x" * 100_000, *PIECES]
SETTINGS: list[dict[str, Any]] = [
    {},
    {"server_no_context_takeover": True, "client_no_context_takeover": True},
    {"server_max_window_bits": 9, "client_max_window_bits": 10},
    {"server_max_window_bits": 15, "client_max_window_bits": 15, "memory_level": 9},
    *({"library": library} for library in LIBRARIES[1:]),
]


@pytest.fixture(params=SETTINGS, ids=str)
def settings(request: pytest.FixtureRequest) -> PermessageDeflate:
    return PermessageDeflate(**request.param)


def _parameters(value: str) -> list[tuple[str, str | None]]:
    """Those of the first extension."""
    return parse_extensions(value)[0][1]


def _spelt(parameters: list[tuple[str, str | None]]) -> str:
    spelt = (name if value is None else f"{name}={value}" for name, value in parameters)
    return "; ".join(["permessage-deflate", *spelt])


# websockets


def _talks_to_websockets(agreement: Agreement, side: Any, extension: Any) -> None:
    from websockets.frames import Frame, Opcode

    deflater, inflater = agreement.deflater(side), agreement.inflater(side)
    for message in MESSAGES:
        sent = Frame(Opcode.BINARY, deflater.deflate(message), True, True)
        assert bytes(extension.decode(sent, max_size=2**20).data) == message
        came = extension.encode(Frame(Opcode.BINARY, message))
        assert came.rsv1
        assert inflater.inflate(bytes(came.data), True, 2**20) == message
        halves = [deflater.deflate(message[:9], False), deflater.deflate(message[9:])]
        first = extension.decode(Frame(Opcode.TEXT, halves[0], False, True))
        second = extension.decode(Frame(Opcode.CONT, halves[1], True))
        assert bytes(first.data) + bytes(second.data) == message


def test_websockets_as_client(settings: PermessageDeflate) -> None:
    module = pytest.importorskip("websockets.extensions.permessage_deflate")
    (factory,) = module.enable_client_permessage_deflate([])
    accepted = settings.accept(_spelt(factory.get_request_params()))
    assert accepted is not None
    answer, agreement = accepted
    extension = factory.process_response_params(_parameters(answer), [])
    _talks_to_websockets(agreement, "server", extension)


def test_websockets_as_server(settings: PermessageDeflate) -> None:
    module = pytest.importorskip("websockets.extensions.permessage_deflate")
    (factory,) = module.enable_server_permessage_deflate([])
    answer, extension = factory.process_request_params(_parameters(settings.offer()), [])
    agreement = settings.confirm(_spelt(answer))
    assert agreement is not None
    assert agreement.server_max_window_bits <= 12
    _talks_to_websockets(agreement, "client", extension)


# aiohttp: its windows, of both directions at once, and whether it forgets.


def test_aiohttp_as_client(settings: PermessageDeflate) -> None:
    helpers = pytest.importorskip("aiohttp._websocket.helpers")
    for offer in (helpers.ws_ext_gen(15), helpers.ws_ext_gen(9)):
        accepted = settings.accept(offer)
        assert accepted is not None
        answer, agreement = accepted
        found = helpers.ws_ext_parse(answer)
        assert found == (agreement.client_max_window_bits, agreement.client_no_context_takeover)


def test_aiohttp_as_server(settings: PermessageDeflate) -> None:
    helpers = pytest.importorskip("aiohttp._websocket.helpers")
    compress, forgets = helpers.ws_ext_parse(settings.offer(), True)
    assert compress >= 9
    agreement = settings.confirm(helpers.ws_ext_gen(compress, True, forgets))
    assert agreement is not None
    assert agreement.server_no_context_takeover == forgets
    assert agreement.server_max_window_bits == compress


# wsproto, as hypercorn and others have it


def _talks_to_wsproto(agreement: Agreement, side: Any, extension: Any) -> None:
    wsproto = pytest.importorskip("wsproto.frame_protocol")
    theirs = wsproto.FrameProtocol(client=side == "server", extensions=[extension])
    deflater, inflater = agreement.deflater(side), agreement.inflater(side)
    writer = wsproto.FrameProtocol(client=side == "client", extensions=[])
    rsv1 = wsproto.RsvBits(True, False, False)
    for message in MESSAGES:
        payload = deflater.deflate(message)
        frame = writer._serialize_frame(wsproto.Opcode.BINARY, payload, True)
        theirs.receive_bytes(bytes([frame[0] | 0x40]) + frame[1:])
        assert b"".join(bytes(part.payload) for part in theirs.received_frames()) == message
        fin, rsv, payload = True, wsproto.RsvBits(False, False, False), message
        rsv, payload = extension.frame_outbound(theirs, wsproto.Opcode.BINARY, rsv, payload, fin)
        assert rsv == rsv1
        assert inflater.inflate(bytes(payload), True, 2**20) == message


def test_wsproto_as_client(settings: PermessageDeflate) -> None:
    module = pytest.importorskip("wsproto.extensions")
    extension = module.PerMessageDeflate()
    accepted = settings.accept(f"permessage-deflate; {extension.offer()}")
    assert accepted is not None
    answer, agreement = accepted
    extension.finalize(answer)
    _talks_to_wsproto(agreement, "server", extension)


def test_wsproto_as_server(settings: PermessageDeflate) -> None:
    module = pytest.importorskip("wsproto.extensions")
    extension = module.PerMessageDeflate()
    answer = extension.accept(settings.offer().split(",")[0])
    agreement = settings.confirm(f"permessage-deflate; {answer}".rstrip("; "))
    assert agreement is not None
    _talks_to_wsproto(agreement, "client", extension)
