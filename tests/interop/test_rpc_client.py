"""kubo-rpc-client drives each command that it has against kith, and against Kubo to show that the script is right."""

import json
import subprocess
import unittest

from harness import environment
from harness.daemon import Kith, Kubo
from harness.peer import node_binary

SCRIPT_SECONDS = 180
SCRIPT = environment.JS_PEERS / "rpc-client.mjs"


class RpcClientCases:
    """Mixed into a TestCase with `kind`, the daemon that is driven. Another Kubo or kith is its only peer."""

    kind = None

    def test_each_command_of_kubo_rpc_client(self):
        node = node_binary()
        driven, other = (self.kind() for _ in range(2))
        for daemon in (driven, other):
            self.addCleanup(daemon.close)
            daemon.init()
            daemon.config("Pubsub.Enabled", True)
            daemon.start()
        done = subprocess.run([node, SCRIPT, driven.api, other.api], capture_output=True, text=True, timeout=SCRIPT_SECONDS)
        checks = [json.loads(line) for line in done.stdout.splitlines()]
        for check in checks:
            with self.subTest(check["name"]):
                if "skipped" in check:
                    self.skipTest(check["skipped"])
                self.assertTrue(check["ok"], check.get("error"))
        self.assertEqual(done.returncode, 0 if all(check["ok"] for check in checks) else 1, done.stderr)
        self.assertGreater(len(checks), 0)
        # The last command is `stop`: nothing runs any more.
        self.assertEqual(driven.process.wait(10), 0)


class RpcClientDrivesKith(RpcClientCases, unittest.TestCase):
    kind = Kith


class RpcClientDrivesKubo(RpcClientCases, unittest.TestCase):
    kind = Kubo


if __name__ == "__main__":
    unittest.main()
