"""Files that one node adds and another one gets from it over Bitswap."""

import tempfile
from pathlib import Path

from . import data
from .daemon import Kith

TRANSFER_SECONDS = 120


class TransferCases:
    """Mixed into a TestCase whose setUpClass makes `provider` and `fetcher`, connected and nobody else around.

    Both have the methods add, get, cat_sha256 and has.
    """

    provider = None
    fetcher = None
    symlinks = True

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kith-interop-out-")
        self.addCleanup(folder.cleanup)
        self.out = Path(folder.name) / "out"

    def ways(self):
        """How kith, whichever of the two it is, is connected to the other."""
        kith, other = sorted((self.provider, self.fetcher), key=lambda one: not isinstance(one, Kith))
        return kith.connected_by(other.id)

    def move(self, path, many_blocks=False):
        """Adds, gets, and compares. Returns the CID."""
        cid = self.provider.add(path, timeout=TRANSFER_SECONDS)
        self.assertFalse(self.fetcher.has(cid), "the fetcher has it already, so that nothing would be shown")
        if many_blocks and hasattr(self.fetcher, "prefetch"):
            self.fetcher.prefetch(cid, timeout=TRANSFER_SECONDS)
        self.fetcher.get(cid, self.out, timeout=TRANSFER_SECONDS)
        self.assertEqual(data.listing(self.out), data.listing(path))
        self.assertTrue(self.fetcher.has(cid))
        return cid

    def test_a_lone_empty_file(self):
        # First by its name: the tree has the same block.
        self.move(data.empty_file())

    def test_directory_tree(self):
        self.move(data.tree(self.symlinks))

    def test_big_file(self):
        self.move(data.big_file())


    def test_sharded_directory(self):
        self.move(data.wide_directory(), many_blocks=True)

    def test_byte_ranges(self):
        # Its own bytes, so that nothing of it is there from another test; odd, so that the last chunk is short.
        size = 5 * data.MIB + 77_777
        path = self.out.with_name("ranges.bin")
        path.write_bytes(b"".join(b"%s %d of a file for ranges\n" % (type(self).__name__.encode(), i)
                                  for i in range(size // 20))[:size])
        size = path.stat().st_size
        cid = self.provider.add(path)
        self.assertFalse(self.fetcher.has(cid))
        middle = 262_144
        for offset, length in ((size - 1, 1), (0, 1), (0, 0), (middle - 1, 2), (middle, middle), (1_234_567, 2_000_000),
                               (0, size), (7, None), (size - 3, 100)):
            with self.subTest(offset=offset, length=length):
                got = self.fetcher.cat_sha256(cid, offset, length)
                expected = min(length, size - offset) if length is not None else size - offset
                self.assertEqual(got, (data.sha256_of(path, offset, expected), expected))
