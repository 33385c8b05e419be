"""The kernels that there are, that can run here, that run; and the ceiling over them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from implementations import Implementation
from oracle import rfc_mask

from wsfast.protocol import Opcode

OPERATIONS = ("mask", "utf8", "text", "encode")
ISAS = ("scalar", "sse2", "ssse3", "avx2", "avx512", "neon")


@pytest.fixture
def kernels(implementation: Implementation) -> Iterator[Any]:
    yield implementation.kernels
    implementation.choose_kernels()


def test_every_operation_has_kernels_best_first(kernels: Any) -> None:
    for table in (kernels.available(), kernels.compiled()):
        assert list(table) == list(OPERATIONS)
        for isas in table.values():
            assert isas
            assert len(set(isas)) == len(isas)
            if isas != ["python"]:
                ranks = [ISAS.index(isa) for isa in isas]
                assert ranks == sorted(ranks, reverse=True)
                assert isas[-1] == "scalar"


def test_what_can_run_here_was_compiled(kernels: Any) -> None:
    for operation, isas in kernels.available().items():
        compiled = kernels.compiled()[operation]
        assert isas == [isa for isa in compiled if isa in isas]


def test_the_results_are_the_callers_own(kernels: Any) -> None:
    for call in (kernels.active, kernels.available, kernels.compiled):
        call().clear()
        assert set(call()) == set(OPERATIONS)
    kernels.available()["mask"].append("nonsense")
    assert "nonsense" not in kernels.available()["mask"]
    kernels.cpu().append("nonsense")
    assert "nonsense" not in kernels.cpu()


def test_the_pure_side_runs_on_python(pure: Implementation) -> None:
    expected = dict.fromkeys(OPERATIONS, "python")
    assert pure.kernels.active() == expected
    assert {name: [isa] for name, isa in expected.items()} == pure.kernels.available()
    for isa in (None, *ISAS):
        assert pure.kernels.select(isa) is None
        assert pure.kernels.active() == expected


def test_each_operation_takes_its_best_kernel_not_above_the_ceiling(
    implementation: Implementation, kernels: Any
) -> None:
    if not implementation.compiled:
        assert set(kernels.active().values()) == {"python"}
        return
    assert kernels.active() == {
        operation: next(isa for isa in isas if ISAS.index(isa) <= ISAS.index(implementation.isa))
        for operation, isas in kernels.available().items()
    }
    assert kernels.select(None) is None
    best = {operation: isas[0] for operation, isas in kernels.available().items()}
    assert kernels.active() == best


@pytest.mark.parametrize("wrong", ["sse4", "", "AVX2", "python", "avx512 "])
def test_an_unknown_name_is_an_error_that_lists_the_known_ones(kernels: Any, wrong: str) -> None:
    before = kernels.active()
    with pytest.raises(ValueError) as caught:
        kernels.select(wrong)
    assert str(caught.value).startswith(f"WSFAST_ISA={wrong!r}: ")
    assert all(isa in str(caught.value) for isa in ISAS)
    assert kernels.active() == before


def test_an_instruction_set_that_this_cpu_lacks_is_an_error(
    implementation: Implementation, kernels: Any
) -> None:
    if not implementation.compiled:
        return
    before = kernels.active()
    lacking = [isa for isa in ISAS if isa != "scalar" and isa not in kernels.cpu()]
    assert lacking, "no CPU has all of them"
    for isa in lacking:
        with pytest.raises(ValueError) as caught:
            kernels.select(isa)
        assert str(caught.value).startswith(f"WSFAST_ISA={isa!r}: this CPU has only scalar")
        assert kernels.active() == before


def test_what_runs_here_is_what_the_cpu_has(implementation: Implementation, kernels: Any) -> None:
    if not implementation.compiled:
        assert kernels.cpu() == []
        return
    for isas in kernels.available().values():
        assert set(isas) <= {"scalar", *kernels.cpu()}


def test_the_kernels_may_be_changed_at_any_time(
    implementation: Implementation, kernels: Any
) -> None:
    """A decoder goes on with others than it began with."""
    isas = sorted({isa for isas in kernels.available().values() for isa in isas})
    payload = ("text ä € 🚀 " * 40).encode()
    key = b"\x01\x80\xff\x7f"
    wire = bytes([0x81, 0xFE]) + len(payload).to_bytes(2, "big") + key + rfc_mask(payload, key)
    decoder = implementation.messages.MessageDecoder("server")
    chooser = random.Random(6455)
    found = []
    for at in range(0, len(wire), 7):
        kernels.select(None if isas == ["python"] else chooser.choice(isas))
        found += decoder.feed(wire[at : at + 7])
    assert found == [(Opcode.TEXT, payload.decode())]
