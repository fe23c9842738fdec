"""What Kubo's users have in their scripts: flags that do what they say, or say why not."""

import base64
import hashlib
import http.client
import json
import os
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import environment
from program import Case, wait_until

MIB = 1 << 20


def decoded_cid(cid):
    """The bytes of a CID in base32."""
    text = cid[1:].upper()
    return base64.b32decode(text + "=" * (-len(text) % 8))


class Add(Case):
    def names(self, node, *flags):
        lines = node.text("add", "-r", *flags, self.folder / "d").splitlines()
        return sorted(line.split(" ", 2)[2] for line in lines)

    def setUp(self):
        super().setUp()
        for name in ("a.txt", "b.log", "sub/c.log", "sub/d.txt", "build/x", ".hidden/y"):
            self.write(f"d/{name}", name.encode())
        (self.folder / "d/empty/below").mkdir(parents=True)

    def test_rules_leave_files_out(self):
        node = self.made()
        self.assertEqual(self.names(node, "--ignore=*.log", "--ignore", "build/"),
                         ["d", "d/a.txt", "d/empty", "d/empty/below", "d/sub", "d/sub/d.txt"])
        rules = self.write("rules", b"# what is made\n/build\nempty/\n*.log\n!c.log\n")
        self.assertEqual(self.names(node, f"--ignore-rules-path={rules}"),
                         ["d", "d/a.txt", "d/sub", "d/sub/c.log", "d/sub/d.txt"])
        self.assertIn("d/.hidden/y", self.names(node, "--hidden", "--ignore=*.log"))
        self.assertIn("nosuch", node.fails("add", "-r", "--ignore-rules-path=nosuch", self.folder / "d"))

    def test_empty_folders_may_be_left_out(self):
        node = self.made()
        self.assertIn("d/empty/below", self.names(node))
        without = self.names(node, "--empty-dirs=false", "--ignore=sub")
        self.assertEqual(without, ["d", "d/a.txt", "d/b.log", "d/build", "d/build/x", "d/empty"])
        alone = self.folder / "alone"
        alone.mkdir()
        self.assertEqual(len(node.text("add", "-r", "-E=false", alone).splitlines()), 1)

    def test_files_of_all_sizes_come_out_as_each_alone(self):
        sizes = [0, 1, 16 * 1024, 16 * 1024 + 1, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, MIB, MIB + 1, 3 * MIB]
        for i in range(150):
            self.write(f"many/{i:03}", os.urandom(sizes[i % len(sizes)]))
        cids = []
        for node in (self.made("alone"), self.started("served")):
            lines = [line.split(" ", 2) for line in node.text("add", "-r", self.folder / "many").splitlines()]
            self.assertEqual([name for _, _, name in lines], [*(f"many/{i:03}" for i in range(150)), "many"])
            for _, cid, name in lines[:len(sizes)]:
                self.assertEqual(node.add(self.folder / name), cid)
            node.text("repo", "verify")
            cids.append(lines[-1][1])
        self.assertEqual(cids[0], cids[1])

    def test_what_came_before_a_failure_is_told_and_kept(self):
        node = self.made()
        for i in range(40):
            self.write(f"mixed/{i:03}", b"%d" % i)
        (self.folder / "mixed/019").unlink()
        os.mkfifo(self.folder / "mixed/019")
        told = node.run("add", "-r", self.folder / "mixed")
        self.assertNotEqual(told.returncode, 0)
        added = [line.split(" ", 2) for line in told.stdout.decode().splitlines()]
        self.assertEqual([name for _, _, name in added], [f"mixed/{i:03}" for i in range(19)])
        self.assertIn("mixed/019", told.stderr.decode())
        self.assertEqual(node.ok("cat", added[-1][1]), b"18")

    def test_symlinks_may_stand_for_what_they_lead_to(self):
        node = self.made()
        (self.folder / "d/link").symlink_to("a.txt")
        (self.folder / "d/folder").symlink_to("sub")
        kept = node.add(self.folder / "d")
        self.assertEqual(len(node.text("refs", kept).splitlines()), 7)
        cid = node.add(self.folder / "d", "--dereference-symlinks")
        self.assertEqual(node.ok("cat", f"{cid}/link"), b"a.txt")
        self.assertEqual(node.ok("cat", f"{cid}/folder/c.log"), b"sub/c.log")
        (self.folder / "d/sub/up").symlink_to("..")
        self.assertIn("leads back", node.fails("add", "-r", "--dereference-symlinks", self.folder / "d"))
        (self.folder / "d/sub/up").unlink()
        (self.folder / "d/broken").symlink_to("nowhere")
        self.assertIn("broken", node.fails("add", "-r", "--dereference-symlinks", self.folder / "d"))


