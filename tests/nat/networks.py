"""Networks behind NATs: namespaces of our own, routers with nftables between them, and an Internet that joins them.

    with Internet() as internet:
        relay = internet.public()                 # a host at a public address
        home = internet.behind_nat(SYMMETRIC)     # a host behind a router of its own
        flat = internet.behind_nat(CARRIER, PORT_RESTRICTED)    # and behind its provider's
        subprocess.run([*home.enter, "ip", "addr"])

All namespaces live in one user namespace, need no root, and end with the processes that hold them open. Public addresses
are ordinary ones: libp2p programs and routers take those that are for documentation for private ones. Nothing leads out
of here.
"""

import subprocess
import unittest
from dataclasses import dataclass

from harness.process import Process

_SECONDS = 10


@dataclass(frozen=True)
class Router:
    """`nat` is what it makes of connections that go out, `out` which of them it lets out. From outside comes only what
    answers; the rest is dropped without a word."""

    name: str
    nat: str = "masquerade"
    out: str = "accept"


# The same port outside for all connections from one inside, or another one each time.
PORT_RESTRICTED = Router("port-restricted")
SYMMETRIC = Router("symmetric", nat="masquerade fully-random")
# A provider's, between many homes and the Internet (RFC 6598).
CARRIER = Router("carrier-grade")
# That of an office that lets its people look at web pages.
ONLY_443 = Router("only TCP 443", out="tcp dport 443 accept")

_RULES = """
table ip router {{
  chain out {{ type nat hook postrouting priority srcnat; oifname "outside" {nat}; }}
  chain to_router {{
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    iifname {{ "lo", "inside" }} accept
  }}
  chain through {{
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "inside" {out}
  }}
}}
"""


@dataclass
class Host:
    """`enter` is a command prefix that enters it; it is seen at `address` from outside. `router` enters what it is behind."""

    enter: list
    address: str
    router: list = None


class Internet:
    def __init__(self):
        self._holders = []
        self._hosts = 0
        try:
            first = self._hold(["unshare", "--user", "--map-root-user", "--net"])
            self._root = self._prefix(first)
            self._run(self._root, "ip link add exchange type bridge")
            self._run(self._root, "ip link set exchange up")
        except (OSError, subprocess.SubprocessError) as error:
            self.close()
            raise unittest.SkipTest(f"no network namespaces here: {error}")

    def public(self):
        """A host at a public address."""
        namespace = self._namespace()
        address = self._join(namespace)
        return Host(namespace[0], address)

    def behind_nat(self, *routers):
        """A host in a network of its own, behind these one after the other; the first has the public address."""
        here = router_of_last = self._namespace()
        address = self._join(here)
        for depth, router in enumerate(routers):
            at_home = depth == len(routers) - 1
            network = f"10.{self._hosts}.0" if at_home else f"100.64.{self._hosts}"
            link = "home" if at_home else "outside"
            next_one = self._namespace()
            self._run(here[0], f"ip link add inside type veth peer name {link} netns {next_one[1]}")
            self._run(here[0], f"ip addr add {network}.1/24 dev inside")
            self._run(here[0], "ip link set inside up")
            self._run(next_one[0], f"ip addr add {network}.2/24 dev {link}")
            self._run(next_one[0], f"ip link set {link} up")
            self._run(next_one[0], f"ip route add default via {network}.1")
            self._run(here[0], "sh -c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
            self.filter(here[0], _RULES.format(nat=router.nat, out=router.out))
            here, router_of_last = next_one, here
        return Host(here[0], address, router_of_last[0])

    def filter(self, enter, rules):
        try:
            subprocess.run([*enter, "nft", "-f", "-"], input=rules.encode(), check=True, timeout=_SECONDS, capture_output=True)
        except (OSError, subprocess.SubprocessError) as error:
            told = getattr(error, "stderr", b"") or b""
            raise unittest.SkipTest(f"no nftables here: {error} {told.decode(errors='replace')}")

    def _join(self, namespace):
        """Plugs it into the exchange; returns its address there."""
        self._hosts += 1
        address = f"30.0.0.{self._hosts}"
        self._run(self._root, f"ip link add port{self._hosts} type veth peer name outside netns {namespace[1]}")
        self._run(self._root, f"ip link set port{self._hosts} master exchange up")
        self._run(namespace[0], f"ip addr add {address}/24 dev outside")
        self._run(namespace[0], "ip link set outside up")
        return address

    def _namespace(self):
        """A prefix that enters it, and the process that holds it open."""
        process = self._hold([*self._root, "unshare", "--net"])
        prefix = self._prefix(process)
        self._run(prefix, "ip link set lo up")
        return prefix, process.pid

    @staticmethod
    def _prefix(process):
        return ["nsenter", "-t", str(process.pid), "-U", "-n", "--preserve-credentials"]

    def _hold(self, command):
        process = Process([*command, "sh", "-c", "echo in; exec cat >&2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._holders.append(process)
        if process.popen.stdout.readline() != b"in\n":
            raise OSError(process.log().strip())
        return process

    @staticmethod
    def _run(prefix, command, *last):
        subprocess.run([*prefix, *command.split(), *last], check=True, timeout=_SECONDS, capture_output=True)

    def close(self):
        for process in reversed(self._holders):
            process.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
