"""What is acknowledged stays, and what can't be kept is said."""

import json
import os
import signal
import subprocess
import sys
import time
import unittest

from harness import environment
from harness.process import Process
from program import Case, wait_until

MIB = 1 << 20
NOBODY = 65534


class Ending(Case):
    def test_sigterm_ends_the_daemon_within_two_seconds_and_nothing_is_lost(self):
        node = self.started()
        cid = node.add(self.write("big", os.urandom(64 * MIB)))
        code, seconds = node.stop()
        self.assertEqual(code, 0)
        self.assertLess(seconds, 2)
        self.assertEqual(node.ok("cat", cid), (self.folder / "big").read_bytes())
        self.assertFalse((node.home / "api").exists())

    def test_sigterm_with_waiting_and_working_commands(self):
        first, second = self.pair()
        first.add(self.write("some", os.urandom(3 * MIB)))
        missing = first.text("add", "-nQ", stdin=b"nobody has this")
        waiting = [second.background("cat", "-q", missing) for _ in range(3)]
        endless = second.background("stats", "bw", "--poll")
        adding = self.endless_add(second)
        for process in (*waiting, endless):
            self.addCleanup(process.stop)
        wait_until(lambda: len(second.json("stats", "transfers")["Transfers"]) == 3, what="three transfers")
        wait_until(lambda: second.json("repo", "stat")["NumObjects"] > 10, what="blocks that are added")
        code, seconds = second.stop()
        self.assertEqual(code, 0)
        self.assertLess(seconds, 2)
        for process in (*waiting, adding):
            self.assertEqual(process.wait(10), 1, process.log())
            self.assertIn("Error: ", process.log())

    def endless_add(self, node):
        """Adds what never ends."""
        reading, writing = os.pipe()
        source = Process(["cat", "/dev/urandom"], stdout=writing)
        self.addCleanup(source.stop)
        adding = node.background("add", "-Q", stdin=reading)
        self.addCleanup(adding.stop)
        os.close(reading)
        os.close(writing)
        return adding

    def test_sigterm_ends_a_command_within_two_seconds(self):
        node = self.made()
        adding = self.endless_add(node)
        wait_until(lambda: any((node.home / "blocks").rglob("*.pack")), what="a beginning")
        begun = time.monotonic()
        self.assertEqual(adding.stop(), 130)
        self.assertLess(time.monotonic() - begun, 2)
        self.assertIn("all blocks validated", node.text("repo", "verify"))

    def test_sigint_is_a_clean_end_too(self):
        node = self.started()
        code, seconds = node.stop(signal.SIGINT)
        self.assertEqual(code, 0)
        self.assertLess(seconds, 2)


class Crashes(Case):
    def test_a_kill_in_the_middle_of_adding_loses_nothing_that_was_told(self):
        node = self.started()
        contents = {f"{i}.bin": os.urandom(2 * MIB + i) for i in range(40)}
        for name, content in contents.items():
            self.write(f"d/{name}", content)
        told = {}
        for name in list(contents)[:5]:
            told[node.text("add", "-Q", self.folder / "d" / name)] = name
        adding = Process(node.command("add", "-r", str(self.folder / "d")), env=node.env,
                         stdout=open(self.folder / "told", "wb"))
        self.addCleanup(adding.stop)
        wait_until(lambda: int(node.json("repo", "stat")["NumObjects"]) > 30, what="a beginning")
        node.stop(9)
        adding.wait(10)
        # Without a line for the root nothing of the folder is acknowledged; the files before are.
        for line in (self.folder / "told").read_text().splitlines():
            _, cid, path = line.split(" ", 2)
            if path != "d":
                told[cid] = path.partition("/")[2]
        node.start()
        self.assertGreaterEqual(len(told), 5)
        for cid, name in told.items():
            self.assertEqual(node.ok("cat", "--timeout=10s", cid), contents[name])
        self.assertIn("all blocks validated", node.text("repo", "verify"))

    def test_many_kills(self):
        node = self.made()
        told = {}
        for round_ in range(6):
            node.start()
            for i in range(3):
                content = os.urandom(300_000 + round_)
                told[node.text("add", "-Q", stdin=content)] = content
            last = node.background("add", "-Q", self.write(f"last-{round_}", os.urandom(20 * MIB)))
            time.sleep(0.02 * round_)
            node.stop(9)
            last.stop(9)
        for cid, content in told.items():
            self.assertEqual(node.ok("cat", cid), content)
        self.assertIn("all blocks validated", node.text("repo", "verify"))


