"""The fingerprints of what an adapter replaces and relies on, for its `Part`s.

    python tests/adapters/fingerprints.py ADAPTER DIRECTORY…

Each directory is a release of the library, unpacked or installed there. It prints, for each place,
the fingerprint of each kind of source found, and in which directories.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]


def of_this_path(name: str) -> None:
    """Prints those of the release that is on the path, a line each."""
    from wsfast.adapters._patch import find
    from wsfast.adapters._source import Releases, UnknownCode, fingerprint

    module = importlib.import_module("wsfast.adapters." + name.replace("-", "_"))
    for part in module.ADAPTER.parts:
        for place, known in {**part.replaces, **part.relies_on, **part.relies_on_imported}.items():
            try:
                importlib.import_module(place.partition(":")[0])
                print(
                    place, "compiled" if isinstance(known, Releases) else fingerprint(find(place))
                )
            except (ImportError, UnknownCode) as error:
                print(place, f"none: {error}")


def main() -> int:
    if len(sys.argv) == 2:
        of_this_path(sys.argv[1])
        return 0
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    found: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for directory in sys.argv[2:]:
        path = os.pathsep.join((directory, str(ROOT)))
        output = subprocess.run(
            [sys.executable, __file__, sys.argv[1]],
            env={**os.environ, "PYTHONPATH": path},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for line in output.splitlines():
            place, fingerprint = line.split(" ", 1)
            found[place][fingerprint].append(Path(directory).name)
    for place, fingerprints in found.items():
        print(place)
        for fingerprint, releases in fingerprints.items():
            print(f"    {fingerprint}  {' '.join(releases)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
