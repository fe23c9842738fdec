"""ethers, viem and Hardhat drive a development chain, by HTTP and by WebSocket, with contracts that solc compiles."""

import json
import os
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from harness import environment
from harness.peer import node_binary
from harness.process import Process

HARDHAT = environment.INTEROP / "peers" / "hardhat"
SCRIPT = environment.JS_PEERS / "chain-client.mjs"
SCRIPT_SECONDS = 180
READY_SECONDS = 30


class Chain(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="kith-chain-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def start(self, *options):
        """A chain's URL."""
        binary = environment.require(environment.kith_binary(), "build it, or name it in KITH_BIN")
        port = self.folder / "port"
        env = {**os.environ, "KITH_PATH": str(self.folder / "home")}
        chain = Process([binary, "chain", "dev", "--port=0", f"--port-file={port}", *options], env=env)
        self.addCleanup(chain.stop)
        deadline = time.monotonic() + READY_SECONDS
        while not port.exists():
            self.assertTrue(chain.alive() and time.monotonic() < deadline, chain.log())
            time.sleep(0.02)
        return chain, f"http://127.0.0.1:{port.read_text().strip()}"


class LibrariesDriveTheChain(Chain):
    def test_ethers_and_viem(self):
        node = node_binary()
        chain, url = self.start()
        done = subprocess.run([node, SCRIPT, url], capture_output=True, text=True, timeout=SCRIPT_SECONDS)
        checks = [json.loads(line) for line in done.stdout.splitlines()]
        for check in checks:
            with self.subTest(check["name"]):
                self.assertTrue(check["ok"], check.get("error"))
        self.assertEqual(done.returncode, 0 if all(check["ok"] for check in checks) else 1, done.stderr)
        self.assertGreater(len(checks), 15)
        self.assertEqual(chain.stop(), 0, chain.log())


class HardhatDrivesTheChain(Chain):
    def test_a_project_of_hardhat(self):
        node = node_binary()
        cli = environment.require(HARDHAT / "node_modules" / "hardhat" / "dist" / "src" / "cli.js",
                                  "install it by tests/interop/peers/build.sh hardhat")
        chain, url = self.start()
        env = {**os.environ, "CHAIN_URL": url, "BUILD_FOLDER": str(self.folder), "HARDHAT_DISABLE_TELEMETRY": "true", "CI": "true"}
        done = subprocess.run([node, cli, "test", "nodejs", "--network", "kith"], cwd=HARDHAT, env=env, capture_output=True,
                              text=True, timeout=SCRIPT_SECONDS)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("4 passing", done.stdout)
        self.assertEqual(chain.stop(), 0, chain.log())


if __name__ == "__main__":
    unittest.main()
