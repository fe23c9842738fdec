"""The foreign peers among each other: that these pass says that the harness and the peers are right, and that what
fails with kith in the other files is kith's. Not part of the smoke run."""

import itertools
import time
import unittest

from harness import data
from harness.daemon import Kubo, started
from harness.libp2p_cases import pair_classes
from harness.namespace import Cable
from harness.peer import FOREIGN_KINDS, Helia
from harness.transfer_cases import TransferCases

DISCOVERY_SECONDS = 30

# Enough to show that it works; the gibibytes are for kith.
BULK_BYTES = 64 * data.MIB
PAIRS = itertools.product(FOREIGN_KINDS, FOREIGN_KINDS)
globals().update(pair_classes(PAIRS, (unittest.TestCase,), __name__, bulk_bytes=BULK_BYTES))


class KuboToKubo(TransferCases, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.provider = started(Kubo)
        cls.addClassCleanup(cls.provider.close)
        cls.fetcher = started(Kubo)
        cls.addClassCleanup(cls.fetcher.close)
        cls.fetcher.connect(cls.provider)


class KuboToHelia(TransferCases, unittest.TestCase):
    symlinks = False

    @classmethod
    def setUpClass(cls):
        cls.provider = started(Kubo)
        cls.addClassCleanup(cls.provider.close)
        cls.fetcher = Helia()
        cls.addClassCleanup(cls.fetcher.stop)
        cls.fetcher.connect(cls.provider)


class HeliaToKubo(TransferCases, unittest.TestCase):
    symlinks = False

    @classmethod
    def setUpClass(cls):
        cls.provider = Helia()
        cls.addClassCleanup(cls.provider.stop)
        cls.fetcher = started(Kubo)
        cls.addClassCleanup(cls.fetcher.close)
        cls.fetcher.connect(cls.provider)


class KubosInOneNetwork(unittest.TestCase):
    def test_find_each_other_by_mdns(self):
        cable = Cable()
        self.addCleanup(cable.close)
        kubos = []
        for enter, address in zip((cable.left, cable.right), cable.addresses):
            kubo = started(Kubo, enter=enter, listen=f"/ip4/{address}/tcp/0", mdns=True)
            self.addCleanup(kubo.close)
            kubos.append(kubo)
        deadline = time.monotonic() + DISCOVERY_SECONDS
        while kubos[1].id not in kubos[0].peers():
            self.assertLess(time.monotonic(), deadline, "they haven't found each other")
            time.sleep(0.1)


if __name__ == "__main__":
    unittest.main()
