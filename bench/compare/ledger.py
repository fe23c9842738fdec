"""Ledgers: transfers that are sent by JSON-RPC until they are in a block."""

import contextlib
import json
import re
import subprocess
import time

from harness.daemon import Kith
from harness.process import Process

from .daemons import own_program, running
from .measure import Column, Contender, Table

ACCOUNTS = 200
WINDOW = 4000
READY_SECONDS = 60


def wait_for(condition, process=None, seconds=READY_SECONDS):
    deadline = time.monotonic() + seconds
    while not (outcome := condition()):
        if time.monotonic() > deadline or (process and not process.alive()):
            raise AssertionError(f"it isn't ready: {process.log() if process else ''}")
        time.sleep(0.02)
    return outcome


def addresses():
    listed = subprocess.run([own_program("payers"), "addresses", str(ACCOUNTS)], capture_output=True, check=True, text=True)
    return listed.stdout.split()


def paid(stack, urls, each):
    """Transfers a second, and milliseconds until they are in a block."""
    payers = Process([own_program("payers"), ACCOUNTS, each, WINDOW, *urls], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    stack.callback(payers.stop)
    if not payers.popen.stdout.readline().startswith(b"ready"):
        raise AssertionError(f"the payers ended early: {payers.log()}")
    payers.popen.stdin.write(b"\n")
    payers.popen.stdin.flush()
    if not (line := payers.popen.stdout.readline()):
        raise AssertionError(f"not all was paid: {payers.log()}")
    seconds, half, most = map(float, line.split())
    return {"rate": ACCOUNTS * each / seconds, "half": half, "most": most}


def with_validators(count, each):
    with contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(running(Kith)) for _ in range(count)]
        validators = [f"--validator={node.id},0x{number + 1:040x}" for number, node in enumerate(nodes)]
        coins = [f"--alloc={address}=1000" for address in addresses()]
        made = nodes[0].json("chain", "new", "town", "--consensus=bft", *validators, *coins, "--enc=json")
        for node in nodes[1:]:
            node.run("chain", "join", made["Invite"])
        for node in nodes:
            wait_for(lambda node=node: node.json("chain", "status", "--enc=json")["Finalized"]["Number"] > 1)
        return paid(stack, [(node.home / "chain-rpc").read_text().strip() + "/town" for node in nodes], each)


def with_one(start, each):
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(own_folder())
        genesis = folder / "genesis.json"
        genesis.write_text(json.dumps({
            "config": {"chainId": 31337, **{f"{name}Block": 0 for name in (
                "homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople", "petersburg", "istanbul", "berlin",
                "london")}, **{f"{name}Time": 0 for name in ("shanghai", "cancun", "prague", "osaka")},
                       "terminalTotalDifficulty": 0},
            "gasLimit": hex(60_000_000), "difficulty": "0x0", "baseFeePerGas": hex(10**9), "timestamp": hex(int(time.time())),
            "alloc": {address: {"balance": hex(1000 * 10**18)} for address in addresses()}}))
        process, port = start(folder, genesis)
        stack.callback(process.stop)
        return paid(stack, [f"http://127.0.0.1:{wait_for(port, process)}/"], each)


@contextlib.contextmanager
def own_folder():
    from tempfile import TemporaryDirectory
    from pathlib import Path

    with TemporaryDirectory(prefix="kith-bench-") as folder:
        yield Path(folder)


def kith_dev(folder, genesis):
    port_file = folder / "port"
    process = Process([Kith.find_binary(Kith), "chain", "dev", "--port=0", f"--port-file={port_file}", f"--genesis={genesis}",
                       "--block-time=1", "--accounts=0", "--silent"])
    return process, lambda: port_file.exists() and port_file.read_text().strip()


def anvil(folder, genesis):
    from oracle import nodes

    process = Process([nodes.require_anvil(), "--host", "127.0.0.1", "--port", "0", "--init", genesis, "--block-time", "1",
                       "--chain-id", "31337", "--gas-limit", "60000000", "--cache-path", folder / "cache"],
                      env={"HOME": str(folder)}, cwd=folder)

    def port():
        said = re.search(r"Listening on 127\.0\.0\.1:(\d+)", process.log())
        return said and said[1]
    return process, port


def tables(run):
    each = run.pick(100, 5)
    table = Table(f"Transfers sent by JSON-RPC: {ACCOUNTS * each:,}, of {ACCOUNTS} accounts, a block a second",
                  [Column("rate", "transfers/s"), Column("half", "ms until they are in a block, median"),
                   Column("most", "95 of 100")], "rate")
    run.measure(table, [
        Contender("kith, four validators, final", lambda: with_validators(4, each), "anvil"),
        Contender("kith, one validator, final", lambda: with_validators(1, each), "anvil"),
        Contender("kith chain dev", lambda: with_one(kith_dev, each), "anvil"),
        Contender("anvil", lambda: with_one(anvil, each)),
    ])
    table.notes.append(f"At most {WINDOW:,} transfers are under way. Validators are processes of one machine with disks of their own; "
                       "a transfer counts once it is in a block that is final. Anvil and chain dev are one process in memory.")
    yield table
