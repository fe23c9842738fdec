"""Where things are, and what to do when one is missing."""

import os
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
INTEROP = ROOT / "tests" / "interop"
JS_PEERS = INTEROP / "peers" / "js"

# A smoke run moves less data and waits less, and shows that the two programs understand each other at all.
SMOKE = os.environ.get("KITH_INTEROP_SMOKE") == "1"


def _from_root(variable, default):
    """A path from the environment, absolute or relative to the root."""
    return ROOT / os.environ.get(variable, default)


def peers_dir():
    return _from_root("KITH_PEERS", "build/peers")


def kith_binary():
    return _from_root("KITH_BIN", "build/release/kith")


def kith_peer_binary():
    return _from_root("KITH_PEER", newest_built("kith-peer", "release", "dev", "asan"))


def newest_built(name, *presets):
    """That of the preset that was built last; where none was, of the first."""
    paths = [ROOT / "build" / preset / name for preset in presets]
    built = [path for path in paths if path.exists()]
    return max(built, key=lambda path: path.stat().st_mtime) if built else paths[0]


def require(path, how):
    """Returns the path. Where nothing is there the test is skipped, or fails in CI."""
    if path.exists():
        return path
    reason = f"{path} is missing: {how}"
    if os.environ.get("CI") == "true":
        raise AssertionError(reason)
    raise unittest.SkipTest(reason)


def require_peer(name, option):
    return require(peers_dir() / name, f"build it by tests/interop/peers/build.sh {option}")