class Metadata(Case):
    """The CIDs are Kubo's, 0.43.1, with the profile unixfs-v0-2015."""

    def setUp(self):
        super().setUp()
        self.subject = self.made()
        self.subject.ok("config", "profile", "apply", "unixfs-v0-2015")
        self.write("f", b"hello\n").chmod(0o644)
        self.write("t/a", b"a\n").chmod(0o644)
        (self.folder / "t").chmod(0o755)
        (self.folder / "t/l").symlink_to("a")

    def added(self, *words):
        return self.subject.text("add", "-Q", *words, cwd=self.folder)

    def test_a_symlink_has_no_permissions(self):
        self.assertEqual(self.added("-r", "--mode=0700", "--mtime=5", "t"), "QmNZxZLyHwZaHYJV2cJ7E2QhLVsAMJTXbHQXGpFZD8daBf")
        self.assertEqual(self.added("-r", "--preserve-mode", "t"), "QmTwf4hqWNtPRug7AhW6JiddQQviZvBhicvAhYET13UJhJ")

    def test_the_wrapping_folder_gets_what_the_flags_say(self):
        self.assertEqual(self.added("-w", "--mode=0755", "--mtime=7", "f"), "QmdDAb4UZaJyToYCwJxWnaTDrtFpf1vHvkjwaXdUszrNWJ")

    def test_nothing_is_as_good_as_not_given(self):
        self.assertEqual(self.added("--mtime=0", "--mode=0", "f"), self.added("f"))

    def test_what_the_profile_says_stays(self):
        self.assertEqual(self.added("--cid-version=1", "f"), "bafybeiffndsajwhk3lwjewwdxqntmjm4b5wxaaanokonsggenkbw6slwk4")
        self.assertEqual(self.added("--cid-version=1", "--mode=0644", "f"),
                         "bafybeiemirprqyjwzm5ul77gqd6fmwnieepwdqyv6kjxijsgb4r2n5ajmu")
        self.assertIn("sha2-256", self.subject.fails("add", "--hash=blake3", self.folder / "f"))

    def test_numbers_that_make_no_sense_are_refused(self):
        for words in (["--mode=-1"], ["--mode=7777777"], ["--mtime=1", "--mtime-nsecs=1500000000"], ["--mtime-nsecs=5"]):
            with self.subTest(words):
                self.assertIn(words[-1].partition("=")[0], self.subject.fails("add", *words, self.folder / "f"))


