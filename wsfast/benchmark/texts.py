"""Text to measure with: by script, of any length.

The project ships short texts of its own, in `prose`. Longer ones are taken from the folder that
WSFAST_CORPUS names, or from `../shared/corpus` beside the project, where there is one.
"""

from __future__ import annotations

import os
import re
import sys
from functools import cache, lru_cache
from itertools import accumulate, cycle
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

# Characters of a long text that shall have the script's own in them.
_PART = 30_000
# It is looked for in steps of so many.
_BLOCK = 500
# Characters of one script before the next one's, in the mixed text.
_PIECE = 60
_SCRIPTS = (
    "ascii",
    "french",
    "german",
    "russian",
    "arabic",
    "hindi",
    "chinese",
    "japanese",
    "emoji",
)
# The last character of an alphabet, where that's not the last of all.
_LAST = {"french": "\xff", "german": "\xff"}


@cache
def folder() -> Path:
    """Where the texts are read from."""
    named = os.environ.get("WSFAST_CORPUS")
    if named:
        if not Path(named).is_dir():
            raise ValueError(f"WSFAST_CORPUS={named!r}: there is no such folder")
        return Path(named)
    # The project's root, seen from its source tree; or where its scripts are run.
    for root in (Path(__file__).resolve().parents[2], Path.cwd()):
        beside = root.parent / "shared" / "corpus"
        if (beside / "english.txt").is_file():
            return beside
    return PROSE


def source() -> str:
    """What texts these are, for people."""
    return "the project's own short texts" if folder() == PROSE else "the corpus of real text"


def _read(name: str) -> str:
    path = folder() / f"{name}.txt"
    if not path.is_file():
        path = PROSE / f"{name}.txt"
    return path.read_text(encoding="utf-8-sig")


def _from_its_densest_part(text: str, last: str) -> str:
    """`text` from within on, from about where fewest characters are ASCII or after `last`.

    Pages of a site begin and end with hundreds of lines of ASCII markup.
    """
    its_own = re.compile(f"[\x80-{last}]")
    blocks = [text[start : start + _BLOCK] for start in range(0, len(text), _BLOCK)]
    counts = [len(its_own.findall(block)) for block in blocks]
    part = min(_PART // _BLOCK, len(blocks))
    own = [*accumulate(counts * 2, initial=0)]
    start = max(range(len(blocks)), key=lambda n: own[n + part] - own[n])
    text = "".join(blocks[start:] + blocks[:start])
    found = its_own.search(text)
    return text[found.start() :] if found else text


@cache
def _whole(name: str) -> str:
    if name == "ascii":
        return _read("english").encode("ascii", "ignore").decode()
    if name == "mixed":
        return _mixed()
    if name == "latin":
        both = _whole("french") + _whole("german")
        return both.encode("latin-1", "ignore").decode("latin-1")
    # A French page may quote Greek.
    return _from_its_densest_part(_read(name), _LAST.get(name, chr(sys.maxunicode)))


def _mixed() -> str:
    """A piece of each script in turn, English first."""
    scripts = [_whole(name) for name in _SCRIPTS]
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
