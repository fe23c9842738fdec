"""kith and Kubo in one local DHT on loopback: what one adds the others find and get, and each finds each other's addresses."""

import time
import unittest

from harness.daemon import CommandError, Kith, Kubo, started
from harness.proofs import proves

FIND_SECONDS = 60
_POLL_SECONDS = 0.2


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

    def pairs(self):
        for one in self.nodes:
            for other in self.nodes:
                if one is not other:
                    yield one, other

    def eventually(self, what, ask):
        """Asks again until it is told something, since peers become known to each other by and by."""
        deadline = time.monotonic() + FIND_SECONDS
        while True:
            try:
                answer = ask()
            except CommandError as error:
                answer, why = None, error
            else:
                why = "nothing"
            if answer:
                return answer
            if time.monotonic() > deadline:
                self.fail(f"{what}: {why} within {FIND_SECONDS} s")
            time.sleep(_POLL_SECONDS)

    def provide(self, node, content):
        if isinstance(node, Kith):
            return node.text("add", "-Q", "--fast-provide-wait", stdin=content)
        cid = node.text("add", "-Q", "--cid-version=1", stdin=content)
        self.eventually("provide", lambda: node.run("routing", "provide", cid) is not None)
        return cid

    def test_what_one_adds_each_other_finds_and_gets(self):
        for number, (one, other) in enumerate(self.pairs()):
            with self.subTest(provider=one.name, finder=other.name, number=number):
                content = f"{one.name} {number}".encode() * 1000
                cid = self.provide(one, content)
                found = self.eventually("findprovs", lambda: other.text("routing", "findprovs", "-n", "1", cid))
                self.assertIn(self.ids[id(one)], found.splitlines())
                self.assertEqual(other.cat(cid), content)

    def test_each_other_has_and_believes_the_record_that_kubo_publishes(self):
        for one in self.nodes:
            if isinstance(one, Kith):
                continue
            value = f"/ipfs/{one.text('add', '-Q', '--cid-version=1', stdin=one.name.encode())}"
            self.eventually("publish", lambda: one.text("name", "publish", value))
            for other in self.nodes:
                with self.subTest(publisher=one.name, finder=other.name):
                    key = f"/ipns/{self.ids[id(one)]}"
                    record = self.eventually("routing get", lambda: other.run("routing", "get", key))
                    self.assertIn(value.encode(), record)

    def test_each_finds_the_addresses_of_each_other(self):
        for one, other in self.pairs():
            with self.subTest(finder=one.name, found=other.name):
                addresses = self.eventually("findpeer", lambda: one.text("routing", "findpeer", self.ids[id(other)]))
                own = {address.partition("/p2p/")[0] for address in other.addrs}
                self.assertTrue(own & set(addresses.splitlines()), f"{addresses} has none of {own}")


@proves("kad", "kith", "kubo")
@proves("kad", "kubo", "kith")
class OneKithTwoKubo(OneLocalDht, unittest.TestCase):
    kinds = (Kubo, Kith, Kubo)


@proves("kad", "kith", "kubo")
@proves("kad", "kubo", "kith")
class TwoKithOneKubo(OneLocalDht, unittest.TestCase):
    kinds = (Kubo, Kith, Kith)


@proves("kad", "kith", "kubo")
@proves("kad", "kubo", "kith")
class KithIsTheOneThatAllKnow(OneLocalDht, unittest.TestCase):
    kinds = (Kith, Kubo, Kubo)


if __name__ == "__main__":
    unittest.main()
