"""bench/compare still runs, with every peer. How fast anything is, is not looked at."""

import unittest

from harness.compare import compared

SECTIONS = ("add", "loopback", "link", "perf", "network", "connections", "gossip", "memory", "start")


class EveryPeer(unittest.TestCase):
    def test_each_section_measures_what_is_there(self):
        tables = compared(self, SECTIONS)
        # That the line delays what it carries, as the sender's kernel sees it. It can't be less.
        for row in (row for table in tables for row in table["rows"] if row["name"].startswith("60 ms")):
            if row["samples"]:
                self.assertGreaterEqual(min(row["samples"]["rtt"]), 60)
