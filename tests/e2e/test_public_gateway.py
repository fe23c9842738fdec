"""Experimental.GatewayOverLibp2p: blocks over HTTP at the port where peers come, for anybody."""

import hashlib
import http.client
import json
import os

from program import Case

RAW = {"Accept": "application/vnd.ipld.raw"}
WELL_KNOWN = "/.well-known/libp2p/protocols"


class SwarmPort(Case):
    def listening(self, name, **settings):
        """A daemon with TCP and WebSocket at one port."""
        node = self.made(name)
        node.ok("config", "--json", "Addresses.Swarm", json.dumps(["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/0/ws"]))
        for key, value in settings.items():
            node.ok("config", "--json", key.replace("__", "."), json.dumps(value))
        return node.start()

    def address(self, node, websocket):
        return next(one for one in node.json("id")["Addresses"] if ("/ws/" in one) == websocket)

    def ask(self, node, path, method="GET", headers=None):
        """The answer at the swarm's port, with its body in `text`."""
        connection = http.client.HTTPConnection("127.0.0.1", int(self.address(node, True).split("/")[4]), timeout=30)
        self.addCleanup(connection.close)
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        answer.text = answer.read()
        return answer

    def test_is_a_gateway_to_blocks_for_who_is_no_peer(self):
        node = self.listening("home", Experimental__GatewayOverLibp2p=True)
        content = os.urandom(100_000)
        cid = node.add(self.write("d/file", content))
        tree = node.add(self.folder / "d")
        for path, headers in ((f"/ipfs/{cid}?format=raw", {}), (f"/ipfs/{cid}", RAW)):
            raw = self.ask(node, path, headers=headers)
            self.assertEqual((raw.status, raw.headers["Content-Type"]), (200, "application/vnd.ipld.raw"))
            self.assertEqual(hashlib.sha256(raw.text).digest(), hashlib.sha256(content).digest())
        head = self.ask(node, f"/ipfs/{cid}?format=raw", "HEAD")
        self.assertEqual((head.status, head.headers["Content-Length"], head.text), (200, "100000", b""))
        # Another node takes the archive, and has the file.
        car = self.ask(node, f"/ipfs/{tree}/file?format=car")
        self.assertEqual(car.status, 200)
        other = self.started("other")
        other.ok("dag", "import", stdin=car.text)
        self.assertEqual(other.ok("cat", cid), content)
        self.assertEqual(json.loads(self.ask(node, WELL_KNOWN).text), {"/ipfs/gateway": {"path": "/"}})

    def test_serves_nothing_else(self):
        node = self.listening("home", Experimental__GatewayOverLibp2p=True)
        cid = node.add(self.write("file", b"here"))
        absent = self.made("offline").add(self.write("file", b"elsewhere"))
        for path, method, status in (
                (f"/ipfs/{cid}", "GET", 406), (f"/ipfs/{cid}?format=dag-json", "GET", 406),
                (f"/ipfs/{absent}?format=raw", "GET", 404), (f"/ipfs/{absent}?format=car", "GET", 404),
                (f"/ipfs/{cid}?format=raw", "POST", 405), ("/api/v0/id", "POST", 404), ("/api/v0/id", "GET", 404),
                ("/webui", "GET", 404), ("/", "GET", 404), (f"/ipns/{node.id}?format=ipns-record", "GET", 404)):
            with self.subTest(f"{method} {path}"):
                self.assertEqual(self.ask(node, path, method).status, status)

    def test_peers_come_by_the_same_port(self):
        node = self.listening("home", Experimental__GatewayOverLibp2p=True)
        cid = node.add(self.write("file", b"for peers"))
        self.assertEqual(self.address(node, True).split("/")[4], self.address(node, False).split("/")[4])
        for websocket in (False, True):
            peer = self.started(f"peer-{websocket}")
            peer.ok("swarm", "connect", self.address(node, websocket))
            self.assertEqual(peer.ok("cat", cid), b"for peers")
            self.assertIn("/http/1.1", peer.json("id", node.id)["Protocols"])

    def test_is_closed_unless_it_is_asked_for(self):
        node = self.listening("home")
        cid = node.add(self.write("file", b"here"))
        self.assertEqual(self.ask(node, f"/ipfs/{cid}?format=raw").status, 426)
        self.assertNotIn("/http/1.1", node.json("id")["Protocols"])
        gateway = (node.home / "gateway").read_text().removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(gateway[0], int(gateway[1]), timeout=30)
        self.addCleanup(connection.close)
        connection.request("GET", f"/ipfs/{cid}")
        self.assertEqual(connection.getresponse().read(), b"here")
