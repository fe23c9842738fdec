"""Ports that a router opens: kith behind miniupnpd (Debian's miniupnpd-nftables), by PCP, NAT-PMP and UPnP.

miniupnpd runs in the router's namespace and changes that namespace's rules alone; nothing of it multicasts elsewhere.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import matrix
from harness.process import Process
from networks import PORT_RESTRICTED, Internet
from parties import KithParty, awaited

MAPPED_SECONDS = 30
GIVEN_BACK_SECONDS = 5
# The shortest lifetime that miniupnpd can be made to give; at its half it is renewed.
SHORT_SECONDS = 121
RENEWED_SECONDS = 75
LONG_SECONDS = 86400
PORT = 4001

# Where miniupnpd puts its rules.
_TABLES = """
table inet opened {
  chain through { type filter hook forward priority filter - 1; jump forward_here; }
  chain forward_here { }
  chain before { type nat hook prerouting priority dstnat; jump prerouting_here; }
  chain prerouting_here { }
  chain after { type nat hook postrouting priority srcnat - 1; jump postrouting_here; }
  chain postrouting_here { }
}
"""

# What comes from outside to an opened port may pass: conntrack has changed where it goes.
_LET_IN = "insert rule ip router through ct status dnat accept"

# A router that knows only the older protocol says nothing to the newer one; that has version 2 in its first byte.
_NO_PCP = "insert rule ip router to_router udp dport 5351 @th,64,8 2 drop"

_CONFIG = """
ext_ifname=outside
listening_ip=inside
http_port=5000
enable_natpmp={pmp}
enable_upnp={upnp}
upnp_table_name=opened
upnp_nat_table_name=opened
upnp_forward_chain=forward_here
upnp_nat_chain=prerouting_here
upnp_nat_postrouting_chain=postrouting_here
lease_file={folder}/leases
secure_mode=yes
min_lifetime=120
max_lifetime={lifetime}
uuid=00000000-0000-4000-8000-000000000001
allow 1024-65535 0.0.0.0/0 1024-65535
"""


def find_miniupnpd():
    path = shutil.which("miniupnpd", path=f"{os.environ['PATH']}:/usr/sbin")
    if path is None:
        if os.environ.get("CI") == "true":
            raise AssertionError("no miniupnpd: install Debian's miniupnpd-nftables")
        raise unittest.SkipTest("no miniupnpd: install Debian's miniupnpd-nftables")
    return path


class Miniupnpd:
    """On the router of a host."""

    def __init__(self, internet, host, upnp, lifetime_seconds):
        self._enter = host.router
        self._folder = tempfile.TemporaryDirectory(prefix="miniupnpd-")
        self._binary = find_miniupnpd()
        internet.filter(self._enter, _TABLES + _LET_IN)
        config = Path(self._folder.name) / "miniupnpd.conf"
        self._leases = Path(self._folder.name) / "leases"
        config.write_text(_CONFIG.format(pmp="no" if upnp else "yes", upnp="yes" if upnp else "no",
                                         lifetime=lifetime_seconds, folder=self._folder.name))
        self._command = [*self._enter, self._binary, "-d", "-f", config, "-P", f"{self._folder.name}/pid"]
        self._process = Process(self._command)

    def opened(self):
        """The rules of opened ports, a line each."""
        listed = subprocess.run([*self._enter, "nft", "list", "chain", "inet", "opened", "prerouting_here"],
                                check=True, capture_output=True, timeout=10)
        return [line.strip() for line in listed.stdout.decode().splitlines() if "dnat" in line]

    def log(self):
        return self._process.log()

    def lease_ends(self):
        """When the opened port's lease ends, in seconds since 1970; 0 without one."""
        lines = self._leases.read_text().splitlines() if self._leases.exists() else []
        return max((int(line.split(":")[4]) for line in lines), default=0)

    def close(self):
        self._process.stop()
        self._folder.cleanup()


class MappedParty(KithParty):
    def init(self):
        super().init()
        self.config("Swarm.DisableNatPortMap", False)


class BehindMiniupnpd(unittest.TestCase):
    upnp = False
    pcp = True
    protocol = ""
    lifetime_seconds = LONG_SECONDS

    def setUp(self):
        self._stack = contextlib.ExitStack()
        self.addCleanup(self._stack.close)
        self.internet = self._stack.enter_context(Internet())
        self.host = self.internet.behind_nat(PORT_RESTRICTED)
        if not self.pcp:
            self.internet.filter(self.host.router, _NO_PCP)
        self.router = Miniupnpd(self.internet, self.host, self.upnp, self.lifetime_seconds)
        self._stack.callback(self.router.close)

    def begun(self, host, reachability, kind=KithParty):
        party = kind(host, f"tcp/{PORT}", reachability)
        party.env["KITH_LOG"] = "nat=debug"
        self._stack.callback(party.close)
        party.begin()
        return party

    def mapped(self):
        party = self.begun(self.host, "private", MappedParty)
        opened = awaited(MAPPED_SECONDS, self.router.opened)
        self.assertTrue(opened, f"{party.process.log()}\n{self.router.log()}")
        return party


class Mapping:
    """The claims, whatever the protocol."""

    def test_a_peer_outside_connects_through_the_opened_port(self):
        inside = self.mapped()
        self.assertTrue(awaited(MAPPED_SECONDS, lambda: f"outside, by {self.protocol}" in inside.process.log()))
        outside = self.begun(self.internet.public(), "public")
        outside.call(f"/ip4/{self.host.address}/tcp/{PORT}/p2p/{inside.id}")
        ways = outside.ways_to(inside.id)
        matrix.record("miniupnpd", f"a port opened by {self.protocol}", "tcp", "direct" if ways else "none")
        self.assertTrue(ways)
        announced = inside.json("id", "--enc=json")["Addresses"]
        self.assertTrue(any(one.startswith(f"/ip4/{self.host.address}/tcp/{PORT}") for one in announced), announced)

    def test_the_port_is_given_back_at_the_end(self):
        inside = self.mapped()
        self.assertEqual(inside.stop(), 0)
        self.assertTrue(awaited(GIVEN_BACK_SECONDS, lambda: not self.router.opened()), self.router.opened())


class ByPcp(Mapping, BehindMiniupnpd):
    protocol = "PCP"


class ByNatPmp(Mapping, BehindMiniupnpd):
    pcp = False
    protocol = "NAT-PMP"


class ByUpnp(Mapping, BehindMiniupnpd):
    upnp = True
    protocol = "UPnP"


class Renewal(BehindMiniupnpd):
    """Of a short lifetime. UPnP's is what was asked for: an hour."""

    protocol = "PCP"
    lifetime_seconds = SHORT_SECONDS

    def test_the_lease_is_renewed_at_half_its_time(self):
        self.mapped()
        self.assertTrue(awaited(GIVEN_BACK_SECONDS, self.router.lease_ends))
        first = self.router.lease_ends()
        self.assertTrue(awaited(RENEWED_SECONDS, lambda: self.router.lease_ends() > first))
        self.assertEqual(len(self.router.opened()), 1)


if __name__ == "__main__":
    unittest.main()
