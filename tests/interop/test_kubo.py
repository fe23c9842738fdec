"""kith and Kubo: files both ways, the same CIDs for the same files, and each other's discovery."""

import json
import shutil
import signal
import tempfile
import time
import unittest
import urllib.request

from harness import data
from harness.daemon import CommandError, Kith, Kubo, started
from harness.namespace import Cable
from harness.process import Process
from harness.proofs import MULTICAST, QUIC, TCP_TLS, proves, saw
from harness.transfer_cases import TransferCases

DISCOVERY_SECONDS = 30

# Said in full, so that what is compared is the DAG and no default.
LINKS = ("--max-file-links=174", "--max-hamt-fanout=256")
IMPORT_FLAGS = {
    "v1": ("--cid-version=1", "--raw-leaves=true", "--chunker=size-1048576", "--max-file-links=1024", "--max-hamt-fanout=256"),
    "v0": ("--cid-version=0", "--raw-leaves=false", "--chunker=size-262144", *LINKS),
    "rabin": ("--cid-version=1", "--raw-leaves=true", "--chunker=rabin-65536-262144-524288", *LINKS),
    "buzhash": ("--cid-version=1", "--raw-leaves=true", "--chunker=buzhash", *LINKS),
    "trickle": ("--cid-version=1", "--raw-leaves=true", "--chunker=size-262144", "--trickle", *LINKS),
}


