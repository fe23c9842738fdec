"""A file over a long thin line: what a path's delay and rate leave of a transfer."""

import contextlib
import json
import subprocess

from harness.process import Process

from .daemons import program
from .line import CONGESTION_CONTROL, Line
from .measure import MIB, Column, Contender, Table, write_random
from .place import Lazily
from .transfer import copies, daemons, torrent

RTT_MS = 60
RATE_MBIT = 250
# One bandwidth-delay product.
QUEUE_BYTES = int(RATE_MBIT * 1e6 / 8 * RTT_MS / 1e3)
COLUMNS = [Column("mbit", "Mbit/s", 1), Column("seconds", "seconds", 2), Column("cpu", "CPU s/GiB", 2)]
SETTINGS = ("net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem")
IPERF_SECONDS, QUICK_SECONDS = 5, 1
# At the begin, when a connection is still finding out.
OMITTED_SECONDS = 2
IPERF_PATIENCE_SECONDS = 60


class Iperf:
    """iperf3's server on the right; its client on the left sends for some seconds."""

    def __init__(self, stack, place):
        self._program = program("iperf3", "install the package iperf3")
        self._place = place
        command = [*place.enter_taker, self._program, "-s", "-B", place.taker_ip, "--forceflush"]
        server = Process(command, stdout=subprocess.PIPE)
        stack.callback(server.stop)
        while b"listening" not in (line := server.popen.stdout.readline()):
            if not line:
                raise AssertionError(f"iperf3's server ended at once: {server.log()}")

    def send(self, seconds):
        words = ["-c", self._place.taker_ip, "-t", str(seconds), "-O", str(OMITTED_SECONDS), "-J"]
        done = subprocess.run([*self._place.enter_giver, self._program, *words], capture_output=True, text=True,
                              timeout=IPERF_PATIENCE_SECONDS)
        told = json.loads(done.stdout)
        if "error" in told:
            raise AssertionError(f"iperf3: {told['error']}")
        # What has arrived, in the receiver's time; the round trip as the sender's kernel saw it.
        return {"mbit": told["end"]["sum_received"]["bits_per_second"] / 1e6,
                "rtt": told["end"]["streams"][0]["sender"]["min_rtt"] / 1e3}


def ceiling(run):
    """That the line itself isn't what limits: iperf3 over it without delay and rate, and with both."""
    seconds = run.pick(IPERF_SECONDS, QUICK_SECONDS)
    table = Table(f"The delay line alone: iperf3 over it for {seconds} s",
                  [COLUMNS[0], Column("rtt", "least RTT, ms", 2)], "mbit")
    with contextlib.ExitStack() as stack:
        def over(**options):
            return Lazily(lambda: Iperf(stack, stack.enter_context(Line(**options)).place))

        bare = over()
        delayed = over(delay_ms=RTT_MS / 2)
        limited = over(delay_ms=RTT_MS / 2, rate_mbit=RATE_MBIT, queue_bytes=QUEUE_BYTES)
        run.measure(table, [Contender("no delay, no rate", lambda: bare().send(seconds)),
                            Contender(f"{RTT_MS} ms", lambda: delayed().send(seconds)),
                            Contender(f"{RTT_MS} ms, {RATE_MBIT} Mbit/s", lambda: limited().send(seconds))])
    return table


def tables(run):
    yield ceiling(run)
    size = run.pick(100 * MIB, MIB)
    table = Table(f"{size // MIB} MiB over {RTT_MS} ms and {RATE_MBIT} Mbit/s", COLUMNS, "mbit")
    with contextlib.ExitStack() as stack:
        line = Lazily(lambda: stack.enter_context(Line(RTT_MS / 2, RATE_MBIT, QUEUE_BYTES)))
        contenders = list(contenders_on(run, stack, line, write_random(run.folder / "given.bin", size)))
        run.measure(table, contenders)
        with contextlib.suppress(Exception):
            settings = ", ".join(f"{name} = {line().setting(name)}" for name in SETTINGS)
            table.notes.append(f"A drop-tail queue of {QUEUE_BYTES:,} bytes, MTU 1500, no loss, "
                               f"TCP {CONGESTION_CONTROL}. The machine's own settings: {settings}.")
    yield table


class PlaceLater:
    """A Place that is made when somebody asks for one of its parts."""

    def __init__(self, line):
        self._line = line

    def __getattr__(self, name):
        return getattr(self._line().place, name)


def contenders_on(run, stack, line, path):
    place = PlaceLater(line)
    yield from daemons(run, stack, place, path, every_pair=False)
    yield torrent(run, stack, place, path)
    yield from copies(stack, place, path, sealed=False)
    iperf = Lazily(lambda: Iperf(stack, place))
    seconds = run.pick(IPERF_SECONDS, QUICK_SECONDS)
    yield Contender(f"iperf3 for {seconds} s", lambda: iperf().send(seconds), "kith → kith, cat")
