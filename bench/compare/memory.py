"""What a daemon holds and burns: idle, with many idle connections, and while it serves many peers at once."""

import contextlib
import subprocess
import threading
import time
from pathlib import Path

from harness.daemon import Kith, Kubo
from harness.process import Process

from .daemons import V1_FLAGS, command, cpu_seconds, memory_mib, own_program, running, timed
from .measure import MIB, Column, Contender, Table, settle, write_random

# An idle minute each; more rounds would say the same.
ROUNDS_MAX = 3
SERVE_SECONDS = 900
_SAMPLE_SECONDS = 0.1
# Both trim connections beyond their marks and have limits by address; here all come from one.
UNLIMITED = {"Swarm.ConnMgr": {"Type": "none"}, "Swarm.ResourceMgr": {"Enabled": False}}
KINDS = (("kith", Kith), ("Kubo", Kubo))


def idle_for(daemon, seconds):
    """What the daemon holds after doing nothing for so long, and how much of a core that took."""
    before = cpu_seconds(daemon.process.pid)
    # The time is what is measured.
    time.sleep(seconds)
    used = cpu_seconds(daemon.process.pid) - before
    return {**memory_mib(daemon.process.pid), "cpu": used / seconds * 100}


def idle(run, kind):
    with running(kind) as daemon:
        return idle_for(daemon, run.pick(60, 2))


def connected(run, kind):
    """Beside the whole, what each connection added."""
    count = run.pick(1_000, 20)
    program = own_program("crowd")
    with running(kind, config=UNLIMITED) as daemon:
        before = memory_mib(daemon.process.pid)
        crowd = Process([program, str(count), daemon.addrs[0]], stdout=subprocess.PIPE)
        try:
            if not crowd.popen.stdout.readline().startswith(b"connected "):
                raise AssertionError(f"the crowd ended early: {crowd.log()}")
            sample = idle_for(daemon, run.pick(30, 2))
            if (held := len(daemon.peers())) != count:
                raise AssertionError(f"{held} of {count} connections are still there")
        finally:
            crowd.stop()
    return {**sample, "each": (sample["rss"] - before["rss"]) * 1024 / count}


class Peak(threading.Thread):
    """The most that a process held since the begin."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self._pid, self._over = pid, threading.Event()
        self.pss = 0.0
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # VmHWM begins anew.
        self.start()

    def run(self):
        over = False
        while not over:
            self.pss = max(self.pss, memory_mib(self._pid)["pss"])
            over = self._over.wait(_SAMPLE_SECONDS)

    def end(self):
        self._over.set()
        self.join()
        status = Path(f"/proc/{self._pid}/status").read_text()
        peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return {"rss": int(peak.split()[1]) / 1024, "pss": self.pss}


def serving(run, kind):
    """The takers are kith's daemons whoever gives, so that only the giver differs."""
    count, size = run.pick(50, 3), run.pick(64 * MIB, MIB)
    with contextlib.ExitStack() as stack:
        giver = stack.enter_context(running(kind, config=UNLIMITED))
        cid = timed(giver, "add", "-Q", *V1_FLAGS, write_random(run.folder / "served.bin", size)).output
        takers = [stack.enter_context(running(Kith)) for _ in range(count)]
        for taker in takers:
            taker.connect(giver)
        settle()
        peak, before, begun = Peak(giver.process.pid), cpu_seconds(giver.process.pid), time.monotonic()
        cats = [Process(command(taker, "cat", cid), env=taker.env, stdout=subprocess.DEVNULL) for taker in takers]
        codes = [cat.wait(SERVE_SECONDS) for cat in cats]
        seconds, used = time.monotonic() - begun, cpu_seconds(giver.process.pid) - before
        sample = peak.end()
        for cat in cats:
            cat.stop()
    if any(codes):
        raise AssertionError(f"not every taker got all: {codes}")
    return {**sample, "cpu seconds": used, "seconds": seconds, "cpu": used / seconds * 100}


def table_of(run, title, measure, columns, note, ratios=()):
    memory = [Column("rss", "RSS MiB", 1), Column("pss", "PSS MiB", 1)]
    table = Table(title, memory + columns, "rss", ratios=ratios)
    contenders = [Contender(name, lambda kind=kind: measure(run, kind), "" if kind is Kith else "kith")
                  for name, kind in KINDS]
    run.measure(table, contenders, min(run.rounds, ROUNDS_MAX))
    table.notes.append(note)
    return table


def tables(run):
    share = Column("cpu", "CPU, % of a core", 2)
    yield table_of(run, f"Memory, idle for {run.pick(60, 2)} s after the start", idle, [share],
                   "A fresh home, no peers. Ratios below 1 are in kith's favour, here and in the next two tables.")
    yield table_of(run, f"Memory with {run.pick(1000, 20):,} idle connections", connected,
                   [Column("each", "KiB a connection", 1), share],
                   "Connections that kith's library holds from one other process. Limits of connections are off: "
                   "`Swarm.ConnMgr.Type` none, `Swarm.ResourceMgr.Enabled` false.")
    yield table_of(run, f"Memory while {run.pick(50, 3)} peers are served {run.pick(64, 1)} MiB each at once", serving,
                   [Column("cpu seconds", "CPU s", 2), Column("seconds", "seconds", 2)],
                   "The peak of the one that serves, and its CPU alone. The takers are kith's daemons in both rows and "
                   "share cores and disk with it, which the seconds show.", ("rss", "cpu seconds"))