@proves("Bitswap", "Kubo", "Kubo dials and fetches", TCP_TLS)
class KithToKubo(TransferCases, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.provider = started(Kith)
        cls.addClassCleanup(cls.provider.close)
        cls.fetcher = started(Kubo)
        cls.addClassCleanup(cls.fetcher.close)
        cls.fetcher.connect(cls.provider)


@proves("Bitswap", "Kubo", "kith dials and fetches", TCP_TLS)
class KuboToKith(TransferCases, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.provider = started(Kubo)
        cls.addClassCleanup(cls.provider.close)
        cls.fetcher = started(Kith)
        cls.addClassCleanup(cls.fetcher.close)
        cls.fetcher.connect(cls.provider)


QUIC_LISTEN = "/ip4/127.0.0.1/udp/0/quic-v1"


@proves("Bitswap", "Kubo", "Kubo dials and fetches", QUIC)
class KithToKuboByQuic(TransferCases, unittest.TestCase):
    """Kubo dials, and has no other transport."""

    @classmethod
    def setUpClass(cls):
        cls.provider = started(Kith, listen=QUIC_LISTEN)
        cls.addClassCleanup(cls.provider.close)
        cls.fetcher = started(Kubo, listen=QUIC_LISTEN)
        cls.addClassCleanup(cls.fetcher.close)
        cls.fetcher.connect(cls.provider)


@proves("Bitswap", "Kubo", "kith dials and fetches", QUIC)
class KuboToKithByQuic(TransferCases, unittest.TestCase):
    """Kith dials."""

    @classmethod
    def setUpClass(cls):
        cls.provider = started(Kubo, listen=QUIC_LISTEN)
        cls.addClassCleanup(cls.provider.close)
        cls.fetcher = started(Kith, listen=QUIC_LISTEN)
        cls.addClassCleanup(cls.fetcher.close)
        cls.fetcher.connect(cls.provider)


class Meetings(unittest.TestCase):
    """Each dials the other by each transport, and both tell who they are and answer pings. New ones for each test."""

    def meet(self, kinds, listen, pattern):
        dialer, listener = daemons = [started(kind, listen=listen) for kind in kinds]
        for daemon in daemons:
            self.addCleanup(daemon.close)
        dialer.connect(listener)
        for asked, other in ((dialer, listener), (listener, dialer)):
            self.assertRegex(asked.text("swarm", "peers"), pattern)
            seen, own = asked.json("id", other.id, "--enc=json"), other.json("id", "--enc=json")
            self.assertEqual((seen["AgentVersion"], seen["PublicKey"]), (own["AgentVersion"], own["PublicKey"]))
            self.assertIn("Average latency:", asked.text("ping", "-n", "3", other.id))
        kith, kubo = sorted(daemons, key=lambda daemon: not isinstance(daemon, Kith))
        saw(self, kith.connected_by(kubo.id))

    def meet_by_tcp(self, *kinds):
        self.meet(kinds, "/ip4/127.0.0.1/tcp/0", r"^/ip4/127\.0\.0\.1/tcp/\d+/p2p/")

    def meet_by_quic(self, *kinds):
        self.meet(kinds, QUIC_LISTEN, r"^/ip4/127\.0\.0\.1/udp/\d+/quic-v1/p2p/")

    @proves("identify", "Kubo", "kith dials", TCP_TLS)
    @proves("ping", "Kubo", "kith dials", TCP_TLS)
    def test_kith_dials_by_tcp(self):
        self.meet_by_tcp(Kith, Kubo)

    @proves("identify", "Kubo", "kith is dialed", TCP_TLS)
    @proves("ping", "Kubo", "kith is dialed", TCP_TLS)
    def test_kubo_dials_by_tcp(self):
        self.meet_by_tcp(Kubo, Kith)

    @proves("identify", "Kubo", "kith dials", QUIC)
    @proves("ping", "Kubo", "kith dials", QUIC)
    def test_kith_dials_by_quic(self):
        self.meet_by_quic(Kith, Kubo)

    @proves("identify", "Kubo", "kith is dialed", QUIC)
    @proves("ping", "Kubo", "kith is dialed", QUIC)
    def test_kubo_dials_by_quic(self):
        self.meet_by_quic(Kubo, Kith)


class KithBesideKubo(unittest.TestCase):
    """One daemon of each, connected."""

    @classmethod
    def setUpClass(cls):
        cls.kith = started(Kith)
        cls.addClassCleanup(cls.kith.close)
        cls.kubo = started(Kubo)
        cls.addClassCleanup(cls.kubo.close)
        cls.kubo.connect(cls.kith)

    def test_the_command_line_of_kith_shows_what_kubos_daemon_answers(self):
        """Kubo leaves out empty lists, or says null."""
        cid = self.kubo.text("add", "-Q", stdin=b"for the command line")
        for words in (["swarm", "peers", "-v"], ["swarm", "addrs"], ["swarm", "addrs", "local"], ["bootstrap"], ["id"], ["ls", cid],
                      ["refs", cid], ["refs", "local"], ["repo", "stat"], ["repo", "verify"], ["stats", "bw"], ["bitswap", "stat"],
                      ["bitswap", "wantlist"], ["block", "stat", cid], ["dag", "stat", cid], ["dag", "resolve", cid],
                      ["config", "Addresses.API"], ["config", "show"]):
            with self.subTest(words):
                self.kith.run("--api", self.kubo.api, *words)
        self.assertEqual(self.kith.run("--api", self.kubo.api, "cat", cid), b"for the command line")

    def test_both_see_the_connection(self):
        self.assertEqual(self.kith.peers(), [self.kubo.id])
        self.assertEqual(self.kubo.peers(), [self.kith.id])

    def test_id_of_the_other_tells_agent_protocols_and_addresses(self):
        for asked, other in ((self.kith, self.kubo), (self.kubo, self.kith)):
            with self.subTest(asked=asked.name):
                seen = asked.json("id", other.id, "--enc=json")
                own = other.json("id", "--enc=json")
                self.assertEqual(seen["ID"], own["ID"])
                self.assertEqual(seen["PublicKey"], own["PublicKey"])
                self.assertEqual(seen["AgentVersion"], own["AgentVersion"])
                self.assertIn("/ipfs/bitswap/1.2.0", seen["Protocols"])
                self.assertLessEqual({addr.rpartition("/p2p/")[0] for addr in other.addrs if addr.startswith("/ip")},
                                     {addr.rpartition("/p2p/")[0] for addr in seen["Addresses"]})

    def test_both_list_the_protocols_of_open_streams(self):
        ping = Process([self.kith.binary, "ping", "-n", "1000", self.kubo.id], env=self.kith.env)
        self.addCleanup(ping.stop)
        for daemon in (self.kith, self.kubo):
            deadline = time.monotonic() + 10
            while "  /ipfs/ping/1.0.0" not in daemon.text("swarm", "peers", "--streams").splitlines():
                self.assertLess(time.monotonic(), deadline, f"{daemon.name} lists no stream for pings")
                time.sleep(0.05)

    def test_ping(self):
        for pinging, other in ((self.kith, self.kubo), (self.kubo, self.kith)):
            with self.subTest(pinging=pinging.name):
                self.assertIn("Average latency:", pinging.text("ping", "-n", "3", other.id))

    def test_the_same_files_get_the_same_cid(self):
        for name, flags in IMPORT_FLAGS.items():
            for path in (data.tree(True), data.wide_directory(), data.empty_file(), data.big_file()):
                with self.subTest(flags=name, data=path.name):
                    expected = self.kubo.add(path, "--only-hash", *flags, timeout=120)
                    self.assertEqual(self.kith.add(path, "--only-hash", *flags, timeout=120), expected)

    def test_a_car_exported_by_one_is_imported_by_the_other(self):
        for giver, taker in ((self.kith, self.kubo), (self.kubo, self.kith)):
            with self.subTest(giver=giver.name):
                cid = giver.run("add", "-Q", "--cid-version=1", stdin=f"a car from {giver.name}".encode()).decode().strip()
                self.assertFalse(taker.has(cid))
                car = giver.run("dag", "export", cid)
                imported = taker.json("dag", "import", "--enc=json", stdin=car)
                self.assertEqual(imported["Root"]["Cid"]["/"], cid)
                self.assertTrue(taker.has(cid))

    def test_the_gateway_of_one_serves_what_the_other_has(self):
        for giver, server in ((self.kith, self.kubo), (self.kubo, self.kith)):
            with self.subTest(server=server.name):
                body = f"through the gateway of {server.name}".encode() * 1000
                cid = giver.run("add", "-Q", "--cid-version=1", stdin=body).decode().strip()
                with urllib.request.urlopen(f"{server.gateway_url}/ipfs/{cid}", timeout=30) as reply:
                    self.assertEqual(reply.read(), body)

    def test_a_node_with_links_in_any_order_gets_the_same_cid(self):
        leaf = self.kubo.text("add", "-Q", "--cid-version=1", stdin=b"a leaf")
        links = [{"Hash": {"/": leaf}, "Name": name, "Tsize": i} for i, name in enumerate("bacab")]
        node = json.dumps({"Data": {"/": {"bytes": "CAE"}}, "Links": links}).encode()
        cids = [one.text("dag", "put", "--store-codec=dag-pb", stdin=node) for one in (self.kith, self.kubo)]
        self.assertEqual(*cids)

    def test_both_gateways_prove_alike_that_a_path_leads_nowhere(self):
        tree = self.kith.add(data.tree(True), "--cid-version=1")
        wide = self.kith.add(data.wide_directory(), "--cid-version=1")
        for path in (f"{tree}/nothing", f"{tree}/photos/2024/nothing/at/all", f"{tree}/.hidden/nothing", f"{wide}/nothing"):
            archives = []
            for node in (self.kith, self.kubo):
                with urllib.request.urlopen(f"{node.gateway_url}/ipfs/{path}?format=car", timeout=30) as reply:
                    archives.append(reply.read())
            with self.subTest(path):
                self.assertEqual(*archives)

    def test_a_cat_waits_for_a_provider_and_goes_on_when_one_comes(self):
        fetcher = started(Kith)
        self.addCleanup(fetcher.close)
        provider = started(Kubo)
        self.addCleanup(provider.close)
        cid = provider.run("add", "-Q", "--cid-version=1", stdin=b"worth waiting for").decode().strip()
        out = tempfile.TemporaryFile()
        self.addCleanup(out.close)
        cat = Process([fetcher.binary, "cat", cid], env=fetcher.env, stdout=out)
        self.addCleanup(cat.stop)
        self.assertTrue(cat.alive())
        fetcher.connect(provider)
        self.assertEqual(cat.wait(30), 0, cat.log())
        out.seek(0)
        self.assertEqual(out.read(), b"worth waiting for")


class Guarded(unittest.TestCase):
    """A daemon whose API.Authorizations lets in who knows a secret, and the other's command line."""

    SECRET = "--api-auth=basic:me:word"

    def guarded(self, kind):
        daemon = kind()
        self.addCleanup(daemon.close)
        daemon.init()
        daemon.config("API.Authorizations", {"me": {"AuthSecret": "basic:me:word", "AllowedPaths": ["/api/v0/id"]}})
        daemon.flags = [self.SECRET]
        daemon.start()
        return daemon

    def check(self, kind, other):
        daemon, caller = self.guarded(kind), other()
        self.addCleanup(caller.close)
        caller.init()
        self.assertEqual(caller.json("--api", daemon.api, self.SECRET, "id", "--enc=json")["ID"], daemon.id)
        for words in (["id"], ["--api-auth=bearer:word", "id"], [self.SECRET, "repo", "stat"]):
            with self.subTest(words), self.assertRaises(CommandError) as refused:
                caller.run("--api", daemon.api, *words)
            self.assertIn("Kubo RPC Access Denied", refused.exception.stderr)
        status, headers, body = daemon.rpc("version")
        return status, headers["Content-Type"], body

    def test_each_refuses_and_lets_in_as_the_other_does(self):
        self.assertEqual(self.check(Kith, Kubo), self.check(Kubo, Kith))


class InOneNetwork(unittest.TestCase):
    """A cable between the two. One of them listens on it, the other on its own loopback only: nobody can dial that one,
    so a connection shows that it has heard the one that listens, and dialed it."""

    def meet(self, finder_kind):
        """Returns who found and who was found, connected."""
        cable = Cable()
        self.addCleanup(cable.close)
        daemons = {}
        for kind, enter, address in zip((Kith, Kubo), (cable.left, cable.right), cable.addresses):
            ip = "127.0.0.1" if kind is finder_kind else address
            daemons[kind] = started(kind, enter=enter, listen=f"/ip4/{ip}/tcp/0", mdns=True)
            self.addCleanup(daemons[kind].close)
        finder = daemons.pop(finder_kind)
        (found,) = daemons.values()
        deadline = time.monotonic() + DISCOVERY_SECONDS
        while finder.id not in found.peers():
            self.assertLess(time.monotonic(), deadline, f"{finder.name} hasn't found {found.name}")
            time.sleep(0.1)
        return finder, found

    def check_direction(self, daemon, other, direction):
        lines = daemon.text("swarm", "peers", "--direction").splitlines()
        self.assertEqual([line.split()[-1] for line in lines if other.id in line], [direction], lines)

    @proves("mDNS", "Kubo", "kith finds Kubo", MULTICAST)
    def test_kith_finds_kubo_by_mdns(self):
        kith, kubo = self.meet(Kith)
        self.check_direction(kith, kubo, "outbound")
        self.check_direction(kubo, kith, "inbound")
        cid = kubo.run("add", "-Q", stdin=b"over the cable").decode().strip()
        self.assertEqual(kith.cat(cid), b"over the cable")

    @proves("mDNS", "Kubo", "Kubo finds kith", MULTICAST)
    def test_kubo_finds_kith_by_mdns(self):
        kubo, kith = self.meet(Kubo)
        self.check_direction(kubo, kith, "outbound")
        self.check_direction(kith, kubo, "inbound")
        cid = kith.run("add", "-Q", stdin=b"and back").decode().strip()
        self.assertEqual(kubo.cat(cid), b"and back")


def files_of(home):
    """Every file below, with its content."""
    return {str(path.relative_to(home)): path.read_bytes() if path.is_file() else None for path in home.rglob("*")}


class InOneFolder(unittest.TestCase):
    """kith stands where Kubo's repository may be, and the other way round: none harms the other's."""

    def of(self, kind, home=None):
        """One of them on a home that it or the other has made."""
        daemon = kind(home=home)
        self.addCleanup(daemon.close)
        if home is None:
            daemon.init()
        return daemon

    def assert_fails(self, daemon, *command, saying):
        with self.subTest(program=daemon.name, command=command):
            with self.assertRaises(CommandError) as failure:
                daemon.run(*command, stdin=b"content")
            self.assertRegex(failure.exception.stderr, saying)

    def test_kith_leaves_a_repository_of_kubo_alone(self):
        kubo = self.of(Kubo)
        cid = kubo.text("add", "-Q", stdin=b"Kubo's own")
        before = files_of(kubo.home)
        kith = self.of(Kith, kubo.home)
        for command in (["daemon"], ["init"], ["init", "--profile=test"], ["id"], ["add", "-Q"], ["cat", cid], ["repo", "stat"],
                        ["config", "Addresses.API", "/ip4/127.0.0.1/tcp/0"], ["config", "show"], ["bootstrap", "rm", "all"]):
            self.assert_fails(kith, *command, saying="is a repository of Kubo.*nothing in it was changed.*dag import")
        self.assertEqual(files_of(kubo.home), before)
        self.assertEqual(kubo.cat(cid), b"Kubo's own")

    def test_kith_leaves_a_repository_alone_on_which_kubo_runs(self):
        kubo = self.of(Kubo)
        kubo.start()
        kith = self.of(Kith, kubo.home)
        self.assert_fails(kith, "daemon", saying="is a repository of Kubo")
        self.assert_fails(kith, "init", saying="is a repository of Kubo")
        self.assertTrue(kubo.process.alive())
        # What goes by the RPC goes to Kubo.
        cid = kith.text("add", "-Q", stdin=b"through kith")
        self.assertEqual(kubo.cat(cid), b"through kith")

    def test_kubo_leaves_a_home_of_kith_alone(self):
        kith = self.of(Kith)
        cid = kith.text("add", "-Q", stdin=b"kith's own")
        before = files_of(kith.home)
        kubo = self.of(Kubo, kith.home)
        for command in (["daemon", "--offline"], ["daemon", "--offline", "--migrate"], ["daemon", "--offline", "--init"],
                        ["repo", "migrate"], ["repo", "migrate", "--to=1", "--allow-downgrade"], ["add", "-Q"], ["repo", "gc"],
                        ["config", "Addresses.API", "x"], ["config", "profile", "apply", "test"], ["key", "gen", "a"],
                        ["key", "rotate", "-o", "old"], ["bootstrap", "rm", "all"]):
            self.assert_fails(kubo, *command, saying="invalid data in repo version file")
        self.assert_fails(kubo, "init", saying="already exists")
        # The lock's file goes with Kubo, which removes it as it lets go.
        before.pop("repo.lock", None)
        self.assertEqual(files_of(kith.home), before)
        kith.start()
        self.assertEqual(kith.cat(cid), b"kith's own")

    def test_kubo_is_refused_by_the_lock_while_kith_runs(self):
        kith = self.of(Kith)
        kith.start()
        kubo = self.of(Kubo, kith.home)
        self.assert_fails(kubo, "daemon", "--migrate", saying="repo.lock.*someone else has the lock")
        self.assertEqual(kith.text("cat", kith.text("add", "-Q", stdin=b"still here")), "still here")

    def test_kith_is_refused_by_the_lock_that_kubo_holds(self):
        # Each refuses the other's folder before it looks at the lock, so a home is put under a Kubo that runs.
        kubo = self.of(Kubo)
        kubo.start()
        (kubo.home / "api").unlink()
        (kubo.home / "datastore_spec").unlink()
        made = self.of(Kith)
        for name in ("version", "config", "identity.key"):
            shutil.copy2(made.home / name, kubo.home / name)
        kith = self.of(Kith, kubo.home)
        for command in (["daemon"], ["id"]):
            self.assert_fails(kith, *command, saying="is a daemon running")
        kubo.stop(signal.SIGKILL)
        self.assertEqual(kith.json("id", "--enc=json")["ID"], made.json("id", "--enc=json")["ID"])

    def test_kith_runs_by_a_config_that_kubo_wrote(self):
        kubo = self.of(Kubo)
        kith = self.of(Kith)
        own = kith.json("config", "show", "--enc=json")["Identity"]
        kith.run("config", "replace", kubo.home / "config")
        kith.start()
        shown = kith.json("config", "show", "--enc=json")
        written = json.loads((kubo.home / "config").read_text())
        self.assertEqual(shown["Identity"], own)
        self.assertEqual({**shown, "Identity": None}, {**written, "Identity": None})


if __name__ == "__main__":
    unittest.main()
