"""Circuits: kith as the relay of Kubo peers, and Kubo as that of kith's. All on loopback; holes aren't punched here (tests/nat)."""

import contextlib
import time
import unittest

from harness.daemon import CommandError, Kith, Kubo
from harness.proofs import proves

RESERVED_SECONDS = 40
POLL_SECONDS = 0.2


class KithRelay(Kith):
    def init(self):
        super().init()
        self.config("Internal.Libp2pForceReachability", "public")


class KithHidden(Kith):
    def __init__(self, relay):
        super().__init__()
        self._relay = relay

    def init(self):
        super().init()
        self.config("Internal.Libp2pForceReachability", "private")
        self.config("Swarm.RelayClient.StaticRelays", [self._relay])
        self.config("Swarm.EnableHolePunching", False)


class KuboRelay(Kubo):
    def init(self):
        super().init()
        self.config("Swarm.Transports.Network.Relay", True)
        self.config("Swarm.RelayService", {"Enabled": True})
        self.config("Internal.Libp2pForceReachability", "public")


class KuboHidden(Kubo):
    def __init__(self, relay):
        super().__init__()
        self._relay = relay

    def init(self):
        super().init()
        self.config("Swarm.Transports.Network.Relay", True)
        self.config("Swarm.RelayClient", {"Enabled": True, "StaticRelays": [self._relay]})
        self.config("Internal.Libp2pForceReachability", "private")


class Circuits(unittest.TestCase):
    def assert_called(self, relay_kind, called_kind, caller_kind):
        """One calls another through a relay, and is connected to it there."""
        with contextlib.ExitStack() as stack:
            def started(daemon):
                stack.callback(daemon.close)
                daemon.init()
                daemon.start()
                return daemon

            relay = started(relay_kind())
            address = next(one for one in relay.addrs if "/tcp/" in one and "/ws" not in one)
            called = started(called_kind(address))
            caller = started(caller_kind(address))
            circuit = f"{address}/p2p-circuit/p2p/{called.id}"
            deadline = time.monotonic() + RESERVED_SECONDS
            while True:
                try:
                    caller.run("swarm", "connect", circuit)
                    break
                except CommandError as error:
                    # The reservation comes by and by.
                    if time.monotonic() > deadline:
                        raise AssertionError(f"no circuit: {error}")
                    time.sleep(POLL_SECONDS)
            ways = [one for one in caller.text("swarm", "peers").splitlines() if called.id in one]
            self.assertTrue(any("/p2p-circuit" in one for one in ways), ways)
            self.assertIn(caller.id, called.text("swarm", "peers"))

    @proves("relay v2 by kith", "kubo", "kubo")
    def test_kith_relays_kubo_to_kubo(self):
        self.assert_called(KithRelay, KuboHidden, KuboHidden)

    @proves("relay v2 by kubo", "kith", "kith")
    def test_kubo_relays_kith_to_kith(self):
        self.assert_called(KuboRelay, KithHidden, KithHidden)

    @proves("relay v2 by kith", "kubo", "kith")
    def test_kith_relays_kubo_to_kith(self):
        self.assert_called(KithRelay, KithHidden, KuboHidden)

    @proves("relay v2 by kith", "kith", "kubo")
    def test_kith_relays_kith_to_kubo(self):
        self.assert_called(KithRelay, KuboHidden, KithHidden)


if __name__ == "__main__":
    unittest.main()
