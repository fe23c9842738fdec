"""From the start of a daemon to its API's first answer, by the number of blocks in its store."""

import contextlib
import http.client
import time

import ready
from harness.daemon import Kith, Kubo
from harness.process import Process

from .daemons import command, made, timed
from .measure import Column, Contender, Table, settle
from .place import Lazily

ANSWER_SECONDS = 300
_POLL_SECONDS = 0.001


def answer(daemon):
    """True once the API has answered. There's nothing to await but the file and the port."""
    try:
        _, _, host, _, port = daemon.api.split("/")[:5]
        connection = http.client.HTTPConnection(host, int(port), timeout=ANSWER_SECONDS)
        connection.request("POST", "/api/v0/id")
        return connection.getresponse().status == 200
    except (OSError, ValueError, http.client.HTTPException):
        return False


def first_answer(daemon):
    """Milliseconds. Ended by SIGTERM, as it was before."""
    (daemon.home / "api").unlink(missing_ok=True)
    settle()
    begun = time.monotonic()
    daemon.process = Process(command(daemon, "daemon"), env=daemon.env)
    while not answer(daemon):
        if not daemon.process.alive() or time.monotonic() - begun > ANSWER_SECONDS:
            raise AssertionError(f"{daemon.name} doesn't answer: {daemon.process.log()}")
        time.sleep(_POLL_SECONDS)
    milliseconds = (time.monotonic() - begun) * 1000
    daemon.stop()
    return {"ms": milliseconds}


def filled(run, stack, kind, blocks):
    daemon = stack.enter_context(made(kind))
    if blocks:
        run.log(f"  making {blocks:,} blocks for {daemon.name}")
        data = ready.write_blocks(run.folder / "blocks.bin", blocks)
        timed(daemon, "add", "-Q", "--raw-leaves", f"--chunker=size-{ready.BLOCK_BYTES}", data)
        data.unlink()
    return daemon


def tables(run):
    many, fewer = run.pick((1_000_000, 100_000), (1_000, 1_000))
    table = Table("From the start to the API's first answer", [Column("ms", "milliseconds", 1)], "ms")
    with contextlib.ExitStack() as stack:
        contenders = []
        for name, kind, blocks, against in (
                ("kith", Kith, 0, ""), ("Kubo", Kubo, 0, "kith, an empty store"), ("kith", Kith, fewer, ""),
                ("Kubo", Kubo, fewer, f"kith, {fewer:,} blocks"), ("kith", Kith, many, "")):
            if any(one.name == named(name, blocks) for one in contenders):
                continue
            home = Lazily(lambda kind=kind, blocks=blocks: filled(run, stack, kind, blocks))
            contenders.append(Contender(named(name, blocks), lambda home=home: first_answer(home()), against))
        run.measure(table, contenders)
    table.notes.append(
        f"Blocks of {ready.BLOCK_BYTES} bytes. The files are in the page cache. Ratios below 1 are in kith's favour. "
        "Kubo keeps each block in a file of its own, and a million such files take it too long to make.")
    yield table


def named(name, blocks):
    return f"{name}, {blocks:,} blocks" if blocks else f"{name}, an empty store"
