"""kith in one local DHT on loopback with Kubo and with js-libp2p: what one adds the others find and get, and each finds each
other's addresses."""

import base64
import time
import unittest
from pathlib import Path

from harness.daemon import CommandError, Kith, Kubo, started
from harness.peer import Peer, PeerError
from harness.proofs import TCP, TCP_TLS, proves, saw

FIND_SECONDS = 60
_POLL_SECONDS = 0.2


def eventually(what, ask):
    """Asks again until it is told something, since peers become known to each other by and by."""
    deadline = time.monotonic() + FIND_SECONDS
    while True:
        try:
            answer, why = ask(), "nothing"
        except (CommandError, PeerError) as error:
            answer, why = None, error
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: {why} within {FIND_SECONDS} s")
        time.sleep(_POLL_SECONDS)


class OneLocalDht:
    """Three daemons. The second and the third are connected by hand to the first alone."""

    kinds = ()

    @classmethod
    def setUpClass(cls):
        cls.nodes = []
        for kind in cls.kinds:
            node = started(kind, dht=True)
            cls.addClassCleanup(node.close)
            cls.nodes.append(node)
        first, second, third = cls.nodes
        second.connect(first)
        third.connect(first)
        cls.ids = {id(node): node.id for node in cls.nodes}

    def ways(self):
        """How each kith is connected to each Kubo."""
        return {way for kith in self.nodes if isinstance(kith, Kith) for other in self.nodes if not isinstance(other, Kith)
                for way in kith.connected_by(self.ids[id(other)])}

    def pairs(self):
        for one in self.nodes:
            for other in self.nodes:
                if one is not other:
                    yield one, other

    def provide(self, node, content):
        if isinstance(node, Kith):
            return node.text("add", "-Q", "--fast-provide-wait", stdin=content)
        cid = node.text("add", "-Q", "--cid-version=1", stdin=content)
        eventually("provide", lambda: node.run("routing", "provide", cid) is not None)
        return cid

    @proves("Kademlia DHT", "Kubo", "each provides, each other finds providers and fetches", TCP_TLS)
    def test_what_one_adds_each_other_finds_and_gets(self):
        for number, (one, other) in enumerate(self.pairs()):
            with self.subTest(provider=one.name, finder=other.name, number=number):
                content = f"{one.name} {number}".encode() * 1000
                cid = self.provide(one, content)
                found = eventually("findprovs", lambda: other.text("routing", "findprovs", "-n", "1", cid))
                self.assertIn(self.ids[id(one)], found.splitlines())
                self.assertEqual(other.cat(cid), content)

    @proves("Kademlia DHT", "Kubo", "each has the IPNS record that Kubo publishes", TCP_TLS)
    def test_each_other_has_and_believes_the_record_that_kubo_publishes(self):
        for one in self.nodes:
            if isinstance(one, Kith):
                continue
            value = f"/ipfs/{one.text('add', '-Q', '--cid-version=1', stdin=one.name.encode())}"
            eventually("publish", lambda: one.text("name", "publish", value))
            for other in self.nodes:
                with self.subTest(publisher=one.name, finder=other.name):
                    key = f"/ipns/{self.ids[id(one)]}"
                    record = eventually("routing get", lambda: other.run("routing", "get", key))
                    self.assertIn(value.encode(), record)

    @proves("Kademlia DHT", "Kubo", "each finds each other's addresses", TCP_TLS)
    def test_each_finds_the_addresses_of_each_other(self):
        for one, other in self.pairs():
            with self.subTest(finder=one.name, found=other.name):
                addresses = eventually("findpeer", lambda: one.text("routing", "findpeer", self.ids[id(other)]))
                own = {address.partition("/p2p/")[0] for address in other.addrs}
                self.assertTrue(own & set(addresses.splitlines()), f"{addresses} has none of {own}")


class OneKithTwoKubo(OneLocalDht, unittest.TestCase):
    kinds = (Kubo, Kith, Kubo)


class TwoKithOneKubo(OneLocalDht, unittest.TestCase):
    kinds = (Kubo, Kith, Kith)


class KithIsTheOneThatAllKnow(OneLocalDht, unittest.TestCase):
    kinds = (Kith, Kubo, Kubo)


