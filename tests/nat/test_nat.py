"""Peers behind real NATs (nftables in namespaces), a relay in the open: relayed at first, then direct where it can be."""

import contextlib
import unittest

import matrix
from harness.proofs import PROGRAMS, QUIC, TCP, append, cell_of
from networks import CARRIER, ONLY_443, PORT_RESTRICTED, SYMMETRIC, Internet
from parties import ForeignParty, KithParty, awaited

# A dial that fails, and three attempts of 10 s at a hole, each after a few round trips.
DIRECT_SECONDS = 75

HOME = (PORT_RESTRICTED,)
STRICT_HOME = (SYMMETRIC,)
# What a provider's customer has: its own router, and the provider's.
FLAT = (CARRIER, PORT_RESTRICTED)
OFFICE = (ONLY_443,)
OPEN = ()


def said(routers):
    return " behind ".join(router.name for router in reversed(routers)) or "public"


class Call:
    """One peer that calls another one through a relay of kith's. `port` is where everybody listens, but for the relay if
    `relay_port` says so. One of the two is kith's; `other` says what the other one is, and whether that calls."""

    def __init__(self, called_at, caller_at, port, relay_port=None, other="kith", other_calls=True):
        self._at = {"called": called_at, "caller": caller_at}
        self._port = port
        self._other = other
        self._foreign = "caller" if other_calls else "called"
        self._stack = contextlib.ExitStack()
        try:
            self._begin(relay_port or port)
        except BaseException:
            self._stack.close()
            raise

    def _begin(self, relay_port):
        internet = self._stack.enter_context(Internet())
        relay = self._begun(KithParty(internet.public(), relay_port, "public"))
        self.called = self._party("called", internet, relay)
        self.caller = self._party("caller", internet, relay)
        self.caller.call(f"{relay.public_address}/p2p-circuit/p2p/{self.called.id}")
        self.first = self.caller.ways_to(self.called.id)

    def _party(self, role, internet, relay):
        host = internet.behind_nat(*self._at[role]) if self._at[role] else internet.public()
        hidden = bool(self._at[role])
        if self._other != "kith" and role == self._foreign:
            party = ForeignParty(self._other, host, self._port)
        else:
            party = KithParty(host, self._port, "private" if hidden else "public", [relay.public_address] if hidden else [])
        self._begun(party)
        if hidden and not party.reserve(relay):
            raise AssertionError(f"the {role} has no reservation")
        return party

    def _begun(self, party):
        self._stack.callback(party.close)
        party.begin()
        return party

    def direct_ways(self):
        return [one for one in self.caller.ways_to(self.called.id) if "p2p-circuit" not in one]

    def relayed_at_first(self):
        return any("p2p-circuit" in one for one in self.first)

    def case(self):
        if self._other == "kith":
            return f"{said(self._at['caller'])} calls {said(self._at['called'])}"
        who = {"caller": "kith", "called": "kith", self._foreign: PROGRAMS[self._other]}
        return f"{who['caller']}, {said(self._at['caller'])}, calls {who['called']}, {said(self._at['called'])}"

    def record(self, direct):
        transport = "quic" if "quic" in self._port else "tcp"
        matrix.record(PROGRAMS[self._other], self.case(), transport, "direct" if direct else "relayed")

    def kith_tells(self):
        """How kith's side says that it's connected to the other, but for the relay."""
        kith, other = (self.called, self.caller) if isinstance(self.called, KithParty) else (self.caller, self.called)
        return [way for way in kith.connected_by(other.id) if way.transport != "relay"]

    def record_dcutr(self, direct):
        """The direct connection that followed a relayed one is DCUtR's doing: nobody else knows a way."""
        who = "the other calls kith" if self._foreign == "caller" else "kith calls the other"
        what = f"{who}: {said(self._at['caller'])} to {said(self._at['called'])}"
        # Which security they agree on depends on who dials, which both do here.
        expected = QUIC if "quic" in self._port else TCP
        found = [way for way in self.kith_tells() if way.transport == expected.transport]
        outcome = "passed" if direct and found else "failed"
        append([{**cell_of("DCUtR", PROGRAMS[self._other], what, found[0] if found else expected), "outcome": outcome}])
        return outcome == "passed"

    def close(self):
        self._stack.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Calls(unittest.TestCase):
    def assert_direct(self, *arguments, **options):
        with Call(*arguments, **options) as call:
            self.assertTrue(call.first)
            direct = awaited(DIRECT_SECONDS, call.direct_ways)
            call.record(direct)
            upgraded = call.record_dcutr(direct)
            self.assertTrue(direct, "only through the relay")
            self.assertTrue(upgraded, call.kith_tells())

    def assert_relayed(self, *calls):
        """All of them at the same time, since most of it is waiting for what doesn't come. A call is a dict of Call's
        arguments."""
        with contextlib.ExitStack() as stack:
            made = [stack.enter_context(Call(**one)) for one in calls]
            for call in made:
                self.assertTrue(call.relayed_at_first(), call.case())
            awaited(DIRECT_SECONDS, lambda: any(call.direct_ways() for call in made))
            for call in made:
                with self.subTest(call.case()):
                    direct = call.direct_ways()
                    call.record(direct)
                    self.assertFalse(direct)


