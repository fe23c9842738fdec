"""One large file from one daemon to another on loopback, beside libtorrent and plain copies."""

import contextlib

from harness.daemon import Kith, Kubo

from .daemons import V1_FLAGS
from .measure import Column, Contender, Table, MIB, write_random
from .place import LOOPBACK, Copy, Giver, Lazily, Torrent, fetch

COLUMNS = [Column("rate", "MiB/s"), Column("seconds", "seconds", 2), Column("cpu", "CPU s/GiB", 2)]
OWN = {"cat": "kith → kith, cat", "get": "kith → kith, get"}


def daemons(run, stack, place, path, every_pair=True):
    """kith and Kubo as givers and takers. Kubo gives the same blocks as kith, and once its own default ones."""
    givers = {
        "kith": Lazily(lambda: Giver(stack, Kith, place, path)),
        "Kubo": Lazily(lambda: Giver(stack, Kubo, place, path, V1_FLAGS)),
        "Kubo, its defaults,": Lazily(lambda: Giver(stack, Kubo, place, path)),
    }
    kinds = {"kith": Kith, "Kubo": Kubo}
    pairs = [("kith", "kith"), ("Kubo", "Kubo")]
    pairs += [("kith", "Kubo"), ("Kubo", "kith"), ("Kubo, its defaults,", "Kubo")] if every_pair else []
    for giver, taker in pairs:
        for way, own in OWN.items():
            name = f"{giver} → {taker}, {way}"
            yield Contender(name, lambda giver=giver, taker=taker, way=way:
                            fetch(run, givers[giver](), kinds[taker], way, place), own if name != own else "")


def torrent(run, stack, place, path):
    peer = Lazily(lambda: Torrent(stack, run, place, path))
    return Contender("libtorrent → libtorrent", lambda: peer().fetch(), OWN["get"])


def copies(stack, place, path, sealed=True):
    plain = Lazily(lambda: Copy(stack, place, path))
    yield Contender("copy over TCP", lambda: plain().send(), OWN["cat"])
    if sealed:
        closed = Lazily(lambda: Copy(stack, place, path, sealed=True))
        yield Contender("copy over TCP and ChaCha20-Poly1305", lambda: closed().send(), OWN["cat"])


def tables(run):
    size = run.pick(1 << 30, MIB)
    with contextlib.ExitStack() as stack:
        path = write_random(run.folder / "given.bin", size)
        table = Table(f"{size // MIB:,} MiB from one daemon to another on loopback", COLUMNS, "rate")
        run.measure(table, [*daemons(run, stack, LOOPBACK, path), torrent(run, stack, LOOPBACK, path),
                            *copies(stack, LOOPBACK, path)])
        yield table
