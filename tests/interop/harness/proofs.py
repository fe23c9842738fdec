"""What tests prove about kith and another program: a JSON object a line, in the file that KITH_MATRIX names.

A test, or a class for all of its tests, says so by @proves(...), and over which connection it is. That is read from kith's
side once the test is through (see ways_of), and the test fails where there is no such connection.
matrix.py makes tables of what is recorded.
"""

import functools
import json
import os
import re
import sys
from typing import NamedTuple

PROGRAMS = {"go": "go-libp2p", "rust": "rust-libp2p", "js": "js-libp2p", "kubo": "Kubo", "helia": "Helia", "kith": "kith"}

# How the tests of harness/libp2p_cases.py count; every other one counts as "streams".
CASES = {"identify_tells": "identify", "pings_are": "ping", "perf_moves": "perf"}

# As identify and multistream name them, and as people do.
NAMES = {"/noise": "noise", "/tls/1.0.0": "tls", "/yamux/1.0.0": "yamux", "/quic-v1": "quic"}


class Way(NamedTuple):
    """How two are connected. Without security and muxer it isn't a connection at all, as with multicast."""

    transport: str
    security: str = ""
    muxer: str = ""

    def __str__(self):
        return "/".join(part for part in self if part)


TCP = Way("tcp", "noise", "yamux")
# What Kubo and kith's daemon, by whose order it goes, propose first where they dial.
TCP_TLS = Way("tcp", "tls", "yamux")
QUIC = Way("quic", "tls", "quic")
WEBSOCKET = Way("websocket", "noise", "yamux")
RELAY = Way("relay", "noise", "yamux")
MULTICAST = Way("multicast")


def way_of(connection):
    """The way of a connection as kith-peer's `connections` and kith's `swarm peers --details` tell of it."""
    told = {key.lower(): value for key, value in connection.items()}
    return Way(told["transport"], *(NAMES.get(told[key], told[key]) for key in ("security", "muxer")))


def saw(test, ways):
    """These ways are what a test was over, although they may be gone when it is through."""
    test.seen_ways = {*getattr(test, "seen_ways", ()), *ways}


def ways_of(test):
    """Which ways a test was over: what it saw, and what `ways()` of its class finds now."""
    return {*getattr(test, "seen_ways", ()), *(test.ways() if hasattr(test, "ways") else ())}


def _proving(test, cell, way):
    @functools.wraps(test)
    def checked(self, *arguments):
        test(self, *arguments)
        if way.security:
            self.assertIn(way, ways_of(self), "kith tells of no such connection")
    checked.proven = [*getattr(test, "proven", []), cell]
    return checked


def proves(protocol, other, what, way=TCP):
    """Says that a test, or each test of a class, shows this protocol between kith and that program if it passes. `what` says
    who does what; `way` is how the two are connected."""
    cell = cell_of(protocol, other, what, way)

    def marked(test_or_class):
        if not isinstance(test_or_class, type):
            return _proving(test_or_class, cell, way)
        for name in dir(test_or_class):
            if name.startswith("test_"):
                setattr(test_or_class, name, _proving(getattr(test_or_class, name), cell, way))
        return test_or_class
    return marked


def cell_of(protocol, other, what, way):
    return {"area": "interop", "protocol": protocol, "other": other, "what": what, **way._asdict()}


def libp2p_cell(name, dialer, listener, way):
    """What a test of harness/libp2p_cases.py shows; nothing if kith has no part in it."""
    if "kith" not in (dialer, listener):
        return None
    protocol = next((cell for start, cell in CASES.items() if name.startswith(f"test_{start}")), "streams")
    other, what = (listener, "kith dials") if dialer == "kith" else (dialer, "kith is dialed")
    return cell_of(protocol, PROGRAMS[other], what, way)


def cells_of(test):
    name = getattr(test, "_testMethodName", "")
    cells = list(getattr(getattr(type(test), name, None), "proven", []))
    return cells + (test.cells(name) if hasattr(test, "cells") else [])


def tests_of(outcome_id):
    """The tests that didn't run because their class couldn't begin: unittest tells "setUpClass (module.Class)"."""
    found = re.fullmatch(r"setUpClass \((.+)\.(\w+)\)", outcome_id)
    of_class = found and getattr(sys.modules.get(found[1]), found[2], None)
    return [of_class(name) for name in dir(of_class) if name.startswith("test_")] if of_class else []


def append(rows):
    """Records these. Without KITH_MATRIX nobody wants to know."""
    path = os.environ.get("KITH_MATRIX")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)


def record(test, outcome):
    """Records the cells of a test that ran; one that was skipped proves nothing."""
    if outcome in ("passed", "failed"):
        append({**cell, "outcome": outcome} for one in tests_of(test.id()) or [test] for cell in cells_of(one))
