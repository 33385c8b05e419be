"""Messages compressed once for many connections, between those of each connection's own."""

from __future__ import annotations

import zlib
from typing import Any

import pytest
from deflate_peers import LIBRARIES, PIECES, Receiver
from hypothesis import given, settings
from hypothesis import strategies as st

from wsfast.permessage_deflate import Agreement, PermessageDeflate

SIDES: tuple[Any, ...] = ("server", "client")


def _agreement(side: str, window_bits: int, takeover: bool, library: str = "zlib") -> Agreement:
    wanted: dict[str, Any] = {
        f"{side}_max_window_bits": window_bits,
        f"{side}_no_context_takeover": not takeover,
        "library": library,
    }
    offer = "permessage-deflate; client_max_window_bits"
    if side == "server":
        accepted = PermessageDeflate(**wanted).accept(offer)
        assert accepted is not None
        return accepted[1]
    agreement = PermessageDeflate(**wanted).confirm("permessage-deflate")
    assert agreement is not None
    return agreement


# Messages long enough to fill the smallest windows, and pieces to refer to in any of them.
_data = st.lists(st.sampled_from(PIECES), max_size=5).map(b"".join)
_fragments = st.lists(_data, min_size=1, max_size=3)
_sent = st.lists(
    st.one_of(
        st.tuples(st.just("own"), _fragments),
        st.tuples(st.just("shared"), _fragments),
        st.tuples(st.just("plain"), _fragments),
        st.tuples(st.just("reset"), st.just([b""])),
    ),
    max_size=10,
)


@settings(max_examples=12)
@given(sent=_sent)
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("takeover", [True, False])
@pytest.mark.parametrize("window_bits", range(9, 16))
def test_a_peer_reads_own_and_shared_messages_in_any_order(
    window_bits: int, takeover: bool, library: str, sent: list[tuple[str, list[bytes]]]
) -> None:
    agreement = _agreement("server", window_bits, takeover, library)
    deflater = agreement.deflater("server")
    receiver = Receiver(window_bits, takeover)
    for kind, fragments in sent:
        message = b"".join(fragments)
        if kind == "own":
            payload = b"".join(deflater.deflate(fragment, False) for fragment in fragments[:-1])
            assert receiver.message(payload + deflater.deflate(fragments[-1])) == message
        elif kind == "shared":
            payload = agreement.compress_alone("server", message)
            deflater.reset()
            assert receiver.message(payload) == message
        elif kind == "reset":
            deflater.reset()


@settings(max_examples=20)
@given(sent=_sent)
@pytest.mark.parametrize("side", SIDES)
def test_every_connection_of_a_key_reads_the_same_payload(
    side: Any, sent: list[tuple[str, list[bytes]]]
) -> None:
    # Each has its own messages, of a takeover of its own; the shared ones are one object for all.
    agreements = [_agreement(side, 11, takeover) for takeover in (True, False, True)]
    assert len({agreement.broadcast_key(side) for agreement in agreements}) == 1
    peers = [
        (agreement.deflater(side), Receiver(11, takeover), number)
        for number, (agreement, takeover) in enumerate(
            zip(agreements, (True, False, True), strict=True)
        )
    ]
    for kind, fragments in sent:
        message = b"".join(fragments)
        shared = agreements[0].compress_alone(side, message)
        for deflater, receiver, number in peers:
            if kind == "shared":
                deflater.reset()
                assert receiver.message(shared) == message
            elif kind == "own":
                own = message[number:] + b"of its own"
                assert receiver.message(deflater.deflate(own)) == own


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_smaller_window_is_read_by_a_larger_one(library: str) -> None:
    message = b"".join(PIECES * 3)
    for bits in range(9, 16):
        payload = _agreement("server", bits, True, library).compress_alone("server", message)
        for larger in range(bits, 16):
            receiver = Receiver(larger)
            for _ in range(2):
                assert receiver.message(payload) == message


@pytest.mark.parametrize("library", LIBRARIES)
def test_without_a_reset_the_peer_reads_something_else(library: str) -> None:
    # The tests above would pass on a deflater that never refers to earlier messages.
    agreement = _agreement("server", 15, True, library)
    deflater, receiver = agreement.deflater("server"), Receiver(15)
    message, shared = PIECES[3], PIECES[4]
    assert receiver.message(deflater.deflate(message)) == message
    assert receiver.message(agreement.compress_alone("server", shared)) == shared
    try:
        assert receiver.message(deflater.deflate(message)) != message
    except zlib.error:
        pass


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("side", SIDES)
def test_compressing_alone_leaves_nothing_behind(library: str, side: Any) -> None:
    agreement = _agreement(side, 12, True, library)
    payloads = {agreement.compress_alone(side, PIECES[3]) for _ in range(3)}
    assert len(payloads) == 1
    assert Receiver(12).message(payloads.pop()) == PIECES[3]
    assert agreement.compress_alone(side, b"") == b"\x00"


def test_a_key_tells_what_makes_other_octets() -> None:
    def key(side: Any, **wanted: Any) -> Any:
        agreement = PermessageDeflate(**wanted).confirm("permessage-deflate")
        assert agreement is not None
        return agreement.broadcast_key(side)

    plain = key("client")
    assert hash(plain) == hash(key("client"))
    assert plain == key("client", client_max_window_bits=12)
    assert plain == key("client", client_no_context_takeover=True)
    assert plain == key("client", level=6)
    for other in (
        {"client_max_window_bits": 11},
        {"level": 5},
        {"memory_level": 8},
        {"min_length": 65},
    ):
        assert plain != key("client", **other)
    assert key("client", client_max_window_bits=15) == key("server")