class Listings(Case):
    def test_ls_of_a_file_lists_its_blocks(self):
        node = self.made()
        cid = node.add(self.write("big", os.urandom(2 * MIB + 5)))
        blocks = [line.split() for line in node.text("ls", cid).splitlines()]
        self.assertEqual([block[0] for block in blocks], node.text("refs", cid).splitlines())
        self.assertEqual([int(block[1]) for block in blocks], [MIB, MIB, 5])
        self.assertEqual([link["Name"] for link in node.json("ls", cid)["Objects"][0]["Links"]], [""] * 3)
        self.assertEqual(node.text("ls", node.add(self.write("small", b"x"))), "")

    def test_ls_tells_of_times_that_no_clock_counts(self):
        node = self.made()
        for seconds in ("200000000000", "-200000000000", str(2**63 - 1)):
            with self.subTest(seconds):
                cid = node.text("add", "-Q", "-w", f"--mtime={seconds}", self.write("f", b"f"))
                self.assertIn("f", node.text("ls", "-l", cid))

    def test_a_symlink_stands_for_its_target(self):
        node = self.made()
        (self.folder / "d").mkdir()
        (self.folder / "d/link").symlink_to("some/where")
        cid = node.add(self.folder / "d")
        self.assertEqual(node.ok("cat", f"{cid}/link"), b"some/where")
        self.assertEqual(node.ok("cat", "--offset=5", "--length=3", f"{cid}/link"), b"whe")
        self.assertEqual(node.ok("cat", f"{cid}/link", f"{cid}/link"), b"some/where" * 2)

    def test_a_ratio_that_is_whole_is_written_so(self):
        node = self.made()
        cid = node.add(self.write("x", b"x"))
        self.assertIn('"Ratio":1,', node.text("dag", "stat", "--progress=false", "--enc=json", cid))
        self.assertIn('"Ratio":2,', node.text("dag", "stat", "--progress=false", "--enc=json", cid, cid))

    def test_ls_for_people_and_by_size(self):
        node = self.made()
        for name, size in (("a", 10), ("b", 2_500_000), ("c", 3000)):
            self.write(f"d/{name}", bytes(size))
        (self.folder / "d/folder").mkdir()
        cid = node.add(self.folder / "d")
        shown = [" ".join(line.split()[1:]) for line in node.text("ls", "-H", cid).splitlines()]
        self.assertEqual(shown, ["10 B a", "2.5 MB b", "3.0 kB c", "- folder/"])
        by_size = [line.split()[-1] for line in node.text("ls", "-S", cid).splitlines()]
        self.assertEqual(by_size, ["b", "c", "a", "folder/"])
        self.assertIn("--stream", node.fails("ls", "-S", "--stream", cid))
        self.assertIn("--size=false", node.fails("ls", "-S", "--size=false", cid))


class Blocks(Case):
    def test_blocks_are_found_by_path(self):
        node = self.made()
        self.write("d/sub/f", b"content")
        root = node.add(self.folder / "d")
        leaf = node.text("add", "-nQ", self.folder / "d/sub/f")
        self.assertEqual(node.ok("block", "get", f"{root}/sub/f"), b"content")
        self.assertEqual(node.json("block", "stat", f"/ipfs/{root}/sub/f"), {"Key": leaf, "Size": 7})
        self.assertIn('no link named "nosuch"', node.fails("block", "get", f"{root}/nosuch"))

    def test_nothing_is_removed_if_one_cid_makes_no_sense(self):
        node = self.made()
        cid = node.add(self.write("x", b"x"))
        self.assertIn("nonsense", node.fails("block", "rm", cid, "nonsense"))
        self.assertEqual(node.ok("block", "get", cid), b"x")

    def test_the_hash_function_is_the_configurations(self):
        node = self.made()
        node.ok("config", "Import.HashFunction", "sha2-512")
        for cid in (node.text("block", "put", stdin=b"hello"), node.text("add", "-Q", stdin=b"hello")):
            self.assertEqual(decoded_cid(cid), b"\x01\x55\x13\x40" + hashlib.sha512(b"hello").digest())
        self.assertIn("version 0", node.fails("add", "-Q", "--cid-version=0", stdin=b"hello"))

    def test_digests_of_other_lengths(self):
        node = self.made()
        for flags, begin in ((["--mhtype=sha2-512"], b"\x01\x55\x13\x40" + hashlib.sha512(b"hello").digest()),
                             (["--mhtype=sha1"], b"\x01\x55\x11\x14" + hashlib.sha1(b"hello").digest()),
                             (["--mhlen=20"], b"\x01\x55\x12\x14" + hashlib.sha256(b"hello").digest()[:20])):
            with self.subTest(flags):
                cid = node.text("block", "put", *flags, stdin=b"hello")
                self.assertEqual(decoded_cid(cid), begin)
                self.assertEqual(node.ok("block", "get", cid), b"hello")
        for flag in ("--mhlen=4", "--mhlen=1000", "--mhlen=64", "--mhtype=nosuch"):
            with self.subTest(flag):
                node.fails("block", "put", flag, stdin=b"hello")

    def test_big_blocks_are_refused_with_a_word_on_the_flag(self):
        node = self.made()
        for words in (["block", "put"], ["dag", "put", "--input-codec=raw", "--store-codec=raw"]):
            with self.subTest(words):
                self.assertIn("--allow-big-block", node.fails(*words, "--allow-big-block", stdin=bytes(2 * MIB + 1)))
                node.ok(*words, "--allow-big-block", stdin=bytes(2 * MIB))


