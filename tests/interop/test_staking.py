"""The staking contract is what its source compiles to, and ethers and viem drive it by its ABI."""

import json
import re
import subprocess
import unittest

from harness import environment
from harness.peer import node_binary
from test_chain import SCRIPT_SECONDS, Chain

CODE = environment.ROOT / "kith" / "ledger" / "consensus" / "staking" / "detail" / "staking_code.cpp"
BUILD = environment.ROOT / "contracts" / "build.mjs"
SCRIPT = environment.JS_PEERS / "staking-client.mjs"
ADDRESS = "0x0000000000000000000000000000000000057a4e"
SALT = "0x" + "5a" * 32
FORKS_BY_BLOCK = ["homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople", "petersburg", "istanbul", "berlin", "london"]
FORKS_BY_TIME = ["shanghai", "cancun", "prague", "osaka"]


def genesis():
    """No validators yet; a minimum of a coin, an hour of unbonding, ten minutes of jail, epochs of a hundred blocks."""
    code = "".join(re.findall(r'^\s*"([0-9a-f]+)"', CODE.read_text(), re.M))
    times = 1000 | 3600 << 64 | 600 << 128 | 100 << 192
    shares = 500 | 1000 << 16 | 128 << 32
    config = {"chainId": 31337, "terminalTotalDifficulty": 0}
    config.update({f"{name}Block": 0 for name in FORKS_BY_BLOCK})
    config.update({f"{name}Time": 0 for name in FORKS_BY_TIME})
    storage = {"0x0": SALT, "0x1": hex(times), "0x2": hex(shares)}
    return {"config": config, "difficulty": "0x0", "gasLimit": "0x1c9c380",
            "alloc": {ADDRESS: {"balance": "0x0", "nonce": "0x1", "code": f"0x{code}", "storage": storage}}}


class TheContract(unittest.TestCase):
    def test_its_code_is_what_its_source_compiles_to(self):
        node = node_binary()
        environment.require(environment.JS_PEERS / "node_modules" / "solc", "install it by tests/interop/peers/build.sh js")
        done = subprocess.run([node, BUILD, "--check"], capture_output=True, text=True, timeout=SCRIPT_SECONDS)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class LibrariesDriveTheContract(Chain):
    def test_by_its_abi(self):
        node = node_binary()
        file = self.folder / "genesis.json"
        file.write_text(json.dumps(genesis()))
        chain, url = self.start(f"--genesis={file}")
        done = subprocess.run([node, SCRIPT, url, SALT], capture_output=True, text=True, timeout=SCRIPT_SECONDS)
        checks = [json.loads(line) for line in done.stdout.splitlines()]
        for check in checks:
            with self.subTest(check["name"]):
                self.assertTrue(check["ok"], check.get("error"))
        self.assertEqual(done.returncode, 0 if all(check["ok"] for check in checks) else 1, done.stderr)
        self.assertGreater(len(checks), 6)
        self.assertEqual(chain.stop(), 0, chain.log())


if __name__ == "__main__":
    unittest.main()
