"""What an answer costs a server of the DHT."""

import contextlib
import subprocess

from harness.daemon import Kith, Kubo
from harness.process import Process

from .daemons import cpu_seconds, own_program, running
from .measure import Column, Contender, Table

PEERS = 60
AT_ONCE = 32


def once(kind, queries):
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(running(kind, dht=True))
        address = next(one for one in server.addrs if one.startswith("/ip4/127.0.0.1/tcp/") and "/ws" not in one)
        askers = Process([own_program("askers"), PEERS, address, queries, AT_ONCE], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE)
        stack.callback(askers.stop)
        word, _, told = askers.popen.stdout.readline().decode().partition(" ")
        if word != "ready":
            raise AssertionError(f"the askers ended early: {askers.log()}")
        before = cpu_seconds(server.process.pid)
        askers.popen.stdin.write(b"go\n")
        askers.popen.stdin.flush()
        if not (seconds := askers.popen.stdout.readline()):
            raise AssertionError(f"not all was answered: {askers.log()}")
        used = cpu_seconds(server.process.pid) - before
    return {"rate": queries / float(seconds), "cpu": used * 1e6 / queries, "told": int(told)}


def tables(run):
    queries = run.pick(100_000, 500)
    table = Table(f"Kademlia: {queries:,} queries, for peers and for providers by turns",
                  [Column("rate", "answers/s"), Column("cpu", "server's CPU, us an answer", 1),
                   Column("told", "peers in an answer")], "rate", ratios=("rate", "cpu"))
    run.measure(table, [Contender(name, lambda kind=kind: once(kind, queries), "" if kind is Kith else "kith")
                        for name, kind in (("kith", Kith), ("Kubo (go-libp2p-kad-dht)", Kubo))])
    table.notes.append(f"Daemons that serve the local DHT by TCP, with {PEERS} others of kith's library in their tables, which "
                       f"ask on {AT_ONCE} streams, each its next question after the answer to the last. All askers are one "
                       "process and limit the rate; the server's own CPU says more.")
    yield table
