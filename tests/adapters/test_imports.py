"""Modules are replaced when they are imported: in any order, by any finder, from any thread."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
import time
import traceback
import types
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from typing import Any

import pytest
from made_library import ENCODE, FRAMES, LATE, MASK, PACKAGE, PROTOCOL, REPLACED, SOURCES, Library
from processes import output, python

import wsfast
from wsfast.adapters import AdapterError, _registry


def test_enabled_before_the_import(library: Library) -> None:
    library.enable()
    assert PACKAGE not in sys.modules
    assert library.states() == ["waiting", "waiting"]
    frames = importlib.import_module(FRAMES)
    assert library.states() == ["replaced", "waiting"]
    assert frames.mask(b"x") == b"fast x"
    protocol = importlib.import_module(PROTOCOL)
    assert library.states() == REPLACED
    assert protocol.mask is frames.mask
    wsfast.disable(library.name)
    assert protocol.Protocol().send(b"x") == b"plain plain x"


@pytest.mark.parametrize("first", [FRAMES, PROTOCOL, LATE])
def test_the_order_of_imports_and_of_enabling_does_not_matter(library: Library, first: str) -> None:
    importlib.import_module(first)
    library.enable()
    frames, protocol = library.load()
    late = importlib.import_module(LATE)
    assert library.states() == REPLACED
    assert frames.mask is protocol.mask is late.mask is library.ours[MASK]


def test_nothing_is_imported_by_it() -> None:
    code = (
        "import sys, wsfast\n"
        "wsfast.enable()\n"
        "known = set(wsfast.adapters.NAMES.values())\n"
        "print([name for name in sys.modules if name.partition('.')[0] in known])\n"
        "print(sorted(name for name in ('importlib.metadata', 'inspect', 'logging')\n"
        "             if name in sys.modules))\n"
        "wsfast.status()\n"
        "print([name for name in sys.modules if name.partition('.')[0] in known])\n"
    )
    assert output(code).splitlines() == ["[]", "[]", "[]"]


def test_importing_wsfast_imports_no_adapter() -> None:
    code = (
        "import sys, wsfast\n"
        "print([name for name in sys.modules if name.startswith('wsfast.adapters.')])\n"
        "print('importlib.metadata' in sys.modules, 'logging' in sys.modules)\n"
    )
    assert output(code).splitlines() == ["[]", "False False"]


def test_loaded_again_it_is_replaced_again(library: Library) -> None:
    library.enable()
    frames, protocol = library.load()
    old = frames.Frame
    importlib.reload(protocol)
    assert library.states() == REPLACED
    assert protocol.Protocol().send(b"x") == b"fast all x"
    importlib.reload(frames)
    # protocol has the class Frame as it was before: what is replaced together is not of one piece.
    assert library.states() == ["replaced", "left alone"]
    assert library.reasons()[1] == f"{FRAMES} was imported anew, and {PROTOCOL} was not"
    assert old(b"x").encode() == b"plain x"
    assert frames.Frame(b"x").encode() == b"fast x"
    importlib.reload(protocol)
    assert library.states() == REPLACED
    wsfast.disable(library.name)
    assert frames.Frame(b"x").encode() == b"plain x"
    assert protocol.Protocol().send(b"x") == b"plain plain x"


def test_a_reload_that_fails_leaves_nothing_half_replaced(library: Library) -> None:
    library.enable()
    frames, protocol = library.load()
    library.write("frames", SOURCES["frames"] + "\n1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        importlib.reload(frames)
    assert frames.Frame(b"x").encode() == frames.mask(b"x") == b"plain x"
    assert protocol.Protocol().send(b"x") == b"plain plain x"


def test_deleted_and_imported_again_it_is_replaced_again(library: Library) -> None:
    library.enable()
    old_frames, _ = library.load()
    for name in (PROTOCOL, FRAMES, PACKAGE):
        del sys.modules[name]
    assert library.states() == REPLACED
    frames, protocol = library.load()
    assert frames is not old_frames
    assert library.states() == REPLACED
    assert (frames.mask(b"x"), old_frames.mask(b"x")) == (b"fast x", b"plain x")
    assert wsfast.disable(library.name) == []
    assert protocol.mask(b"x") == b"plain x"


def test_an_import_that_fails_fails_as_ever(library: Library) -> None:
    library.enable()
    library.write("frames", SOURCES["frames"] + "\n1 / 0\n")
    with pytest.raises(ZeroDivisionError) as caught:
        __import__(PROTOCOL)
    assert FRAMES not in sys.modules
    assert library.states() == ["waiting", "waiting"]
    wsfast.disable(library.name)
    with pytest.raises(ZeroDivisionError) as plain:
        __import__(PROTOCOL)
    one, other = (traceback.extract_tb(error.value.__traceback__) for error in (caught, plain))
    assert [frame[:1] + frame[2:] for frame in one] == [frame[:1] + frame[2:] for frame in other]
    assert one[1:] == other[1:], "no frame of ours"
    library.enable()
    library.write("frames", SOURCES["frames"] + "\n# and more\n")
    library.load()
    assert library.states() == REPLACED


def test_enabled_in_the_middle_of_its_own_import(library: Library) -> None:
    library.write("frames", SOURCES["frames"] + "\nimport wsfast_test_hook\n")
    hook: Any = types.ModuleType("wsfast_test_hook")
    sys.modules["wsfast_test_hook"] = hook
    finder = _Calls("wsfast_test_hook", library.enable)
    del sys.modules["wsfast_test_hook"]
    sys.meta_path.insert(0, finder)
    try:
        frames = importlib.import_module(FRAMES)
        assert finder.called
        # Its source was changed by a line, not the functions.
        assert library.states() == ["replaced", "waiting"]
        assert frames.mask(b"x") == b"fast x"
        assert type(frames.__spec__) is ModuleSpec
        assert frames.__spec__._initializing is False
        importlib.import_module(PROTOCOL)
        assert library.states() == REPLACED
    finally:
        sys.modules.pop("wsfast_test_hook", None)


class _Calls:
    """A finder that calls something when a module is looked for, which it makes out of nothing."""

    def __init__(self, name: str, call: Callable[[], None]) -> None:
        self.name, self.call, self.called = name, call, False

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != self.name:
            return None
        self.called = True
        self.call()
        return ModuleSpec(name, self)  # type: ignore[arg-type]

    def create_module(self, spec: Any) -> None:
        return None

    def exec_module(self, module: Any) -> None:
        pass


def test_enabled_while_another_thread_imports_it(library: Library) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        assert go_on.wait(10)

    library.write("frames", SOURCES["frames"] + "\nimport wsfast_test_hook\n")
    # In the body of the module, so not under importlib's own lock.
    library.write("frames", SOURCES["frames"] + "\nimport builtins\nbuiltins.wsfast_test_hook()\n")
    import builtins

    builtins.wsfast_test_hook = wait  # type: ignore[attr-defined]
    try:
        thread = threading.Thread(target=importlib.import_module, args=(PROTOCOL,))
        thread.start()
        assert begun.wait(10)
        library.enable()
        assert library.states() == ["waiting", "waiting"]
        go_on.set()
        thread.join(10)
    finally:
        del builtins.wsfast_test_hook  # type: ignore[attr-defined]
    assert library.states() == REPLACED


def test_a_failed_import_that_began_unwatched(library: Library) -> None:
    import builtins

    library.write(
        "frames", SOURCES["frames"] + "\nimport builtins\nbuiltins.wsfast_test_hook()\n1 / 0\n"
    )
    builtins.wsfast_test_hook = library.enable  # type: ignore[attr-defined]
    try:
        with pytest.raises(ZeroDivisionError):
            importlib.import_module(FRAMES)
    finally:
        del builtins.wsfast_test_hook  # type: ignore[attr-defined]
    assert library.states() == ["waiting", "waiting"]


def test_many_threads_enable_and_disable_while_others_import(library: Library) -> None:
    errors: list[BaseException] = []
    end = time.monotonic() + 0.5

    def repeat(call: Callable[[], Any]) -> None:
        try:
            while time.monotonic() < end:
                call()
        except BaseException as error:
            errors.append(error)

    def load() -> None:
        library.load()
        importlib.import_module(LATE)

    library.enable()
    calls = [library.enable, library.enable, lambda: wsfast.disable(library.name), library.status]
    threads = [threading.Thread(target=repeat, args=(call,)) for call in (*calls, load, load)]
    for thread in threads:
        thread.start()
    while time.monotonic() < end:
        time.sleep(0.02)
        library.forget()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive(), "deadlock"
    # An import races with the forgetting of modules, as it would without us.
    assert [error for error in errors if not isinstance(error, (KeyError, ImportError))] == []
    wsfast.disable(library.name)
    library.forget()
    frames, _ = library.load()
    library.enable()
    assert library.states() == REPLACED
    wsfast.disable(library.name)
    assert frames.mask(b"x") == b"plain x"


def test_two_threads_import_its_modules_at_once(library: Library) -> None:
    for _ in range(20):
        library.forget()
        library.enable()
        barrier = threading.Barrier(2)

        def load(name: str, barrier: threading.Barrier = barrier) -> None:
            barrier.wait(10)
            importlib.import_module(name)

        threads = [threading.Thread(target=load, args=(name,)) for name in (FRAMES, PROTOCOL)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        work = _registry._libraries[library.name]
        assert len(work.changes) == 2, "without asking for the status, which catches up"
        wsfast.disable(library.name)


def test_strict_from_an_import_that_began_unwatched(library: Library) -> None:
    import builtins

    source = SOURCES["frames"].replace("plain", "other")
    library.write("frames", source + "\nimport builtins\nbuiltins.wsfast_test_hook()\n")
    builtins.wsfast_test_hook = lambda: library.enable(strict=True)  # type: ignore[attr-defined]
    try:
        with pytest.raises(AdapterError, match=ENCODE):
            importlib.import_module(FRAMES)
    finally:
        del builtins.wsfast_test_hook  # type: ignore[attr-defined]


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs fork()")
def test_a_fork_while_the_lock_is_held() -> None:
    code = (
        "import os, threading, wsfast, warnings\n"
        "from wsfast.adapters import _registry\n"
        "warnings.simplefilter('ignore')\n"
        "wsfast.enable()\n"
        "held, done = threading.Event(), threading.Event()\n"
        "def hold():\n"
        "    with _registry._lock:\n"
        "        held.set(); done.wait(10)\n"
        "threading.Thread(target=hold).start()\n"
        "held.wait(10)\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    wsfast.status(); os._exit(7)\n"
        "code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])\n"
        "done.set(); print(code)\n"
    )
    assert output(code) == "7"


def test_a_subinterpreter_has_libraries_of_its_own() -> None:
    code = (
        "import sys\n"
        "try:\n"
        "    import _interpreters as interpreters\n"
        "except ImportError:\n"
        "    import _xxsubinterpreters as interpreters\n"
        "import wsfast\n"
        "wsfast.enable()\n"
        "shared = ['legacy'] if sys.version_info >= (3, 13) else [], {'isolated': False}\n"
        "one = interpreters.create(*shared[0], **{} if shared[0] else shared[1])\n"
        "code = 'import wsfast; assert not any(s.enabled for s in wsfast.status().values())'\n"
        "interpreters.run_string(one, code)\n"
        "print(all(s.enabled for s in wsfast.status().values()))\n"
    )
    assert python("-c", code, WSFAST_BACKEND="python").stdout.strip() == "True"
