"""What `get` leaves on the disk: whole files, in their place alone, with the modes and times they had."""

import os
import subprocess
import unittest

from program import Case, wait_until

MIB = 1 << 20


class Places(Case):
    def test_two_at_once_in_one_folder(self):
        node = self.started()
        contents = {name: os.urandom(40 * MIB) for name in ("one", "two")}
        cids = {name: node.add(self.write(f"in/{name}", content)) for name, content in contents.items()}
        out = self.folder / "out"
        out.mkdir()
        getting = [node.background("get", "-o", out / name, cid) for name, cid in cids.items()]
        for get in getting:
            self.addCleanup(get.stop)
        for get in getting:
            self.assertEqual(get.wait(60), 0, get.log())
        self.assertEqual({path.name: path.read_bytes() for path in out.iterdir()}, contents)

    def test_a_failed_archive_leaves_the_one_that_was_there(self):
        first, second = self.pair()
        cid = first.add(self.write("big", os.urandom(160 * MIB)))
        archive = self.write("out/a.tar", b"from before")
        get = second.background("get", "-a", "--timeout=60s", "-o", archive, cid)
        self.addCleanup(get.stop)
        wait_until(lambda: second.bitswap()["BlocksReceived"] > 20, what="a beginning")
        first.stop(9)
        get.stop()
        self.assertNotEqual(get.wait(10), 0)
        self.assertEqual([path.name for path in archive.parent.iterdir()], ["a.tar"])
        self.assertEqual(archive.read_bytes(), b"from before")

    def test_an_archive_replaces_the_one_that_was_there(self):
        node = self.made()
        cid = node.add(self.write("x", b"content"))
        archive = self.write("out/a.tar", b"from before" * 1000)
        node.ok("get", "-a", "-o", archive, cid)
        listed = subprocess.run(["tar", "-tvf", archive], capture_output=True, text=True, check=True)
        self.assertEqual(listed.stdout.split()[-1], cid)
        self.assertEqual([path.name for path in archive.parent.iterdir()], ["a.tar"])

    def test_a_pipe_is_written_to(self):
        node = self.made()
        cid = node.add(self.write("x", b"content"))
        for name, flags, begin in (("pipe", [], b"content"), ("pipe.gz", ["-C"], b"\x1f\x8b")):
            with self.subTest(name):
                pipe = self.folder / name
                os.mkfifo(pipe)
                get = node.background("get", "-o", pipe, *flags, cid)
                self.addCleanup(get.stop)
                self.assertTrue(pipe.read_bytes().startswith(begin))
                self.assertEqual(get.wait(10), 0, get.log())
                self.assertTrue(pipe.is_fifo())


if __name__ == "__main__":
    unittest.main()
