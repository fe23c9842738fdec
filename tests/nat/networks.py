"""Networks behind NATs: namespaces of our own, routers with nftables between them, and an Internet that joins them.

    with Internet() as internet:
        relay = internet.public()                 # a host at a public address
        home = internet.behind_nat(SYMMETRIC)     # a host behind a router of its own
        subprocess.run([*home.enter, "ip", "addr"])

All namespaces live in one user namespace, need no root, and end with the processes that hold them open. Public addresses
are those of TEST-NET-3 (RFC 5737); nothing leads out of here.
"""

import subprocess
import unittest
from dataclasses import dataclass

from harness.process import Process

_SECONDS = 10

# What a router makes of connections that go out: the same port outside for all of them, or another one each time. From
# outside comes only what answers; the rest is dropped without a word.
PORT_RESTRICTED = "masquerade"
SYMMETRIC = "masquerade fully-random"

_RULES = """
table ip router {{
  chain out {{ type nat hook postrouting priority srcnat; oifname "outside" {how}; }}
  chain to_router {{
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    iifname {{ "lo", "inside" }} accept
  }}
  chain through {{
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "inside" accept
  }}
}}
"""


@dataclass
class Host:
    """`enter` is a command prefix that enters it; it is seen at `address` from outside."""

    enter: list
    address: str


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

    def behind_nat(self, how):
        """A host in a network of its own, whose router has a public address."""
        router, host = self._namespace(), self._namespace()
        address = self._join(router)
        inside = f"10.{self._hosts}.0"
        self._run(router[0], f"ip link add inside type veth peer name home netns {host[1]}")
        self._run(router[0], f"ip addr add {inside}.1/24 dev inside")
        self._run(router[0], "ip link set inside up")
        self._run(host[0], f"ip addr add {inside}.2/24 dev home")
        self._run(host[0], "ip link set home up")
        self._run(host[0], f"ip route add default via {inside}.1")
        self._run(router[0], "sh -c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        self._filter(router[0], _RULES.format(how=how))
        return Host(host[0], address)

    def _filter(self, enter, rules):
        try:
            subprocess.run([*enter, "nft", "-f", "-"], input=rules.encode(), check=True, timeout=_SECONDS, capture_output=True)
        except (OSError, subprocess.SubprocessError) as error:
            told = getattr(error, "stderr", b"") or b""
            raise unittest.SkipTest(f"no nftables here: {error} {told.decode(errors='replace')}")

    def _join(self, namespace):
        """Plugs it into the exchange; returns its address there."""
        self._hosts += 1
        address = f"203.0.113.{self._hosts}"
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
