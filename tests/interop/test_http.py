"""Blocks over HTTP on streams of libp2p (/http/1.1), as Kubo's Experimental.GatewayOverLibp2p has them: go-libp2p's client of it asks
kith, and asks Kubo the same."""

import hashlib
import unittest

from harness.daemon import Kith, Kubo
from harness.peer import Peer
from harness.proofs import QUIC, TCP, proves, saw

GATEWAY = "/ipfs/gateway"
RAW = "application/vnd.ipld.raw"
CONTENT = bytes(range(256)) * 1000


class GoAsks:
    """A daemon that serves blocks so, and a go-libp2p that dials it by some way. Of `kind` and `listen`."""

    def setUp(self):
        self.daemon = self.kind(listen=self.listen)
        self.addCleanup(self.daemon.close)
        self.daemon.init()
        self.daemon.config("Experimental.GatewayOverLibp2p", True)
        self.daemon.start()
        self.go = Peer("go")
        self.addCleanup(self.go.stop)
        self.go.call("connect", addr=self.daemon.addrs[0])

    def get(self, path):
        answer = self.go.call("http-get", peer=self.daemon.id, protocol=GATEWAY, path=path)
        return answer["status"], answer["type"].partition(";")[0], bytes.fromhex(answer["data"])

    def check(self):
        cid = self.daemon.text("add", "-Q", "--cid-version=1", "--raw-leaves", stdin=CONTENT)
        root = self.daemon.text("add", "-Q", "--cid-version=1", "--raw-leaves", "--chunker=size-10000", stdin=CONTENT)
        status, kind, block = self.get(f"/ipfs/{cid}?format=raw")
        self.assertEqual((status, kind), (200, RAW))
        self.assertEqual(hashlib.sha256(block).digest(), hashlib.sha256(CONTENT).digest())
        status, kind, archive = self.get(f"/ipfs/{root}?format=car")
        self.assertEqual((status, kind), (200, "application/vnd.ipld.car"))
        other = Kith()
        self.addCleanup(other.close)
        other.init()
        other.run("dag", "import", stdin=archive)
        self.assertEqual(other.cat(root), CONTENT)
        absent = other.text("add", "-Q", "--cid-version=1", stdin=b"elsewhere")
        for path, expected in ((f"/ipfs/{cid}", 406), (f"/ipfs/{root}?format=dag-json", 406), (f"/ipfs/{absent}?format=raw", 404),
                               ("/ipfs/nothing?format=raw", 400), ("/api/v0/id", 404), ("/webui", 404),
                               (f"/ipns/{self.daemon.id}?format=ipns-record", 404)):
            with self.subTest(path):
                self.assertEqual(self.get(path)[0], expected)


class GoAsksKith(GoAsks, unittest.TestCase):
    kind = Kith
    listen = "/ip4/127.0.0.1/tcp/0"

    @proves("HTTP", "go-libp2p", "go-libp2p asks for blocks", TCP)
    def test_blocks_and_archives_and_nothing_else(self):
        self.check()
        saw(self, self.daemon.connected_by(self.go.id))


class GoAsksKithByQuic(GoAsks, unittest.TestCase):
    kind = Kith
    listen = "/ip4/127.0.0.1/udp/0/quic-v1"

    @proves("HTTP", "go-libp2p", "go-libp2p asks for blocks", QUIC)
    def test_blocks_and_archives_and_nothing_else(self):
        self.check()
        saw(self, self.daemon.connected_by(self.go.id))


class GoAsksKubo(GoAsks, unittest.TestCase):
    """That the questions are right."""

    kind = Kubo
    listen = "/ip4/127.0.0.1/tcp/0"

    def test_the_same(self):
        self.check()
