#!/usr/bin/env python3
"""How long the daemon takes to be ready, by the number of its blocks and by how it ended before.

    bench/ready.py [--blocks N,N...] [--rounds N] [--adding SECONDS]

Prints the median and the worst of each. "while adding": killed so long after the begin of an `add` of such blocks, when
the store may have to look at what came after its last commit. Environment: KITH_BIN, otherwise build/release/kith.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK_BYTES = 128


def write_blocks(path, blocks):
    """A file that a chunker of BLOCK_BYTES cuts into so many blocks. bench/compare uses it, too."""
    with path.open("wb") as file:
        for _ in range(blocks):
            file.write(os.urandom(BLOCK_BYTES))
    return path


class Home:
    def __init__(self, folder, blocks):
        self.program = str(Path(os.environ.get("KITH_BIN", ROOT / "build/release/kith")).resolve())
        self.env = {**os.environ, "KITH_PATH": f"{folder}/home"}
        self.daemon = None
        self.run("init", "--profile=test")
        data = write_blocks(Path(folder, "data"), blocks)
        self.run("add", "-Q", f"--chunker=size-{BLOCK_BYTES}", data)
        data.unlink()

    def run(self, *words):
        subprocess.run([self.program, *words], env=self.env, check=True, stdout=subprocess.DEVNULL)

    def start(self):
        """Returns the milliseconds until the daemon says that it's ready."""
        begun = time.monotonic()
        self.daemon = subprocess.Popen([self.program, "daemon"], env=self.env, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, text=True)
        if not any("Daemon is ready" in line for line in self.daemon.stdout):
            raise SystemExit("the daemon doesn't start")
        return (time.monotonic() - begun) * 1000

    def end(self, how):
        self.daemon.send_signal(how)
        self.daemon.communicate()

    def kill_while_adding(self, seconds):
        with open("/dev/urandom", "rb") as endless:
            adding = subprocess.Popen([self.program, "add", "-Q", f"--chunker=size-{BLOCK_BYTES}"], env=self.env,
                                      stdin=endless, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            # When the kill comes isn't a wait for something.
            time.sleep(seconds)
            self.end(signal.SIGKILL)
            adding.wait()


def measure(blocks, rounds, adding_seconds):
    with tempfile.TemporaryDirectory(prefix="kith-bench-") as folder:
        home = Home(folder, blocks)
        ways = {"SIGTERM": lambda: home.end(signal.SIGTERM), "SIGKILL": lambda: home.end(signal.SIGKILL),
                "SIGKILL while adding": lambda: home.kill_while_adding(adding_seconds)}
        home.start()
        for name, end in ways.items():
            times = []
            for _ in range(rounds):
                end()
                times.append(home.start())
            print(f"{blocks:>10}  {name:<22}{statistics.median(times):>10.1f}{max(times):>10.1f}", flush=True)
        home.end(signal.SIGTERM)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", default="1000,1000000")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--adding", type=float, default=2, metavar="SECONDS")
    arguments = parser.parse_args()
    print(f"{'blocks':>10}  {'ended by':<22}{'median ms':>10}{'worst ms':>10}", flush=True)
    for blocks in arguments.blocks.split(","):
        measure(int(blocks), arguments.rounds, arguments.adding)


if __name__ == "__main__":
    sys.exit(main())
