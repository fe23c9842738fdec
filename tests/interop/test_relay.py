"""Circuits: kith as the relay of foreign peers, and these as that of kith's. All on loopback; holes aren't punched here
(tests/nat)."""

import time
import unittest

from harness.daemon import CommandError, Kith, Kubo
from harness.peer import Peer, PeerError
from harness.proofs import PROGRAMS, Way, cell_of

RESERVED_SECONDS = 40
POLL_SECONDS = 0.2


class DaemonParty:
    """What kith's and Kubo's daemons have in common. `relay` is the address of the relay of one that is hidden; a party
    without is a relay."""

    def __init__(self, relay=None):
        super().__init__()
        self.relay = relay
        self.init()
        self.config("Internal.Libp2pForceReachability", "private" if relay else "public")
        self.start()

    def call(self, address):
        self.run("swarm", "connect", address)

    def ways_to(self, peer):
        return [line for line in self.text("swarm", "peers").splitlines() if line.endswith(f"/p2p/{peer}")]


class KithParty(DaemonParty, Kith):
    def init(self):
        super().init()
        if self.relay:
            self.config("Swarm.RelayClient.StaticRelays", [self.relay])
            self.config("Swarm.EnableHolePunching", False)


class KuboParty(DaemonParty, Kubo):
    def init(self):
        super().init()
        self.config("Swarm.Transports.Network.Relay", True)
        if self.relay:
            self.config("Swarm.RelayClient", {"Enabled": True, "StaticRelays": [self.relay]})
        else:
            self.config("Swarm.RelayService", {"Enabled": True})


class PeerParty(Peer):
    """One of the peers around a library."""

    kind_of_peer = ""

    def __init__(self, relay=None):
        super().__init__(self.kind_of_peer, flags=["--relayed" if relay else "--relay"])
        if relay:
            self.call_command("reserve", addr=relay)

    def call_command(self, command, **arguments):
        return super().call(command, **arguments)

    def call(self, address):
        self.call_command("connect", addr=address)

    def ways_to(self, peer):
        return [one["addr"] for one in self.call_command("connections")["connections"] if one["peer"] == peer]

    def close(self):
        self.stop()


class GoParty(PeerParty):
    kind_of_peer = "go"


class RustParty(PeerParty):
    kind_of_peer = "rust"


class JsParty(PeerParty):
    kind_of_peer = "js"


class Circuits:
    """`program` is which; `security` is what it agrees on with kith."""

    program = ""
    party = None
    security = "noise"

    # What each test shows. Kith's own end of a circuit tells of it; a relay knows only the connections to both ends.
    SHOWN = {
        "test_kith_relays_two_of_it": ("kith is the relay between two of it", "tcp"),
        "test_it_relays_two_of_kith": ("it is the relay between two of kith", "relay"),
        "test_it_calls_kith_through_kith": ("it calls kith through kith", "relay"),
        "test_kith_calls_it_through_kith": ("kith calls it through kith", "relay"),
    }

    def way(self, name):
        # Two of kith agree on TLS, whatever the relay speaks.
        return Way(self.SHOWN[name][1], "tls" if name == "test_it_relays_two_of_kith" else self.security, "yamux")

    def cells(self, name):
        return [cell_of("circuit relay v2", PROGRAMS[self.program], self.SHOWN[name][0], self.way(name))]

    def begun(self, kind, relay=None):
        party = kind(relay)
        self.addCleanup(party.close)
        return party

    def call(self, relay_kind, called_kind, caller_kind):
        """One calls another through a relay, and is connected to it there."""
        relay = self.begun(relay_kind)
        address = next(one for one in relay.addrs if "/tcp/" in one and "/ws" not in one)
        called = self.begun(called_kind, address)
        caller = self.begun(caller_kind, address)
        deadline = time.monotonic() + RESERVED_SECONDS
        while True:
            try:
                caller.call(f"{address}/p2p-circuit/p2p/{called.id}")
                break
            except (CommandError, PeerError) as error:
                # The reservation comes by and by.
                if time.monotonic() > deadline:
                    raise AssertionError(f"no circuit: {error}")
                time.sleep(POLL_SECONDS)
        ways = caller.ways_to(called.id)
        self.assertTrue(any("/p2p-circuit" in one for one in ways), ways)
        # Who is called may hear of it a little later.
        while not called.ways_to(caller.id):
            self.assertLess(time.monotonic(), deadline, "who is called hasn't heard of it")
            time.sleep(POLL_SECONDS)
        return relay, called, caller

    def assert_told(self, kith, other):
        """Kith tells of the connection that this test is about."""
        self.assertIn(self.way(self._testMethodName), kith.connected_by(other.id))

    def test_kith_relays_two_of_it(self):
        relay, called, caller = self.call(KithParty, self.party, self.party)
        for end in (called, caller):
            self.assert_told(relay, end)

    def test_it_relays_two_of_kith(self):
        _, called, caller = self.call(self.party, KithParty, KithParty)
        self.assert_told(caller, called)
        self.assert_told(called, caller)

    def test_it_calls_kith_through_kith(self):
        _, called, caller = self.call(KithParty, KithParty, self.party)
        self.assert_told(called, caller)

    def test_kith_calls_it_through_kith(self):
        _, called, caller = self.call(KithParty, self.party, KithParty)
        self.assert_told(caller, called)


class WithKubo(Circuits, unittest.TestCase):
    program = "kubo"
    party = KuboParty
    security = "tls"


class WithGo(Circuits, unittest.TestCase):
    program = "go"
    party = GoParty


class WithRust(Circuits, unittest.TestCase):
    program = "rust"
    party = RustParty


class WithJs(Circuits, unittest.TestCase):
    program = "js"
    party = JsParty


if __name__ == "__main__":
    unittest.main()
