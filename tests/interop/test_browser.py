"""A page in Chromium that runs js-libp2p and Helia, with kith: by WebSocket, which is all that pages have."""

import hashlib
import json
import os
import subprocess
import unittest
from pathlib import Path

from harness import environment
from harness.daemon import Kith, started
from harness.data import MIB
from harness.peer import node_binary
from harness.process import Process
from harness.proofs import WEBSOCKET, proves, saw

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
SECONDS = 120


class PageDialsKith(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        environment.require(CHROMIUM, "apt install chromium")
        node_binary()
        # One port for both: the page's request is told from TCP's guests by its first byte.
        cls.kith = started(Kith, listen=["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/0/ws"])
        cls.addClassCleanup(cls.kith.close)

    @proves("identify", "js-libp2p in Chromium", "kith is dialed", WEBSOCKET)
    @proves("ping", "js-libp2p in Chromium", "kith is dialed", WEBSOCKET)
    @proves("Bitswap", "Helia in Chromium", "Helia dials and fetches", WEBSOCKET)
    def test_a_page_dials_pings_and_fetches_a_file_by_bitswap(self):
        [addr] = [addr for addr in self.kith.addrs if "/ws/" in addr]
        content = os.urandom(2 * MIB + 5)
        cid = self.kith.text("add", "-Q", "--cid-version=1", stdin=content)
        page = Process([node_binary(), environment.JS_PEERS / "browser.mjs", addr, cid], stdin=subprocess.PIPE,
                       env={**os.environ, "CHROMIUM": str(CHROMIUM)}, stdout=subprocess.PIPE)
        self.addCleanup(page.stop)
        told = page.popen.stdout.readline()  # The program ends by itself where nothing comes of it.
        self.assertTrue(told, page.log())
        met = json.loads(told)
        self.assertEqual(met["peer"], {"id": self.kith.id, "addr": addr})
        self.assertGreater(met["rtt"], 0)
        self.assertEqual(met["bytes"], len(content))
        self.assertEqual(met["sha256"], hashlib.sha256(content).hexdigest())
        self.assertIn(met["agent"], self.kith.json("id", met["id"], "--enc=json")["AgentVersion"])
        saw(self, self.kith.connected_by(met["id"]))
        page.popen.stdin.close()
        self.assertEqual(page.wait(SECONDS), 0, page.log())


if __name__ == "__main__":
    unittest.main()