class HolePunching:
    """The claims, whatever the transport. `port` is where everybody listens."""

    port = ""

    def test_two_port_restricted_nats(self):
        self.assert_direct(HOME, HOME, self.port)

    def test_a_port_restricted_nat_and_a_public_caller(self):
        self.assert_direct(HOME, OPEN, self.port)

    def test_a_symmetric_nat_and_a_public_caller(self):
        self.assert_direct(STRICT_HOME, OPEN, self.port)

    def test_a_carriers_nat_and_a_port_restricted_one(self):
        self.assert_direct(FLAT, HOME, self.port)

    def test_two_carriers_nats(self):
        self.assert_direct(FLAT, FLAT, self.port)

    def test_a_carriers_nat_and_a_public_caller(self):
        self.assert_direct(FLAT, OPEN, self.port)

    def test_a_symmetric_nat_stays_relayed_unless_the_other_is_public(self):
        pairs = [(STRICT_HOME, HOME), (HOME, STRICT_HOME), (STRICT_HOME, STRICT_HOME), (STRICT_HOME, FLAT)]
        self.assert_relayed(*({"called_at": one, "caller_at": other, "port": self.port} for one, other in pairs))


class OverTcp(HolePunching, Calls):
    port = "tcp/4001"


class OverQuic(HolePunching, Calls):
    port = "udp/4001/quic-v1"


class OnlyTcp443(Calls):
    """An office's network that lets nothing out but TCP to port 443, where the relay is."""

    def test_a_peer_there_is_reached_through_the_relay(self):
        self.assert_relayed(
            {"called_at": OFFICE, "caller_at": HOME, "port": "tcp/4001", "relay_port": "tcp/443"},
            {"called_at": HOME, "caller_at": OFFICE, "port": "tcp/4001", "relay_port": "tcp/443"},
            {"called_at": OFFICE, "caller_at": OPEN, "port": "tcp/4001", "relay_port": "tcp/443"},
        )

    def test_a_public_peer_at_port_443_is_connected_directly(self):
        self.assert_direct(OFFICE, OPEN, "tcp/443")

    def test_it_dials_a_public_peer_at_port_443(self):
        with contextlib.ExitStack() as stack:
            internet = stack.enter_context(Internet())

            def begun(host, port, reachability):
                party = KithParty(host, port, reachability)
                stack.callback(party.close)
                party.begin()
                return party

            public = begun(internet.public(), "tcp/443", "public")
            inside = begun(internet.behind_nat(*OFFICE), "tcp/4001", "private")
            inside.call(public.public_address)
            self.assertTrue(inside.ways_to(public.id))


class WithForeignPeers:
    """kith with a program that isn't kith's, each calling the other. `other` is which, of the harness's kinds."""

    other = ""
    # Whether it calls back a public peer by TCP, or only punches holes, from which a symmetric NAT has no gain.
    calls_back = True

    def each_calls(self, called_at, caller_at):
        for port in (OverTcp.port, OverQuic.port):
            for other_calls in (True, False):
                if not (self.calls_back or other_calls or caller_at or port != OverTcp.port):
                    continue
                with self.subTest(port=port, other_calls=other_calls):
                    self.assert_direct(called_at, caller_at, port, other=self.other, other_calls=other_calls)

    def test_two_port_restricted_nats(self):
        self.each_calls(HOME, HOME)

    def test_a_symmetric_nat_and_a_public_caller(self):
        self.each_calls(STRICT_HOME, OPEN)

    def test_a_carriers_nat_and_a_port_restricted_one(self):
        self.each_calls(FLAT, HOME)

    def test_a_symmetric_and_a_port_restricted_nat_stay_relayed(self):
        self.assert_relayed(*(
            {"called_at": STRICT_HOME, "caller_at": HOME, "port": port, "other": self.other, "other_calls": other_calls}
            for port in (OverTcp.port, OverQuic.port) for other_calls in (True, False)))


class WithGo(WithForeignPeers, Calls):
    other = "go"


class WithRust(WithForeignPeers, Calls):
    other = "rust"
    calls_back = False

    def test_it_does_not_call_back_by_tcp(self):
        self.assert_relayed({"called_at": STRICT_HOME, "caller_at": OPEN, "port": OverTcp.port, "other": "rust",
                             "other_calls": False})


if __name__ == "__main__":
    unittest.main()
