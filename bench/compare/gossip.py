"""Gossipsub: what it costs a peer in the middle to check and to forward messages."""

import contextlib
import subprocess

from harness.process import Process

from .daemons import cpu_seconds, own_program
from .measure import Column, Contender, Table
from .network import NOISE, peer

TOPIC = "compared"
SUBSCRIBERS = 4
BYTES = 1024
LIBRARIES = {"kith": "kith", "go-libp2p-pubsub": "go", "rust-libp2p": "rust", "js-libp2p": "js"}


def once(kind, messages):
    program = own_program("gossip")
    with contextlib.ExitStack() as stack:
        middle = peer(stack, kind, NOISE, options=("--topic", TOPIC))
        words = [middle.addrs[0], TOPIC, SUBSCRIBERS, messages, BYTES]
        ends = Process([program, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        stack.callback(ends.stop)
        if ends.popen.stdout.readline() != b"ready\n":
            raise AssertionError(f"the ends ended early: {ends.log()}")
        before = cpu_seconds(middle.process.pid)
        ends.popen.stdin.write(b"go\n")
        ends.popen.stdin.flush()
        if not (seconds := ends.popen.stdout.readline()):
            raise AssertionError(f"not all messages came through: {ends.log()}")
        used = cpu_seconds(middle.process.pid) - before
    return {"rate": messages / float(seconds), "cpu": used * 1e6 / messages}


def tables(run):
    messages = run.pick(50_000, 500)
    table = Table(f"Gossipsub: {messages:,} signed messages of {BYTES:,} bytes through one peer to {SUBSCRIBERS} others",
                  [Column("rate", "messages/s"), Column("cpu", "CPU of the one in the middle, us a message", 1)], "rate",
                  ratios=("rate", "cpu"))
    run.measure(table, [Contender(name, lambda kind=kind: once(kind, messages), "" if kind == "kith" else "kith")
                        for name, kind in LIBRARIES.items()])
    table.notes.append("TCP, Noise, yamux. The ends are kith's library in all rows, and at most 16 messages are under "
                       "way, so that no queue overflows: the rate is that of the whole way, the CPU that of the peer in the "
                       "middle alone.")
    yield table
