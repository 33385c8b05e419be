"""The choice between the twins: WSFAST_BACKEND and WSFAST_ISA, read once at import."""

from __future__ import annotations

import inspect
import json

import pytest
from implementations import MODULES, Implementation
from processes import last_line_of_failure, output

import wsfast

# A Python whose compiled side fails to import: as if never built, or built and broken.
WITHOUT = """
import sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("wsfast._speedups."):
            {act}
        return None
sys.meta_path.insert(0, Finder())
"""
MISSING = WITHOUT.format(act="raise ModuleNotFoundError(f'No module named {name!r}', name=name)")
BROKEN = WITHOUT.format(act="raise {error}")
TELL = """
import json, wsfast
from wsfast import _backend
sides = {m: getattr(_backend, m).__name__ for m in MODULES}
print(json.dumps([wsfast.BACKEND, _backend.BACKEND, _backend.REASON, wsfast.kernels(), sides]))
""".replace("MODULES", repr(MODULES))
OPERATIONS = {"mask", "utf8", "text", "encode"}
ISAS = ("scalar", "sse2", "ssse3", "avx2", "avx512", "neon")


def test_python_takes_the_pure_side() -> None:
    public, backend, reason, kernels, sides = json.loads(output(TELL, WSFAST_BACKEND="python"))
    assert public == backend == "python"
    assert isinstance(reason, str)
    assert kernels == dict.fromkeys(OPERATIONS, "python")
    assert all(name == f"wsfast._fallback.{module}" for module, name in sides.items())


@pytest.mark.parametrize("switches", [{}, {"WSFAST_BACKEND": "auto"}, {"WSFAST_BACKEND": "c"}])
def test_the_compiled_side_is_taken_where_it_is(
    compiled: Implementation, switches: dict[str, str]
) -> None:
    public, backend, reason, kernels, sides = json.loads(output(TELL, **switches))
    assert public == backend == "c"
    assert reason is None
    best = {name: isas[0] for name, isas in compiled.kernels.available().items()}
    assert kernels == best
    assert all(name == f"wsfast._speedups.{module}" for module, name in sides.items())


@pytest.mark.parametrize("switches", [{}, {"WSFAST_BACKEND": "auto"}])
def test_auto_takes_the_pure_side_silently_where_the_other_is_missing(
    switches: dict[str, str],
) -> None:
    code = MISSING + "import warnings; warnings.simplefilter('error')\n" + TELL
    public, backend, reason, _, sides = json.loads(output(code, **switches))
    assert public == backend == "python"
    assert "_speedups" in reason
    assert sides["frames"] == "wsfast._fallback.frames"


def test_c_says_why_there_is_none() -> None:
    last = last_line_of_failure(MISSING + "import wsfast", WSFAST_BACKEND="c")
    assert last.startswith(("ImportError: ", "ModuleNotFoundError: "))
    assert "_speedups" in last


@pytest.mark.parametrize(
    "error",
    [
        "RuntimeError('broken')",
        "ImportError('undefined symbol: broken', name=name)",
        "ModuleNotFoundError('No module named broken', name='broken')",
    ],
)
@pytest.mark.parametrize("backend", ["auto", "c"])
def test_a_compiled_side_that_is_there_but_broken_is_an_error(error: str, backend: str) -> None:
    code = BROKEN.replace("{error}", error) + "import wsfast"
    last = last_line_of_failure(code, WSFAST_BACKEND=backend)
    assert "broken" in last


def test_the_pure_side_does_not_look_for_the_compiled_one() -> None:
    code = BROKEN.replace("{error}", "RuntimeError") + "import wsfast; print(wsfast.BACKEND)"
    assert output(code, WSFAST_BACKEND="python") == "python"
    code = "import sys, wsfast; print([m for m in sys.modules if '_speedups.' in m])"
    assert output(code, WSFAST_BACKEND="python") == "[]"


@pytest.mark.parametrize("value", ["C", "pure", "Python", "1"])
def test_any_other_backend_is_an_error(value: str) -> None:
    last = last_line_of_failure("import wsfast", WSFAST_BACKEND=value)
    assert last == f"ValueError: WSFAST_BACKEND={value!r}: expected auto, c or python"


@pytest.mark.parametrize("backend", ["python", "auto"])
@pytest.mark.parametrize("value", ["sse4", "AVX2", "avx-512", "python"])
def test_an_unknown_instruction_set_is_an_error_that_lists_them(backend: str, value: str) -> None:
    last = last_line_of_failure("import wsfast", WSFAST_BACKEND=backend, WSFAST_ISA=value)
    assert last.startswith(f"ValueError: WSFAST_ISA={value!r}: ")
    for isa in ISAS:
        assert isa in last


@pytest.mark.parametrize("isa", ISAS)
def test_the_pure_side_ignores_a_known_instruction_set(isa: str) -> None:
    code = "import wsfast; print(wsfast.kernels()['mask'])"
    assert output(code, WSFAST_BACKEND="python", WSFAST_ISA=isa) == "python"


@pytest.mark.parametrize("isa", ISAS)
def test_an_instruction_set_is_a_ceiling_or_an_error(compiled: Implementation, isa: str) -> None:
    here = {name for isas in compiled.kernels.available().values() for name in isas}
    here |= {"scalar", *compiled.kernels.cpu()} & set(ISAS)
    switches = {"WSFAST_BACKEND": "c", "WSFAST_ISA": isa}
    if isa not in here:
        last = last_line_of_failure("import wsfast", **switches)
        assert last.startswith(f"ValueError: WSFAST_ISA={isa!r}: this CPU has only ")
        assert "scalar" in last
        return
    kernels = json.loads(output(TELL, **switches))[3]
    for operation, isas in compiled.kernels.available().items():
        allowed = [name for name in isas if ISAS.index(name) <= ISAS.index(isa)]
        assert kernels[operation] == allowed[0]


def test_the_package_has_its_public_names() -> None:
    names = """apply_mask apply_mask_inplace masking_key is_utf8 Utf8Validator decode_text Frame
    encode_frame encode_frames FrameDecoder MessageDecoder Opcode CloseCode Close FramePart
    MessagePart ProtocolError LocalProtocolError RemoteProtocolError BACKEND kernels __version__"""
    assert set(names.split()) <= set(wsfast.__all__)
    for name in wsfast.__all__:
        assert hasattr(wsfast, name)
    assert set(wsfast.kernels()) == OPERATIONS


def test_the_public_modules_hand_on_the_chosen_twin() -> None:
    from wsfast import _backend, frames, mask, messages, utf8

    for public, chosen, name in (
        (frames, _backend.frames, "Frame"),
        (frames, _backend.frames, "encode_frames"),
        (mask, _backend.mask, "masking_key"),
        (messages, _backend.messages, "MessageDecoder"),
        (utf8, _backend.utf8, "decode_text"),
    ):
        assert getattr(public, name) is getattr(chosen, name) is getattr(wsfast, name)


@pytest.mark.parametrize(
    "name", [n for n in wsfast.__all__ if n != "__version__" and n != "BACKEND"]
)
def test_public_names_are_documented(name: str) -> None:
    doc = inspect.getdoc(getattr(wsfast, name)) or ""
    lines = [line for line in doc.splitlines() if not line.startswith(f"{name}(")]
    assert len(" ".join(lines)) > 20
