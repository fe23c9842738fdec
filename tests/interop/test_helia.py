"""kith and Helia: files both ways."""

import unittest

from harness.daemon import Kith, started
from harness.peer import Helia
from harness.transfer_cases import TransferCases


class KithToHelia(TransferCases, unittest.TestCase):
    symlinks = False

    @classmethod
    def setUpClass(cls):
        cls.provider = started(Kith)
        cls.addClassCleanup(cls.provider.close)
        cls.fetcher = Helia()
        cls.addClassCleanup(cls.fetcher.stop)
        cls.fetcher.connect(cls.provider)


class HeliaToKith(TransferCases, unittest.TestCase):
    symlinks = False

    @classmethod
    def setUpClass(cls):
        cls.provider = Helia()
        cls.addClassCleanup(cls.provider.stop)
        cls.fetcher = started(Kith)
        cls.addClassCleanup(cls.fetcher.close)
        cls.fetcher.connect(cls.provider)


if __name__ == "__main__":
    unittest.main()
