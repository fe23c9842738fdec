"""How fast a listener takes in many peers, and what each of their idle connections costs it."""

import contextlib
import subprocess
import time

from harness.process import Process

from .daemons import cpu_seconds, memory_mib, own_program
from .measure import Column, Contender, Table
from .network import LIBRARIES, NOISE, QUIC, TLS, TRANSPORTS, peer

AT_ONCE = 16
# go-libp2p closes connections beyond its mark once they are a minute old.
IDLE_SECONDS, QUICK_IDLE_SECONDS = 5, 1
ROUNDS_MAX = 3


def listener(stack, kind, transport):
    return peer(stack, kind, transport, options=("--limits", "none") if kind == "kith" else ())


def gathered(stack, count, listening, transport):
    """Seconds until that many peers have connected and know whom they have reached."""
    program = own_program("crowd")
    words = [count, listening.addrs[0], AT_ONCE, "tls" if transport == TLS else "noise"]
    crowd = Process([program, *words], stdout=subprocess.PIPE)
    stack.callback(crowd.stop)
    word, _, seconds = crowd.popen.stdout.readline().decode().partition(" ")
    if word != "connected":
        raise AssertionError(f"the crowd ended early: {crowd.log()}")
    return float(seconds)


def accepting(kind, transport, count):
    with contextlib.ExitStack() as stack:
        listening = listener(stack, kind, transport)
        before = cpu_seconds(listening.process.pid)
        seconds = gathered(stack, count, listening, transport)
        used = cpu_seconds(listening.process.pid) - before
    return {"rate": count / seconds, "cpu": used * 1000 / count}


def holding(kind, transport, count, idle_seconds):
    with contextlib.ExitStack() as stack:
        listening = listener(stack, kind, transport)
        pid = listening.process.pid
        before = memory_mib(pid)
        gathered(stack, count, listening, transport)
        # What was only needed to shake hands may be given back meanwhile.
        time.sleep(idle_seconds)
        after, used = memory_mib(pid), cpu_seconds(pid)
        time.sleep(idle_seconds)
        used = cpu_seconds(pid) - used
        if (held := len(listening.call("connections")["connections"])) != count:
            raise AssertionError(f"{held} of {count} connections are still there")
    each = (after["rss"] - before["rss"]) * 1024 / count
    return {"each": each, "rss": after["rss"], "cpu": used / idle_seconds * 100}


def rows(measure, transports):
    return [Contender(f"{transport}: {name}", lambda kind=kind, transport=transport: measure(kind, transport),
                      "" if kind == "kith" else f"{transport}: kith")
            for transport in transports for name, kind in LIBRARIES.items()]


def tables(run):
    count = run.pick(1_000, 20)
    columns = [Column("rate", "connections/s"), Column("cpu", "listener's CPU, ms each", 2)]
    table = Table(f"Taking in {count:,} peers", columns, "rate", ratios=("rate", "cpu"))
    run.measure(table, rows(lambda kind, transport: accepting(kind, transport, count), TRANSPORTS))
    table.notes.append(f"{AT_ONCE} at a time, from dialing to knowing by identify who is there. All dial from one process "
                       "of kith's library, whose CPU is most of what limits the rate; the listener's own says more.")
    yield table
    idle_seconds = run.pick(IDLE_SECONDS, QUICK_IDLE_SECONDS)
    for count in run.pick((1_000, 5_000), (20,)):
        table = Table(f"Memory of {count:,} idle connections",
                      [Column("each", "KiB a connection", 1), Column("rss", "RSS MiB", 1),
                       Column("cpu", "CPU, % of a core", 2)], "each")
        measure = lambda kind, transport, count=count: holding(kind, transport, count, idle_seconds)
        run.measure(table, rows(measure, (NOISE, QUIC)), min(run.rounds, ROUNDS_MAX))
        table.notes.append(f"What the listener's resident memory has grown by {idle_seconds} s after the last peer's "
                           "identify. Ratios below 1 are in kith's favour.")
        yield table
