"""bench/compare still runs, and needs no other program than kith: whoever is missing gets a row that says so."""

import os
import subprocess
import sys
import unittest

from harness import environment
from harness.compare import compared
from harness.process import Process

sys.path.append(str(environment.ROOT / "bench"))
from compare import table
from compare.line import LEFT, RIGHT, Line
from compare.measure import Column, Row, Table

SECTIONS = ("add", "loopback", "start")
NO_PEERS = {"KITH_PEERS": "build/no-peers"}


class Tables(unittest.TestCase):
    def setUp(self):
        self.table = Table("rates", [Column("rate", "MiB/s")], "rate")
        self.table.rows = [Row("kith", "", {"rate": [10, 2, 30]}), Row("other", "kith", {"rate": [5, 1, 10]}),
                           Row("absent", "kith", {}, "missing: absent")]

    def test_a_ratio_is_the_median_of_the_rounds_ratios(self):
        self.assertEqual(self.table.ratio(self.table.row("other"), "rate"), 2)
        self.assertIsNone(self.table.ratio(self.table.row("kith"), "rate"))
        self.assertIsNone(self.table.ratio(self.table.row("absent"), "rate"))

    def test_markdown_has_a_line_a_row_and_tells_what_is_missing(self):
        self.assertEqual(table.markdown(self.table).splitlines()[2:], [
            "|  | MiB/s | MiB/s, spread | kith ÷ this, MiB/s |", "| --- | ---: | ---: | ---: |",
            "| kith | 10 | 2 to 30 |  |", "| other | 5 | 1 to 10 | 2.00 |", "| absent | missing: absent |  |  |"])

    def test_a_page_changes_between_its_markers_alone(self):
        page = "before\n<!-- a: begin -->\nold\n<!-- a: end -->\n<!-- b: begin -->\nold\n<!-- b: end -->\n"
        self.assertEqual(table.put(page, "a", "new\n"), page.replace("old", "new", 1))
        with self.assertRaises(ValueError):
            table.put(page, "c", "new")

    def test_the_page_has_a_place_for_each_section(self):
        page = (environment.ROOT / "docs/benchmarks.md").read_text()
        for name in ("machine", "add", "loopback", "link", "perf", "network", "connections", "gossip", "queries", "memory",
                     "start"):
            self.assertIn("new", table.put(page, name, "new"))


class LossOfALine(unittest.TestCase):
    COUNT = 3000
    DATAGRAMS = environment.ROOT / "tests/e2e/datagrams.py"

    def carried(self, loss):
        """How many of COUNT datagrams came there and back, and what the line says of each way."""
        line = Line(loss=loss)
        self.addCleanup(line.close)
        there = Process([*line.place.enter_taker, sys.executable, self.DATAGRAMS, "answer", RIGHT], stdout=subprocess.PIPE)
        self.addCleanup(there.stop)
        self.assertEqual(there.popen.stdout.readline(), b"ready\n", there.log())
        command = [*line.place.enter_giver, sys.executable, self.DATAGRAMS, "send", LEFT, RIGHT, str(self.COUNT)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return list(zip(map(int, done.stdout.split()), line.close(), strict=True))

    def test_loses_its_share_each_way(self):
        for came, told in self.carried(0.1):
            with self.subTest(told["direction"]):
                # Ten standard deviations.
                self.assertAlmostEqual(1 - came / self.COUNT, 0.1, delta=0.055)
                # And nothing but its loss; what else the ends say to each other is lost as well.
                self.assertGreaterEqual(told["lost"], self.COUNT - came)

    def test_loses_nothing_unless_it_is_told_to(self):
        for came, told in self.carried(0):
            with self.subTest(told["direction"]):
                self.assertEqual((came, told["lost"]), (self.COUNT, 0))


class KithAlone(unittest.TestCase):
    def test_what_is_missing_has_a_row_and_kith_is_measured(self):
        # In CI a missing peer is a failure elsewhere; here there is none on purpose.
        env = {name: value for name, value in os.environ.items() if name != "CI"}
        tables = compared(self, SECTIONS, {**env, **NO_PEERS})
        rows = [row for table in tables for row in table["rows"]]
        for row in rows:
            with self.subTest(row=row["name"]):
                if "Kubo" in row["name"]:
                    self.assertRegex(row["note"], "^missing: build/no-peers/ipfs is missing: build it by ")
                elif row["name"].startswith("kith"):
                    self.assertEqual(row["note"], "")
        self.assertTrue(any("Kubo" in row["name"] for row in rows))

    def test_in_ci_a_missing_peer_is_an_error(self):
        done = subprocess.run([sys.executable, environment.ROOT / "bench/compare/run.py", "--quick", "--only", "perf"],
                              env={**os.environ, **NO_PEERS, "CI": "true"}, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 1)
        self.assertIn("build/no-peers/golibp2p-peer is missing", done.stderr)
