"""Two network namespaces joined by a cable, for what needs a real link with multicast."""

import subprocess
import unittest

from .process import Process

_SECONDS = 10


class Cable:
    """Two hosts, 10.77.0.1 and 10.77.0.2. `left` and `right` are command prefixes that enter them.

    Needs no root: they live in a user namespace of their own.
    """

    addresses = ("10.77.0.1", "10.77.0.2")

    def __init__(self):
        self._hosts = []
        try:
            first = self._host(["unshare", "--user", "--map-root-user", "--net"])
            enter = ["nsenter", "-t", str(first.pid), "-U", "-n", "--preserve-credentials"]
            second = self._host([*enter, "unshare", "--net"])
            self.left = enter
            self.right = ["nsenter", "-t", str(second.pid), "-U", "-n", "--preserve-credentials"]
            self._run(self.left, f"ip link add veth-left type veth peer name veth-right netns {second.pid}")
            for prefix, side, address in ((self.left, "left", self.addresses[0]), (self.right, "right", self.addresses[1])):
                self._run(prefix, "ip link set lo up")
                self._run(prefix, f"ip addr add {address}/24 dev veth-{side}")
                self._run(prefix, f"ip link set veth-{side} up")
                self._run(prefix, f"ip route add default dev veth-{side}")
        except (OSError, subprocess.SubprocessError) as error:
            self.close()
            raise unittest.SkipTest(f"no network namespaces here: {error}")

    def _host(self, command):
        """A process that holds a namespace open. Its one line of output says that it's in."""
        host = Process([*command, "sh", "-c", "echo in; exec sleep 600"], stdout=subprocess.PIPE)
        self._hosts.append(host)
        if host.popen.stdout.readline() != b"in\n":
            raise OSError(host.log().strip())
        return host

    @staticmethod
    def _run(prefix, command):
        subprocess.run([*prefix, *command.split()], check=True, timeout=_SECONDS, capture_output=True)

    def close(self):
        for host in reversed(self._hosts):
            host.stop()
