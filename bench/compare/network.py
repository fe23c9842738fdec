"""libp2p perf by each transport and library, on loopback and over a long line, with and without loss."""

import contextlib
import subprocess
import time

from harness.peer import Peer
from harness.process import Process

from .daemons import cpu_seconds, own_program, run_timed
from .line import CONGESTION_CONTROL, Line
from .link import QUEUE_BYTES, RATE_MBIT, RTT_MS, PlaceLater
from .measure import MIB, Column, Contender, Table, settle, write_random
from .place import LOOPBACK, Copy, Lazily

LOSS = 0.01
# At that loss, what takes it for congestion gets 2 Mbit/s.
LOSSY_ROUNDS_MAX = 3
CALL_SECONDS = 300
LIBRARIES = {"kith": "kith", "go-libp2p": "go", "rust-libp2p": "rust"}
# js-libp2p takes five connections a second from one address, so that it can't be measured by many.
MOVERS = {**LIBRARIES, "js-libp2p": "js"}
NOISE, TLS, QUIC = "TCP, Noise", "TCP, TLS", "QUIC"
TRANSPORTS = (NOISE, TLS, QUIC)
COLUMNS = [Column("down", "download Mbit/s", 1), Column("up", "upload Mbit/s", 1), Column("first", "first byte, ms", 1),
           Column("cpu down", "download CPU s/GiB", 2), Column("cpu up", "upload CPU s/GiB", 2)]


def peer(stack, kind, transport, ip="127.0.0.1", enter=(), options=()):
    """One that listens there by that transport alone."""
    last = "udp/0/quic-v1" if transport == QUIC else "tcp/0"
    security = "tls" if transport == TLS else "noise"
    one = Peer(kind, listen=[f"/ip4/{ip}/{last}"], security=security, enter=enter, flags=options)
    stack.callback(one.stop)
    return one


def timed_perf(client, server, upload, download):
    """Seconds until the other end has all of it, and the CPU seconds of both ends."""
    pids = [client.process.pid, server.process.pid]
    before = sum(map(cpu_seconds, pids))
    told = client.call("perf", timeout=CALL_SECONDS, peer=server.id, upload=upload, download=download)
    return told["upload_seconds"] + told["download_seconds"], sum(map(cpu_seconds, pids)) - before


def first_byte(client, server):
    """Milliseconds from nothing to a byte from the other end. The two commands' way by pipe is part of it."""
    begun = time.monotonic()
    client.connect(server)
    client.call("perf", peer=server.id, upload=0, download=1)
    return (time.monotonic() - begun) * 1000


def once(kind, transport, place, size):
    with contextlib.ExitStack() as stack:
        server = peer(stack, kind, transport, place.taker_ip, place.enter_taker)
        client = peer(stack, kind, transport, place.giver_ip, place.enter_giver)
        settle()
        first = first_byte(client, server)
        up, up_cpu = timed_perf(client, server, size, 0)
        down, down_cpu = timed_perf(client, server, 0, size)
    return {"first": first, **rates(size, up, up_cpu, down, down_cpu)}


def rates(size, up, up_cpu, down, down_cpu):
    return {"up": size * 8e-6 / up, "down": size * 8e-6 / down, "cpu up": up_cpu * (1 << 30) / size,
            "cpu down": down_cpu * (1 << 30) / size}


def raw_quic(place, size):
    """The same with ngtcp2 and nothing else."""
    program = own_program("raw_quic")
    server = Process([*place.enter_taker, program, "serve", place.taker_ip], stdout=subprocess.PIPE)
    try:
        port = server.popen.stdout.readline().decode().strip()
        if not port:
            raise AssertionError(f"raw_quic ended at once: {server.log()}")
        seconds, cpu = {}, {}
        for way in ("up", "down"):
            before = cpu_seconds(server.pid)
            done = run_timed([*place.enter_giver, program, way, place.taker_ip, port, size], timeout=CALL_SECONDS)
            seconds[way], cpu[way] = float(done.output), done.cpu + cpu_seconds(server.pid) - before
    finally:
        server.stop()
    return rates(size, seconds["up"], cpu["up"], seconds["down"], cpu["down"])


def one_way(copy):
    """There's no difference between its ways but whose clock it is."""
    told = copy().send()
    return {"up": told["mbit"], "down": told["mbit"], "cpu up": told["cpu"], "cpu down": told["cpu"]}


def contenders_on(run, stack, place, size):
    for transport in TRANSPORTS:
        for name, kind in MOVERS.items():
            yield Contender(f"{transport}: {name}",
                            lambda kind=kind, transport=transport: once(kind, transport, place, size),
                            "" if kind == "kith" else f"{transport}: kith")
    yield Contender("QUIC by ngtcp2 alone", lambda: raw_quic(place, size), f"{QUIC}: kith")
    path = Lazily(lambda: write_random(run.folder / "copied.bin", size))
    for name, against, sealed in (("copy over TCP and ChaCha20-Poly1305", NOISE, True), ("copy over TCP", TLS, False)):
        copy = Lazily(lambda sealed=sealed: Copy(stack, place, path(), sealed))
        yield Contender(name, lambda copy=copy: one_way(copy), f"{against}: kith")


def table_on(run, title, size, stack, place, rounds=None):
    table = Table(title, COLUMNS, "down", ratios=("down", "up"))
    run.measure(table, list(contenders_on(run, stack, place, size)), rounds)
    table.notes.append("One connection and one stream between two peers of the same library, each direction by itself, "
                       "first the upload. CPU is that of both ends. A copy goes one way and stands in both columns.")
    return table


def tables(run):
    size = run.pick(512 * MIB, MIB)
    with contextlib.ExitStack() as stack:
        yield table_on(run, f"libp2p perf on loopback, {size // MIB:,} MiB each way", size, stack, LOOPBACK)
    for loss, full, rounds in ((0, 100 * MIB, run.rounds), (LOSS, 4 * MIB, min(run.rounds, LOSSY_ROUNDS_MAX))):
        size = run.pick(full, MIB // 4)
        title = f"libp2p perf over {RTT_MS} ms and {RATE_MBIT} Mbit/s" + f", {LOSS:.0%} loss" * bool(loss)
        with contextlib.ExitStack() as stack:
            line = Lazily(lambda: stack.enter_context(Line(RTT_MS / 2, RATE_MBIT, QUEUE_BYTES, loss)))
            table = table_on(run, f"{title}, {size / MIB:g} MiB each way", size, stack, PlaceLater(line), rounds)
            table.notes.append(f"A drop-tail queue of {QUEUE_BYTES:,} bytes; TCP's congestion control is "
                               f"{CONGESTION_CONTROL}, QUIC's each library's own.")
            yield table
