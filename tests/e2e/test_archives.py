"""CAR archives, in and out."""

import os
import unittest

from program import Case

MIB = 1 << 20


class Archives(Case):
    def setUp(self):
        super().setUp()
        self.first, self.second = self.made("first"), self.made("second")
        self.write("d/big", os.urandom(3 * MIB))
        self.write("d/small", b"small")
        self.cid = self.first.add(self.folder / "d")

    def exported(self, name, *flags):
        return self.write(name, self.first.ok("dag", "export", *flags, self.cid))

    def test_what_is_exported_can_be_imported(self):
        archive = self.exported("all.car")
        self.assertEqual(self.second.text("dag", "import", archive), f"Pinned root\t{self.cid}\tsuccess")
        self.assertEqual(self.second.ok("cat", f"{self.cid}/big"), (self.folder / "d/big").read_bytes())
        stats = self.second.text("dag", "import", "--stats", "--pin-roots=false", archive)
        self.assertRegex(stats, r"^Imported \d+ blocks \(\d+ bytes\)$")
        self.assertEqual(self.second.text("dag", "import", "--silent", archive), "")

    def test_a_root_without_all_that_is_below_it_is_a_failure(self):
        leaf = self.first.text("refs", f"{self.cid}/big").splitlines()[1]
        self.first.ok("block", "rm", leaf)
        archive = self.exported("part.car", "--local-only")
        error = self.second.fails("dag", "import", archive)
        self.assertIn(f'pinning root "{self.cid}" FAILED: ', error)
        self.assertIn(f"could not find {leaf}", error)
        self.assertEqual(self.second.json("dag", "import", archive)["Root"]["PinErrorMsg"].split()[-1], leaf)
        self.assertEqual(self.second.text("dag", "import", "--local-only", archive), "")
        self.assertIn("--pin-roots", self.second.fails("dag", "import", "--local-only", "--pin-roots", archive))

    def test_parts_in_two_archives_make_a_whole(self):
        archives = []
        for name in ("big", "small"):
            node = self.made(f"without {name}")
            node.ok("dag", "import", self.exported("all.car"))
            node.ok("block", "rm", "-q", *node.text("refs", "-r", f"{self.cid}/{name}").split(),
                    node.text("dag", "resolve", f"{self.cid}/{name}"))
            archives.append(self.write(f"{name}.car", node.ok("dag", "export", "--local-only", self.cid)))
        self.assertEqual(self.second.text("dag", "import", *archives), f"Pinned root\t{self.cid}\tsuccess")

    def test_a_path_is_exported_from_where_it_leads(self):
        for path in (f"{self.cid}/big", f"/ipfs/{self.cid}/big"):
            archive = self.first.ok("dag", "export", path)
            self.assertEqual(archive, self.first.ok("dag", "export", self.first.text("dag", "resolve", path)))
        self.assertIn("no link named", self.first.fails("dag", "export", f"{self.cid}/nothing"))

    def test_an_archive_has_only_so_many_roots(self):
        """Each is a CID that holds its block itself, so that a small archive names very many."""
        roots = b"".join(b"\xd8\x2a\x49\x00\x01\x55\x00\x04" + i.to_bytes(4, "big") for i in range(10_001))
        header = b"\xa2\x65roots\x99" + (10_001).to_bytes(2, "big") + roots + b"\x67version\x01"
        size, prefix = len(header), b""
        while size >= 128:
            size, prefix = size >> 7, prefix + bytes([size & 127 | 128])
        archive = self.write("roots.car", prefix + bytes([size]) + header)
        self.assertIn("more than 10000 roots", self.second.fails("dag", "import", archive))

    def test_the_root_may_come_from_standard_input(self):
        self.assertEqual(self.first.ok("dag", "export", stdin=f"{self.cid}\n".encode()),
                         self.exported("all.car").read_bytes())


if __name__ == "__main__":
    unittest.main()