class Starts(Case):
    def work_of_a_start(self, node):
        """What the daemon read, and the pages that it touched, until it was ready."""
        node.start()
        process = f"/proc/{node.daemon.pid}"
        with open(f"{process}/io") as told:
            read_bytes = int(told.readline().split()[1])
        with open(f"{process}/stat") as told:
            pages = int(told.read().rpartition(")")[2].split()[7])
        return read_bytes, pages

    def test_a_daemon_of_a_million_blocks_starts_as_one_of_a_few(self):
        few, many = self.made("few"), self.made("many")
        few.ok("add", "-Q", "--chunker=size-128", stdin=os.urandom(128 * 1000))
        many.ok("add", "-Q", "--chunker=size-128", stdin=os.urandom(128 * 1_000_000), timeout=300)
        bytes_of_few, pages_of_few = self.work_of_a_start(few)
        for how in (None, signal.SIGTERM, signal.SIGKILL):
            if how:
                many.stop(how)
            with self.subTest(ended_by=how):
                read_bytes, pages = self.work_of_a_start(many)
                # Neither the packs nor the index are gone through: a few packs' names and rows are all that is more.
                self.assertLess(read_bytes, bytes_of_few + 64 * 1024)
                self.assertLess(pages, 2 * pages_of_few)
        self.assertGreater(many.json("repo", "stat")["NumObjects"], 1_000_000)

    def test_the_benchmark_of_it_runs(self):
        words = [sys.executable, environment.ROOT / "bench/ready.py", "--blocks=10,20", "--rounds=1", "--adding=0.1"]
        done = subprocess.run(words, env={**os.environ, "KITH_BIN": str(environment.kith_binary())}, capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(done.stdout.splitlines()), 7)


class InPlace(Case):
    def enabled(self, name="home"):
        node = self.made(name)
        node.ok("config", "--bool", "Experimental.FilestoreEnabled", "true")
        return node.start()

    def test_nocopy_must_be_allowed(self):
        node = self.started()
        before = node.json("repo", "stat")["NumObjects"]
        path = self.write("movie", os.urandom(1000))
        self.assertIn("filestore is not enabled", node.fails("add", "--nocopy", path))
        self.assertEqual(node.json("repo", "stat")["NumObjects"], before)

    def test_nocopy_inlines_nothing(self):
        node = self.enabled()
        path = self.write("movie", os.urandom(1000))
        for more, told in (("--inline", "--nocopy"), ("--hash=identity", "--hash"), ("--mode=0644", "--raw-leaves")):
            self.assertIn(told, node.fails("add", "--nocopy", "--chunker=size-20", more, path))

    def test_nocopy_keeps_no_second_copy_and_serves_the_file(self):
        first, second = self.enabled("first"), self.started("second")
        first.connect(second)
        path = self.write("movie", os.urandom(40 * MIB))
        cid = first.add(path, "--nocopy")
        size = sum(file.stat().st_size for file in first.home.rglob("*") if file.is_file() and not file.name.endswith(".mdb"))
        self.assertLess(size, 2 * MIB)
        second.ok("get", "-o", self.folder / "out", cid)
        self.assertEqual((self.folder / "out").read_bytes(), path.read_bytes())

    def test_a_changed_file_is_named_never_served_and_readable_once_it_is_restored(self):
        for change in ("other bytes", "other bytes, same time", "shorter", "gone"):
            with self.subTest(change):
                first, second = self.enabled(f"first {change}"), self.started(f"second {change}")
                first.connect(second)
                content = os.urandom(3 * MIB)
                path = self.write(f"movie {change}", content)
                cid = first.add(path, "--nocopy")
                before = path.stat()
                if change == "gone":
                    path.unlink()
                elif change == "shorter":
                    os.truncate(path, MIB + 5)
                else:
                    with open(path, "r+b") as file:
                        file.seek(MIB + 77)
                        file.write(b"something else")
                    if change.endswith("same time"):
                        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
                        first.stop()
                        first.ok("config", "--bool", "Datastore.HashOnRead", "true")
                        first.start()
                        first.connect(second)
                error = first.fails("cat", "--timeout=5s", cid)
                self.assertIn(str(path), error)
                second.fails("cat", "-q", "--timeout=3s", cid)
                done = second.run("cat", "-q", "--timeout=1s", cid)
                self.assertNotIn(b"something else", done.stdout)
                verified = first.run("repo", "verify")
                self.assertEqual(verified.returncode, 1)
                self.assertIn(str(path), verified.stdout.decode())
                path.write_bytes(content)
                self.assertEqual(first.ok("cat", cid), content)
                self.assertEqual(second.ok("cat", "--timeout=30s", cid), content)
                self.assertIn("all blocks validated", first.text("repo", "verify"))

    def test_others_are_asked_for_a_file_that_is_out_of_reach(self):
        first, second = self.enabled("first"), self.started("second")
        first.connect(second)
        content = os.urandom(3 * MIB)
        path = self.write("mounted/movie", content)
        cid = first.add(path, "--nocopy")
        second.ok("add", "--chunker=size-1048576", stdin=content)
        # As a file system whose server is gone: looking at the file is an error, and not that it isn't there.
        path.parent.rename(self.folder / "aside")
        path.parent.symlink_to(path.parent)
        verified = first.run("repo", "verify", "--drop")
        self.assertEqual(verified.returncode, 1)
        self.assertIn(b"couldn't be read", verified.stdout)
        self.assertNotIn(b"removed", verified.stdout + verified.stderr)
        self.assertEqual(first.ok("cat", "--timeout=20s", cid), content)
        self.assertIn("all blocks validated", first.text("repo", "verify"))

    def test_a_pipe_can_not_stay_where_it_is(self):
        node = self.enabled()
        self.assertIn("--nocopy", node.fails("add", "--nocopy", "-Q", stdin=b"gone soon"))


