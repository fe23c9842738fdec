"""From home to home: what is fetched, when, from whom, and what happens when the other side goes away."""

import os
import re
import time
import unittest

from program import Case, Screen, wait_until

MIB = 1 << 20


class Paced(Case):
    def paced_pair(self):
        """Two daemons that are connected; what the first sends takes seconds, however fast the machine is."""
        first = self.made("first")
        first.ok("config", "Swarm.Bandwidth.Up", "64MB")
        first.start()
        second = self.started("second")
        first.connect(second)
        return first, second


class Interrupted(Paced):
    def test_a_get_that_was_killed_fetches_only_the_rest_the_second_time(self):
        first, second = self.paced_pair()
        content = os.urandom(160 * MIB)
        cid = first.add(self.write("big", content))
        out = self.folder / "out"
        get = second.background("get", "-o", out, cid)
        self.addCleanup(get.stop)
        wait_until(lambda: second.bitswap()["BlocksReceived"] > 20, what="a beginning")
        get.stop(9)
        self.assertFalse(out.exists(), "a file that isn't complete has its name already")
        wait_until(lambda: second.json("stats", "transfers") == {"Transfers": []}, what="the end of the transfer")
        had = len(second.text("refs", "local").splitlines())
        self.assertGreater(had, 20)
        before = second.bitswap()
        second.ok("get", "-o", out, cid)
        self.assertEqual(out.read_bytes(), content)
        after = second.bitswap()
        # There are 160 leaves and the root. What was still on its way for the first get counts as a duplicate too.
        useful = [stat["BlocksReceived"] - stat["DupBlksReceived"] for stat in (before, after)]
        self.assertLessEqual(useful[1] - useful[0], 161 - had)

    def test_what_was_fetched_before_the_daemon_was_killed_is_not_fetched_again(self):
        first, second = self.paced_pair()
        content = os.urandom(160 * MIB)
        cid = first.add(self.write("big", content))
        get = second.background("get", "-o", self.folder / "out", cid)
        self.addCleanup(get.stop)
        wait_until(lambda: second.bitswap()["BlocksReceived"] > 60, what="a beginning")
        second.stop(9)
        get.stop(9)
        had = len(second.text("refs", "local").splitlines())
        self.assertGreater(had, 0, "nothing of more than 60 MiB was on the disk")
        second.start()
        second.connect(first)
        second.ok("get", "-o", self.folder / "out", cid)
        self.assertEqual((self.folder / "out").read_bytes(), content)
        self.assertEqual(second.bitswap()["BlocksReceived"], 161 - had)

    def test_getting_again_asks_nobody(self):
        first, second = self.pair()
        self.write("d/a", b"a" * 3 * MIB)
        cid = first.add(self.folder / "d")
        second.ok("get", "-o", self.folder / "one", cid)
        before = second.bitswap()["BlocksReceived"]
        first.stop()
        second.ok("get", "-o", self.folder / "two", cid)
        self.assertEqual((self.folder / "two/a").read_bytes(), b"a" * 3 * MIB)
        self.assertEqual(second.bitswap()["BlocksReceived"], before)


