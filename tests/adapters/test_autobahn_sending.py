"""autobahn, messages out, masking and validation: the same with its codec replaced as without."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import pytest
from autobahn_connections import (
    KEY,
    NAME,
    TEXT,
    opened,
    payloads,
    protocol_module,
    unmasked,
)
from hypothesis import given
from hypothesis import strategies as st
from switching import runs, switched

from wsfast.frames import FrameSplitter, encode_frame


@pytest.fixture
def enabled() -> Iterator[None]:
    with switched(NAME, True):
        yield


def sent_by(sent: list[tuple[Any, ...]], client: bool, options: dict[str, Any]) -> list[Any]:
    extension, debugs = options.get("extension", ""), options.get("debugs", False)
    rest = {name: value for name, value in options.items() if name not in ("extension", "debugs")}

    async def send() -> list[Any]:
        seen: list[Any] = []
        protocol, transport = await opened(client, seen, {}, extension, debugs, **rest)
        for name, arguments, keywords in sent:
            try:
                seen.append(getattr(protocol, name)(*arguments, **keywords))
            except Exception as error:
                seen.append((type(error), str(error)))
        await asyncio.sleep(0.002)
        if protocol.trafficStats.outgoingOctetsWireLevel and not client:
            seen.append(transport.written)
        wire = b"".join(transport.written[1:])
        return [
            seen,
            len(wire),
            dict(vars(protocol.trafficStats)),
            wire if not client or rest.get("maskClientFrames") is False else None,
            [unmasked(data, protocol.applyMask) for data in transport.written[1:] if len(data) > 1],
            protocol.log.lines,
            protocol.state,
        ]

    return asyncio.run(send())


sendings = st.one_of(
    st.tuples(
        st.just("sendMessage"),
        st.tuples(st.one_of(payloads, st.sampled_from(["text", bytearray(b"x"), None]))),
        st.fixed_dictionaries(
            {},
            optional={
                "isBinary": st.sampled_from([True, False, 1]),
                "fragmentSize": st.sampled_from([None, 1000, 0, "x"]),
                "doNotCompress": st.booleans(),
            },
        ),
    ),
    st.tuples(
        st.just("sendFrame"),
        st.tuples(st.sampled_from([0, 1, 2, 3, 8, 9, 10, 200]), payloads),
        st.fixed_dictionaries(
            {},
            optional={
                "fin": st.booleans(),
                "rsv": st.sampled_from([0, 4, 2, 9]),
                "mask": st.sampled_from([None, KEY]),
                "payload_len": st.sampled_from([None, 30]),
            },
        ),
    ),
    st.tuples(st.just("sendPing"), st.tuples(payloads), st.just({})),
    st.tuples(st.just("beginMessage"), st.tuples(), st.just({})),
    st.tuples(st.just("sendMessageFrame"), st.tuples(payloads), st.just({})),
    st.tuples(st.just("endMessage"), st.tuples(), st.just({})),
    st.tuples(st.just("sendData"), st.tuples(payloads), st.just({})),
)


@runs(40)
@given(
    sent=st.lists(sendings, max_size=6),
    client=st.booleans(),
    options=st.sampled_from(
        [
            {},
            {},
            {"extension": "permessage-deflate"},
            {"debugs": True},
            {"logFrames": True, "logOctets": True, "debugs": True},
            {"maxMessagePayloadSize": 1000},
            {"autoFragmentSize": 100},
            {"applyMask": False},
        ]
    ),
)
def test_what_is_sent_is_the_same(
    sent: list[tuple[Any, ...]], client: bool, options: dict[str, Any]
) -> None:
    if client:
        # What is written in pieces can't be unmasked piece by piece.
        sent = [act for act in sent if act[0] not in ("beginMessage", "sendMessageFrame")]
    found = []
    for on in (False, True):
        with switched(NAME, on):
            found.append(sent_by(sent, client, options))
    assert found[0] == found[1]


def test_keys_drawn_by_somebody_else_are_used(
    enabled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "getrandbits", lambda bits: int.from_bytes(KEY, "big"))

    async def send() -> bytes:
        protocol, transport = await opened(True, [], {})
        protocol.sendMessage(b"hello")
        return transport.written[-1]

    assert asyncio.run(send()) == encode_frame(1, "hello", mask=True, masking_key=KEY)


def test_keys_are_not_repeated(enabled: None) -> None:
    async def send() -> list[bytes]:
        protocol, transport = await opened(True, [], {})
        for _ in range(100):
            protocol.sendMessage(b"hello", isBinary=True)
        return transport.written[1:]

    wire = asyncio.run(send())
    assert len({frame[2:6] for frame in wire}) == 100
    assert FrameSplitter("server").split(b"".join(wire))[0] == [(0x82, b"hello")] * 100


# Masking and validation


@runs(40)
@given(
    pieces=st.lists(
        st.one_of(
            payloads,
            st.sampled_from([TEXT.encode()[:8], TEXT.encode()[8:], b"\xe2\x82", b"\xac", b"\x80"]),
        ),
        max_size=8,
    ),
    resets=st.integers(0, 8),
)
def test_validators_are_the_same(pieces: list[bytes], resets: int) -> None:
    found = []
    for on in (False, True):
        with switched(NAME, on):
            validator = protocol_module.Utf8Validator()
            seen = []
            for at, piece in enumerate(pieces):
                if at == resets:
                    validator.reset()
                seen.append(validator.validate(piece))
            found.append(seen)
    assert found[0] == found[1]


@pytest.mark.parametrize("key", [KEY, bytearray(KEY), b"abc", None], ids=repr)
@pytest.mark.parametrize("length", [None, 5, 1000])
def test_maskers_are_the_same(key: Any, length: int | None) -> None:
    found = []
    for on in (False, True):
        with switched(NAME, on):
            try:
                masker = protocol_module.create_xor_masker(key, length)
                seen: Any = [masker.process(b"abc"), masker.pointer(), masker.process(b"d" * 300)]
                masker.reset()
                seen += [masker.pointer(), masker.process(b""), masker.process(b"x")]
            except Exception as error:
                seen = type(error), str(error)
            found.append(seen)
    assert found[0] == found[1]