class BadDisks(Case):
    def tmpfs(self, size):
        path = self.folder / "small"
        path.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", path], capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"no small disk can be had here: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", path], check=False)
        return path

    @unittest.skipUnless(os.geteuid() == 0, "only root can mount a small disk")
    def test_a_full_disk_is_an_error_and_loses_nothing(self):
        self.tmpfs("24m")
        node = self.started("small/home")
        small = os.urandom(MIB)
        cid = node.text("add", "-Q", stdin=small)
        error = node.fails("add", "-Q", self.write("big", os.urandom(64 * MIB)))
        self.assertIn("no space left", error)
        self.assertEqual(node.ok("cat", cid), small)
        code, _ = node.stop()
        self.assertIn(code, (0, 1))
        self.assertEqual(node.ok("cat", cid), small)
        self.assertIn("all blocks validated", node.text("repo", "verify"))

    @unittest.skipUnless(os.geteuid() == 0, "only root can mount a small disk")
    def test_a_get_onto_a_full_disk_says_so(self):
        small = self.tmpfs("4m")
        node = self.started()
        cid = node.add(self.write("big", os.urandom(16 * MIB)))
        self.assertIn("no space left", node.fails("get", "-o", small / "out", cid))
        self.assertEqual(list(small.iterdir()), [])
        self.assertEqual(node.json("id")["ID"], node.id)

    def test_a_home_that_can_not_be_written_is_named(self):
        node = self.made()
        cid = node.add(self.write("x", b"x"))
        if os.geteuid() == 0:
            node.enter = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            self.folder.chmod(0o755)
            subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", node.home], check=True)
        subprocess.run(["chmod", "-R", "a-w", node.home], check=True)
        self.addCleanup(subprocess.run, ["chmod", "-R", "u+w", node.home], check=False)
        for command in (["daemon"], ["add", "-Q", "-"], ["cat", cid], ["config", "Import.Profile", "unixfs-v0-2015"]):
            with self.subTest(command):
                error = node.fails(*command, stdin=b"new")
                self.assertIn(str(node.home), error)
                self.assertRegex(error, "permission denied|read-only")

    def test_init_where_nothing_may_be_made_names_the_place(self):
        node = self.node("file/home")
        self.write("file", b"not a folder")
        self.assertIn(str(self.folder / "file"), node.fails("init"))


class Verified(Case):
    def test_a_damaged_store_is_found_and_the_block_is_not_served(self):
        node = self.made()
        content = os.urandom(MIB // 2)
        cid = node.text("add", "-Q", stdin=content)
        pack = max((path for path in (node.home / "blocks").rglob("*") if path.is_file() and content[:100] in path.read_bytes()),
                   key=lambda path: path.stat().st_size)
        data = bytearray(pack.read_bytes())
        data[data.index(content[:100]) + 1000] ^= 1
        pack.write_bytes(data)
        done = node.run("repo", "verify")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"corrupt", done.stdout + done.stderr)
        done = node.run("cat", cid)
        self.assertNotEqual((done.returncode, done.stdout), (0, bytes(content)))
        node.ok("config", "--bool", "Datastore.HashOnRead", "true")
        done = node.run("cat", cid)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, b"")

    def test_removed_blocks_are_gone(self):
        node = self.started()
        cid = node.text("block", "put", stdin=b"soon gone")
        self.assertEqual(node.text("block", "rm", cid), f"removed {cid}")
        self.assertIn("could not find", node.fails("block", "get", "--offline", cid))
        self.assertIn("some blocks not removed", node.fails("block", "rm", cid))
        self.assertEqual(node.json("repo", "stat")["NumObjects"], 0)
        self.assertEqual(json.loads(node.text("block", "rm", "-f", "--enc=json", cid))["Hash"], cid)


if __name__ == "__main__":
    unittest.main()
