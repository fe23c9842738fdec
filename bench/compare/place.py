"""Where the two ends of a transfer are, and what moves data between them: kith, Kubo, libtorrent, a copy."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness import environment
from harness.data import sha256_of
from harness.process import Process

from . import limits
from .daemons import cpu_seconds, run_timed, running, timed
from .measure import MIB, settle

# libtorrent belongs to Debian's own Python, whichever runs us.
SYSTEM_PYTHON = Path("/usr/bin/python3")
SYSTEM_MODULES = Path("/usr/lib/python3/dist-packages")
TORRENT_PEER = Path(__file__).resolve().parent / "torrent_peer.py"


@dataclass
class Place:
    """The commands that enter each end's network, and its address there."""

    enter_giver: list
    enter_taker: list
    giver_ip: str = "127.0.0.1"
    taker_ip: str = "127.0.0.1"


LOOPBACK = Place([], [])


def sample(size, seconds, cpu):
    return {"rate": size / MIB / seconds, "mbit": size * 8e-6 / seconds, "seconds": seconds,
            "cpu": cpu * (1 << 30) / size}


class Giver:
    """A daemon that has the file for as long as the section lasts."""

    def __init__(self, stack, kind, place, path, flags=()):
        self.path = path
        self.daemon = stack.enter_context(
            running(kind, enter=place.enter_giver, listen=f"/ip4/{place.giver_ip}/tcp/0"))
        self.cid = timed(self.daemon, "add", "-Q", *flags, path).output


def fetch(run, giver, kind, way, place):
    """Into a fresh daemon, by its command line. What `get` has written is compared."""
    size = giver.path.stat().st_size
    with running(kind, enter=place.enter_taker, listen=f"/ip4/{place.taker_ip}/tcp/0") as taker:
        taker.connect(giver.daemon)
        out = run.folder / "got.bin"
        settle()
        pids = [giver.daemon.process.pid, taker.process.pid]
        before = sum(map(cpu_seconds, pids))
        words = ["cat", giver.cid] if way == "cat" else ["get", "-o", out, giver.cid]
        done = timed(taker, *words, discard=True)
        used = sum(map(cpu_seconds, pids)) - before
    if way == "get":
        same = sha256_of(out) == sha256_of(giver.path)
        out.unlink()
        if not same:
            raise AssertionError("what has come is not what was given")
    return sample(size, done.seconds, used + done.cpu)


class Torrent:
    """The file as a torrent, and a peer that seeds it."""

    def __init__(self, stack, run, place, path):
        module = next(SYSTEM_MODULES.glob("libtorrent*.so"), SYSTEM_MODULES / "libtorrent.so")
        environment.require(module, "install the package python3-libtorrent")
        self._place, self._path = place, path
        self._torrent = run.folder / "file.torrent"
        self._out = run.folder / "leech"
        run_timed([SYSTEM_PYTHON, TORRENT_PEER, "make", path, self._torrent])
        words = ["seed", self._torrent, path.parent, place.giver_ip]
        self._seed = Process([*place.enter_giver, SYSTEM_PYTHON, TORRENT_PEER, *words], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
        stack.callback(self._seed.stop)
        self._port = self._seed.popen.stdout.readline().decode().strip()
        if not self._port:
            raise AssertionError(f"the seed ended at once: {self._seed.log()}")

    def fetch(self):
        place = self._place
        settle()
        before = cpu_seconds(self._seed.pid)
        words = ["leech", self._torrent, self._out, place.taker_ip, place.giver_ip, self._port]
        done = run_timed([*place.enter_taker, SYSTEM_PYTHON, TORRENT_PEER, *words])
        used = cpu_seconds(self._seed.pid) - before + done.cpu
        got = self._out / self._path.name
        same = sha256_of(got) == sha256_of(self._path)
        got.unlink()
        if not same:
            raise AssertionError("what has come is not what was given")
        return sample(self._path.stat().st_size, float(done.output), used)


class Copy:
    """A plain copy over TCP, or one that is sealed."""

    def __init__(self, stack, place, path, sealed=False):
        self._path = path
        self._sink = stack.enter_context(limits.sink(place.enter_taker, place.enter_giver, place.taker_ip, sealed))

    def send(self):
        settle()
        return sample(self._path.stat().st_size, *self._sink.send([self._path]))


class Lazily:
    """Made at its first use, within the measuring, so that what's missing costs only the rows that need it."""

    def __init__(self, make):
        self._make = make
        self._made = None
        self._fault = None

    def __call__(self):
        if self._fault:
            raise self._fault
        if self._made is None:
            try:
                self._made = self._make()
            except BaseException as fault:
                self._fault = fault
                raise
        return self._made
