"""Peers behind real NATs (nftables in namespaces), a relay in the open: relayed at first, then direct where it can be."""

import contextlib
import time
import unittest

from harness.daemon import Kith

from networks import PORT_RESTRICTED, SYMMETRIC, Internet

# A dial that fails, and three attempts of 10 s at a hole, each after a few round trips.
DIRECT_SECONDS = 75
RESERVED_SECONDS = 30
POLL_SECONDS = 0.5


class Node(Kith):
    """On a host of its own, told whether it can be reached: AutoNAT needs more peers than there are here."""

    def __init__(self, host, port, reachability, relays=()):
        super().__init__(enter=host.enter, listen=f"/ip4/0.0.0.0/{port}")
        self._host = host
        self._port = port
        self._reachability = reachability
        self._relays = list(relays)

    def init(self):
        super().init()
        self.config("Internal.Libp2pForceReachability", self._reachability)
        if self._relays:
            self.config("Swarm.RelayClient.StaticRelays", self._relays)

    @property
    def public_address(self):
        return f"/ip4/{self._host.address}/{self._port}/p2p/{self.id}"

    def connections_to(self, peer):
        return [line for line in self.text("swarm", "peers").splitlines() if line.endswith(f"/p2p/{peer}")]


def awaited(seconds, what):
    """What `what` gives as soon as it's something, or what it gave at the end."""
    deadline = time.monotonic() + seconds
    while not (got := what()) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return got


class HolePunching:
    """The claims, whatever the transport. `port` is where everybody listens."""

    port = ""

    def connected(self, called_nat, caller_nat):
        """Has one peer call the other through a relay. Returns how the caller is connected to it, at first and at last."""
        with contextlib.ExitStack() as stack:
            internet = stack.enter_context(Internet())

            def node(host, *arguments):
                made = Node(host, self.port, *arguments)
                stack.callback(made.close)
                made.init()
                made.start()
                return made

            def host(nat):
                return internet.behind_nat(nat) if nat else internet.public()

            relay = node(internet.public(), "public")
            relays = [relay.public_address]
            called = node(host(called_nat), "private", relays)
            caller = node(host(caller_nat), "private" if caller_nat else "public", relays if caller_nat else [])
            circuit = f"{relay.public_address}/p2p-circuit"
            self.assertTrue(awaited(RESERVED_SECONDS, lambda: "p2p-circuit" in called.text("swarm", "addrs", "listen")))
            caller.run("swarm", "connect", f"{circuit}/p2p/{called.id}")
            peer = called.id
            first = caller.connections_to(peer)

            def direct():
                return [one for one in caller.connections_to(peer) if "p2p-circuit" not in one]

            return first, awaited(DIRECT_SECONDS, direct)

    def assert_direct(self, called_nat, caller_nat):
        first, last = self.connected(called_nat, caller_nat)
        self.assertTrue(first)
        self.assertTrue(last, "only through the relay")

    def assert_relayed(self, called_nat, caller_nat):
        first, last = self.connected(called_nat, caller_nat)
        self.assertTrue(any("p2p-circuit" in one for one in first))
        self.assertFalse(last)

    def test_two_port_restricted_nats(self):
        self.assert_direct(PORT_RESTRICTED, PORT_RESTRICTED)

    def test_a_port_restricted_nat_and_a_public_caller(self):
        self.assert_direct(PORT_RESTRICTED, None)

    def test_a_symmetric_nat_and_a_public_caller(self):
        self.assert_direct(SYMMETRIC, None)

    def test_a_symmetric_and_a_port_restricted_nat_stay_relayed(self):
        self.assert_relayed(SYMMETRIC, PORT_RESTRICTED)

    def test_two_symmetric_nats_stay_relayed(self):
        self.assert_relayed(SYMMETRIC, SYMMETRIC)


class OverTcp(HolePunching, unittest.TestCase):
    port = "tcp/4001"


class OverQuic(HolePunching, unittest.TestCase):
    port = "udp/4001/quic-v1"


if __name__ == "__main__":
    unittest.main()
