"""kith-peer with others that speak TLS and not Noise, each as dialer and as listener.

go-libp2p and js-libp2p settle the muxer by ALPN, rust-libp2p knows no more there than "libp2p".
"""

import json
import unittest

from harness.daemon import Kubo
from harness.data import MIB
from harness.libp2p_cases import pair_classes
from harness.peer import Peer, PeerError
from harness.proofs import TCP_TLS, proves, saw

PAIRS = [pair for kind in ("go", "rust") for pair in (("kith", kind), (kind, "kith"))] + [("kith", "kith")]


class AnotherPeer(unittest.TestCase):
    """A peer that isn't the one that was dialed."""

    def test_is_refused_over_tls(self):
        dialer, listener, other = (Peer("kith", security="tls") for _ in range(3))
        for peer in (dialer, listener, other):
            self.addCleanup(peer.stop)
        wrong = listener.addrs[0].replace(listener.id, other.id)
        with self.assertRaisesRegex(PeerError, "another peer answered"):
            dialer.call("connect", addr=wrong)


class JsOverTls(unittest.TestCase):
    """Not all cases: js-libp2p's TLS loses its connection under load, with itself too (peers/README.md)."""

    def assert_they_meet(self, dialer_kind, listener_kind):
        dialer, listener = (Peer(kind, security="tls") for kind in (dialer_kind, listener_kind))
        for peer in (dialer, listener):
            self.addCleanup(peer.stop)
        dialer.connect(listener)
        for actor, target in ((dialer, listener), (listener, dialer)):
            self.assertEqual(len(actor.call("ping", peer=target.id, count=2)["rtt_us"]), 2)
            self.assertEqual(actor.call("identify", peer=target.id)["agent"], target.agent)
            sent = actor.call("send", peer=target.id, bytes=MIB)
            self.assertEqual(sent["remote_sha256"], sent["sha256"])
            if actor.kind == "kith":
                saw(self, actor.connected_by(target.id))

    @proves("identify", "js-libp2p", "kith dials", TCP_TLS)
    @proves("ping", "js-libp2p", "kith dials", TCP_TLS)
    def test_is_dialed(self):
        self.assert_they_meet("kith", "js")

    @proves("identify", "js-libp2p", "kith is dialed", TCP_TLS)
    @proves("ping", "js-libp2p", "kith is dialed", TCP_TLS)
    def test_dials(self):
        self.assert_they_meet("js", "kith")


class KuboWithTlsAlone(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kubo = Kubo()
        cls.addClassCleanup(cls.kubo.close)
        cls.kubo.init()
        cls.kubo.config("Swarm.Transports.Security", {"Noise": False})
        cls.kubo.start()

    def setUp(self):
        self.peer = Peer("kith")  # takes and proposes both, Noise first
        self.addCleanup(self.peer.stop)

    def assert_connected_by_tls(self):
        self.assertEqual(self.peer.connected_by(self.kubo.id), [TCP_TLS])
        self.assertEqual(len(self.peer.call("ping", peer=self.kubo.id, count=3)["rtt_us"]), 3)
        self.assertIn("kubo", self.peer.call("identify", peer=self.kubo.id)["agent"])

    def ways(self):
        return self.peer.connected_by(self.kubo.id)

    @proves("identify", "Kubo", "kith dials", TCP_TLS)
    @proves("ping", "Kubo", "kith dials", TCP_TLS)
    def test_is_dialed(self):
        self.peer.connect(self.kubo)
        self.assert_connected_by_tls()

    @proves("identify", "Kubo", "kith is dialed", TCP_TLS)
    @proves("ping", "Kubo", "kith is dialed", TCP_TLS)
    def test_dials(self):
        self.kubo.connect(self.peer)
        self.assert_connected_by_tls()
        shown = json.loads(self.kubo.run("swarm", "peers", "--streams", "--enc=json"))
        self.assertIn(self.peer.id, [peer["Peer"] for peer in shown["Peers"]])


globals().update(pair_classes(PAIRS, (unittest.TestCase,), __name__, security="tls"))


if __name__ == "__main__":
    unittest.main()
