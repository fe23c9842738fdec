"""kith-peer with go-libp2p, rust-libp2p, js-libp2p and itself, each as dialer and as listener, by TCP and by QUIC."""

import unittest

from harness.libp2p_cases import RECONNECTS, pair_classes
from harness.peer import FOREIGN_KINDS, PeerError

PAIRS = [pair for kind in FOREIGN_KINDS for pair in (("kith", kind), (kind, "kith"))] + [("kith", "kith")]


class CrossingDials(unittest.TestCase):
    """Beyond the cases of the harness: not all foreign pairs manage this.

    Two that both dial from their listening ports may meet in one TCP connection that each of them dialed (a
    simultaneous open), whose handshake fails. rust-libp2p gives up then; kith tries again, so that both are connected.
    """

    def test_zz_both_dial_at_once(self):
        for _ in range(RECONNECTS):
            self.disconnect()
            dials = [(actor, actor.start("connect", 20, addr=target.addrs[0]))
                     for actor, target in ((self.dialer, self.listener), (self.listener, self.dialer))]
            for actor, dial in dials:
                try:
                    dial.result(25)
                except PeerError:
                    if actor.kind == "kith":
                        raise
            self.assert_both_ping()
        self.disconnect()
        self.dialer.connect(self.listener)


globals().update(pair_classes(PAIRS, (CrossingDials,), __name__))
globals().update(pair_classes(PAIRS, (CrossingDials,), __name__, "ByQuic", transport="quic"))
del CrossingDials


if __name__ == "__main__":
    unittest.main()
