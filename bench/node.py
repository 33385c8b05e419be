"""Node's buffer.isUtf8, which is simdutf, beside is_utf8: python bench/node.py

For information: calls into C cost JavaScript and Python differently, and the two take turns text by
text, not round by round. Needs `node`, 18.14 or later.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from shutil import which

from wsfast.benchmark import cases, report, texts
from wsfast.benchmark.peers import Field, find

SIZES = (2**10, 2**16, 2**20)
SCRIPT = Path(__file__).with_name("node_utf8.js")


def main() -> int:
    node = which("node")
    if node is None:
        print("there is no `node` on the PATH", file=sys.stderr)
        return 2
    codec = Field(find().codec, [], {}, {})
    version = subprocess.run([node, "--version"], check=True, capture_output=True, text=True)
    print("\n".join(report.fact_lines(report.facts({"Node": version.stdout.strip()}, {}))))
    print()
    with tempfile.TemporaryDirectory() as folder:
        for octets in SIZES:
            for name in texts.TEXTS:
                path = Path(folder) / f"{name}.txt"
                path.write_text(texts.text(name, octets), encoding="utf-8")
                command = [node, str(SCRIPT), str(path)]
                out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                theirs = json.loads(out)["nanoseconds"]
                (ours,) = cases.make("is_utf8", octets, name, codec).measure(0.1).values()
                print(
                    f"{name:<9} {cases.size(octets):>7}  {theirs / ours:5.2f} x  "
                    f"Node {report.duration(theirs):>8}, wsfast {report.duration(ours):>8}",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
