"""What tests prove about kith and another program: a JSON object a line, in the file that KITH_MATRIX names.

A test, or a class for all of its tests, says so by @proves(...). A class whose cells differ by test has `cells(name)`.
matrix.py makes tables of them.
"""

import json
import os
import re
import sys

# How the tests of harness/libp2p_cases.py count; every other one counts as "streams".
CASES = {"identify_tells": "identify", "pings_are": "ping", "perf_moves": "perf"}
OURS = "kith"


def proves(protocol, dialer, listener, transport="tcp", security="", muxer=""):
    """Says that a test, if it passes, shows this protocol between the two: names of programs, or what each is there."""
    cell = {"area": "interop", "protocol": protocol, "dialer": dialer, "listener": listener, "transport": transport,
            "security": security, "muxer": muxer}

    def marked(test_or_class):
        test_or_class.proven = [*getattr(test_or_class, "proven", []), cell]
        return test_or_class
    return marked


def libp2p_cell(name, dialer, listener, transport, security):
    protocol = next((cell for start, cell in CASES.items() if name.startswith(f"test_{start}")), "streams")
    quic = transport == "quic"
    return {"area": "interop", "protocol": protocol, "dialer": dialer, "listener": listener, "transport": transport,
            "security": "tls" if quic else security or "noise", "muxer": "quic" if quic else "yamux"}


def cells_of(test):
    name = getattr(test, "_testMethodName", "")
    cells = [*getattr(type(test), "proven", []), *getattr(getattr(type(test), name, None), "proven", [])]
    if hasattr(test, "cells"):
        cells += test.cells(name)
    return [cell for cell in cells if OURS in cell["dialer"] + cell["listener"] + cell["protocol"]]


def tests_of(outcome_id):
    """The tests that didn't run because their class couldn't begin: unittest tells "setUpClass (module.Class)"."""
    found = re.fullmatch(r"setUpClass \((.+)\.(\w+)\)", outcome_id)
    of_class = found and getattr(sys.modules.get(found[1]), found[2], None)
    return [of_class(name) for name in dir(of_class) if name.startswith("test_")] if of_class else []


def record(test, outcome):
    """Appends the cells of a test that ran; one that was skipped proves nothing."""
    path = os.environ.get("KITH_MATRIX")
    if not path or outcome not in ("passed", "failed"):
        return
    cells = [cell for one in tests_of(test.id()) or [test] for cell in cells_of(one)]
    rows = [json.dumps({**cell, "outcome": outcome}) + "\n" for cell in cells]
    with open(path, "a", encoding="utf-8") as file:
        file.writelines(rows)
