"""libp2p's perf protocol, /perf/1.0.0: one connection of TCP, Noise and yamux, one stream, each direction by itself."""

import contextlib

from harness.daemon import Kith
from harness.peer import Peer

from .daemons import cpu_seconds, running
from .measure import MIB, Column, Contender, Table, settle
from .place import Lazily

CALL_SECONDS = 600
NAMES = {"go": "go-libp2p", "rust": "rust-libp2p"}
OWN = "kith → kith"


class Daemon:
    """kith's daemon as a peer that perf can be asked of and asked from."""

    def __init__(self, stack):
        self.daemon = stack.enter_context(running(Kith, config={"Experimental.PerfServer": True}))
        self.id, self.addrs, self.pid = self.daemon.id, self.daemon.addrs, self.daemon.process.pid

    def connect(self, other):
        self.daemon.run("swarm", "connect", other.addrs[0])

    def perf(self, other, upload, download):
        """Returns the seconds of each direction."""
        told = self.daemon.json("perf", other.id, f"--upload={upload}", f"--download={download}", "--enc=json",
                                timeout=CALL_SECONDS)
        return told["UploadTime"] / 1e9, told["DownloadTime"] / 1e9


class LibraryPeer:
    """A foreign library's peer of the interop tests."""

    def __init__(self, stack, kind):
        self.peer = Peer(kind)
        stack.callback(self.peer.stop)
        self.id, self.addrs, self.pid = self.peer.id, self.peer.addrs, self.peer.process.pid

    def connect(self, other):
        self.peer.call("connect", addr=other.addrs[0])

    def perf(self, other, upload, download):
        told = self.peer.call("perf", timeout=CALL_SECONDS, peer=other.id, upload=upload, download=download)
        return told["upload_seconds"], told["download_seconds"]


def once(client, server, size):
    client.connect(server)
    settle()
    pids = [client.pid, server.pid]
    before = sum(map(cpu_seconds, pids))
    # A direction's clock runs until the other end has it all: what is only on its way doesn't count.
    up = sum(client.perf(server, size, 0))
    middle = sum(map(cpu_seconds, pids))
    down = sum(client.perf(server, 0, size))
    after = sum(map(cpu_seconds, pids))
    return {"up": size / MIB / up, "down": size / MIB / down, "cpu up": (middle - before) * (1 << 30) / size,
            "cpu down": (after - middle) * (1 << 30) / size}


def tables(run):
    size = run.pick(1 << 30, MIB)
    columns = [Column("down", "download MiB/s"), Column("up", "upload MiB/s"),
               Column("cpu down", "download CPU s/GiB", 2), Column("cpu up", "upload CPU s/GiB", 2)]
    title = f"libp2p perf, {size // MIB:,} MiB each way, TCP, Noise, yamux"
    table = Table(title, columns, "down", ratios=("down", "up"))
    with contextlib.ExitStack() as stack:
        ends = {}
        for role in ("client", "server"):
            ends["kith", role] = Lazily(lambda: Daemon(stack))
            for kind, name in NAMES.items():
                ends[name, role] = Lazily(lambda kind=kind: LibraryPeer(stack, kind))
        names = ["kith", *NAMES.values()]
        pairs = [(name, name) for name in names]
        pairs += [pair for name in names[1:] for pair in (("kith", name), (name, "kith"))]
        contenders = []
        for client, server in pairs:
            name = f"{client} → {server}"
            ours, theirs = ends[client, "client"], ends[server, "server"]
            contenders.append(Contender(name, lambda ours=ours, theirs=theirs: once(ours(), theirs(), size),
                                        OWN if name != OWN else ""))
        run.measure(table, contenders)
    table.notes.append("The client stands first; it downloads from the server and uploads to it. "
                       "CPU is that of both ends.")
    yield table
