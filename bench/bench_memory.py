"""Peak memory of a fresh process that receives one large message, beyond that of one without."""

import sys
from typing import Any

import memory
import pytest
from bars import LARGE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="VmHWM is Linux's")


@pytest.mark.parametrize("way", memory.WAYS)
@pytest.mark.parametrize("kind", memory.KINDS)
def test_peak_memory(benchmark: Any, kind: str, way: str) -> None:
    peak = benchmark.pedantic(memory.peak_of, args=(kind, way, LARGE))
    taken = peak - memory.peak_of(kind, way, 0)
    benchmark.extra_info["times the message"] = round(taken / LARGE, 3)
