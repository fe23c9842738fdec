"""kith's command line on homes of its own: started, driven and ended. Built on the interop tests' harness."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import tempfile
import termios
import time
import unittest
from pathlib import Path

from harness import environment
from harness.process import Process

COMMAND_SECONDS = 60
READY_SECONDS = 30
PATIENCE_SECONDS = 30
_POLL_SECONDS = 0.02


def wait_until(condition, seconds=PATIENCE_SECONDS, what="it"):
    """Waits for what can't be awaited. Returns what the condition returned."""
    deadline = time.monotonic() + seconds
    while True:
        outcome = condition()
        if outcome:
            return outcome
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} didn't happen within {seconds} s")
        time.sleep(_POLL_SECONDS)


class Node:
    """A home, the commands on it, and a daemon if one was started."""

    def __init__(self, home, binary=None, variable="KITH_PATH", enter=()):
        self.binary = binary or environment.require(environment.kith_binary(), "build it, or name it in KITH_BIN")
        self.home = Path(home)
        self.enter = list(enter)
        self.env = {name: value for name, value in os.environ.items()
                    if name not in ("KITH_PATH", "IPFS_PATH", "KITH_PASSPHRASE", "KITH_LOG")}
        self.env[variable] = str(self.home)
        self.daemon = None

    def command(self, *arguments):
        words = [word if isinstance(word, bytes) else str(word) for word in arguments]
        return [*self.enter, str(self.binary), *words]

    def run(self, *arguments, stdin=b"", timeout=COMMAND_SECONDS, cwd=None, **env):
        """Runs a command to its end, whatever that is. Output and errors are bytes."""
        return subprocess.run(self.command(*arguments), env={**self.env, **env}, input=stdin, capture_output=True,
                              timeout=timeout, cwd=cwd)

    def ok(self, *arguments, **options):
        """Runs a command that has to succeed; returns its standard output."""
        done = self.run(*arguments, **options)
        if done.returncode != 0:
            raise AssertionError(f"kith {' '.join(map(str, arguments))} ended with {done.returncode}: "
                                 f"{done.stderr.decode(errors='replace')}")
        return done.stdout

    def text(self, *arguments, **options):
        return self.ok(*arguments, **options).decode().rstrip("\n")

    def json(self, *arguments, **options):
        return json.loads(self.ok(*arguments, "--enc=json", **options))

    def fails(self, *arguments, code=1, **options):
        """Runs a command that has to fail with this exit code; returns its one line of error."""
        done = self.run(*arguments, **options)
        error = done.stderr.decode(errors="replace")
        if done.returncode != code:
            raise AssertionError(f"kith {' '.join(map(str, arguments))} ended with {done.returncode}, not {code}: {error}")
        return error

    def background(self, *arguments, **options):
        return Process(self.command(*arguments), env=self.env, **options)

    def start(self, *arguments):
        """Starts the daemon; returns when it says that it's ready. Its output is in daemon.log()."""
        self.daemon = self.background("daemon", *arguments)

        def ready():
            if not self.daemon.alive():
                raise AssertionError(f"the daemon ended at once: {self.daemon.log()}")
            return "Daemon is ready\n" in self.daemon.log()

        wait_until(ready, READY_SECONDS, "a ready daemon")
        return self

    def stop(self, how=signal.SIGTERM):
        """Ends the daemon; returns its exit code and the seconds that took."""
        begun = time.monotonic()
        code = self.daemon.stop(how) if self.daemon else None
        self.daemon = None
        return code, time.monotonic() - begun

    @contextlib.contextmanager
    def held(self, seconds=0.5):
        """The daemon stands still until this long after the body: work that would be over at once takes a while."""
        self.daemon.popen.send_signal(signal.SIGSTOP)
        try:
            yield
            time.sleep(seconds)
        finally:
            self.daemon.popen.send_signal(signal.SIGCONT)

    @property
    def id(self):
        return self.json("id")["ID"]

    @property
    def address(self):
        return self.json("id")["Addresses"][0]

    def connect(self, other):
        self.ok("swarm", "connect", other.address)

    def add(self, path, *flags):
        return self.text("add", "-Q", "-r", *flags, path)

    def peers(self):
        return [peer["Peer"] for peer in self.json("swarm", "peers")["Peers"]]

    def bitswap(self):
        return self.json("bitswap", "stat")


class Case(unittest.TestCase):
    """A test with a folder of its own and nodes that end with it."""

    def setUp(self):
        folder = tempfile.mkdtemp(prefix="kith-e2e-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.folder = Path(folder)

    def node(self, name="home", **options):
        node = Node(self.folder / name, **options)
        self.addCleanup(node.stop)
        return node

    def made(self, name="home", **options):
        node = self.node(name, **options)
        node.ok("init", "--profile=test")
        return node

    def started(self, name="home", **options):
        return self.made(name, **options).start()

    def pair(self):
        """Two daemons that are connected."""
        first, second = self.started("first"), self.started("second")
        first.connect(second)
        return first, second

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path


def _own_terminal():
    """Makes standard input the terminal from which Ctrl-C comes."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Screen:
    """A command on a terminal of its own, and what it has written there. `stdout` may be elsewhere."""

    def __init__(self, node, *arguments, columns=100, stdout=None):
        self._leader, follower = pty.openpty()
        subprocess.run(["stty", "cols", str(columns)], stdin=follower, check=True)
        self.process = subprocess.Popen(node.command(*arguments), env=node.env, stdin=follower,
                                        stdout=follower if stdout is None else stdout, stderr=follower,
                                        preexec_fn=_own_terminal)
        os.close(follower)
        self.text = ""

    def read(self, seconds=0.1):
        """Takes in what is there; returns False when nothing can come any more."""
        ready, _, _ = select.select([self._leader], [], [], seconds)
        if not ready:
            return True
        try:
            part = os.read(self._leader, 65536)
        except OSError:  # Linux says EIO when the last writer has closed.
            return False
        self.text += part.decode(errors="replace")
        return bool(part)

    def wait_for(self, pattern, seconds=PATIENCE_SECONDS):
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.text)):
            if time.monotonic() > deadline or not self.read():
                raise AssertionError(f"no {pattern!r} on the screen: {self.text!r}")
        return found

    def type(self, keys):
        os.write(self._leader, keys.encode())

    def echoes(self):
        """Whether what is typed is shown."""
        return bool(termios.tcgetattr(self._leader)[3] & termios.ECHO)

    def finish(self, seconds=COMMAND_SECONDS):
        """Reads to the end; returns the exit code."""
        deadline = time.monotonic() + seconds
        while self.read() and time.monotonic() < deadline:
            pass
        return self.process.wait(max(0.1, deadline - time.monotonic()))

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._leader)
