"""The codec's benchmark measures the right work: it runs here without any peer, and briefly."""

import argparse
import json
from typing import Any

import pytest

from wsfast import benchmark
from wsfast.benchmark import cases, codec, peers, report, streams, texts, timing
from wsfast.benchmark.peers import Codec, Field, Peer, Side

FIELDS = {pure: Field(Codec(pure), [], {}, {}) for pure in (False, True)}
WORK = [(plan, *name) for plan in cases.SUITE for name in plan.names()]
NAMES = [cases.case_name(plan.operation, octets, text, plan.pure) for plan, text, octets in WORK]


@pytest.mark.parametrize("plan, text, octets", WORK, ids=NAMES)
def test_the_codec_does_the_work_that_is_measured(plan: cases.Plan, text: str, octets: int) -> None:
    case = cases.make(plan.operation, octets, text, FIELDS[plan.pure])
    assert len(case.sides) == 1
    for side in case.sides.values():
        assert timing.Loop(side.statement, side.names).round(1) > 0


@pytest.mark.parametrize("pure", [False, True])
def test_fragments_are_put_together(pure: bool) -> None:
    for text in ("", "ascii", "chinese"):
        cases.make("fragments", 1000, text, FIELDS[pure])


class Wrong(Peer):
    name = "wrong"

    def mask(self, payload: bytes, key: bytes) -> Side:
        return Side("payload", {"payload": payload}, lambda: payload)


class Broken(Peer):
    name = "broken"

    def mask(self, payload: bytes, key: bytes) -> Side:
        raise AttributeError("no such thing any more")


def test_a_peer_that_fails_or_gets_it_wrong_is_left_out_with_the_reason() -> None:
    field = Field(Codec(), [Wrong(), Broken()], {}, {})
    case = cases.make("apply_mask", 16, "", field)
    assert list(case.sides) == ["wsfast"]
    assert case.failed == {
        "wrong": "ValueError: its result is another one",
        "broken": "AttributeError: no such thing any more",
    }


def test_a_codec_that_gets_it_wrong_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = Codec()
    monkeypatch.setattr(wrong, "mask", Wrong().mask)
    with pytest.raises(ValueError, match="wsfast gets apply_mask 16 octets wrong"):
        cases.make("apply_mask", 16, "", Field(wrong, [], {}, {}))


@pytest.mark.parametrize("name", texts.TEXTS)
@pytest.mark.parametrize("octets", [1, 16, 125, 1024, 70_000])
def test_a_text_has_exactly_the_octets_asked_for(name: str, octets: int) -> None:
    text = texts.text(name, octets)
    assert len(text.encode()) == octets
    if name != "mixed" and octets >= 16:
        assert text.isascii() == (name == "ascii")
    pieces = texts.pieces(name, octets, 3)
    assert [len(piece) for piece in pieces] == [octets] * 3
    assert all(piece.decode() for piece in pieces)


def test_latin_1_text_stays_within_latin_1() -> None:
    assert max(texts.text("latin", 70_000)) <= "\xff"


def test_the_project_has_texts_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    # Uncached, and back to what it was afterwards.
    monkeypatch.setenv("WSFAST_CORPUS", str(texts.PROSE))
    assert texts.folder.__wrapped__() == texts.PROSE
    assert {path.stem for path in texts.PROSE.glob("*.txt")} > set(texts.TEXTS) - {
        "ascii",
        "latin",
        "mixed",
    }


def test_a_corpus_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WSFAST_CORPUS", "/no/such/folder")
    with pytest.raises(ValueError, match="WSFAST_CORPUS='/no/such/folder': there is no such"):
        texts.folder.__wrapped__()


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65535, 65536])
def test_a_frame_of_a_stream_reads_back(length: int) -> None:
    payload = streams.some_octets(length)
    stream = streams.stream(streams.BINARY, [payload])
    frame = b"".join(stream.reads)
    if length:
        assert streams.read_frame(frame) == (0x82, True, payload)


def test_masking_is_that_of_the_rfc() -> None:
    # RFC 6455 section 5.7.
    assert streams.masked(b"Hello", b"\x37\xfa\x21\x3d") == b"\x7f\x9f\x4d\x51\x58"


def test_a_loop_runs_its_statement_as_often_as_it_says() -> None:
    ran: list[int] = []
    loop = timing.Loop("append(1)", {"append": ran.append})
    ran.clear()
    loop.round(1000)
    assert len(ran) == 1000
    ran.clear()
    loop.round()
    assert len(ran) == loop.times


def test_every_loop_is_measured_and_the_least_time_kept() -> None:
    loops = [timing.Loop("len(x)", {"x": b""}), timing.Loop("list(x)", {"x": bytes(1000)})]
    first = timing.measure(loops, 0.01)
    second = timing.measure(loops, 0.01, first)
    assert all(0 < later <= earlier for earlier, later in zip(first, second, strict=True))
    assert first[0] < first[1]


@pytest.mark.parametrize(
    ("nanoseconds", "words"),
    [
        (0.456, "0.46 ns"),
        (36.23, "36.2 ns"),
        (999.9, "1.00 µs"),
        (127e6, "127 ms"),
        (2e9, "2.00 s"),
    ],
)
def test_durations_are_for_people(nanoseconds: float, words: str) -> None:
    assert report.duration(nanoseconds) == words


def _options(**options: Any) -> argparse.Namespace:
    given = {"json": None, "plot": None, "quick": True, "only": None, "codec": True, "echo": False}
    return argparse.Namespace(**given | options)


@pytest.fixture
def no_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "find", FIELDS.get)
    monkeypatch.setattr(codec, "QUICK_SECONDS", 0.001)


@pytest.mark.usefixtures("no_peers")
def test_the_figures_come_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.run(_options(only=["masking_key", "pure apply_mask"], json="-")) == 0
    found = json.loads(capsys.readouterr().out)
    works = {result["work"] for result in found["results"]}
    assert works == {"masking_key"} | {name for name in NAMES if "pure apply_mask" in name}
    assert all(result["nanoseconds"] > 0 for result in found["results"])
    assert found["kernels"].keys() == {"mask", "utf8", "text", "encode"}


@pytest.mark.usefixtures("no_peers")
def test_the_table_names_the_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.run(_options(only=["Utf8Validator"])) == 0
    table = capsys.readouterr().out
    assert "Validate a text that comes in chunks: Utf8Validator" in table
    assert "ASCII (English)" in table and "Chinese" in table


def test_unknown_work_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.run(_options(only=["nothing like it"])) == 2
    assert "no work has a name with nothing like it in it" in capsys.readouterr().err


def test_peers_that_are_not_installed_are_named() -> None:
    field = peers.find()
    named = {peer.name for peer in field.peers} | set(field.missing)
    assert named > {"websockets", "wsproto", "aiohttp", "tornado", "picows", "wsaccel"}
