#!/usr/bin/env python3
"""Runs the interop tests, or those that are named, and ends with one line: N passed, N failed, N skipped.

    run.py                            everything, the foreign peers among each other included
    run.py --smoke                    kith with each foreign program, little data
    run.py test_kubo test_libp2p      these files
    run.py test_libp2p.KithDialsGo    this class, or one test of it
"""

import argparse
import os
import sys
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
SMOKE_LEAVES_OUT = {"test_harness"}


class Result(unittest.TextTestResult):
    """Tells how long each test took."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._started = 0.0

    def startTest(self, test):
        self._started = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        self.stream.writeln(f"ok ({time.monotonic() - self._started:.1f} s)")
        self._newline = True


def count(result):
    """Passed, failed and skipped tests. A test with failed parts is one failed test."""
    failed = {id(getattr(test, "test_case", test)) for test, _ in result.failures + result.errors}
    skipped = len(result.skipped)
    # A class whose set-up fails or skips counts as one, and none of its tests has run.
    run_and_skipped = sum(1 for test, _ in result.skipped if isinstance(test, unittest.TestCase))
    run_and_failed = sum(1 for test, _ in result.failures + result.errors
                         if isinstance(test, unittest.TestCase) and not hasattr(test, "test_case"))
    failed_parts = {id(test.test_case) for test, _ in result.failures + result.errors if hasattr(test, "test_case")}
    passed = result.testsRun - run_and_skipped - run_and_failed - len(failed_parts)
    return passed, len(failed), skipped


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    if arguments.smoke:
        os.environ["KITH_INTEROP_SMOKE"] = "1"
    sys.path.insert(0, str(HERE))
    names = arguments.names or sorted(path.stem for path in HERE.glob("test_*.py"))
    if arguments.smoke and not arguments.names:
        names = [name for name in names if name not in SMOKE_LEAVES_OUT]
    suite = unittest.defaultTestLoader.loadTestsFromNames(names)
    result = unittest.TextTestRunner(stream=sys.stderr, verbosity=2, resultclass=Result).run(suite)
    sys.stderr.flush()
    passed, failed, skipped = count(result)
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
