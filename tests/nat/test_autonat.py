"""AutoNAT, both versions: kith asks go-libp2p to dial it, and go-libp2p asks kith. On hosts at public addresses, since nobody
dials others, and behind a NAT, where the dial must fail."""

import contextlib
import unittest

from harness.peer import Peer
from harness.proofs import TCP, proves, saw
from networks import PORT_RESTRICTED, Internet
from parties import KithParty, awaited

PORT = "tcp/4001"
# kith waits 15 s before it asks; a v1 dial that fails takes 15 s.
ASKED_SECONDS = 60


class Asking(unittest.TestCase):
    def setUp(self):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.internet = stack.enter_context(Internet())
        self._stack = stack

    def go(self, host):
        peer = Peer("go", [f"/ip4/0.0.0.0/{PORT}"], enter=host.enter, flags=["--autonat"])
        self._stack.callback(peer.stop)
        return peer, f"/ip4/{host.address}/{PORT}/p2p/{peer.id}"

    def kith(self, host, reachability="public"):
        party = KithParty(host, PORT, reachability)
        self._stack.callback(party.close)
        party.begin()
        return party

    def found_out_by_kith(self, host):
        """What `nat status` says once two of go-libp2p have answered, one each of its questions: it asks nobody twice in 90 s."""
        servers = [self.go(self.internet.public()) for _ in range(2)]
        kith = self.kith(host, None)
        for _, address in servers:
            kith.call(address)
        for server, _ in servers:
            saw(self, kith.connected_by(server.id))

        def status():
            return kith.json("nat", "status", "--enc=json")

        def answered():
            found = status()
            return found if found["AnswersV1"] and found["AnswersV2"] else None
        found = awaited(ASKED_SECONDS, answered)
        self.assertTrue(found, status())
        return found

    @proves("AutoNAT v1", "go-libp2p", "kith asks from a public host: reached", TCP)
    @proves("AutoNAT v2", "go-libp2p", "kith asks from a public host: reached", TCP)
    def test_kith_learns_that_it_can_be_reached(self):
        host = self.internet.public()
        status = self.found_out_by_kith(host)
        self.assertEqual(status["Reachability"], "Public")
        mine = [one for one in status["Addresses"] if one["Address"] == f"/ip4/{host.address}/{PORT}"]
        # One answer of version 2 isn't believed alone.
        self.assertEqual([(one["Reached"], one["Failed"]) for one in mine], [(1, 0)], status)

    @proves("AutoNAT v1", "go-libp2p", "it asks kith from a public host: reached", TCP)
    @proves("AutoNAT v2", "go-libp2p", "it asks kith from a public host: reached", TCP)
    def test_go_learns_that_it_can_be_reached(self):
        host = self.internet.public()
        kith = self.kith(self.internet.public())
        go, _ = self.go(host)
        go.call("connect", addr=kith.public_address)
        saw(self, kith.connected_by(go.id))
        told = go.call("ask-autonat", peer=kith.id, version=1)
        self.assertTrue(told["reached"], told)
        told = go.call("ask-autonat", peer=kith.id, version=2)
        self.assertEqual((told["reached"], told["addr"]), (True, f"/ip4/{host.address}/{PORT}"))

    @proves("AutoNAT v1", "go-libp2p", "it asks kith from behind a NAT: not reached", TCP)
    def test_go_learns_that_it_cannot_be_reached(self):
        kith = self.kith(self.internet.public())
        go, _ = self.go(self.internet.behind_nat(PORT_RESTRICTED))
        go.call("connect", addr=kith.public_address)
        saw(self, kith.connected_by(go.id))
        told = go.call("ask-autonat", peer=kith.id, version=1)
        self.assertFalse(told["reached"], told)
        self.assertIn("E_DIAL_ERROR", told["why"])


if __name__ == "__main__":
    unittest.main()
