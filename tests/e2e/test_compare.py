"""bench/compare still runs, and needs no other program than kith: whoever is missing gets a row that says so."""

import os
import unittest

from harness.compare import compared

SECTIONS = ("add", "loopback", "start")


class KithAlone(unittest.TestCase):
    def test_what_is_missing_has_a_row_and_kith_is_measured(self):
        # In CI a missing peer is a failure elsewhere; here there is none on purpose.
        env = {name: value for name, value in os.environ.items() if name != "CI"}
        tables = compared(self, SECTIONS, {**env, "KITH_PEERS": "build/no-peers"})
        rows = [row for table in tables for row in table["rows"]]
        for row in rows:
            with self.subTest(row=row["name"]):
                if "Kubo" in row["name"]:
                    self.assertRegex(row["note"], "^missing: build/no-peers/ipfs is missing: build it by ")
                elif row["name"].startswith("kith"):
                    self.assertEqual(row["note"], "")
        self.assertTrue(any("Kubo" in row["name"] for row in rows))
