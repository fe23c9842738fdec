"""Two hosts joined by a line with a delay and a rate: network namespaces of our own, delay_line.cpp between them."""

import json
import os
import subprocess
import unittest

from harness.process import Process

from .daemons import own_program
from .place import Place

_SECONDS = 10
LEFT, RIGHT = "10.78.0.1", "10.78.0.2"
# The device's own queue. It has to be longer than what comes in one go, for the queue that's meant is the line's.
DEVICE_PACKETS = 10_000
# Linux's default, whatever the machine has: BBR takes the drops of so short a queue for a policer's and sends less. Set on
# the route, for in a namespace only those are allowed that the machine's owner allows to everybody.
CONGESTION_CONTROL = "cubic"


class Line:
    """`place` tells how to enter its ends; the giver is on the left. Needs /dev/net/tun, but not root.

    The namespaces live in a user namespace of their own and end with the processes that hold them open.
    """

    def __init__(self, delay_ms=0, rate_mbit=0, queue_bytes=0, loss=0.0):
        self._processes = []
        program = own_program("delay_line")
        try:
            first = self._hold(["unshare", "--user", "--map-root-user", "--net"])
            left = ["nsenter", "-t", str(first.pid), "-U", "-n", "--preserve-credentials"]
            second = self._hold([*left, "unshare", "--net"])
            right = ["nsenter", "-t", str(second.pid), "-U", "-n", "--preserve-credentials"]
            words = ["--delay-ms", delay_ms, "--rate-mbit", rate_mbit, "--loss", loss]
            words += ["--queue-bytes", queue_bytes] if queue_bytes else []
            # Root's line stays outside of the user namespace, where it may go before other programs.
            enter = ["nsenter", "-t", str(first.pid), "-n"] if os.geteuid() == 0 else left
            words += ["--right-namespace", f"/proc/{second.pid}/ns/net"]
            self._line = self._started([*enter, program, *words], b"ready\n")
            for enter, own, other in ((left, LEFT, RIGHT), (right, RIGHT, LEFT)):
                self._run(enter, "ip link set lo up")
                self._run(enter, f"ip addr add {own} peer {other} dev line")
                self._run(enter, f"ip link set line up mtu 1500 txqueuelen {DEVICE_PACKETS}")
                self._run(enter, f"ip route replace {other} dev line src {own} congctl {CONGESTION_CONTROL}")
        except (OSError, subprocess.SubprocessError) as error:
            self.close()
            raise unittest.SkipTest(f"no line between network namespaces here: {error}")
        self.place = Place(left, right, LEFT, RIGHT)

    def _started(self, command, word):
        process = Process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._processes.append(process)
        if process.popen.stdout.readline() != word:
            raise OSError(process.log().strip())
        return process

    def _hold(self, command):
        """A process that holds a namespace open until it's ended. Its one line of output says that it's in."""
        return self._started([*command, "sh", "-c", "echo in; exec cat >&2"], b"in\n")

    @staticmethod
    def _run(prefix, command):
        subprocess.run([*prefix, *command.split()], check=True, timeout=_SECONDS, capture_output=True)

    def setting(self, name):
        """A sysctl as a socket of this line's ends meets it."""
        path = f"/proc/sys/{name.replace('.', '/')}"
        done = subprocess.run([*self.place.enter_giver, "cat", path], capture_output=True, text=True)
        return " ".join(done.stdout.split()) or "unknown"

    def close(self):
        """Returns what it carried and dropped, each way."""
        counts = []
        for process in reversed(self._processes):
            process.stop()
            if process is getattr(self, "_line", None):
                counts = [json.loads(line) for line in process.popen.stdout.read().splitlines()]
        return counts

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
