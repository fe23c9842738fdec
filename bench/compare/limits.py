"""What the machine itself can do: programs that only hash, only write or only copy."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

from harness.process import Process

from .daemons import cpu_seconds, own_program, program, run_timed

COPIER = Path(__file__).resolve().parent / "copier.py"


def sha256sum(files):
    return run_timed([program("sha256sum", "it comes with coreutils"), *files]).seconds


def openssl_on_all_cores(shares):
    """One openssl a core, each over its share of the data; all have to be done."""
    openssl = program("openssl", "install the package openssl")
    begun = time.monotonic()
    running = [Process([openssl, "dgst", "-sha256", *files], stdout=subprocess.DEVNULL) for files in shares]
    codes = [process.wait(600) for process in running]
    seconds = time.monotonic() - begun
    for process in running:
        process.stop()
    if any(codes):
        raise AssertionError(f"openssl ended with {codes}")
    return seconds


def written_and_synced(files, out):
    """All of it into one file, which is on the disk at the end."""
    begun = time.monotonic()
    reading = Process(["cat", *files], stdout=subprocess.PIPE) if len(files) > 1 else None
    source = ["iflag=fullblock"] if reading else [f"if={files[0]}"]
    process = Process(["dd", *source, f"of={out}", "bs=1M", "conv=fsync"], stdin=reading and reading.popen.stdout)
    code = process.wait(600)
    seconds = time.monotonic() - begun
    log = process.log()
    for one in filter(None, (process, reading)):
        one.stop()
    Path(out).unlink()
    if code != 0:
        raise AssertionError(f"dd ended with {code}: {log}")
    return seconds


class Sink:
    """A program that throws away what comes; `send` gives it files and returns seconds and both ends' CPU seconds."""

    def __init__(self, enter_sink, enter_sender, ip, sealed):
        self._sender, self._ip = list(enter_sender), ip
        self._program = [own_program("sealed_copy")] if sealed else [sys.executable, COPIER]
        self._process = Process([*enter_sink, *self._program, "sink", ip], stdout=subprocess.PIPE)
        self._port = self._process.popen.stdout.readline().decode().strip()
        if not self._port:
            raise AssertionError(f"the sink ended at once: {self._process.log()}")

    def send(self, files):
        before = cpu_seconds(self._process.pid)
        done = run_timed([*self._sender, *self._program, "send", self._ip, self._port, *files])
        # Its own clock, without the start of Python.
        return float(done.output), done.cpu + cpu_seconds(self._process.pid) - before

    def close(self):
        self._process.stop()


@contextlib.contextmanager
def sink(enter_sink=(), enter_sender=(), ip="127.0.0.1", sealed=False):
    one = Sink(enter_sink, enter_sender, ip, sealed)
    try:
        yield one
    finally:
        one.close()


def shares_of(files, count=os.cpu_count()):
    return [share for share in (files[i::count] for i in range(count)) if share]
