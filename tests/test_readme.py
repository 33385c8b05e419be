from __future__ import annotations

import re
from pathlib import Path

import pytest
from processes import output

README = Path(__file__).parent.parent / "README.md"
EXAMPLES = re.findall(
    r"^```python\n(.*?)^```$", README.read_text("utf-8"), re.DOTALL | re.MULTILINE
)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 12


@pytest.mark.parametrize("example", EXAMPLES, ids=range(1, len(EXAMPLES) + 1))
def test_the_examples_hold(example: str) -> None:
    output(example)
