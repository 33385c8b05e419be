"""wsfast's UTF-8 kernels against simdutf's of the same instruction set, in C.

    SIMDUTF=DIR python bench/simdutf/run.py

DIR has simdutf's source (include/ and src/, or simdutf.cpp and simdutf.h side by side) or its
library (include/ and libsimdutf.a or .so below). Nothing of it is kept but an object file in
--build. Prints for each kernel, text and length how long both take, and the ratio, which shall be
1.0 at least; the exit code is 1 where one is below 0.9. For information only: the portable code,
and simdutf's functions that are told how wide the widest character is, which a decoder can't know.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from wsfast.benchmark import report, texts
from wsfast.benchmark.cases import size
from wsfast.machine import cpu_name

ROOT = Path(__file__).resolve().parents[2]
# As setup.py has them.
FLAGS = ["-O3", "-fvisibility=hidden"]

BAR, TOLERANCE = 1.0, 0.9
SIZES = (2**10, 2**12, 2**14, 2**16, 2**20)


class Simdutf:
    """Where its header is, and what to link."""

    def __init__(self, folder: Path, build: Path) -> None:
        self.include = folder
        if (folder / "include" / "simdutf.h").is_file():
            self.include = folder / "include"
        elif not (folder / "simdutf.h").is_file():
            raise SystemExit(f"SIMDUTF={folder}: no simdutf.h there, nor in include/")
        sources = [folder / "src" / "simdutf.cpp", folder / "simdutf.cpp"]
        source = next((path for path in sources if path.is_file()), None)
        if source is None:
            libraries = sorted([*folder.rglob("libsimdutf.a"), *folder.rglob("libsimdutf.so")])
            if not libraries:
                raise SystemExit(f"SIMDUTF={folder}: neither simdutf.cpp nor libsimdutf there")
            self.link = [str(libraries[0]), f"-Wl,-rpath,{libraries[0].parent}"]
            return
        made = build / "simdutf.o"
        if not made.is_file() or made.stat().st_mtime < source.stat().st_mtime:
            print("compiling simdutf, once…", file=sys.stderr, flush=True)
            includes = [f"-I{self.include}", f"-I{source.parent}"]
            run([cxx(), "-std=c++17", "-O3", *includes, "-c", str(source), "-o", str(made)])
        self.link = [str(made)]


def cxx() -> str:
    return os.environ.get("CXX", "c++")


def run(command: Sequence[str]) -> None:
    if subprocess.run(command).returncode:
        raise SystemExit(f"failed: {' '.join(command)}")


def built(simdutf: Simdutf, build: Path) -> Path:
    """The program, with the kernels as the extension has them."""
    objects = []
    for source in sorted((ROOT / "src_c").rglob("*.c")):
        part = source.relative_to(ROOT / "src_c").with_suffix("")
        if part.parts[0] == "tests":
            continue
        made = build / ("_".join(part.parts) + ".o")
        run([os.environ.get("CC", "cc"), "-std=c11", *FLAGS, "-c", str(source), "-o", str(made)])
        objects.append(str(made))
    program = build / "compare"
    includes = [f"-I{ROOT / 'src_c'}", f"-I{simdutf.include}"]
    source = Path(__file__).with_name("compare.cpp")
    run(
        [
            cxx(),
            "-std=c++17",
            "-O2",
            *includes,
            str(source),
            *objects,
            *simdutf.link,
            "-o",
            str(program),
        ]
    )
    return program


def written_texts(folder: Path, octets: int) -> list[str]:
    paths = []
    for name in texts.TEXTS:
        path = folder / f"{name}.txt"
        path.write_text(texts.text(name, octets), encoding="utf-8")
        paths.append(str(path))
    return paths


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--build",
        type=Path,
        default=Path(tempfile.gettempdir()) / "wsfast-simdutf",
        help="folder for what is compiled (default: %(default)s)",
    )
    parser.add_argument("--only", metavar="NAME", help="lines with this in them: avx512, chinese")
    parser.add_argument(
        "--size", type=int, action="append", help="octets (default: 1 KiB to 1 MiB)"
    )
    options = parser.parse_args()
    if "SIMDUTF" not in os.environ:
        raise SystemExit("SIMDUTF is not set: the folder of simdutf's source or library")
    options.build.mkdir(parents=True, exist_ok=True)
    program = built(Simdutf(Path(os.environ["SIMDUTF"]), options.build), options.build)
    print(f"{cpu_name()}; {texts.source()}")
    failed = False
    for octets in options.size or SIZES:
        with tempfile.TemporaryDirectory() as folder:
            command = [str(program), str(octets), *written_texts(Path(folder), octets)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                for line in process.stdout:
                    failed |= report_line(line, options.only or "")
            if process.returncode:
                return 2
    return int(failed)


def report_line(line: str, only: str) -> bool:
    """Prints one comparison; returns whether it's a failure."""
    what, isa, text, octets, their_time, our_time = line.rstrip("\n").split("\t")
    theirs, ours = float(their_time), float(our_time)
    ratio = theirs / ours
    verdict = "OK" if ratio >= BAR else "WARN" if ratio >= TOLERANCE else "FAIL"
    if isa == "scalar" or what.startswith("the same"):
        verdict = ""
    name = f"{what:<37} {isa:<7} {text:<9} {size(int(octets)):>7}"
    times = f"{report.duration(theirs):>8} against {report.duration(ours):>8}"
    if only in name:
        print(f"{verdict:<5} {name}  {ratio:6.2f} x  {times}", flush=True)
    return verdict == "FAIL" and only in name


if __name__ == "__main__":
    sys.exit(main())
