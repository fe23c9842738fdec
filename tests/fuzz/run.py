#!/usr/bin/env python3
"""Every fuzz target under libFuzzer for a few seconds, and a planted bug that it must find.

    run.py [--seconds N] [--junit FILE] [target...]

Ends with one line: N passed, N failed, N skipped. Needs the preset fuzz: build/fuzz/fuzz/kith_fuzz and planted_fuzz.
What breaks a target is kept in build/fuzz/found/. New inputs of the corpus are thrown away.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

BINARIES = ROOT / "build/fuzz/fuzz"
FOUND = ROOT / "build/fuzz/found"
PLANTED_RUNS_MAX = 2_000_000
# Beyond what was asked for: a slow machine reads the seeds first.
PATIENCE_SECONDS = 300
TEXT_MAX = 8_000


def fuzz(binary, *flags, corpus=(), keep=None, **env):
    """Runs libFuzzer; returns its exit code and the end of what it told. What it finds is kept where `keep` says."""
    with tempfile.TemporaryDirectory(prefix="kith-fuzz-") as fresh:
        flags = [*flags, f"-artifact_prefix={keep or fresh + '/'}"]
        done = subprocess.run([BINARIES / binary, *flags, fresh, *corpus], env={**os.environ, **env},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE_SECONDS)
    return done.returncode, done.stdout.decode(errors="replace")[-TEXT_MAX:]


class Planted(unittest.TestCase):
    def test_the_planted_bug_is_found(self):
        code, told = fuzz("planted_fuzz", "-seed=1", f"-runs={PLANTED_RUNS_MAX}")
        self.assertNotEqual(code, 0, told)
        self.assertIn("heap-buffer-overflow", told)


class Targets(unittest.TestCase):
    """Each target is a test of its own, added by add_targets."""


def add_targets(names, seconds):
    def test_of(name):
        def test(self):
            code, told = fuzz("kith_fuzz", f"-max_total_time={seconds}", "-timeout=20", corpus=[ROOT / "fuzz/corpus" / name],
                              keep=FOUND / f"{name}-", KITH_FUZZ=name)
            self.assertEqual(code, 0, told)
        return test

    for name in names:
        setattr(Targets, f"test_{name}", test_of(name))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=3, help="for each target")
    parser.add_argument("--junit", metavar="FILE", help="write a JUnit file")
    parser.add_argument("targets", nargs="*")
    arguments = parser.parse_args()
    import runner

    table = re.findall(r"^KITH_FUZZ\((\w+)\)", (ROOT / "fuzz/table.inc").read_text(), re.M)
    unknown = set(arguments.targets) - set(table)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    FOUND.mkdir(parents=True, exist_ok=True)
    add_targets(arguments.targets or table, arguments.seconds)
    suite = unittest.TestSuite(map(unittest.defaultTestLoader.loadTestsFromTestCase, (Planted, Targets)))
    return runner.run(suite, sys.stderr, arguments.junit, "fuzz")


if __name__ == "__main__":
    sys.exit(main())
