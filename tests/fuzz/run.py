#!/usr/bin/env python3
"""Every fuzz target under libFuzzer: an overflow planted in it that must be found, then a few seconds of search.

    run.py [--seconds N] [--junit FILE] [target...]
    run.py --coverage [target...]

Ends with one line: N passed, N failed, N skipped. Needs the preset fuzz: build/fuzz/fuzz/kith_fuzz and planted_fuzz.
What breaks a target is kept in build/fuzz/found/. New inputs of the corpus are thrown away.
--coverage shows how much of its decoder each target's saved corpus runs, and needs kith_fuzz of the preset coverage.
"""

import argparse
import json
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
COUNTING = ROOT / "build/coverage/fuzz/kith_fuzz"
FOUND = ROOT / "build/fuzz/found"
CORPUS = ROOT / "fuzz/corpus"
PLANTED_RUNS_MAX = 2_000_000
# Beyond what was asked for: a slow machine reads the seeds first.
PATIENCE_SECONDS = 300
TEXT_MAX = 8_000

# Where a decoder isn't, or isn't only, in the source beside its target: NAME_fuzz.cpp, NAME.cpp.
FURTHER_SOURCES = {
    "bft_engine": ["kith/ledger/consensus/bft/engine.cpp", "kith/ledger/consensus/bft/engine_votes.cpp"],
    "bft_journal": ["kith/ledger/consensus/bft/journal.cpp", "kith/ledger/consensus/bft/engine_log.cpp"],
    "bft_message": [f"kith/ledger/consensus/bft/{name}.cpp" for name in ("message", "evidence", "validator_set")],
    "gateway_request": ["kith/api/detail/gateway_content_type.cpp"],
    "http_request": ["kith/http/uri.cpp"],
    "libp2p_certificate": ["kith/crypto/detail/x509.cpp", "kith/crypto/detail/der.cpp"],
    "multiaddr": ["kith/multiformats/detail/multiaddr_value.cpp", "kith/multiformats/detail/ip_text.cpp"],
    "multibase": ["kith/multiformats/detail/positional.cpp"],
    "noise_handshake": ["kith/net/security/noise_xx.cpp"],
    "quic_datagram": ["kith/net/transports/quic/detail/quic_endpoint.cpp", "kith/net/transports/quic/detail/quic_session.cpp"],
    "store_record": ["kith/store/detail/pack_files.cpp"],
    "tar": ["kith/api/detail/tar_extractor.cpp"],
    "unixfs_node": ["kith/ipld/dag_pb.cpp"],
}


def fuzz(binary, *flags, corpus=(), keep=None, seconds=0, **env):
    """Runs libFuzzer; returns its exit code and the end of what it told. What it finds is kept where `keep` says."""
    with tempfile.TemporaryDirectory(prefix="kith-fuzz-") as fresh:
        flags = [*flags, f"-artifact_prefix={keep or fresh + '/'}"]
        done = subprocess.run([BINARIES / binary, *flags, fresh, *corpus], env={**os.environ, **env},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds + PATIENCE_SECONDS)
    return done.returncode, done.stdout.decode(errors="replace")[-TEXT_MAX:]


class Planted(unittest.TestCase):
    """Each target is a test of its own: one with an overflow behind the last of its kinds (fuzz/kinds.hpp)."""

    def test_behind_bytes_that_nobody_guesses(self):
        code, told = fuzz("planted_fuzz", "-seed=1", f"-runs={PLANTED_RUNS_MAX}")
        self.assertNotEqual(code, 0, told)
        self.assertIn("heap-buffer-overflow", told)


class Targets(unittest.TestCase):
    """Each target is a test of its own, added by add_targets."""


def add_targets(names, seconds):
    def planted(name):
        def test(self):
            code, told = fuzz("kith_fuzz", "-seed=1", f"-runs={PLANTED_RUNS_MAX}", corpus=[CORPUS / name],
                              KITH_FUZZ=name, KITH_FUZZ_PLANT=str(CORPUS / name))
            self.assertNotEqual(code, 0, told)
            self.assertIn("heap-buffer-overflow", told)
        return test

    def test_of(name):
        def test(self):
            code, told = fuzz("kith_fuzz", f"-max_total_time={seconds}", "-timeout=20", corpus=[CORPUS / name],
                              keep=FOUND / f"{name}-", seconds=seconds, KITH_FUZZ=name)
            self.assertEqual(code, 0, told)
        return test

    for name in names:
        setattr(Planted, f"test_{name}", planted(name))
        setattr(Targets, f"test_{name}", test_of(name))


def sources_of(name):
    """The sources of what a target decodes."""
    target = next(path for path in sorted((ROOT / "kith").rglob("*_fuzz.cpp"))
                  if re.search(rf"^void fuzz_{name}\(", path.read_text(), re.M))
    beside = target.with_name(target.name.replace("_fuzz.cpp", ".cpp"))
    return [path for path in [beside, *(ROOT / further for further in FURTHER_SOURCES.get(name, []))] if path.exists()]


def counted(name, folder):
    """What a target's saved corpus runs of its sources: (source, lines, regions, functions not run)."""
    seeds = sorted((CORPUS / name).iterdir())
    subprocess.run([COUNTING, *seeds], check=True, capture_output=True, cwd=folder,
                   env={**os.environ, "KITH_FUZZ": name, "LLVM_PROFILE_FILE": f"{folder}/{name}.raw"})
    subprocess.run(["llvm-profdata-19", "merge", f"{folder}/{name}.raw", "-o", f"{folder}/{name}.data"], check=True)
    for source in sources_of(name):
        done = subprocess.run(["llvm-cov-19", "export", COUNTING, f"-instr-profile={folder}/{name}.data", source],
                              check=True, capture_output=True)
        data = json.loads(done.stdout)["data"][0]
        totals = data["totals"]
        untouched = sum(function["count"] == 0 and function["filenames"][0] == str(source)
                        for function in data["functions"])
        yield source, totals["lines"], totals["regions"], untouched


def show_coverage(names):
    print(f"{'target':17} {'source':45} {'lines':>14} {'regions':>14}  functions not run")
    with tempfile.TemporaryDirectory(prefix="kith-coverage-") as folder:
        for name in names:
            for source, lines, regions, untouched in counted(name, folder):
                shares = (f"{part['covered']}/{part['count']}".rjust(9) + f"{part['percent']:4.0f}%"
                          for part in (lines, regions))
                print(f"{name:17} {str(source.relative_to(ROOT)):45} {' '.join(shares)}  {untouched or ''}", flush=True)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=3, help="for each target")
    parser.add_argument("--coverage", action="store_true", help="show what the saved corpus runs")
    parser.add_argument("--junit", metavar="FILE", help="write a JUnit file")
    parser.add_argument("targets", nargs="*")
    arguments = parser.parse_args()
    import runner

    table = re.findall(r"^KITH_FUZZ\((\w+)\)", (ROOT / "fuzz/table.inc").read_text(), re.M)
    unknown = set(arguments.targets) - set(table)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    names = arguments.targets or table
    if arguments.coverage:
        return show_coverage(names)
    FOUND.mkdir(parents=True, exist_ok=True)
    add_targets(names, arguments.seconds)
    suite = unittest.TestSuite(map(unittest.defaultTestLoader.loadTestsFromTestCase, (Planted, Targets)))
    return runner.run(suite, sys.stderr, arguments.junit, "fuzz")


if __name__ == "__main__":
    sys.exit(main())
