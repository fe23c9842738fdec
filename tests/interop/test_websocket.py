"""kith's WebSocket with js-libp2p, Kubo and itself, each as dialer and as listener, plain and within TLS."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness.daemon import CommandError, Kith, Kubo, started
from harness.data import MIB
from harness.libp2p_cases import pair_classes
from harness.proofs import TCP_TLS, Way, proves, saw

WEBSOCKET = "/ip4/127.0.0.1/tcp/0/ws"
# Both daemons propose TLS first, also where a WebSocket is within TLS already.
WEBSOCKET_TLS = Way("websocket", "tls", "yamux")
WITHIN_TLS = Way("websocket-tls", "tls", "yamux")

SIZES = {"listen": (WEBSOCKET,), "stall_bytes": 32 * MIB}
globals().update(pair_classes([("kith", "js"), ("kith", "kith")], (unittest.TestCase,), __name__, bulk_bytes=32 * MIB, **SIZES))
# js-libp2p crawls where it has dialed a WebSocket and sends and receives at once, with itself too.
globals().update(pair_classes([("js", "kith")], (unittest.TestCase,), __name__, bulk_bytes=2 * MIB, **SIZES))


def port_of(addr):
    return addr.split("/tcp/")[1].split("/")[0]


class KithBesideKubo(unittest.TestCase):
    """One daemon of each, both listening for TCP and for WebSocket: kith with one port for both.

    Anew for each test: who has heard of a TCP address dials that first.
    """

    def setUp(self):
        self.kith = started(Kith, listen=["/ip4/127.0.0.1/tcp/0", WEBSOCKET])
        self.addCleanup(self.kith.close)
        self.kubo = started(Kubo, listen=["/ip4/127.0.0.1/tcp/0", WEBSOCKET], websocket=True)
        self.addCleanup(self.kubo.close)
        self.tcp, self.websocket = self.kith.addrs

    def meet(self, dialer, listener, addr):
        dialer.run("swarm", "connect", addr)
        self.assertEqual(dialer.text("swarm", "peers"), addr)
        self.assertEqual("/ws/" in addr, "/ws/" in listener.text("swarm", "peers"))
        content = os.urandom(3 * MIB)
        for giver, taker in ((dialer, listener), (listener, dialer)):
            cid = giver.text("add", "-Q", "--cid-version=1", stdin=content + giver.name.encode())
            self.assertEqual(taker.cat(cid), content + giver.name.encode())
        saw(self, self.kith.connected_by(self.kubo.id))

    @proves("Bitswap", "Kubo", "kith dials, each fetches", WEBSOCKET_TLS)
    def test_kith_dials_kubo_by_websocket(self):
        [addr] = [addr for addr in self.kubo.addrs if "/ws/" in addr]
        self.meet(self.kith, self.kubo, addr)

    @proves("Bitswap", "Kubo", "Kubo dials, each fetches", WEBSOCKET_TLS)
    def test_kubo_dials_kith_by_websocket(self):
        self.meet(self.kubo, self.kith, self.websocket)

    @proves("Bitswap", "Kubo", "Kubo dials, each fetches", TCP_TLS)
    def test_kubo_dials_kith_by_tcp_at_the_same_port(self):
        self.assertEqual(port_of(self.tcp), port_of(self.websocket))
        self.meet(self.kubo, self.kith, self.tcp)


def make_certificate(folder):
    """A root, and a certificate of it for localhost, in PEM."""
    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], cwd=folder, check=True, capture_output=True)

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30")
    openssl("req", "-x509", *new_key, "-subj", "/CN=test root", "-keyout", "root.key", "-out", "root.pem")
    openssl("req", "-x509", *new_key, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext",
            "basicConstraints=CA:FALSE", "-CA", "root.pem", "-CAkey", "root.key", "-keyout", "key.pem", "-out", "chain.pem")


@unittest.skipUnless(shutil.which("openssl"), "openssl is missing: apt install openssl")
class WithinTls(unittest.TestCase):
    """kith's /tls/ws, with a certificate that the others trust."""

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="kith-tls-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        make_certificate(cls.folder)
        cls.kith = cls.trusting(Kith, listen=["/ip4/127.0.0.1/tcp/0/tls/ws"], certificate=cls.folder)

    @classmethod
    def trusting(cls, kind, certificate=None, **options):
        daemon = kind(**options)
        cls.addClassCleanup(daemon.close)
        daemon.env["SSL_CERT_FILE"] = str(cls.folder / "root.pem")
        daemon.init()
        if certificate:
            daemon.config("Swarm.Transports.WebSocket.Certificate", str(certificate / "chain.pem"))
            daemon.config("Swarm.Transports.WebSocket.Key", str(certificate / "key.pem"))
        daemon.start()
        return daemon

    def named(self, name):
        return self.kith.addrs[0].replace("/tls/ws", f"/tls/sni/{name}/ws")

    def check_that_it_dials(self, dialer):
        with self.assertRaises(CommandError):
            dialer.run("swarm", "connect", self.named("example.org"))
        dialer.run("swarm", "connect", self.named("localhost"))
        # Kubo writes what it dialed as /wss.
        self.assertRegex(dialer.text("swarm", "peers"), "/tls/|/wss/")
        self.assertIn("Average latency:", dialer.text("ping", "-n", "3", self.kith.id))
        saw(self, self.kith.connected_by(dialer.id))

    @proves("ping", "kith", "kith dials", WITHIN_TLS)
    def test_kith_dials_it(self):
        self.check_that_it_dials(self.trusting(Kith))

    @proves("ping", "Kubo", "kith is dialed", WITHIN_TLS)
    def test_kubo_dials_it(self):
        self.check_that_it_dials(self.trusting(Kubo, websocket=True))


if __name__ == "__main__":
    unittest.main()