class WithJs(unittest.TestCase):
    """A chain: js-libp2p, serving or as a client alone - kith - kith. The ends have never met, and find out through the middle."""

    @classmethod
    def begun(cls, mode):
        """A js-libp2p that has taken the middle for a peer of the DHT."""
        peer = Peer("js", flags=["--dht", mode])
        cls.addClassCleanup(peer.stop)
        peer.connect(cls.middle)
        eventually("a peer in js-libp2p's table", lambda: peer.call("dht-peers")["count"])
        return peer

    @classmethod
    def setUpClass(cls):
        cls.middle, cls.far = daemons = [Kith(), Kith()]
        for daemon in daemons:
            cls.addClassCleanup(daemon.close)
            daemon.init()
            daemon.start()
        cls.far.connect(cls.middle)
        cls.server, cls.client = cls.begun("server"), cls.begun("client")
        cls.middle_id, cls.far_id = cls.middle.id, cls.far.id
        cls.far_key = base64.b64decode(cls.far.json("id", "--enc=json")["PublicKey"])

    def ways(self):
        return [*self.middle.connected_by(self.server.id), *self.middle.connected_by(self.client.id)]

    @proves("Kademlia DHT", "js-libp2p", "js-libp2p, a client, finds kith's addresses at kith", TCP)
    def test_js_finds_a_peer(self):
        addrs = eventually("find-peer", lambda: self.client.call("find-peer", peer=self.far_id)["addrs"])
        own = {addr.partition("/p2p/")[0] for addr in self.far.addrs}
        self.assertTrue(own & {addr.partition("/p2p/")[0] for addr in addrs}, addrs)

    @proves("Kademlia DHT", "js-libp2p", "kith finds js-libp2p's addresses", TCP)
    def test_kith_finds_js(self):
        addrs = eventually("findpeer", lambda: self.far.text("routing", "findpeer", self.server.id)).splitlines()
        self.assertIn(self.server.addrs[0].partition("/p2p/")[0], addrs)

    @proves("Kademlia DHT", "js-libp2p", "js-libp2p, a client, finds what kith provides", TCP)
    def test_js_finds_a_provider(self):
        cid = self.far.text("add", "-Q", "--fast-provide-wait", stdin=b"for js to find")
        found = eventually("find-providers", lambda: self.client.call("find-providers", cid=cid)["peers"])
        self.assertIn(self.far_id, found)

    @proves("Kademlia DHT", "js-libp2p", "kith finds what js-libp2p provides", TCP)
    def test_js_provides(self):
        cid = self.middle.text("add", "-Q", "--only-hash", stdin=b"what js says that it has")
        told = eventually("provide", lambda: self.server.call("provide", cid=cid)["peers"])
        self.assertIn(self.middle_id, told)
        found = eventually("findprovs", lambda: self.far.text("routing", "findprovs", "-n", "1", cid))
        self.assertIn(self.server.id, found.splitlines())

    @proves("Kademlia DHT", "js-libp2p", "js-libp2p puts a public key, kith gets it", TCP)
    def test_js_puts_a_value(self):
        # That of the far one, whose id says what it is: anybody may put it.
        told = eventually("put", lambda: self.client.call("put-public-key", peer=self.far_id, data=self.far_key.hex())["peers"])
        self.assertIn(self.middle_id, told)
        self.assertEqual(self.far.run("routing", "get", f"/pk/{self.far_id}"), self.far_key)

    @proves("Kademlia DHT", "js-libp2p", "kith puts a public key, js-libp2p gets it", TCP)
    def test_kith_puts_a_value(self):
        key = base64.b64decode(self.middle.json("id", "--enc=json")["PublicKey"])
        file = Path(self.far.home) / "key"
        file.write_bytes(key)
        self.far.run("routing", "put", f"/pk/{self.middle_id}", file)
        got = eventually("get", lambda: self.client.call("get-public-key", peer=self.middle_id)["data"])
        self.assertIn(key.hex(), got)

    @proves("Kademlia DHT", "js-libp2p", "js-libp2p, a server, keeps a public key that kith puts", TCP)
    def test_js_keeps_a_value(self):
        """A kith that knows nobody but js-libp2p puts it there, and another one that knows nobody else gets it."""
        keeper = Peer("js", flags=["--dht", "server"])
        self.addCleanup(keeper.stop)
        for number in range(2):
            daemon = started(Kith)
            self.addCleanup(daemon.close)
            daemon.connect(keeper)
            saw(self, daemon.connected_by(keeper.id))
            if number == 0:
                file = Path(daemon.home) / "key"
                file.write_bytes(self.far_key)
                eventually("put", lambda at=daemon: at.run("routing", "put", f"/pk/{self.far_id}", file))
                daemon.close()
            else:
                got = eventually("get", lambda at=daemon: at.run("routing", "get", f"/pk/{self.far_id}"))
                self.assertEqual(got, self.far_key)


if __name__ == "__main__":
    unittest.main()