class Repairs(Case):
    def damaged(self, node, content):
        """Flips a bit of a block; returns its CID."""
        cid = node.text("add", "-Q", stdin=content)
        pack = next(path for path in (node.home / "blocks").rglob("*") if path.is_file() and content[:100] in path.read_bytes())
        data = bytearray(pack.read_bytes())
        data[data.index(content[:100]) + 1000] ^= 1
        pack.write_bytes(data)
        return cid

    def test_damaged_blocks_are_dropped(self):
        node = self.made()
        cid = self.damaged(node, os.urandom(MIB // 2))
        self.assertIn("1 blocks corrupt", node.fails("repo", "verify"))
        told = node.text("repo", "verify", "--drop")
        self.assertRegex(told, rf"(?m)^block {cid} was corrupt \(.*\), removed$")
        self.assertIn("verify complete, 1 blocks corrupt, 1 removed", told)
        self.assertIn("all blocks validated", node.text("repo", "verify"))
        self.assertIn("could not find", node.fails("cat", cid))

    def test_what_cannot_be_read_is_not_dropped(self):
        node = self.made()
        content = os.urandom(5 * MIB)
        cid = node.text("add", "-Q", stdin=content)
        pack = next(path for path in (node.home / "blocks").rglob("*.pack") if content[:100] in path.read_bytes())
        aside = pack.with_suffix(".aside")
        pack.rename(aside)
        # To itself: the system finds no file at the end.
        pack.symlink_to(pack.name)
        done = node.run("repo", "verify", "--drop")
        pack.unlink()
        aside.rename(pack)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertNotIn(b"removed", done.stdout + done.stderr)
        self.assertIn(b"couldn't be read", done.stdout)
        self.assertIn("all blocks validated", node.text("repo", "verify"))
        self.assertEqual(node.ok("cat", cid), content)

    def test_damaged_blocks_are_fetched_anew(self):
        first, second = self.made("first"), self.made("second")
        content = os.urandom(MIB // 2)
        first.text("add", "-Q", stdin=content)
        cid = self.damaged(second, content)
        lost = self.damaged(second, os.urandom(MIB // 2))
        self.assertIn("online mode", second.fails("repo", "verify", "--heal"))
        first.start()
        second.start()
        second.connect(first)
        done = second.run("repo", "verify", "--heal", "--heal-timeout=2s")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout.decode(), rf"(?m)^block {cid} was corrupt \(.*\), removed, healed$")
        self.assertRegex(done.stdout.decode(), rf"(?m)^block {lost} was corrupt \(.*\), removed, failed to heal \(.*deadline")
        self.assertIn(b"2 blocks corrupt, 2 removed, 1 healed, 1 failed to heal", done.stderr)
        self.assertEqual(second.ok("cat", cid), content)
        self.assertIn("all blocks validated", second.text("repo", "verify"))


class Homes(Case):
    def config(self, **more):
        key = (environment.ROOT / "fuzz/corpus/private_key/ed25519").read_bytes()
        loopback = "/ip4/127.0.0.1/tcp/0"
        return {"Identity": {"PeerID": "ignored", "PrivKey": base64.b64encode(key).decode()},
                "Addresses": {"Swarm": [loopback], "API": loopback, "Gateway": loopback}, "Bootstrap": [],
                "Datastore": {"StorageMax": "5GB", "Spec": {"type": "mount"}}, "Discovery": {"MDNS": {"Enabled": False}},
                **more}

    def test_init_after_an_existing_configuration(self):
        path = self.write("config", json.dumps(self.config(Swarm={"ConnMgr": {"HighWater": 77}})).encode())
        first, second = self.node("first"), self.node("second")
        first.ok("init", path)
        second.ok("init", "-p", "unixfs-v0-2015", "-", stdin=path.read_bytes())
        self.assertEqual(first.id, second.id)
        self.assertEqual(first.text("config", "Swarm.ConnMgr.HighWater"), "77")
        self.assertEqual(second.text("config", "Import.Profile"), "unixfs-v0-2015")
        written = (first.home / "config").read_text()
        self.assertNotIn("PrivKey", written)
        self.assertNotIn("Spec", written)
        self.assertEqual(json.loads(written)["Identity"]["PeerID"], first.id)
        first.start()

    def test_init_refuses_a_configuration_that_makes_no_sense(self):
        node = self.node()
        for config, told in ((b"{", "config"), (json.dumps(self.config(Swarm={"ConnMgr": {"HighWater": "x"}})).encode(), "HighWater"),
                             (json.dumps({"Identity": {"PrivKey": "nonsense"}}).encode(), "Identity.PrivKey")):
            with self.subTest(told):
                self.assertIn(told, node.fails("init", "-", stdin=config))
                self.assertFalse(node.home.exists())
        self.assertIn("nosuch", node.fails("init", "nosuch"))

    def test_the_daemon_makes_a_home_after_a_configuration(self):
        path = self.write("config", json.dumps(self.config()).encode())
        node = self.node()
        node.start("--init", "--init-config", str(path), "--agent-version-suffix=here", "--manage-fdlimit")
        other = self.node("other")
        other.ok("init", path)
        self.assertEqual(node.id, other.id)
        self.assertRegex(node.json("id")["AgentVersion"], r"^kith/[0-9.]+/here$")

    def test_peers_are_told_the_suffix_too(self):
        first, second = self.made("first"), self.made("second")
        first.start("--agent-version-suffix=of-first", "--routing=none")
        second.start("--routing=default")
        second.connect(first)
        self.assertRegex(second.json("id", first.id)["AgentVersion"], r"/of-first$")

    def test_what_the_daemon_can_not_route_by_is_refused(self):
        self.assertIn("bootstrap", self.made().fails("daemon", "--routing=dht"))

    def test_config_edit_opens_the_editor(self):
        node = self.made()
        node.ok("config", "edit", EDITOR="sed -i s/10GB/11GB/")
        self.assertEqual(node.text("config", "Datastore.StorageMax"), "11GB")
        self.assertIn("EDITOR", node.fails("config", "edit", EDITOR=""))
        self.assertIn("false", node.fails("config", "edit", EDITOR="false"))

    def test_a_configuration_without_an_identity_can_be_replaced(self):
        node = self.started()
        config = json.loads((node.home / "config").read_text())
        del config["Identity"]
        (node.home / "config").write_text(json.dumps(config))
        config["Swarm"]["ConnMgr"] = {"HighWater": 55}
        node.ok("config", "replace", self.write("new", json.dumps(config).encode()))
        self.assertEqual(node.text("config", "Swarm.ConnMgr.HighWater"), "55")

    def test_bootstrap_by_its_older_words(self):
        node = self.made()
        added = node.text("bootstrap", "add", "default").splitlines()
        self.assertGreater(len(added), 3)
        self.assertEqual(len(node.text("bootstrap", "rm", "all").splitlines()), len(added))
        self.assertEqual(node.text("bootstrap", "list"), "")
        self.assertEqual(node.text("config", "--expand-auto", "Bootstrap"), "[]")

    def test_peers_that_are_not_in_the_list_may_be_removed(self):
        node = self.made()
        peer = "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWAoz3PQwvrgbhu7WzFh8DA1X5cCfYBNha3jB178P8NLug"
        self.assertEqual(node.text("bootstrap", "rm", peer), "")
        self.assertIn("nonsense", node.fails("bootstrap", "rm", "nonsense"))
        self.assertIn("no bootstrap peers to remove", node.fails("bootstrap", "rm"))

    def test_settings_without_effect_are_told_once(self):
        node = self.made()
        node.ok("config", "--json", "Swarm.Transports.Network.WebTransport", "true")
        node.ok("config", "--json", "Plugins.Plugins", '{"x": {"Disabled": true}}')
        node.start()
        told = [line for line in node.daemon.log().splitlines() if "no effect" in line]
        self.assertEqual(len(told), 1, told)
        self.assertRegex(told[0], r" warn  node: .*: Swarm\.Transports\.Network\.WebTransport, Plugins\.Plugins.*$")
        self.assertNotIn("no effect", self.started("other").daemon.log())

    def test_the_configuration_is_the_homes(self):
        node = self.made()
        for flag in ("--config-file", "--config", "-c"):
            with self.subTest(flag):
                node.ok(flag, node.home / "config", "id")
                self.assertIn("--home", node.fails(flag, self.folder / "other", "id"))


class Network(Case):
    def test_bandwidth_of_a_peer(self):
        first, second = self.pair()
        cid = first.add(self.write("big", os.urandom(3 * MIB)))
        second.ok("cat", cid)
        self.assertGreater(second.json("stats", "bw", "--peer", first.id, "-i", "100ms")["TotalIn"], 3 * MIB)
        self.assertEqual(second.json("stats", "bw", "--peer", second.id, "-i", "100ms")["TotalIn"], 0)
        second.ok("swarm", "disconnect", f"/p2p/{first.id}")
        self.assertGreater(second.json("stats", "bw", "--peer", first.id, "-i", "100ms")["TotalIn"], 3 * MIB)
        self.assertIn("peer OR protocol", second.fails("stats", "bw", f"--peer={first.id}", "--proto=/x"))

    def test_bandwidth_of_a_protocol(self):
        first, second = self.pair()
        cid = first.add(self.write("big", os.urandom(3 * MIB)))
        second.ok("cat", cid)
        bitswap = {node: node.json("stats", "bw", "-t", "/ipfs/bitswap/1.2.0", "-i", "100ms") for node in (first, second)}
        self.assertGreater(bitswap[second]["TotalIn"], 3 * MIB)
        self.assertLess(bitswap[second]["TotalOut"], MIB)
        # The last of what was read may be on its way through the sender's layers yet.
        self.assertGreater(bitswap[first]["TotalOut"], 2 * MIB)
        told = second.json("stats", "bw", "--proto=/ipfs/id/1.0.0", "-i", "100ms")
        self.assertGreater(told["TotalIn"], 0)
        self.assertLess(told["TotalIn"], MIB)
        nothing = second.json("stats", "bw", "--proto=/ipfs/bitswap", "-i", "100ms")
        self.assertEqual(nothing, {"TotalIn": 0, "TotalOut": 0, "RateIn": 0, "RateOut": 0})

    def test_peers_as_kubo_prints_them(self):
        first, second = self.pair()
        line = rf"^/ip4/127\.0\.0\.1/tcp/\d+/p2p/{first.id}"
        self.assertRegex(second.text("swarm", "peers"), line + "$")
        self.assertRegex(second.text("swarm", "peers", "-v"), line + r" (n/a|[0-9.]+.?s) inbound(\n  /\S+)*$")
        self.assertRegex(second.text("swarm", "peers", "--latency"), line + r" (n/a|[0-9.]+.?s)$")
        self.assertRegex(second.text("swarm", "peers", "--direction", "--identify"), line + " inbound$")
        told = second.json("swarm", "peers", "--identify")["Peers"][0]["Identify"]
        self.assertEqual(told["ID"], first.id)
        self.assertEqual(told["Protocols"], sorted(told["Protocols"]))

    def test_open_streams_as_kubo_prints_them(self):
        first, second = self.pair()
        ping = first.background("ping", "-n", "1000", second.id)
        self.addCleanup(ping.stop)

        def streams():
            return second.json("swarm", "peers", "--streams")["Peers"][0].get("Streams", [])

        wait_until(lambda: {"Protocol": "/ipfs/ping/1.0.0"} in streams(), what="a stream for pings")
        self.assertRegex(second.text("swarm", "peers", "--streams"),
                         rf"^/ip4/127\.0\.0\.1/tcp/\d+/p2p/{first.id}\n(  /\S+\n)*  /ipfs/ping/1\.0\.0(\n  /\S+)*$")
        self.assertNotIn("Streams", second.json("swarm", "peers")["Peers"][0])
        ping.stop()
        wait_until(lambda: {"Protocol": "/ipfs/ping/1.0.0"} not in streams(), what="the stream's end")

    def test_a_secret_is_shown_to_the_daemon(self):
        seen = []

        class Daemon(BaseHTTPRequestHandler):
            def do_POST(self):
                seen.append(self.headers.get("Authorization"))
                body = b'{"Version":"0.1.0"}\n'
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Daemon)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.shutdown)
        node = self.made()
        api = f"--api=/ip4/127.0.0.1/tcp/{server.server_port}"
        for secret in ("token", "bearer:token", "basic:me:word", "basic:bWU6d29yZA=="):
            node.ok(api, f"--api-auth={secret}", "repo", "stat")
        node.ok(api, "repo", "stat")
        self.assertEqual(seen, ["Bearer token"] * 2 + ["Basic bWU6d29yZA=="] * 2 + [None])
        self.assertIn("--api-auth", node.fails(api, "--api-auth=magic:x", "repo", "stat"))


class Authorizations(Case):
    DENIED = "Kubo RPC Access Denied"

    def guarded(self, **users):
        node = self.made()
        users["admin"] = {"AuthSecret": "bearer:all", "AllowedPaths": ["/api/v0"]}
        node.ok("config", "--json", "API.Authorizations", json.dumps(users))
        return node.start()

    def status(self, node, path, **headers):
        address = self.api(node)
        connection = http.client.HTTPConnection(*address)
        self.addCleanup(connection.close)
        connection.request("POST" if path.startswith("/api") else "GET", path, headers=headers)
        return connection.getresponse().status

    def api(self, node):
        _, _, host, _, port = (node.home / "api").read_text().strip().split("/")
        return host, int(port)

    def test_a_secret_opens_its_own_paths(self):
        node = self.guarded(alice={"AuthSecret": "basic:alice:word", "AllowedPaths": ["/api/v0/id"]})
        self.assertIn(self.DENIED, node.fails("id"))
        self.assertIn("--api-auth", node.fails("id"))
        self.assertIn(self.DENIED, node.fails("--api-auth=bearer:wrong", "id"))
        for secret in ("basic:alice:word", "basic:YWxpY2U6d29yZA==", "bearer:all", "all"):
            node.ok(f"--api-auth={secret}", "id")
        self.assertIn(self.DENIED, node.fails("--api-auth=basic:alice:word", "repo", "stat"))
        node.ok("--api-auth=all", "repo", "stat")
        self.assertEqual(self.status(node, "/api/v0/version"), 403)
        self.assertEqual(self.status(node, "/api/v0/version", Authorization="Basic YWxpY2U6d29yZA=="), 200)

    def test_nothing_is_fetched_for_strangers_beside_the_rpc(self):
        node = self.guarded()
        cid = node.text("add", "--api-auth=all", "-Q", stdin=b"content")
        self.assertEqual(self.status(node, f"/ipfs/{cid}"), 403)
        open_node = self.started("open")
        cid = open_node.text("add", "-Q", stdin=b"content")
        self.assertEqual(self.status(open_node, f"/ipfs/{cid}"), 200)
        self.assertEqual(self.status(open_node, "/api/v0/id"), 200)

    def test_secrets_are_not_shown_and_stay(self):
        node = self.guarded()
        shown = node.ok("--api-auth=all", "config", "show")
        self.assertEqual(json.loads(shown)["API"]["Authorizations"], {})
        self.assertNotIn(b"bearer:", node.ok("--api-auth=all", "config", "profile", "apply", "test", "--enc=json"))
        changed = {**json.loads(shown), "Some": "thing"}
        node.ok("--api-auth=all", "config", "replace", self.write("changed", json.dumps(changed).encode()))
        self.assertEqual(node.text("--api-auth=all", "config", "Some"), "thing")
        node.stop()
        node.start()
        self.assertIn(self.DENIED, node.fails("id"))
        node.ok("--api-auth=all", "config", "--json", "API.Authorizations", "{}")
        node.stop()
        node.start()
        node.ok("id")


class Everywhere(Case):
    def test_a_timeout_holds_without_a_daemon_too(self):
        node = self.made()
        reading, writing = os.pipe()
        self.addCleanup(os.close, writing)
        adding = node.background("add", "--timeout=300ms", stdin=reading)
        os.close(reading)
        self.assertEqual(adding.wait(10), 1)
        self.assertRegex(adding.log(), r"no answer within 300ms.*context deadline exceeded")
        self.assertIn("duration", node.fails("--timeout=soon", "id"))

    def test_a_timeout_before_the_command_began_is_a_failure(self):
        node = self.made()
        path = self.write("f", b"f")
        for words in (["add", "-Q", path], ["id"], ["repo", "stat"]):
            for timeout in ("0", "1ns"):
                with self.subTest(words[0], timeout=timeout):
                    self.assertIn("context deadline exceeded", node.fails(f"--timeout={timeout}", *words))

    def test_a_timeout_is_told_in_kubos_words(self):
        node = self.started()
        missing = node.text("add", "-nQ", stdin=b"nobody has this")
        for words in (["cat", missing], ["block", "stat", missing], ["refs", missing]):
            with self.subTest(words[0]):
                self.assertIn("context deadline exceeded", node.fails(*words, "--timeout=300ms"))

    def test_an_encoding_that_there_is_not_is_refused(self):
        node = self.made()
        for flag in ("--enc=xml", "--encoding=nonsense"):
            self.assertIn("should be json or text", node.fails(flag, "id"))
        node.ok("--enc=text", "id")

    def test_debug_logs_more(self):
        node = self.started()
        node.stop()
        for flag in ("--debug", "-D"):
            node.start(flag)
            self.assertRegex(node.daemon.log(), r" debug .* peers remembered")
            node.stop()
        node.start()
        self.assertNotIn("remembered", node.daemon.log())

    def test_version_tells_its_commit(self):
        node = self.node()
        commit = node.json("version")["Commit"]
        self.assertRegex(commit, "^([0-9a-f]{9,40})?$")
        tail = f"-{commit}" if commit else ""
        self.assertRegex(node.text("version", "--commit"), rf"^kith version \d+\.\d+\.\d+{tail}$")
        self.assertRegex(node.text("version", "-n", "--commit"), rf"^\d+\.\d+\.\d+{tail}$")
        self.assertRegex(node.text("version", "--all"), rf"^kith version: \d+\.\d+\.\d+{tail}\n")
        self.assertNotIn("-", node.text("version", "-n"))


if __name__ == "__main__":
    unittest.main()
