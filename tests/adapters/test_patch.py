"""Parts are replaced whole or not at all, where the code is known, and put back as they were."""

from __future__ import annotations

import functools
import inspect
import logging
import pickle
import sys
import types
from typing import Any

import pytest
from made_library import ENCODE, FRAMES, LATE, MASK, PROTOCOL, Library, fast_encode

import wsfast
from wsfast import _backend, adapters
from wsfast.adapters import AdapterError, _patch, _places
from wsfast.adapters._patch import SelfCheckFailed


def test_enabled_it_is_replaced_and_disabled_it_is_as_before(library: Library) -> None:
    frames, protocol = library.load()
    before = dict(vars(frames)), dict(vars(frames.Frame)), dict(vars(protocol.Protocol))
    plain_mask = frames.mask
    library.enable()
    assert library.states() == ["replaced", "replaced"]
    assert frames.Frame(b"x").encode() == b"fast x"
    assert protocol.Protocol().send(b"x") == b"fast all x"
    assert protocol.mask is frames.mask is library.ours[MASK]
    assert wsfast.disable(library.name) == []
    after = dict(vars(frames)), dict(vars(frames.Frame)), dict(vars(protocol.Protocol))
    for one, other in zip(before, after, strict=True):
        assert {name: id(value) for name, value in one.items()} == {
            name: id(value) for name, value in other.items()
        }
    assert protocol.mask is plain_mask
    assert library.states() == ["off", "off"]


def test_enabling_it_twice_is_enabling_it_once(library: Library) -> None:
    frames, _ = library.load()
    plain = frames.Frame.encode
    for _ in range(3):
        library.enable()
    assert frames.Frame.encode is fast_encode
    wsfast.disable(library.name)
    assert frames.Frame.encode is plain
    assert wsfast.disable(library.name) == []


def test_what_replaces_looks_like_what_it_replaces(library: Library) -> None:
    frames, _ = library.load()
    plain = frames.Frame.encode
    library.enable()
    encode = frames.Frame.encode
    assert (encode.__name__, encode.__qualname__, encode.__module__, encode.__doc__) == (
        "encode",
        "Frame.encode",
        FRAMES,
        "Plain.",
    )
    assert inspect.signature(encode) == inspect.signature(plain)
    assert pickle.loads(pickle.dumps(frames.mask)) is frames.mask


def test_names_bound_later_are_put_back_too(library: Library) -> None:
    frames, _ = library.load()
    library.enable()
    late = __import__(LATE, fromlist=["mask"])
    assert late.mask is library.ours[MASK]
    wsfast.disable(library.name)
    assert late.mask is frames.mask
    assert late.mask(b"x") == b"plain x"


def test_what_somebody_else_replaced_since_is_reported_and_left(
    library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    frames, _ = library.load()
    library.enable()
    ours = frames.Frame.encode

    @functools.wraps(ours)
    def traced(self: Any) -> Any:
        return ours(self)

    frames.Frame.encode = traced
    assert library.reasons()[0] == f"replaced by somebody else since: {ENCODE}"
    expected = f"{ENCODE} is not restored: it is no longer ours"
    assert wsfast.disable(library.name) == [expected]
    assert f"{library.name}: {expected}" in caplog.messages
    assert frames.Frame.encode is traced
    assert frames.mask(b"x") == b"plain x"
    library.enable()
    assert library.states()[0] == "left alone"


def test_restored_by_somebody_else_needs_no_report(library: Library) -> None:
    frames, _ = library.load()
    plain = frames.Frame.encode
    library.enable()
    frames.Frame.encode = plain
    assert wsfast.disable(library.name) == []


class Stubborn(type):
    """Classes that refuse one attribute, after they have set it or before."""

    refused = ""
    after = False

    def __setattr__(cls, name: str, value: object) -> None:
        refuses = name == cls.refused and getattr(value, "__name__", "") == name
        if refuses and not cls.after:
            raise PermissionError("no")
        super().__setattr__(name, value)
        if refuses and value.__module__ != "stubborn":
            raise PermissionError("too late")


@pytest.mark.parametrize("after", [False, True])
def test_all_or_nothing_when_an_attribute_cannot_be_set(after: bool) -> None:
    def first() -> None: ...

    def second() -> None: ...

    def ours() -> None: ...

    first.__module__ = second.__module__ = "stubborn"
    ours.__name__ = "second"
    module: Any = types.ModuleType("stubborn")
    module.Class = Stubborn("Class", (), {"first": first, "second": second})
    module.Class.after, module.Class.refused = after, "second"
    sys.modules["stubborn"] = module
    originals = {"stubborn:Class.first": first, "stubborn:Class.second": second}
    try:
        with pytest.raises(PermissionError):
            _places.replace(originals, dict.fromkeys(originals, ours), {})
        assert vars(module.Class)["first"] is first
        assert vars(module.Class)["second"] is second
    finally:
        del sys.modules["stubborn"]


def test_members_of_every_kind(library: Library) -> None:
    places = [f"{FRAMES}:Frame.{name}" for name in ("of", "limit", "size")]
    library.learn(*places)
    library.parts, library.relies_on = {"kinds": places}, {}
    library.ours = {
        places[0]: classmethod(lambda cls, payload: cls(b"fast " + payload)),
        places[1]: staticmethod(lambda: 2),
        places[2]: property(lambda self: 99, lambda self, size: None),
    }
    frames, _ = library.load()
    kept = dict(vars(frames.Frame))
    library.enable()
    assert library.states() == ["replaced"]
    frame = frames.Frame.of(b"x")
    assert (frame.payload, frame.limit(), frame.size) == (b"fast x", 2, 99)
    assert frames.Frame.of.__qualname__ == "Frame.of"
    assert frames.Frame.limit.__name__ == "limit"
    assert vars(frames.Frame)["size"].fset.__name__ == "size"
    wsfast.disable(library.name)
    assert all(vars(frames.Frame)[name] is kept[name] for name in ("of", "limit", "size"))


def test_a_part_may_rest_on_what_another_one_replaces(library: Library) -> None:
    library.load()
    library.enable()
    # "protocol" relies on encode() and mask(), which "frames" replaces before it.
    assert library.states() == ["replaced", "replaced"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (SelfCheckFailed("frames differ"), "frames differ"),
        (ZeroDivisionError("in the adapter"), "ZeroDivisionError: in the adapter"),
        (KeyError("x"), "KeyError: 'x'"),
    ],
)
@pytest.mark.parametrize("where", ["build", "check"])
def test_a_fault_of_the_adapter_breaks_nobodys_import(
    library: Library, error: Exception, reason: str, where: str
) -> None:
    def fail(*args: Any) -> Any:
        raise error

    setattr(library, where, fail)
    library.enable()
    _, protocol = library.load()
    assert library.reasons() == [reason, reason]
    assert protocol.Protocol().send(b"x") == b"plain plain x"


