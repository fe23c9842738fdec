"""kith and Kubo: files both ways, the same CIDs for the same files, and each other's discovery."""

import tempfile
import time
import unittest
import urllib.request

from harness import data
from harness.daemon import Kith, Kubo, started
from harness.namespace import Cable
from harness.process import Process
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


class KithToKubo(TransferCases, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.provider = started(Kith)
        cls.addClassCleanup(cls.provider.close)
        cls.fetcher = started(Kubo)
        cls.addClassCleanup(cls.fetcher.close)
        cls.fetcher.connect(cls.provider)


class KuboToKith(TransferCases, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.provider = started(Kubo)
        cls.addClassCleanup(cls.provider.close)
        cls.fetcher = started(Kith)
        cls.addClassCleanup(cls.fetcher.close)
        cls.fetcher.connect(cls.provider)


class KithBesideKubo(unittest.TestCase):
    """One daemon of each, connected."""

    @classmethod
    def setUpClass(cls):
        cls.kith = started(Kith)
        cls.addClassCleanup(cls.kith.close)
        cls.kubo = started(Kubo)
        cls.addClassCleanup(cls.kubo.close)
        cls.kubo.connect(cls.kith)

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


class InOneNetwork(unittest.TestCase):
    def test_find_each_other_by_mdns_and_move_a_file(self):
        cable = Cable()
        self.addCleanup(cable.close)
        daemons = []
        for kind, enter, address in zip((Kith, Kubo), (cable.left, cable.right), cable.addresses):
            daemon = started(kind, enter=enter, listen=f"/ip4/{address}/tcp/0", mdns=True)
            self.addCleanup(daemon.close)
            daemons.append(daemon)
        kith, kubo = daemons
        deadline = time.monotonic() + DISCOVERY_SECONDS
        while kubo.id not in kith.peers():
            self.assertLess(time.monotonic(), deadline, "they haven't found each other")
            time.sleep(0.1)
        cid = kubo.run("add", "-Q", stdin=b"over the cable").decode().strip()
        self.assertEqual(kith.cat(cid), b"over the cable")


if __name__ == "__main__":
    unittest.main()