class Waiting(Paced):
    def test_a_get_tells_whom_it_waits_for_and_goes_on_when_a_peer_comes(self):
        first, second = self.paced_pair()
        content = os.urandom(200 * MIB)
        cid = first.add(self.write("big", content))
        name = first.id
        out = self.folder / "out"
        get = second.background("get", "-o", out, cid)
        self.addCleanup(get.stop)
        wait_until(lambda: any(part.stat().st_size > 4 * MIB for part in self.folder.glob(".kith-part-*")),
                   what="a beginning")
        first.stop(9)
        note = wait_until(lambda: re.search(r"(?m)^waiting for \S+: .*$", get.log()), what="a word about the wait")
        self.assertIn("no peer is connected", note.group(0))
        self.assertIn(f"sent by {name}, gone now", note.group(0))
        self.assertTrue(get.alive())
        first.start()
        second.connect(first)
        self.assertEqual(get.wait(60), 0, get.log())
        self.assertEqual(out.read_bytes(), content)

    def test_a_cat_of_what_no_peer_has_says_so_and_says_when_it_goes_on(self):
        first, second = self.pair()
        path = self.write("late", b"here at last\n")
        cid = first.text("add", "-nQ", path)
        cat = second.background("cat", cid)
        self.addCleanup(cat.stop)
        wait_until(lambda: f"waiting for {cid}: no connected peer has it" in cat.log(), what="a word about the wait")
        status = second.json("stats", "transfers")["Transfers"]
        self.assertEqual([(t["What"], t["BlocksReceived"]) for t in status], [(f"cat {cid}", 0)])
        first.add(path)
        self.assertEqual(cat.wait(60), 0, cat.log())
        self.assertIn("here at last", cat.log())

    def test_quiet_says_nothing_while_it_waits(self):
        node = self.started()
        missing = node.text("add", "-nQ", stdin=b"nobody has this")
        loud, quiet = node.background("cat", missing), node.background("cat", "-q", missing)
        self.addCleanup(loud.stop)
        self.addCleanup(quiet.stop)
        wait_until(lambda: loud.log(), what="a word about the wait")
        self.assertEqual(quiet.log(), "")

    def test_the_bar_makes_room_for_the_word_about_the_wait(self):
        first, second = self.paced_pair()
        cid = first.add(self.write("big", os.urandom(200 * MIB)))
        screen = Screen(second, "get", "-o", str(self.folder / "out"), cid)
        self.addCleanup(screen.close)
        screen.wait_for(r"MiB/s")
        first.stop(9)
        screen.wait_for(r"\r\x1b\[Kwaiting for \S+: no peer is connected")
        first.start()
        second.connect(first)
        self.assertEqual(screen.finish(), 0)

    def test_a_timeout_is_kept(self):
        node = self.started()
        missing = node.text("add", "-nQ", stdin=b"nobody has this")
        begun = time.monotonic()
        self.assertIn("no answer within 700ms", node.fails("cat", "--timeout=700ms", missing))
        self.assertGreaterEqual(time.monotonic() - begun, 0.7)


class Several(Case):
    def test_a_tree_of_many_files_comes_whole_and_no_block_twice(self):
        first, second = self.pair()
        for i in range(300):
            self.write(f"d/{i % 7}/{i}.bin", os.urandom(2 * MIB if i % 50 == 0 else 100 + i))
        cid = first.add(self.folder / "d")
        second.ok("get", "-o", self.folder / "out", cid)
        for i in range(300):
            name = f"{i % 7}/{i}.bin"
            self.assertEqual((self.folder / "out" / name).read_bytes(), (self.folder / "d" / name).read_bytes())
        received = second.bitswap()
        self.assertEqual(received["DupBlksReceived"], 0)
        self.assertEqual(received["BlocksReceived"], second.json("dag", "stat", "--progress=false", cid)["UniqueBlocks"])

    def test_two_providers_share_the_work(self):
        first, second = self.pair()
        third = self.started("third")
        path = self.write("big", os.urandom(200 * MIB))
        cid = first.add(path)
        third.add(path)
        second.connect(third)
        second.ok("get", "-o", self.folder / "out", cid)
        self.assertEqual((self.folder / "out").read_bytes(), path.read_bytes())
        sent = [node.bitswap()["BlocksSent"] for node in (first, third)]
        self.assertGreater(min(sent), 10, sent)

    def test_a_reader_becomes_a_provider(self):
        first, second = self.pair()
        third = self.started("third")
        cid = first.add(self.write("x", os.urandom(3 * MIB)))
        second.ok("cat", cid)
        first.stop()
        third.connect(second)
        self.assertEqual(third.ok("cat", cid), (self.folder / "x").read_bytes())

    def test_ping_and_perf(self):
        first, second = self.made("first"), self.made("second")
        second.ok("config", "--bool", "Experimental.PerfServer", "true")
        first.start()
        second.start()
        first.connect(second)
        self.assertRegex(first.text("ping", "-n", "2", second.id), r"(?s)PING .*Pong received: .*Average latency: ")
        perf = first.json("perf", second.id, "--upload", str(5 * MIB), "--download", str(7 * MIB))
        self.assertEqual((perf["UploadBytes"], perf["DownloadBytes"]), (5 * MIB, 7 * MIB))
        self.assertIn("Experimental.PerfServer", second.fails("perf", first.id))

    def test_disconnect(self):
        first, second = self.pair()
        self.assertEqual(first.peers(), [second.id])
        self.assertIn("success", first.text("swarm", "disconnect", second.id))
        self.assertEqual(first.peers(), [])
        wait_until(lambda: second.peers() == [], what="the other side's notice")


if __name__ == "__main__":
    unittest.main()
