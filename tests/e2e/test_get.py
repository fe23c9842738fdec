"""What `get` leaves on the disk: whole files, in their place alone, with the modes and times they had."""

import os
import stat
import subprocess
import tarfile
import unittest

from program import Case, wait_until

MIB = 1 << 20
NOBODY = 65534
A_TIME = 1_000_000_000
LAST_SECOND = (2**63 - 1) // 10**9
EXT4_LAST_SECOND = 2**34 - 2**31


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
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        for flags, begin in (([], b"content"), (["-C"], b"\x1f\x8b"), (["-a"], cid.encode())):
            with self.subTest(flags):
                reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
                self.addCleanup(os.close, reader)
                node.ok("get", "-o", pipe, *flags, cid)
                self.assertTrue(os.read(reader, 65536).startswith(begin))
                self.assertTrue(pipe.is_fifo())


class Leftovers(Case):
    def parts(self, folder):
        return [path.name for path in folder.iterdir() if path.name.startswith(".kith-part-")]

    def test_what_a_killed_get_left_goes_with_the_next(self):
        first, second = self.pair()
        content = os.urandom(160 * MIB)
        cid = first.add(self.write("big", content))
        other = second.add(self.write("small", b"small"))
        out = self.folder / "out"
        out.mkdir()
        get = second.background("get", "-o", out / "big", cid)
        self.addCleanup(get.stop)
        wait_until(lambda: self.parts(out), what="a beginning")
        first.stop(9)
        get.stop(9)
        [left] = self.parts(out)
        # It has what has come already, and waits for the rest.
        waiting = second.background("get", "-o", out / "big", cid)
        self.addCleanup(waiting.stop)
        wait_until(lambda: self.parts(out) not in ([left], []), what="another beginning")
        [held] = self.parts(out)
        second.ok("get", "-o", out / "small", other)
        second.ok("get", "-a", "-o", out / "small.tar", other)
        self.assertEqual(self.parts(out), [held])
        first.start()
        second.connect(first)
        self.assertEqual(waiting.wait(60), 0, waiting.log())
        self.assertEqual(sorted(path.name for path in out.iterdir()), ["big", "small", "small.tar"])
        self.assertEqual((out / "big").read_bytes(), content)


class Times(Case):
    def test_a_time_beyond_what_can_be_counted_is_the_last_or_the_first(self):
        node = self.made()
        path = self.write("f", b"f")
        for told, kept in ((9_000_000_000, 9_000_000_000), (9_300_000_000, LAST_SECOND), (2**63 - 1, LAST_SECOND),
                           (-9_300_000_000, 0), (-(2**63) + 1, 0), (-3, -3)):
            with self.subTest(told):
                cid = node.text("add", "-Q", f"--mtime={told}", path)
                archive = self.folder / f"{told}.tar"
                node.ok("get", "-q", "-a", "-o", archive, cid)
                with tarfile.open(archive) as tar:
                    self.assertEqual([int(member.mtime) for member in tar], [kept])
                if kept < EXT4_LAST_SECOND:
                    out = self.folder / str(told)
                    node.ok("get", "-q", "-o", out, cid)
                    self.assertEqual(int(out.stat().st_mtime), kept)


class Links(Case):
    def test_a_link_to_a_folder_is_no_place_for_one(self):
        node = self.made()
        self.write("d/x", b"x")
        cid = node.add(self.folder / "d")
        real = self.folder / "real"
        real.mkdir()
        link = self.folder / "link"
        link.symlink_to("real")
        self.assertIn("cannot extract to symlink", node.fails("get", "-o", link, cid))
        self.assertTrue(link.is_symlink())
        self.assertEqual(list(real.iterdir()), [])

    def test_a_link_inside_of_the_folder_leads_nowhere(self):
        node = self.made()
        self.write("d/sub/x", b"x")
        cid = node.add(self.folder / "d")
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir()
        (self.folder / "out").mkdir()
        (self.folder / "out/sub").symlink_to(elsewhere)
        self.assertIn("cannot extract to symlink", node.fails("get", "-o", self.folder / "out", cid))
        self.assertEqual(list(elsewhere.iterdir()), [])
        self.assertTrue((self.folder / "out/sub").is_symlink())


class Modes(Case):
    def test_a_read_only_folder_comes_back_for_who_is_not_root(self):
        node = self.node()
        self.folder.chmod(0o755)
        ours = self.folder / "ours"
        ours.mkdir()
        node.home = ours / "home"
        node.env["KITH_PATH"] = str(node.home)
        if os.geteuid() == 0:
            node.enter = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            os.chown(ours, NOBODY, NOBODY)
        node.ok("init", "--profile=test")
        self.write("d/sub/deep/x", b"x")
        self.write("d/sub/y", b"y")
        for path in (self.folder / "d/sub/deep", self.folder / "d/sub", self.folder / "d"):
            path.chmod(0o555)
            os.utime(path, (A_TIME, A_TIME))
        cid = node.add(self.folder / "d", "--preserve-mode", "--preserve-mtime")
        out = ours / "out"
        # The second time it is there already.
        for _ in range(2):
            node.ok("get", "-o", out, cid)
            for name in (".", "sub", "sub/deep"):
                told = (out / name).stat()
                self.assertEqual((stat.S_IMODE(told.st_mode), told.st_mtime), (0o555, A_TIME), name)
            self.assertEqual((out / "sub/deep/x").read_bytes(), b"x")
        for path in (out, out / "sub", out / "sub/deep"):
            path.chmod(0o755)

    def test_what_others_set_beyond_permissions_is_left_out(self):
        node = self.made()
        path = self.write("d/tool", b"#!/bin/sh\n")
        path.chmod(0o6755)
        path.parent.chmod(0o1777)
        cid = node.add(self.folder / "d", "--preserve-mode")
        node.ok("get", "-o", self.folder / "out", cid)
        modes = [stat.S_IMODE((self.folder / name).stat().st_mode) for name in ("out", "out/tool")]
        self.assertEqual(modes, [0o777, 0o755])


if __name__ == "__main__":
    unittest.main()
