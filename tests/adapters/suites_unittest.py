"""Runs unittest tests and writes the outcome of each as JSON.

    python suites_unittest.py RESULTS [--quiet LOGGER] NAME…

Names are as for `python -m unittest`; a folder's tests are discovered. A logger is made quiet where
the library's own runner does so, too.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import unittest
from typing import Any


class Outcomes(unittest.TextTestResult):
    """Keeps the outcome of each test by its id; the worst, where a test has parts."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self.outcomes: dict[str, str] = {}

    def addSuccess(self, test: unittest.TestCase) -> None:
        super().addSuccess(test)
        self.outcomes.setdefault(test.id(), "passed")

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addFailure(test, err)
        self.outcomes[test.id()] = "failed"

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        super().addError(test, err)
        self.outcomes[test.id()] = "failed"

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        self.outcomes.setdefault(test.id(), "skipped")

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addExpectedFailure(test, err)
        self.outcomes[test.id()] = "passed"

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        super().addUnexpectedSuccess(test)
        self.outcomes[test.id()] = "failed"

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.outcomes[test.id()] = "failed"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("results")
    parser.add_argument("--quiet", action="append", default=[])
    parser.add_argument("names", nargs="+")
    options = parser.parse_args()
    for name in options.quiet:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    loader = unittest.defaultTestLoader
    suite = unittest.TestSuite()
    for name in options.names:
        if os.path.isdir(name):
            suite.addTests(loader.discover(name, top_level_dir="."))
        else:
            suite.addTests(loader.loadTestsFromName(name))
    runner = unittest.TextTestRunner(stream=sys.stdout, resultclass=Outcomes, verbosity=1)
    result: Any = runner.run(suite)
    with open(options.results, "w", encoding="utf-8") as file:
        json.dump(result.outcomes, file)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    sys.exit(main())
