#!/usr/bin/env python3
"""The program as a user starts it. Ends with one line: N passed, N failed, N skipped.

    run.py [--junit FILE]             all of it
    run.py test_store                 this file
    run.py test_store.Crashes         this class, or one test of it

Environment: KITH_BIN, absolute or relative to the root; otherwise the newer one of build/release/kith and build/dev/kith.
Needs Python's standard library only. Everything stays on loopback and ends with the runner.
"""

import argparse
import os
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "interop")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--junit", metavar="FILE", help="write a JUnit file")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    import runner
    from harness import environment

    os.environ.setdefault("KITH_BIN", str(environment.newest_built("kith", "release", "dev")))

    names = arguments.names or sorted(path.stem for path in HERE.glob("test_*.py"))
    suite = unittest.defaultTestLoader.loadTestsFromNames(names)
    return runner.run(suite, sys.stderr, arguments.junit, "e2e")


if __name__ == "__main__":
    sys.exit(main())
