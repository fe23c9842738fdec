"""The daemon is killed at any moment of its work: what it had told is there when it comes back."""

import os
import random
import sys
import time
import unittest

from program import Case, wait_until

MIB = 1 << 20
ROUNDS = 6
# About as long as a round's work takes.
ROUND_SECONDS = 1.2


class Killed(Case):
    def setUp(self):
        super().setUp()
        seed = int(os.environ.get("KITH_E2E_SEED") or random.randrange(1 << 32))
        self.random = random.Random(seed)
        print(f"KITH_E2E_SEED={seed}", end=" ", file=sys.stderr, flush=True)

    def noise(self, size):
        return self.random.randbytes(size)

    def folder_of(self, name, files, size):
        contents = {f"{name}/{i}.bin": self.noise(size + i) for i in range(files)}
        for path, content in contents.items():
            self.write(path, content)
        return contents

    def to_file(self, node, name, *arguments):
        """A command whose output goes to a file, line by line."""
        process = node.background(*arguments, stdout=open(self.folder / name, "wb"))
        self.addCleanup(process.stop)
        return process

    def lines(self, name):
        """What the command had told; a line that a kill cut off tells nothing."""
        return (self.folder / name).read_text().rpartition("\n")[0].splitlines()

    def readable(self, node, told):
        for cid, content in told.items():
            self.assertEqual(node.ok("cat", "--offline", cid), content, cid)

    def test_what_add_import_and_get_told_survives(self):
        other, node = self.started("other"), self.made()
        told = {}
        for number in range(ROUNDS):
            added = self.folder_of(f"add-{number}", 24, MIB // 2)
            carried = self.noise(10 * MIB + number)
            fetched = self.noise(10 * MIB + number)
            root = other.add(self.write("carried", carried))
            archive = self.write("archive.car", other.ok("dag", "export", root))
            wanted = other.add(self.write("fetched", fetched))
            node.start()
            node.connect(other)
            adding = self.to_file(node, "adding", "add", "-r", "--progress", self.folder / f"add-{number}")
            importing = self.to_file(node, "importing", "dag", "import", archive)
            getting = self.to_file(node, "getting", "get", "-o", self.folder / f"got-{number}", wanted)
            # The kill itself is at random, not a wait for something.
            time.sleep(self.random.uniform(0, ROUND_SECONDS))
            node.stop(9)
            for process in (adding, importing):
                process.wait(10)
            if getting.wait(10) == 0:
                self.assertEqual((self.folder / f"got-{number}").read_bytes(), fetched)
            names = [line.split(" ", 2)[1:] for line in self.lines("adding")]
            news = {cid: added[path] for cid, path in names if path in added}
            if any(line.endswith("success") for line in self.lines("importing")):
                news[root] = carried
            with self.subTest(round=number):
                self.assertIn("all blocks validated", node.text("repo", "verify"))
                self.readable(node, news)
            told |= news
        self.assertGreater(len(told), 0, "every kill came before the first word")
        node.start()
        self.readable(node, told)

    def test_a_get_that_is_killed_again_and_again_keeps_what_it_had(self):
        other, node = self.started("other"), self.made()
        content = self.noise(64 * MIB)
        cid = other.add(self.write("big", content))
        blocks = 65
        out = self.folder / "out"
        had = kills = 0
        # A kill may come before the first sync; not every time.
        while kills < 3 or (had == 0 and kills < 10):
            kills += 1
            node.start()
            node.connect(other)
            get = node.background("get", "-o", out, cid)
            self.addCleanup(get.stop)
            aim = min(had + self.random.randint(10, 24), blocks - 4)
            wait_until(lambda: not get.alive() or len(node.text("refs", "local").splitlines()) >= aim,
                       what="more blocks")
            node.stop(9)
            get.wait(10)
            kept = len(node.text("refs", "local").splitlines())
            self.assertGreaterEqual(kept, had, "blocks that were here are gone")
            had = kept
            self.assertIn("all blocks validated", node.text("repo", "verify"))
        self.assertGreater(had, 0)
        node.start()
        node.connect(other)
        node.ok("get", "-o", out, cid)
        self.assertEqual(out.read_bytes(), content)
        received = node.bitswap()
        self.assertEqual(received["BlocksReceived"], blocks - had)
        self.assertEqual(received["DupBlksReceived"], 0)


if __name__ == "__main__":
    unittest.main()
