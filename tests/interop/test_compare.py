"""bench/compare still runs, with every peer. How fast anything is, is not looked at."""

import unittest

from harness.compare import compared

SECTIONS = ("add", "loopback", "link", "perf", "memory", "start")


class EveryPeer(unittest.TestCase):
    def test_each_section_measures_what_is_there(self):
        compared(self, SECTIONS)
