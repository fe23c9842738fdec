"""The tables of docs/interop.md: what becomes of recorded cells. Starts no program."""

import io
import json
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import matrix
import runner
from harness.proofs import libp2p_cell, proves

OLD = f"before\n{matrix.BEGIN}\n{{}}\n{matrix.END}\nafter"


def cell(outcome, name="test_pings_are_answered", transport="tcp", security=None):
    return {**libp2p_cell(name, "kith", "go", transport, security), "outcome": outcome}


def nat(outcome):
    return {"area": "nat", "ours": "kith", "other": "go", "case": "a/b", "transport": "quic", "outcome": outcome}


class Tables(unittest.TestCase):
    def test_one_failure_fails_its_cell_whatever_comes_after(self):
        text = matrix.render([cell("passed"), cell("failed"), cell("passed")], "today", "t")
        self.assertIn("| tcp | noise | yamux | kith | go | — | failed | — | — |", text)

    def test_cells_without_a_test_say_so_and_why(self):
        text = matrix.render([cell("passed", transport="quic")], "today", "t")
        self.assertIn("| quic | tls | quic | kith | go | — | passed | — | — |", text)
        self.assertIn("| quic | tls | quic | kith | js | — (js-libp2p's QUIC", text)

    def test_nats_have_their_own(self):
        self.assertIn("| kith | go | a/b | quic | direct, relayed |", matrix.render([nat("relayed"), nat("direct")], "d", "t"))

    def test_fewer_cells_leave_what_is_there(self):
        full = matrix.render([cell("passed"), cell("passed", "test_perf_moves_what"), nat("direct")], "today", "t")
        self.assertIsNone(matrix.replaced(OLD.format(full), matrix.render([cell("passed")], "today", "t")))
        self.assertEqual(matrix.replaced(OLD.format(""), full), OLD.format(full))


def recorded(case):
    """What a run of its tests leaves behind: the outcome of each protocol."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "matrix"
        with mock.patch.dict(os.environ, {"KITH_MATRIX": str(path)}), mock.patch("builtins.print"):
            runner.run(unittest.defaultTestLoader.loadTestsFromTestCase(case), io.StringIO())
        return {row["protocol"]: row["outcome"] for row in map(json.loads, path.read_text().splitlines())}


@proves("bitswap", "kith", "kubo")
class CannotBegin(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise AssertionError("no peer")

    @proves("kad", "kith", "kubo")
    def test_something(self):
        pass


def load_tests(loader, _tests, _pattern):
    """Without the one that is there to fail."""
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in (Tables, Recording))


class Recording(unittest.TestCase):
    def test_what_passes_and_fails_is_recorded_and_what_is_skipped_is_not(self):
        class Claims(unittest.TestCase):
            @proves("kad", "kith", "kubo")
            def test_passes(self):
                pass

            @proves("relay", "kith", "kubo")
            def test_fails(self):
                self.fail()

            @proves("mdns", "kith", "kubo")
            def test_skipped(self):
                self.skipTest("no network")

        self.assertEqual(recorded(Claims), {"kad": "passed", "relay": "failed"})

    def test_of_a_class_that_cannot_begin_all_have_failed(self):
        self.assertEqual(recorded(CannotBegin), {"bitswap": "failed", "kad": "failed"})


if __name__ == "__main__":
    unittest.main()
