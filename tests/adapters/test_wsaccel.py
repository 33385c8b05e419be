"""The stand-in for wsaccel: the same modules, on this codec."""

from __future__ import annotations

import array
import contextlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from typing import Any

import processes
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wsfast
from wsfast.adapters import AdapterError, wsaccel
from wsfast.adapters._utf8_states import advance

NAME = "wsaccel"
IS_INSTALLED = importlib.util.find_spec(NAME) is not None
TEXT = "Grüße, 你好, 🌍"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = {name: module for name, module in sys.modules.items() if name.startswith(NAME)}
    yield
    wsfast.disable(NAME)
    for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[name]
    sys.modules.update(before)


def state() -> str:
    (part,) = wsfast.status()[NAME].parts
    return part.state


def outcome(act: Callable[[], Any]) -> Any:
    try:
        found = act()
    except Exception as error:
        return type(error), str(error)
    return type(found), found


# The validator, by what it is known to say


def test_a_text_in_one_piece() -> None:
    text = "Hello-µ@ßöäüàá-UTF-8!!".encode()
    assert wsaccel.Utf8Validator().validate(text) == (True, True, len(text), len(text))
    assert wsaccel.Utf8Validator().validate(b"") == (True, True, 0, 0)


def test_a_text_in_pieces() -> None:
    validator = wsaccel.Utf8Validator()
    assert validator.validate(b"\xc3") == (True, False, 1, 1)
    assert validator.validate(b"\xa9x") == (True, True, 2, 3)
    assert validator.validate(b"\xff") == (False, False, 0, 3)
    assert validator.validate(b"a") == (False, False, 0, 3)
    assert (validator.state, validator.i, validator.codepoint) == (1, 3, 0)
    validator.reset()
    assert validator.validate(b"a") == (True, True, 1, 1)


def test_octet_by_octet_it_tells_code_points() -> None:
    validator = wsaccel.Utf8Validator()
    found = [validator.codepoint for octet in TEXT.encode() if validator.decode(octet) == 0]
    assert "".join(map(chr, found)) == TEXT
    assert validator.UTF8_ACCEPT == 0
    assert validator.decode(0x80) == validator.UTF8_REJECT == 1


def test_it_can_be_subclassed() -> None:
    class Validator(wsaccel.Utf8Validator):
        def validate(self, buf: Any) -> Any:
            return super().validate(buf)[0]

    assert Validator().validate(b"\xff") is False


# Masks


def test_masks_in_pieces() -> None:
    masker = wsaccel.XorMaskerSimple(b"\xf0\xf1\x0e\x0f")
    assert masker.process(bytes(6)) == b"\xf0\xf1\x0e\x0f\xf0\xf1"
    assert masker.pointer() == 6
    assert masker.process(memoryview(bytes(12))[::2]) == b"\x0e\x0f\xf0\xf1\x0e\x0f"
    masker.reset()
    assert masker.process(array.array("B", (0, 0))) == b"\xf0\xf1"
    assert wsaccel.createXorMasker(array.array("B", b"abcd"), 9).process(b"\0") == b"a"


def test_no_masks() -> None:
    masker = wsaccel.XorMaskerNull()
    data = [1, 2]
    assert masker.process(data) is data
    assert masker.pointer() == 2
    masker.reset()
    assert masker.pointer() == 0


ODD = [
    ("x", TypeError, "a bytes-like object is required, not 'str'"),
    (5, TypeError, "a bytes-like object is required, not 'int'"),
    (
        array.array("i", (1,)),
        ValueError,
        "Buffer dtype mismatch, expected 'const unsigned char' but got 'int'",
    ),
    (
        memoryview(b"abcd").cast("B", (2, 2)),
        ValueError,
        "Buffer has wrong number of dimensions (expected 1, got 2)",
    ),
]


@pytest.mark.parametrize("value, error, text", ODD, ids=["str", "int", "array", "two dimensions"])
def test_odd_arguments_are_refused(value: Any, error: type[Exception], text: str) -> None:
    for act in (
        wsaccel.Utf8Validator().validate,
        wsaccel.XorMaskerSimple,
        wsaccel.XorMaskerSimple(b"abcd").process,
    ):
        assert outcome(lambda act=act: act(value)) == (error, text)  # type: ignore[misc]
    with pytest.raises(ValueError, match=r"mask should be 4byte\."):
        wsaccel.XorMaskerSimple(b"abc")


# Beside the installed one


@contextlib.contextmanager
def installed() -> Iterator[tuple[Any, Any]]:
    validators: Any = pytest.importorskip("wsaccel.utf8validator")
    yield validators, importlib.import_module("wsaccel.xormask")


texts = st.lists(
    st.sampled_from([b"a", b"\xc3", b"\xa4", b"\xe4\xbd", b"\xe0", b"\xed", b"\xf0\x9f", b"\xf4"])
    | st.binary(max_size=3)
    | st.text(max_size=3).map(str.encode),
    max_size=5,
)


