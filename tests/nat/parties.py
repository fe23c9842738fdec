"""Who calls whom behind NATs: kith's daemon, and the go-libp2p and rust-libp2p peers. All of them can

    reserve(relay)      hold a reservation at that party
    call(address)       connect to it
    ways_to(peer)       the addresses at which they are connected to it
"""

import time

from harness.daemon import Kith
from harness.peer import Peer

RESERVED_SECONDS = 30
POLL_SECONDS = 0.5


def awaited(seconds, what):
    """What `what` gives as soon as it's something, or what it gave at the end."""
    deadline = time.monotonic() + seconds
    while not (got := what()) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return got


class KithParty(Kith):
    """On a host of its own. `reachability` is told to it, unless it's to find out, which takes peers and time."""

    def __init__(self, host, port, reachability, relays=()):
        super().__init__(enter=host.enter, listen=f"/ip4/0.0.0.0/{port}")
        self._reachability = reachability
        self._relays = list(relays)
        self.public_address = None
        self._address = f"/ip4/{host.address}/{port}"

    def init(self):
        super().init()
        if self._reachability:
            self.config("Internal.Libp2pForceReachability", self._reachability)
        if self._relays:
            self.config("Swarm.RelayClient.StaticRelays", self._relays)

    def begin(self):
        self.init()
        self.start()
        self.public_address = f"{self._address}/p2p/{self.id}"

    def reserve(self, _):
        """It does by itself; returns whether it has."""
        return awaited(RESERVED_SECONDS, lambda: "p2p-circuit" in self.text("swarm", "addrs", "listen"))

    def call(self, address):
        self.run("swarm", "connect", address)

    def ways_to(self, peer):
        return [line for line in self.text("swarm", "peers").splitlines() if line.endswith(f"/p2p/{peer}")]


class ForeignParty:
    def __init__(self, kind, host, port):
        self._kind = kind
        self._host = host
        self._port = port
        self._peer = None

    def begin(self):
        self._peer = Peer(self._kind, [f"/ip4/0.0.0.0/{self._port}"], enter=self._host.enter, flags=["--relayed"])

    @property
    def id(self):
        return self._peer.id

    @property
    def public_address(self):
        return f"/ip4/{self._host.address}/{self._port}/p2p/{self.id}"

    def reserve(self, relay):
        self._peer.call("reserve", addr=relay.public_address)
        # It learns from the relay where it is seen.
        self._peer.call("identify", peer=relay.id)
        return True

    def call(self, address):
        self._peer.call("connect", addr=address)

    def ways_to(self, peer):
        return [one["addr"] for one in self._peer.call("connections")["connections"] if one["peer"] == peer]

    def close(self):
        if self._peer:
            self._peer.stop()
