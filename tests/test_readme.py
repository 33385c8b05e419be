"""The examples in README.md and docs/ hold: each is a program that ends well."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from processes import output

ROOT = Path(__file__).parent.parent
# Blocks marked `py` are sketches, for which something is missing here.
NUMBERS = {"README.md": 14, "docs/endpoints.md": 8}


def examples(name: str) -> list[str]:
    text = (ROOT / name).read_text("utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


# A wheel is tested with README.md beside its tests, and without docs/.
EXAMPLES = [
    pytest.param(example, id=f"{name}-{number}")
    for name in NUMBERS
    if (ROOT / name).exists()
    for number, example in enumerate(examples(name), 1)
]


@pytest.mark.parametrize("name", NUMBERS)
def test_there_are_examples(name: str) -> None:
    if name == "README.md" or (ROOT / name).exists():
        assert len(examples(name)) == NUMBERS[name]


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_hold(example: str) -> None:
    output(example)
