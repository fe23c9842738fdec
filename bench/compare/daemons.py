"""kith and Kubo as the interop tests start them, and what a process costs."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from harness import environment
from harness.daemon import CommandError
from harness.process import Process

COMMAND_SECONDS = 1200
_TICKS = os.sysconf("SC_CLK_TCK")

# unixfs-v1-2025, which is kith's default, said in Kubo's flags: the same blocks and the same CID.
V1_FLAGS = ("--cid-version=1", "--raw-leaves=true", "--chunker=size-1048576", "--max-file-links=1024",
            "--max-hamt-fanout=256")


def cpu_seconds(pid):
    """User and system time of all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_mib(pid):
    """Resident memory, all of it and by share (what is shared with others divided among them), in MiB."""
    values = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name in ("Rss", "Pss"):
            values[name.lower()] = int(rest.split()[0]) / 1024
    return values


@dataclass
class Done:
    """A command that has succeeded: its seconds by the clock and by the processor, and what it wrote."""

    seconds: float
    cpu: float
    output: str


def run_timed(command, env=None, timeout=COMMAND_SECONDS, discard=False):
    """Runs a command that has to succeed. `discard` throws its output away, as a user's > /dev/null does."""
    output = tempfile.TemporaryFile()
    begun = time.monotonic()
    process = Process(command, env=env, stdout=subprocess.DEVNULL if discard else output)
    late = threading.Timer(timeout, process.popen.kill)
    late.start()
    try:
        _, status, used = os.wait4(process.pid, 0)
    finally:
        late.cancel()
    seconds = time.monotonic() - begun
    process.popen.returncode = os.waitstatus_to_exitcode(status)
    log = process.log() if process.popen.returncode else ""
    process.stop()
    if log or process.popen.returncode:
        raise CommandError([Path(command[0]).name, *command[1:]], process.popen.returncode, log)
    output.seek(0)
    return Done(seconds, used.ru_utime + used.ru_stime, output.read().decode(errors="replace").strip())


def command(daemon, *arguments):
    return [*daemon.enter, daemon.binary, *daemon.flags, *map(str, arguments)]


def timed(daemon, *arguments, **options):
    return run_timed(command(daemon, *arguments), env=daemon.env, **options)


@contextlib.contextmanager
def made(kind, **options):
    """A fresh home, without a daemon."""
    daemon = kind(**options)
    try:
        daemon.init()
        yield daemon
    finally:
        daemon.close()


@contextlib.contextmanager
def running(kind, config=None, **options):
    with made(kind, **options) as daemon:
        for key, value in (config or {}).items():
            daemon.config(key, value)
        daemon.start()
        yield daemon


def program(name, how):
    """A program that must be on the PATH."""
    return environment.require(Path(shutil.which(name) or f"/usr/bin/{name}"), how)


def own_program(name):
    """One of the C++ programs beside this file, from the release preset, or from one of tests if it's only there."""
    paths = [environment.ROOT / "build" / preset / name for preset in ("release", "dev", "asan")]
    return environment.require(next((path for path in paths if path.exists()), paths[0]), f"build the target {name}")
