"""What a newcomer does first, in the order of the README."""

import fcntl
import gzip
import json
import os
import re
import stat
import subprocess
import unittest
import urllib.error
import urllib.request

from harness.process import Process
from program import Case, wait_until

PEER_ID = r"12D3KooW[1-9A-HJ-NP-Za-km-z]{44}"
LOOPBACK = r"/ip4/127\.0\.0\.1/tcp/\d+"


class FirstSteps(Case):
    def test_init_says_who_the_node_is_and_what_comes_next(self):
        node = self.node()
        text = node.text("init", "--profile=test")
        self.assertRegex(text, rf"peer identity: {PEER_ID}\n")
        self.assertIn(str(node.home), text)
        self.assertIn("kith daemon", text)
        self.assertEqual(stat.S_IMODE((node.home / "identity.key").stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(node.home.stat().st_mode), 0o700)

    def test_of_several_inits_at_once_one_makes_the_node(self):
        for attempt in range(10):
            node = self.node(f"home {attempt}")
            inits = [subprocess.Popen(node.command("init", "--profile", "test"), env=node.env, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE) for _ in range(6)]
            told = [init.communicate(timeout=60) + (init.returncode,) for init in inits]
            made = [out.decode() for out, _, code in told if code == 0]
            self.assertEqual(len(made), 1, told)
            self.assertIn(node.text("id", "-f", "<id>"), made[0])

    def test_init_leaves_a_node_that_is_there_alone(self):
        node = self.made()
        before = (node.home / "identity.key").read_bytes()
        self.assertIn("exists already", node.fails("init"))
        self.assertEqual((node.home / "identity.key").read_bytes(), before)

    def test_daemon_makes_a_home_and_prints_where_it_can_be_reached(self):
        node = self.node()
        node.start("--profile=test")
        log = node.daemon.log()
        self.assertRegex(log, rf"PeerID: {PEER_ID}\n")
        self.assertRegex(log, rf"Swarm listening on {LOOPBACK}/p2p/{PEER_ID}\n")
        self.assertRegex(log, rf"RPC API server listening on {LOOPBACK}\n")
        self.assertRegex((node.home / "api").read_text(), rf"^{LOOPBACK}$")

    def test_a_daemon_whose_reader_has_gone_ends_in_order(self):
        node = self.made()
        reading, writing = os.pipe()
        # Room for what it says before it starts, and for no more: then it waits for the reader.
        room = fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
        begin = f"Initializing daemon...\nkith version: {node.text('version', '-n')}\n"
        os.write(writing, b"." * (room - len(begin)))
        with os.fdopen(writing, "wb") as out:
            node.daemon = Process(node.command("daemon"), env=node.env, stdout=out)
        wait_until((node.home / "api").exists, what="the API's address")
        os.close(reading)
        self.assertEqual(node.daemon.wait(10), 1)
        self.assertEqual(node.daemon.log(), "")
        node.start()

    def test_a_daemon_needs_no_standard_descriptors(self):
        node = self.made()
        node.daemon = Process(["sh", "-c", 'exec "$0" daemon <&- >&- 2>&-', *node.command()[:1]], env=node.env)
        wait_until((node.home / "api").exists, what="the API's address")
        for number in range(3):
            self.assertEqual(os.readlink(f"/proc/{node.daemon.popen.pid}/fd/{number}"), "/dev/null")
        self.assertEqual(node.ok("shutdown"), b"")
        self.assertEqual(node.daemon.wait(10), 0)

    def test_the_page_comes_as_it_is_asked_for(self):
        node = self.node()
        node.start("--profile=test")
        url = re.search(r"WebUI: (\S+)\n", node.daemon.log()).group(1)
        pages = {}
        for encoding in ("gzip", "identity"):
            request = urllib.request.Request(url, headers={"Accept-Encoding": encoding})
            try:
                with urllib.request.urlopen(request, timeout=10) as page:
                    pages[encoding] = page.read()
            except urllib.error.HTTPError as error:
                if error.code == 404:
                    self.skipTest("a program without the page")
                raise
        self.assertIn(b"<title>", pages["identity"])
        self.assertEqual(gzip.decompress(pages["gzip"]), pages["identity"])

    def test_a_folder_goes_from_one_home_to_another(self):
        first, second = self.pair()
        self.write("photos/one.txt", b"one")
        self.write("photos/2024/two.bin", os.urandom(3_000_000))
        self.write("photos/empty", b"")
        cid = first.add(self.folder / "photos")
        self.assertEqual(second.ok("cat", f"{cid}/one.txt"), b"one")
        self.assertRegex(second.text("ls", cid), r"(?m)^\S+ - +2024/$\n^\S+ 0 +empty$\n^\S+ 3 +one.txt$")
        out = self.folder / "got"
        self.assertEqual(second.text("get", "-o", out, cid), f"Saving file(s) to {out}")
        for name in ("one.txt", "2024/two.bin", "empty"):
            self.assertEqual((out / name).read_bytes(), (self.folder / "photos" / name).read_bytes())
        self.assertEqual(sorted(path.name for path in out.iterdir()), ["2024", "empty", "one.txt"])

    def test_get_without_a_place_saves_under_the_last_name_in_the_present_folder(self):
        node = self.made()
        self.write("a/b.txt", b"b")
        cid = node.add(self.folder / "a")
        here = self.folder / "here"
        here.mkdir()
        self.assertEqual(node.text("get", f"{cid}/b.txt", cwd=here), "Saving file(s) to b.txt")
        node.ok("get", cid, cwd=here)
        self.assertEqual((here / "b.txt").read_bytes(), b"b")
        self.assertEqual((here / cid / "b.txt").read_bytes(), b"b")

    def test_get_of_a_file_into_a_folder_that_is_there(self):
        node = self.made()
        cid = node.add(self.write("x", b"x"))
        (self.folder / "out").mkdir()
        node.ok("get", "-o", self.folder / "out", cid)
        self.assertEqual((self.folder / "out" / cid).read_bytes(), b"x")

    def test_shutdown_ends_the_daemon(self):
        node = self.started()
        node.ok("shutdown")
        self.assertEqual(node.daemon.wait(10), 0)
        self.assertFalse((node.home / "api").exists())
        self.assertIn("online mode", node.fails("swarm", "peers"))

    def test_a_second_daemon_on_the_same_home_is_told_so(self):
        node = self.started()
        error = node.fails("daemon")
        self.assertIn(str(node.home), error)
        self.assertIn("is a daemon running?", error)
        self.assertEqual(node.json("id")["ID"], node.id, "the first one still answers")

    def test_a_home_that_is_not_there_is_named(self):
        node = self.node()
        error = node.fails("cat", "bafkqaaa")
        self.assertIn(str(node.home), error)
        self.assertIn("kith init", error)


class Offline(Case):
    def test_a_daemon_may_do_without_the_network(self):
        node = self.made()
        cid = node.add(self.write("x", b"x"))
        node.start("--offline")
        self.assertIn("offline mode", node.daemon.log())
        self.assertNotIn("Swarm listening", node.daemon.log())
        self.assertEqual(node.json("id")["Addresses"], [])
        self.assertEqual(node.ok("cat", cid), b"x")
        missing = node.text("add", "-nQ", stdin=b"nobody has this")
        self.assertIn(f"could not find {missing}", node.fails("cat", missing))
        self.assertIn("online mode", node.fails("swarm", "peers"))
        self.assertEqual(node.json("stats", "transfers"), {"Transfers": []})
        node.ok("shutdown")
        self.assertEqual(node.daemon.wait(10), 0)


class Profiles(Case):
    def test_a_daemon_does_not_start_as_another_profile_than_it_was_told(self):
        node = self.node()
        node.ok("init", "--profile=test")
        node.ok("config", "Addresses.Gateway", "/ip4/127.0.0.1/tcp/0")
        node.start("--profile=test")
        node.stop()
        node.ok("config", "--json", "Discovery.MDNS.Enabled", "true")
        for flag in ("--profile=test", "--init-profile=test", "--profile=server,test"):
            with self.subTest(flag):
                error = node.fails("daemon", flag)
                self.assertIn(str(node.home), error)
                self.assertIn("kith config profile apply test", error)
                self.assertIn("KITH_PATH", error)
        node.ok("config", "profile", "apply", "test")
        node.start("--profile=test")

    def test_a_profile_that_there_is_not_is_named(self):
        node = self.made()
        self.assertIn("nosuch", node.fails("daemon", "--profile=nosuch"))


class WithoutDaemon(Case):
    def test_commands_on_the_store_work(self):
        node = self.made()
        cid = node.add(self.write("note", b"offline\n"))
        self.assertEqual(node.ok("cat", cid), b"offline\n")
        self.assertEqual(node.json("block", "stat", cid)["Size"], 8)
        self.assertIn(cid, node.text("refs", "local"))
        self.assertIn("all blocks validated", node.text("repo", "verify"))
        self.assertEqual(node.json("id")["Addresses"], [])

    def test_what_is_not_here_is_an_error_at_once(self):
        node = self.made()
        missing = node.text("add", "-nQ", stdin=b"nobody has this")
        self.assertIn(f"could not find {missing}", node.fails("cat", missing))

    def test_commands_on_the_network_say_that_a_daemon_is_needed(self):
        node = self.made()
        for command in (["swarm", "peers"], ["swarm", "connect", f"/ip4/127.0.0.1/tcp/1/p2p/{node.id}"],
                        ["ping", node.id], ["stats", "bitswap"], ["shutdown"]):
            with self.subTest(command):
                self.assertIn("kith daemon", node.fails(*command))

    def test_the_api_file_of_a_killed_daemon_does_not_mislead(self):
        node = self.started()
        cid = node.add(self.write("x", b"x"))
        node.stop(9)
        self.assertTrue((node.home / "api").exists())
        self.assertEqual(node.ok("cat", cid), b"x")


class Configuration(Case):
    def test_get_and_set_with_and_without_a_daemon(self):
        node = self.made()
        for state in ("without", "with"):
            with self.subTest(state):
                node.ok("config", "--json", "Swarm.ConnMgr.HighWater", "333")
                self.assertEqual(node.text("config", "Swarm.ConnMgr.HighWater"), "333")
                self.assertEqual(json.loads((node.home / "config").read_text())["Swarm"]["ConnMgr"]["HighWater"], 333)
                node.ok("config", "--bool", "Discovery.MDNS.Enabled", "false")
                self.assertEqual(node.text("config", "Discovery.MDNS.Enabled"), "false")
                node.ok("config", "Import.Profile", "unixfs-v0-2015")
                self.assertEqual(node.text("config", "Import.Profile"), "unixfs-v0-2015")
                self.assertEqual(node.json("config", "show")["Import"]["Profile"], "unixfs-v0-2015")
                node.ok("config", "Import.Profile", "unixfs-v1-2025")
            if state == "without":
                node.start()

    def test_a_value_that_no_daemon_could_start_with_is_refused(self):
        node = self.made()
        before = (node.home / "config").read_bytes()
        self.assertIn("Swarm.ConnMgr.HighWater", node.fails("config", "Swarm.ConnMgr.HighWater", "many"))
        self.assertIn("Addresses.Swarm", node.fails("config", "--json", "Addresses.Swarm", '["nonsense"]'))
        self.assertIn("Identity", node.fails("config", "Identity.PeerID", "me"))
        self.assertIn("Swam.ConnMgr: there is no such setting", node.fails("config", "Swam.ConnMgr", "x"))
        self.assertIn("Datastore.StorageMax", node.fails("config", "Datastore.StorageMax", "5XB"))
        for key in ("", ".."):
            self.assertIn(f'"{key}"', node.fails("config", key, "x"))
        self.assertEqual((node.home / "config").read_bytes(), before)

    def test_words_in_brackets_are_what_they_are(self):
        node = self.made()
        for value in ([], ["/ip4/127.0.0.1/tcp/0"], ["/ip4/127.0.0.1/tcp/0", "/ip6/::1/tcp/0"]):
            node.ok("config", "--json", "Addresses.Swarm", json.dumps(value))
            self.assertEqual(json.loads((node.home / "config").read_text())["Addresses"]["Swarm"], value)
        self.assertEqual(node.ok("cat", node.add(self.write("[a,b]", b"in brackets"))), b"in brackets")
        self.write("[a,c]", b"in others")
        self.assertEqual(len(node.text("add", "-q", "[a,b]", "[a,c]", cwd=self.folder).split()), 2)

    def test_limits_are_named_as_kubo_names_them_and_shown(self):
        node = self.made()
        for key, value in (("Swarm.ResourceMgr.MaxMemory", '"lots"'), ("Swarm.ResourceMgr.MaxFileDescriptors", "0"),
                           ("Swarm.ResourceMgr.Enabled", '"yes"'), ("Swarm.ResourceMgr.Allowlist", '["/dns4/a"]'),
                           ("Swarm.ResourceMgr.Limits", '{"System": {"Conns": 1}}'), ("Swarm.ConnMgr.Type", '"strict"'),
                           ("Swarm.ConnMgr.LowWater", "1000"), ("Swarm.AddrFilters", '["10.0.0.0/8"]'),
                           ("Addresses.NoAnnounce", '["nowhere"]'), ("Swarm.Transports.Network.TCP", "1")):
            with self.subTest(key):
                self.assertIn(key, node.fails("config", "--json", key, value))
        node.ok("config", "Swarm.ResourceMgr.MaxMemory", "1GiB")
        node.ok("config", "--bool", "Swarm.DisableBandwidthMetrics", "true")
        overrides = node.home / "libp2p-resource-limit-overrides.json"
        overrides.write_text('{"System": {"Conns": "some"}}')
        error = node.fails("daemon")
        self.assertIn("System.Conns", error)
        self.assertIn(overrides.name, error)
        overrides.write_text('{"System": {"Conns": 500}, "ProtocolDefault": {"Streams": "blockAll"}}')
        node.start()
        shown = node.json("swarm", "resources")
        self.assertEqual(shown["System"]["Conns"], 500)
        self.assertEqual(shown["System"]["Memory"], str(2**30))
        self.assertEqual(shown["System"]["ConnsOutbound"], "unlimited")
        self.assertRegex(node.text("swarm", "resources"), r"(?m)^system +Conns +500 +0 +0%$")
        self.assertIn("disabled in config", node.fails("stats", "bw"))

    def test_address_filters_are_listed_added_and_removed(self):
        first, second = self.started("first"), self.made("second")
        second.ok("config", "--json", "Swarm.AddrFilters", '["/ip4/10.0.0.0/ipcidr/8"]')
        second.start()
        self.assertEqual(second.text("swarm", "filters"), "/ip4/10.0.0.0/ipcidr/8")
        self.assertEqual(second.text("swarm", "filters", "add", "/ip4/127.0.0.0/ipcidr/8"), "/ip4/127.0.0.0/ipcidr/8")
        self.assertIn("refused", second.fails("swarm", "connect", first.address))
        first.fails("swarm", "connect", second.address)
        self.assertEqual(json.loads(second.ok("config", "Swarm.AddrFilters")), ["/ip4/127.0.0.0/ipcidr/8", "/ip4/10.0.0.0/ipcidr/8"])
        self.assertIn("address filter", second.fails("swarm", "filters", "add", "127.0.0.1"))
        self.assertEqual(second.text("swarm", "filters", "rm", "/ip4/127.0.0.0/ipcidr/8"), "/ip4/127.0.0.0/ipcidr/8")
        second.connect(first)
        self.assertEqual(second.text("swarm", "filters", "rm", "all"), "/ip4/10.0.0.0/ipcidr/8")
        self.assertEqual(second.text("swarm", "filters"), "")

    def test_the_profile_decides_how_files_are_cut(self):
        node = self.made()
        path = self.write("x", b"hello world\n")
        self.assertEqual(node.add(path), "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4")
        node.ok("config", "profile", "apply", "unixfs-v0-2015")
        self.assertEqual(node.add(path), "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o")

    def test_bootstrap_peers_are_listed_added_removed_and_dialed(self):
        first, second = self.started("first"), self.made("second")
        self.assertEqual(second.text("bootstrap"), "")
        self.assertEqual(second.text("bootstrap", "add", first.address), f"added {first.address}")
        self.assertEqual(second.text("bootstrap", "list"), first.address)
        second.start()
        wait_until(lambda: first.id in second.peers(), what="a connection to the bootstrap peer")
        self.assertEqual(second.text("bootstrap", "rm", "all"), f"removed {first.address}")
        self.assertEqual(second.text("bootstrap"), "")
        self.assertIn("multiaddr", second.fails("bootstrap", "add", "nonsense"))

    def test_an_identity_under_a_passphrase_needs_it(self):
        node = self.node()
        node.ok("init", "--profile=test", KITH_PASSPHRASE="correct horse")
        self.assertIn("KITH_PASSPHRASE", node.fails("id"))
        node.fails("id", KITH_PASSPHRASE="wrong")
        secret = self.write("secret", b"correct horse\n")
        by_file = node.text("id", "-f", "<id>", f"--passphrase-file={secret}")
        self.assertEqual(node.text("id", "-f", "<id>", KITH_PASSPHRASE="correct horse"), by_file)


    def test_a_passphrase_is_forgotten_once_it_has_opened_the_key(self):
        passphrase = b"correct horse battery staple"
        node = self.node()
        node.ok("init", "--profile=test", KITH_PASSPHRASE=passphrase.decode())
        file = self.write("secret", passphrase + b"\r\n")
        for how, flags, env in (("file", [f"--passphrase-file={file}"], {}),
                                ("environment", [], {"KITH_PASSPHRASE": passphrase.decode()})):
            with self.subTest(how):
                node.env.update(env)
                node.start(*flags)
                memory = list(memory_of(node.daemon.pid))
                self.assertTrue(any(str(node.home).encode() in part for part in memory))
                self.assertFalse(any(passphrase in part for part in memory))
                node.stop()


def memory_of(pid):
    """What a process has in memory that it can write to and shares with nobody."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            place, access = line.split()[:2]
            if not access.startswith("rw") or not access.endswith("p"):
                continue
            begin, end = (int(text, 16) for text in place.split("-"))
            memory.seek(begin)
            while begin < end and (part := memory.read(end - begin)):
                yield part
                begin += len(part)


class AsIpfs(Case):
    def ipfs(self, name="ipfs-home"):
        """kith under Kubo's name."""
        link = self.folder / "ipfs"
        if not link.is_symlink():
            link.symlink_to(os.path.abspath(self.node().binary))
        return self.node(name, binary=link, variable="IPFS_PATH")

    def test_called_ipfs_it_uses_ipfs_path_and_its_name(self):
        ipfs = self.ipfs()
        self.assertIn("ipfs init", ipfs.fails("cat", "bafkqaaa"))
        self.assertIn("ipfs daemon", ipfs.text("init", "--profile=test"))
        self.assertTrue((self.folder / "ipfs-home" / "config").exists())
        self.assertRegex(ipfs.text("version"), r"^ipfs version \d+\.\d+\.\d+$")
        self.assertIn("ipfs daemon", ipfs.fails("swarm", "peers"))
        self.assertIn("`ipfs add --help`", ipfs.fails("add", "--no-such-option"))
        ipfs.start()
        self.assertEqual(ipfs.text("cat", ipfs.text("add", "-Q", stdin=b"both")), "both")
        self.assertIn("ipfs shutdown", ipfs.fails("daemon"))
        for words in (["--help"], ["add", "--help"], ["swarm", "--help"]):
            with self.subTest(words):
                self.assertIn("ipfs ", ipfs.text(*words))
                self.assertNotIn("kith ", ipfs.text(*words))

    def test_called_ipfs_its_home_is_repo_dir_or_ipfs_path_or_dot_ipfs(self):
        ipfs = self.ipfs()
        for given, made, env in (
                (["--repo-dir", self.folder / "by-option"], "by-option", {}),
                (["--repo-dir", "~/by-tilde"], "by-tilde", {}),
                ([], "by-variable", {"IPFS_PATH": str(self.folder / "by-variable")}),
                ([], ".ipfs", {"IPFS_PATH": ""})):
            with self.subTest(made):
                # What kith would go by says nothing to ipfs.
                env = {**env, "HOME": str(self.folder), "KITH_PATH": str(self.folder / "wrong")}
                ipfs.ok(*given, "init", "--profile=test", **env)
                self.assertTrue((self.folder / made / "identity.key").exists())
        self.assertFalse((self.folder / "wrong").exists())
        self.assertFalse((self.folder / ".kith").exists())

    def test_a_home_whose_lock_somebody_holds_is_left_alone(self):
        node = self.made()
        with open(node.home / "repo.lock", "w") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)  # as Kubo does
            for command in (["daemon"], ["add", "-Q"], ["repo", "stat"]):
                with self.subTest(command):
                    self.assertIn("is a daemon running?", node.fails(*command))
        node.ok("repo", "stat")

    def test_homes_default_to_the_users_folder(self):
        node = self.node()
        del node.env["KITH_PATH"]
        node.env["HOME"] = str(self.folder)
        node.ok("init", "--profile=test")
        self.assertTrue((self.folder / ".kith" / "config").exists())


if __name__ == "__main__":
    unittest.main()
