#!/usr/bin/env python3
"""Runs the tests behind NATs, or those that are named, and ends with one line: N passed, N failed, N skipped.

    run.py [--junit FILE] [test_nat.OverTcp.test_...]
"""

import argparse
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "interop"), str(HERE.parent)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--junit", metavar="FILE", help="write a JUnit file")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    import runner

    suite = unittest.defaultTestLoader.loadTestsFromNames(arguments.names or ["test_nat", "test_autonat", "test_port_mapping"])
    return runner.run(suite, sys.stderr, arguments.junit, "nat")


if __name__ == "__main__":
    sys.exit(main())
