"""The bars that wsfast must reach, measured here and now: python bench/gate.py

For each: the ratio, the bar, and OK, WARN (below the bar) or FAIL (below 0.9 of it). The exit code
is 1 if one fails. Both sides of a ratio are measured in turns; what is below its bar is measured
for longer before it counts. First the codec, then the libraries that run on it, then wsfast.aio;
`--only` chooses by parts of names: `--only apply_mask`, `--only websockets`, `--only echo`,
`--only memory`, `--only handshake`, `--only endpoint`, `--only "endpoint uvloop ping-pong"`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from itertools import chain
from typing import Any

import memory_libraries
from bars import IDLE
from gate_codec import CodecGate
from gate_endpoints import EndpointGate
from gate_handshake import HandshakeGate
from gate_libraries import LibraryGate
from result import Result

from wsfast.benchmark import report

# Seconds for each library in each measurement of the codec, for each cell of a library's table, and
# for each endpoint with each load.
SECONDS, QUICK_SECONDS = 0.3, 0.05
CELL_SECONDS, QUICK_CELL_SECONDS = 0.4, 0.05
ENDPOINT_SECONDS, QUICK_ENDPOINT_SECONDS = 0.5, 0.1
# Idle connections in a first impression.
QUICK_IDLE = 300


def _as_json(results: Sequence[Result], about: dict[str, Any]) -> dict[str, Any]:
    rows = [{**result._asdict(), "verdict": result.verdict} for result in results]
    return {**about, "bars": rows}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds: rougher")
    parser.add_argument(
        "--only", metavar="NAME", action="append", help="work with this in its name"
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    options = parser.parse_args(arguments)

    codec = CodecGate(QUICK_SECONDS if options.quick else SECONDS, options.only)
    libraries = LibraryGate(
        QUICK_CELL_SECONDS if options.quick else CELL_SECONDS,
        options.only,
        memory_libraries.QUICK_WAYS if options.quick else memory_libraries.WAYS,
    )
    endpoints = EndpointGate(
        QUICK_ENDPOINT_SECONDS if options.quick else ENDPOINT_SECONDS,
        options.only,
        QUICK_IDLE if options.quick else IDLE,
    )
    handshakes = HandshakeGate(QUICK_SECONDS if options.quick else SECONDS, options.only)
    everybody = codec.field(False)
    about = report.facts(everybody.versions, everybody.missing)
    print("\n".join(report.fact_lines(about)), end="\n\n", flush=True)
    results = []
    for result in chain(*(gate.results() for gate in (codec, libraries, handshakes, endpoints))):
        print(result.line(), flush=True)
        results.append(result)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(_as_json(results, about), file, indent=2)
    counts = {
        verdict: sum(result.verdict == verdict for result in results)
        for verdict in ("OK", "WARN", "FAIL", "left out")
    }
    print("\n" + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    return 1 if counts["FAIL"] or not results else 0


if __name__ == "__main__":
    sys.exit(main())