def test_a_fault_of_the_adapter_module_breaks_nobodys_import(
    library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    library.enable()
    # A module without ADAPTER.
    del sys.modules[f"wsfast.adapters.{FRAMES.split('.')[0]}"].ADAPTER
    frames, _ = library.load()
    assert frames.mask(b"x") == b"plain x"
    assert [record.getMessage() for record in caplog.records] == [
        f"{library.name} left alone: its adapter failed"
    ]


def test_an_interrupt_leaves_nothing_behind(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, _ = library.load()
    plain = frames.Frame.encode

    def interrupted(originals: Any, replacements: Any) -> None:
        raise KeyboardInterrupt

    library.check = interrupted
    with pytest.raises(KeyboardInterrupt):
        library.enable()
    assert frames.Frame.encode is plain
    library.check = lambda originals, replacements: None
    library.enable()
    assert library.states() == ["replaced", "replaced"]


def test_an_adapter_that_replaces_something_else_is_refused(library: Library) -> None:
    library.build = lambda originals: {ENCODE: fast_encode}
    library.load()
    library.enable()
    assert library.reasons()[0] == "the adapter replaces other places than it names"


def test_a_part_that_does_not_apply_is_no_failure(
    library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    library.applies = lambda: "it is compiled here"
    library.load()
    library.enable(strict=True)
    assert library.states() == ["not applicable", "not applicable"]
    assert library.reasons() == ["it is compiled here"] * 2
    assert caplog.records == []


def test_on_the_pure_side_only_what_is_faster_there(
    library: Library, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_backend, "BACKEND", "python")
    monkeypatch.setattr(_patch, "FORCED", False)
    library.load()
    library.enable()
    assert library.states() == ["replaced", "replaced"]
    wsfast.disable(library.name)
    work = adapters._registry._libraries[library.name]  # type: ignore[attr-defined]
    for part in work.adapter.parts:
        object.__setattr__(part, "pure", False)
    library.enable()
    assert library.reasons() == ["not faster on the pure side"] * 2
    assert all(record.levelno < logging.WARNING for record in caplog.records)
    with pytest.raises(AdapterError, match="not faster on the pure side"):
        library.enable(strict=True)
    monkeypatch.setattr(_patch, "FORCED", True)
    library.enable()
    assert library.states() == ["replaced", "replaced"]


def test_the_status_reads_well(library: Library) -> None:
    library.enable()
    assert str(library.status()) == (
        f"{library.name} 1.5: enabled\n"
        f"  frames: waiting - not imported yet: {FRAMES}\n"
        f"  protocol: waiting - not imported yet: {PROTOCOL}, {FRAMES}"
    )
    library.load()
    assert str(library.status()).splitlines()[1:] == ["  frames: replaced", "  protocol: replaced"]
    wsfast.disable(library.name)
    assert str(library.status()) == (
        f"{library.name} 1.5: not enabled\n  frames: off\n  protocol: off"
    )
    part = adapters.PartStatus("in", "replaced", None, (), {"mask": "avx2", "text": "avx2"})
    assert str(part) == "in: replaced (mask avx2, text avx2)"
