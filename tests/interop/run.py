#!/usr/bin/env python3
"""Runs the interop tests, or those that are named, and ends with one line: N passed, N failed, N skipped.

    run.py                            everything that is built, the foreign peers among each other included
    run.py --peers all                the same, after building every foreign peer
    run.py --peers npm                kith with the peers that need nothing but node, which are installed first
    run.py --peers smoke              kith with each foreign program, little data; builds nothing
    run.py test_kubo test_libp2p      these files
    run.py test_libp2p.KithDialsGo    this class, or one test of it
"""

import argparse
import os
import subprocess
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

BUILD_SECONDS = 3600
NPM_TESTS = ["test_chain.LibrariesDriveTheChain", "test_evm_oracle", "test_helia", "test_libp2p.KithDialsJs",
             "test_libp2p.JsDialsKith", "test_rpc_client.RpcClientDrivesKith", "test_staking", "test_wallet",
             "test_websocket.KithDialsJs", "test_websocket.JsDialsKith"]
ORACLE_ROUNDS_OF_ALL = "400"
SMOKE_LEAVES_OUT = {"test_harness"}


def build(peers):
    """What can't be built is told here, and again by each test that misses it."""
    done = subprocess.run([HERE / "peers" / "build.sh", *peers], timeout=BUILD_SECONDS, stdout=sys.stderr)
    if done.returncode != 0:
        print("run.py: not every foreign peer could be built", file=sys.stderr)


def names_of(peers):
    files = sorted(path.stem for path in HERE.glob("test_*.py"))
    if peers == "npm":
        return NPM_TESTS
    if peers == "smoke":
        return [name for name in files if name not in SMOKE_LEAVES_OUT]
    return files


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", choices=("all", "npm", "smoke"))
    parser.add_argument("--smoke", action="store_const", const="smoke", dest="peers", help="short for --peers smoke")
    parser.add_argument("--junit", metavar="FILE", help="write a JUnit file")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    if arguments.peers == "smoke":
        os.environ["KITH_INTEROP_SMOKE"] = "1"
    if arguments.peers == "all":
        os.environ.setdefault("KITH_ORACLE_ROUNDS", ORACLE_ROUNDS_OF_ALL)
    if arguments.peers in ("all", "npm"):
        build(["js"] if arguments.peers == "npm" else [])
    # The harness reads the environment when it is loaded.
    import runner

    suite = unittest.defaultTestLoader.loadTestsFromNames(arguments.names or names_of(arguments.peers))
    return runner.run(suite, sys.stderr, arguments.junit, "interop")


if __name__ == "__main__":
    sys.exit(main())
