"""`add`: one large file, and many small ones."""

import contextlib
import os
import random

from harness.daemon import Kith, Kubo

from . import limits
from .daemons import V1_FLAGS, cpu_seconds, made, running, timed
from .measure import MIB, Column, Contender, Row, Table, settle, write_random

COLUMNS = [Column("rate", "MiB/s"), Column("seconds", "seconds", 2), Column("cpu", "CPU s", 2),
           Column("files", "files/s")]
LIMITS = ("openssl sha256, all cores", "dd conv=fsync", "HTTP POST into a sink")
KUBO_SAME = "Kubo, the same DAG"
SMALL_BYTES = (4 << 10, 16 << 10)
FOLDERS = 100


class Data:
    """What is added: its path, its files, and the files dealt out to the cores."""

    def __init__(self, path, files, shares):
        self.path, self.files, self.shares = path, files, shares
        self.bytes = sum(file.stat().st_size for file in files)

    def sample(self, seconds):
        return {"seconds": seconds, "rate": self.bytes / MIB / seconds, "files": len(self.files) / seconds}


def large(run):
    size = run.pick(1 << 30, MIB)
    path = write_random(run.folder / "large.bin", size)
    shares = []
    # openssl hashes whole files, so the shares are files of their own.
    with path.open("rb") as source:
        for core in range(os.cpu_count()):
            share = run.folder / f"large-{core}.bin"
            with share.open("wb") as out:
                for _ in range(max(1, size // os.cpu_count() // MIB)):
                    out.write(source.read(MIB))
            shares.append([share])
    return Data(path, [path], shares)


def small(run):
    count = run.pick(10_000, 50)
    sizes = random.Random(1)
    root = run.folder / "small"
    files = []
    for number in range(count):
        folder = root / f"{number % FOLDERS:02}"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{number}.bin"
        file.write_bytes(os.urandom(sizes.randint(*SMALL_BYTES)))
        files.append(file)
    return Data(root, files, limits.shares_of(files))


def add(data, kind, with_daemon, flags, cids):
    """Into an empty store, which is thrown away afterwards."""
    with (running if with_daemon else made)(kind) as daemon:
        settle()
        before = cpu_seconds(daemon.process.pid) if with_daemon else 0
        done = timed(daemon, "add", "-Q", "-r", *flags, data.path)
        used = done.cpu + (cpu_seconds(daemon.process.pid) - before if with_daemon else 0)
    if kind is Kith or flags == V1_FLAGS:
        cids.add(done.output)
        if len(cids) != 1:
            raise AssertionError(f"these are not the same DAG: {sorted(cids)}")
    return {**data.sample(done.seconds), "cpu": used}


def contenders(run, data, sink):
    cids = set()

    def adding(kind, with_daemon, flags=()):
        return lambda: add(data, kind, with_daemon, flags, cids)

    def limited(measure):
        def sample():
            settle()
            return data.sample(measure())
        return sample

    yield Contender("kith, daemon", adding(Kith, True))
    yield Contender("kith, offline", adding(Kith, False))
    for name, flags in ((KUBO_SAME, V1_FLAGS), ("Kubo, its defaults", ())):
        yield Contender(f"{name}, daemon", adding(Kubo, True, flags), "kith, daemon")
        yield Contender(f"{name}, offline", adding(Kubo, False, flags), "kith, offline")
    for name, measure in (("sha256sum, one core", lambda: limits.sha256sum(data.files)),
                          (LIMITS[0], lambda: limits.openssl_on_all_cores(data.shares)),
                          (LIMITS[1], lambda: limits.written_and_synced(data.files, run.folder / "copy.bin")),
                          (LIMITS[2], lambda: sink.send(data.files)[0])):
        yield Contender(name, limited(measure), "kith, daemon")


def slowest_limit(table):
    """What no program that hashes, writes, syncs and takes its data over HTTP can beat, if it does all at once."""
    rows = [row for row in map(table.row, LIMITS) if row and row.samples]
    if rows:
        slowest = min(rows, key=lambda row: row.median("rate"))
        table.rows.append(Row(f"slowest of the limits ({slowest.name})", "kith, daemon", slowest.samples))


def tables(run):
    for title, make in (("add: one file of {}", large), ("add: {} small files", small)):
        with contextlib.ExitStack() as stack:
            data = make(run)
            sink = stack.enter_context(limits.sink())
            what = f"{len(data.files):,}" if len(data.files) > 1 else f"{data.bytes // MIB:,} MiB"
            table = Table(title.format(what), COLUMNS if len(data.files) > 1 else COLUMNS[:3], "rate")
            run.measure(table, list(contenders(run, data, sink)))
            slowest_limit(table)
            if len(data.files) > 1:
                size = f"{data.bytes / MIB:.0f} MiB"
                table.notes.append(f"Random bytes, 4 to 16 KiB a file, {size} in all, in {FOLDERS} folders.")
            yield table
