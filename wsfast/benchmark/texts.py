"""Text to measure with: by script, of any length.

The project ships short texts of its own, in `prose`. Longer ones are taken from the folder that
WSFAST_CORPUS names, or from `../shared/corpus` beside the project, where there is one.
"""

from __future__ import annotations

import os
from functools import cache, lru_cache
from itertools import cycle
from pathlib import Path

PROSE = Path(__file__).with_name("prose")

# Name: what it is, for people.
TEXTS = {
    "ascii": "ASCII (English)",
    "latin": "Latin-1 (French, German)",
    "french": "French, typographic",
    "russian": "Russian",
    "arabic": "Arabic",
    "hindi": "Hindi",
    "chinese": "Chinese",
    "japanese": "Japanese",
    "emoji": "emoji",
    "mixed": "all of them mixed",
}

# Characters of one script before the next one's, in the mixed text.
_PIECE = 60
_FILES = (
    "english",
    "french",
    "german",
    "russian",
    "arabic",
    "hindi",
    "chinese",
    "japanese",
    "emoji",
)


@cache
def folder() -> Path:
    """Where the texts are read from."""
    named = os.environ.get("WSFAST_CORPUS")
    if named:
        if not Path(named).is_dir():
            raise ValueError(f"WSFAST_CORPUS={named!r}: there is no such folder")
        return Path(named)
    beside = Path(__file__).resolve().parents[3] / "shared" / "corpus"
    return beside if beside.is_dir() else PROSE


def source() -> str:
    """What texts these are, for people."""
    return "the project's own short texts" if folder() == PROSE else "the corpus of real text"


def _read(name: str) -> str:
    path = folder() / f"{name}.txt"
    if not path.is_file():
        path = PROSE / f"{name}.txt"
    return path.read_text(encoding="utf-8")


def _from_its_densest_line(text: str) -> str:
    """`text` from within on: pages of a site begin with hundreds of lines of ASCII markup."""
    lines = text.splitlines(keepends=True)
    densest = max(range(len(lines)), key=lambda n: sum(not c.isascii() for c in lines[n]))
    text = "".join(lines[densest:] + lines[:densest])
    first = next((n for n, c in enumerate(text) if not c.isascii()), 0)
    return text[first:]


@cache
def _whole(name: str) -> str:
    if name == "ascii":
        return _read("english").encode("ascii", "ignore").decode()
    if name == "latin":
        both = _from_its_densest_line(_read("french") + _read("german"))
        return both.encode("latin-1", "ignore").decode("latin-1")
    if name == "mixed":
        return _mixed()
    return _from_its_densest_line(_read(name))


def _mixed() -> str:
    scripts = [_whole("ascii"), *(_from_its_densest_line(_read(name)) for name in _FILES[1:])]
    pieces = []
    for start in range(0, max(map(len, scripts)), _PIECE):
        pieces += [script[start : start + _PIECE] for script in scripts]
    return "".join(pieces)


@lru_cache(maxsize=64)
def text(name: str, octets: int) -> str:
    """The named text, repeated or cut so that its UTF-8 has exactly that many octets."""
    parts = []
    left = octets
    for part in cycle([_whole(name)]):
        encoded = part.encode()
        if len(encoded) >= left:
            parts.append(encoded[:left].decode(errors="ignore"))
            break
        parts.append(part)
        left -= len(encoded)
    whole = "".join(parts)
    # Where a character was cut, full stops take its place.
    return whole + "." * (octets - len(whole.encode()))


def pieces(name: str, octets: int, count: int) -> list[bytes]:
    """UTF-8 of so many consecutive pieces of the named text, each of exactly that many octets."""
    whole = text(name, octets * count).encode()
    found = []
    start = 0
    for _ in range(count):
        piece = whole[start : start + octets].decode(errors="ignore").encode()
        start += len(piece)
        found.append(piece + b"." * (octets - len(piece)))
    return found