@given(texts)
def test_validators_are_the_same(pieces: list[bytes]) -> None:
    with installed() as (validators, _):
        seen = []
        for made in (validators.Utf8Validator(), wsaccel.Utf8Validator()):
            seen.append([])
            for piece in (*pieces, b"", *map(bytearray, pieces), *map(memoryview, pieces)):
                seen[-1] += [outcome(lambda made=made, piece=piece: made.validate(piece))]  # type: ignore[misc]
                seen[-1] += [made.state, made.i, made.codepoint]
            made.reset()
            for octet in b"".join(pieces):
                seen[-1] += [made.decode(octet), made.state, made.i, made.codepoint]
        assert seen[0] == seen[1]


@settings(max_examples=60)
@given(
    st.lists(st.binary(max_size=9), max_size=4),
    st.sampled_from(
        [b"abcd", array.array("B", b"abcd"), b"abc", memoryview(b"aXbXcXdX")[::2], None]
    ),
)
def test_masks_are_the_same(pieces: list[bytes], key: Any) -> None:
    def run(module: Any) -> Any:
        masker = module.XorMaskerSimple(key)
        null = module.XorMaskerNull()
        return [
            (masker.process(kind(piece)), masker.pointer(), null.process(piece), null.pointer())
            for piece in pieces
            for kind in (bytes, bytearray, lambda piece: memoryview(piece)[::-1])
        ]

    with installed() as (_, xormask):
        assert outcome(lambda: run(wsaccel)) == outcome(lambda: run(xormask))


def test_states_after_any_octets() -> None:
    with installed() as (validators, _):
        for state in (0, *range(2, 9)):
            for octet in range(256):
                made = validators.Utf8Validator()
                made.state = state
                made.validate(bytes((octet,)))
                assert advance(state, bytes((octet,)))[0] == made.state


# Switching


@pytest.mark.skipif(IS_INSTALLED, reason="wsaccel is installed")
def test_it_is_there_when_asked_for() -> None:
    wsfast.enable()
    assert NAME not in sys.modules
    wsfast.disable()
    wsfast.enable(NAME)
    validators = importlib.import_module("wsaccel.utf8validator")
    assert validators.Utf8Validator is wsaccel.Utf8Validator
    assert importlib.import_module(NAME).__version__ == "0.6.6"
    assert importlib.util.find_spec(NAME) is not None
    assert state() == "replaced"
    wsfast.enable(NAME)
    assert wsfast.disable(NAME) == []
    assert importlib.util.find_spec(NAME) is None


@pytest.mark.skipif(not IS_INSTALLED, reason="wsaccel is not installed")
def test_an_installed_one_is_shadowed_if_asked_for() -> None:
    wsfast.enable(NAME)
    assert state() == "left alone"
    real = importlib.import_module("wsaccel.utf8validator").Utf8Validator
    assert real is not wsaccel.Utf8Validator
    with pytest.raises(AdapterError, match="wsaccel: it is imported"):
        wsfast.enable(NAME, strict=True)
    wsfast.enable(NAME, shadow=True)
    assert importlib.import_module("wsaccel.utf8validator").Utf8Validator is wsaccel.Utf8Validator
    assert state() == "replaced"
    assert wsfast.disable(NAME) == []
    assert importlib.import_module("wsaccel.utf8validator").Utf8Validator is real


def test_where_its_import_is_blocked_it_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, NAME, None)
    wsfast.enable(NAME)
    assert state() == "left alone"
    with pytest.raises(ImportError):
        importlib.import_module(NAME)


def test_what_somebody_else_put_there_is_left() -> None:
    wsfast.enable(NAME, shadow=True)
    other: Any = object()
    sys.modules["wsaccel.xormask"] = other
    assert "wsaccel.xormask" in str(wsfast.status()[NAME].parts[0].reason)
    assert wsfast.disable(NAME) == ["wsaccel.xormask is not restored: it is no longer ours"]
    assert sys.modules["wsaccel.xormask"] is other


def test_websocket_client_takes_it() -> None:
    pytest.importorskip("websocket")
    code = """if True:
        import wsfast
        wsfast.enable("wsaccel", "websocket-client", shadow=True)
        import wsaccel, websocket
        from websocket import _abnf, _utils
        assert _utils.Utf8Validator is wsaccel.utf8validator.Utf8Validator
        assert _abnf.XorMaskerSimple is wsaccel.xormask.XorMaskerSimple
        assert wsaccel.__spec__.origin == "wsfast"
        print({part.state for part in wsfast.status()["websocket-client"].parts})
        wsfast.disable()
        print(_utils.validate_utf8(b"\\xff"), _abnf.ABNF.mask(b"abcd", b"abc"))"""
    assert processes.output(code).splitlines() == ["{'replaced'}", "False b'\\x00\\x00\\x00'"]


def test_ws4py_takes_it() -> None:
    pytest.importorskip("ws4py.streaming")
    code = """if True:
        import wsfast
        wsfast.enable("wsaccel", shadow=True)
        import wsaccel
        wsaccel.patch_ws4py()
        from ws4py import framing, streaming
        print(streaming.Utf8Validator is wsaccel.utf8validator.Utf8Validator)
        print(framing.Frame(masking_key=b"abcd").unmask(b"abc"), framing.Frame().mask(b"abc"))"""
    assert processes.output(code).splitlines() == ["True", "b'\\x00\\x00\\x00' b'abc'"]
