"""kith and Helia: files both ways."""

import time
import unittest

from harness.daemon import Kith, started
from harness.peer import Helia
from harness.proofs import TCP, proves
from harness.transfer_cases import TransferCases


# Helia resets a stream that has been silent for 10 s.
HELIA_SILENCE_SECONDS = 12


@proves("Bitswap", "Helia", "Helia dials and fetches", TCP)
class KithToHelia(TransferCases, unittest.TestCase):
    symlinks = False

    @classmethod
    def setUpClass(cls):
        cls.provider = started(Kith)
        cls.addClassCleanup(cls.provider.close)
        cls.fetcher = Helia()
        cls.addClassCleanup(cls.fetcher.stop)
        cls.fetcher.connect(cls.provider)

    def test_pauses_between_transfers(self):
        # The first pause is too short for either side to close its stream, the second is long enough for both.
        for number, seconds in enumerate((3, HELIA_SILENCE_SECONDS, 0)):
            path = self.out.with_name(f"part-{number}")
            path.write_bytes(b"pause %d\n" % number * 10_000)
            cid = self.provider.add(path)
            self.fetcher.get(cid, self.out.with_name(f"out-{number}"), timeout=20)
            time.sleep(seconds)


@proves("Bitswap", "Helia", "kith dials and fetches", TCP)
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
