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
from harness.proofs import MULTICAST, QUIC, TCP, Way, cell_of, libp2p_cell, proves, saw

OLD = f"before\n{matrix.BEGIN}\n{{}}\n{matrix.END}\nafter"


def cell(outcome, name="test_pings_are_answered", way=TCP, dialer="kith", listener="go"):
    return {**libp2p_cell(name, dialer, listener, way), "outcome": outcome}


def nat(outcome, transport="quic"):
    return {"area": "nat", "ours": "kith", "other": "go-libp2p", "case": "a calls b", "transport": transport, "outcome": outcome}


class Tables(unittest.TestCase):
    def test_a_line_says_what_was_done_over_a_way_by_who_dials(self):
        text = matrix.render([cell("passed"), cell("passed", "test_perf_moves_what"),
                              cell("passed", dialer="go", listener="kith")], "today", "t")
        self.assertIn("| go-libp2p | tcp | noise | yamux | ping, perf | ping |", text)

    def test_one_failure_fails_its_cell_whatever_comes_after(self):
        text = matrix.render([cell("passed"), cell("failed"), cell("passed")], "today", "t")
        self.assertIn("| go-libp2p | tcp | noise | yamux | **failed: ping** | — |", text)
        self.assertIn("1 cells, 1 failed", text)

    def test_what_has_no_test_is_a_dash(self):
        text = matrix.render([cell("passed", way=QUIC)], "today", "t")
        self.assertIn("| go-libp2p | quic | tls | quic | ping | — |", text)

    def test_each_protocol_has_a_table(self):
        rows = [{**cell_of("mDNS", "Kubo", "kith finds Kubo", MULTICAST), "outcome": "passed"},
                {**cell_of("Bitswap", "Helia", "kith fetches", TCP), "outcome": "failed"}]
        text = matrix.render(rows, "today", "t")
        self.assertLess(text.index("### Bitswap"), text.index("### mDNS"))
        self.assertIn("| Helia | kith fetches | tcp | noise | yamux | **failed** |", text)
        self.assertIn("| Kubo | kith finds Kubo | multicast | — | — | passed |", text)

    def test_at_first_it_is_counted_what_passed_with_each_program(self):
        rows = [cell("passed"), cell("failed", way=QUIC), cell("passed", listener="js"),
                {**cell_of("mDNS", "Kubo", "kith finds Kubo", MULTICAST), "outcome": "passed"}]
        text = matrix.render(rows, "today", "t")
        self.assertIn("| with | connections | mDNS |", text)
        for line in ("| go-libp2p | **1 of 2** | — |", "| js-libp2p | 1 | — |", "| Kubo | — | 1 |"):
            self.assertIn(line, text)

    def test_lines_stand_in_the_order_of_programs(self):
        text = matrix.render([cell("passed", listener="js"), cell("passed", listener="go")], "today", "t")
        self.assertLess(text.index("| go-libp2p |"), text.index("| js-libp2p |"))

    def test_nats_have_their_own(self):
        rows = [nat("relayed"), nat("direct"), nat("direct", "tcp")]
        self.assertIn("| go-libp2p | a calls b | direct | direct, relayed |", matrix.render(rows, "d", "t"))

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


@proves("Bitswap", "Kubo", "kith fetches", TCP)
class CannotBegin(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise AssertionError("no peer")

    @proves("Kademlia DHT", "Kubo", "kith finds", TCP)
    def test_something(self):
        pass


def load_tests(loader, _tests, _pattern):
    """Without the one that is there to fail."""
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in (Tables, Recording))


class Recording(unittest.TestCase):
    def test_what_passes_and_fails_is_recorded_and_what_is_skipped_is_not(self):
        class Claims(unittest.TestCase):
            @proves("Kademlia DHT", "Kubo", "kith finds", TCP)
            def test_passes(self):
                saw(self, [TCP])

            @proves("circuit relay v2", "Kubo", "kith calls", TCP)
            def test_fails(self):
                self.fail()

            @proves("mDNS", "Kubo", "kith finds", MULTICAST)
            def test_skipped(self):
                self.skipTest("no network")

        self.assertEqual(recorded(Claims), {"Kademlia DHT": "passed", "circuit relay v2": "failed"})

    def test_a_connection_of_another_kind_fails_the_test(self):
        class Claims(unittest.TestCase):
            @proves("ping", "Kubo", "kith dials", TCP)
            def test_was_over_tls(self):
                saw(self, [Way("tcp", "tls", "yamux")])

            @proves("identify", "Kubo", "kith dials", TCP)
            def test_saw_no_connection(self):
                pass

            @proves("perf", "Kubo", "kith dials", QUIC)
            def test_is_still_connected(self):
                pass

            def ways(self):
                return [QUIC]

        self.assertEqual(recorded(Claims), {"ping": "failed", "identify": "failed", "perf": "passed"})

    def test_of_a_class_that_cannot_begin_all_have_failed(self):
        self.assertEqual(recorded(CannotBegin), {"Bitswap": "failed", "Kademlia DHT": "failed"})


if __name__ == "__main__":
    unittest.main()
