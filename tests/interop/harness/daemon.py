"""Kubo and kith as daemons, driven by their own command lines."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from . import environment
from .process import Process
from .proofs import way_of

COMMAND_SECONDS = 60
READY_SECONDS = 30
_POLL_SECONDS = 0.02


class CommandError(Exception):
    """A command ended with another exit code than 0. `code` and `stderr` say more."""

    def __init__(self, command, code, stderr):
        super().__init__(f"{' '.join(map(str, command))} ended with {code}: {stderr.strip()}")
        self.code = code
        self.stderr = stderr


def listed(listen):
    """One address, or several."""
    return [listen] if isinstance(listen, str) else list(listen)


class Daemon:
    """A home directory, and a daemon on it. Everything that Kubo and kith have in common, which is nearly all.

    `enter` is put before each command line; a network namespace is entered so.
    """

    name = ""
    home_variable = ""

    def __init__(self, home=None, enter=()):
        self.binary = self.find_binary()
        self._own_home = home is None
        self.home = Path(home or tempfile.mkdtemp(prefix=f"{self.name}-"))
        self.enter = list(enter)
        self.process = None
        self.flags = []  # of every command, but not of the daemon
        self.env = {**os.environ, self.home_variable: str(self.home), "IPFS_TELEMETRY": "off"}

    # Life cycle.

    def init(self):
        self.run("init", "--profile", "test")

    def start(self, *flags):
        (self.home / "api").unlink(missing_ok=True)
        self.process = Process([*self.enter, self.binary, "daemon", *flags], env=self.env)
        deadline = time.monotonic() + READY_SECONDS
        while not self._answers():
            if not self.process.alive():
                raise AssertionError(f"{self.name} daemon ended at once: {self.process.log()}")
            if time.monotonic() > deadline:
                log = self.process.log()
                self.process.stop()
                raise AssertionError(f"{self.name} daemon was not ready within {READY_SECONDS} s: {log}")
            time.sleep(_POLL_SECONDS)

    def _answers(self):
        """Whether the API is up. There's nothing to await but the file and the port."""
        if not (self.home / "api").exists():
            return False
        try:
            self.run("id")
            return True
        except CommandError:
            return False

    def stop(self, how=signal.SIGTERM, seconds=20):
        code = self.process.stop(how, seconds) if self.process else None
        self.process = None
        return code

    def close(self):
        self.stop()
        if self._own_home:
            shutil.rmtree(self.home, ignore_errors=True)

    # Its command line.

    def run(self, *arguments, stdin=b"", timeout=COMMAND_SECONDS, stdout=subprocess.PIPE):
        """Runs one command; returns its standard output as bytes. Raises CommandError when it fails."""
        command = [*self.enter, self.binary, *self.flags, *map(str, arguments)]
        done = subprocess.run(command, env=self.env, input=stdin, stdout=stdout, stderr=subprocess.PIPE, timeout=timeout)
        if done.returncode != 0:
            raise CommandError([self.name, *arguments], done.returncode, done.stderr.decode(errors="replace"))
        return done.stdout

    def text(self, *arguments, **options):
        return self.run(*arguments, **options).decode().strip()

    def json(self, *arguments, **options):
        return json.loads(self.run(*arguments, **options))

    def config(self, key, value):
        self.run("config", "--json", key, json.dumps(value))

    @property
    def api(self):
        """The multiaddr of the API, as in /ip4/127.0.0.1/tcp/5001."""
        return (self.home / "api").read_text().strip()

    @property
    def api_url(self):
        _, _, host, _, port = self.api.split("/")[:5]
        return f"http://{host}:{port}/api/v0"

    @property
    def gateway_url(self):
        return (self.home / "gateway").read_text().strip().rstrip("/")

    def rpc(self, path, timeout=COMMAND_SECONDS):
        """POSTs to the API without a body; returns status, headers and body."""
        request = urllib.request.Request(f"{self.api_url}/{path}", method="POST")
        try:
            with urllib.request.urlopen(request, timeout=timeout) as reply:
                return reply.status, reply.headers, reply.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    # Peers.

    @property
    def id(self):
        return self.json("id", "--enc=json")["ID"]

    @property
    def addrs(self):
        """Where it listens, with its peer id at the end."""
        me = self.id
        listening = self.text("swarm", "addrs", "listen").splitlines()
        return [addr if "/p2p/" in addr else f"{addr}/p2p/{me}" for addr in listening]

    def connect(self, other):
        return self.run("swarm", "connect", other.addrs[0])

    def peers(self):
        """The ids of the peers that it's connected to."""
        return [line.rpartition("/p2p/")[2] for line in self.text("swarm", "peers").splitlines()]

    # Files.

    def add(self, path, *flags, timeout=COMMAND_SECONDS):
        return self.text("add", "-Q", "-r", "--hidden", *flags, path, timeout=timeout)

    def get(self, cid, out, timeout=COMMAND_SECONDS):
        self.run("get", "-o", out, cid, timeout=timeout)

    def cat(self, cid, *flags, timeout=COMMAND_SECONDS):
        return self.run("cat", *flags, cid, timeout=timeout)

    def cat_sha256(self, cid, offset=0, length=None, timeout=COMMAND_SECONDS):
        """The digest and the size of a file's bytes from offset on."""
        flags = [f"--offset={offset}"] + ([] if length is None else [f"--length={length}"])
        body = self.cat(cid, *flags, timeout=timeout)
        return hashlib.sha256(body).hexdigest(), len(body)

    def has(self, cid):
        """Whether it holds that block itself."""
        try:
            self.run("--offline", "block", "stat", cid)
            return True
        except CommandError:
            return False


class Kubo(Daemon):
    """Kubo with all switched off that dials out, announces, multicasts or asks the router."""

    name = "kubo"
    home_variable = "IPFS_PATH"

    def find_binary(self):
        return environment.require_peer("ipfs", "kubo")

    def prefetch(self, cid, timeout=COMMAND_SECONDS):
        """Fetches all blocks below. Its get asks for one file after the other, 20 ms each; pin add for many at once."""
        self.run("pin", "add", "-r", cid, timeout=timeout)

    def __init__(self, home=None, enter=(), listen="/ip4/127.0.0.1/tcp/0", mdns=False, websocket=False, dht=False):
        super().__init__(home, enter)
        self._listen = listen
        self._mdns = mdns
        self._websocket = websocket
        self._dht = dht

    def init(self):
        super().init()
        path = self.home / "config"
        config = json.loads(path.read_text())
        quiet = {"Enabled": False}
        config["Bootstrap"] = []
        config["Routing"]["Type"] = "dht" if self._dht else "none"
        config["Routing"]["LoopbackAddressesOnLanDHT"] = True
        config["Discovery"]["MDNS"] = {"Enabled": self._mdns}
        config["AutoTLS"] = quiet
        config["AutoConf"] = quiet
        config["AutoNAT"] = {"ServiceMode": "disabled"}
        config["HTTPRetrieval"] = quiet
        config["Provide"] = {"Enabled": self._dht}
        config["Version"] = {"SwarmCheckEnabled": False}
        config["Plugins"] = {"Plugins": {"telemetry": {"Disabled": True}}}
        config["Addresses"].update(
            {"API": "/ip4/127.0.0.1/tcp/0", "Gateway": "/ip4/127.0.0.1/tcp/0", "Swarm": listed(self._listen)})
        networks = ["WebTransport", "WebRTCDirect", "Relay"] + ([] if self._websocket else ["Websocket"])
        networks.append("TCP" if any("quic-v1" in addr for addr in listed(self._listen)) else "QUIC")
        config["Swarm"].update({
            "DisableNatPortMap": True, "RelayClient": quiet, "RelayService": quiet, "EnableHolePunching": False,
            "Transports": {"Network": dict.fromkeys(networks, False), "Security": {}, "Multiplexers": {}}})
        path.write_text(json.dumps(config, indent=2))


class Kith(Daemon):
    """kith. Its test profile stays on loopback by itself."""

    name = "kith"
    home_variable = "KITH_PATH"

    def find_binary(self):
        return environment.require(environment.kith_binary(), "build it by ./run or name it in KITH_BIN")

    def __init__(self, home=None, enter=(), listen=None, mdns=False, dht=True):
        super().__init__(home, enter)
        self._listen = listen
        self._mdns = mdns
        self._dht = dht

    def init(self):
        super().init()
        if self._listen:
            self.config("Addresses.Swarm", listed(self._listen))
        if not self._dht:
            self.config("Routing.Type", "none")
        if self._mdns:
            self.config("Discovery.MDNS.Enabled", True)

    def connected_by(self, peer):
        """The Way of each connection to that peer."""
        peers = self.json("swarm", "peers", "--details", "--enc=json")["Peers"]
        return [way_of(one) for one in peers if one["Peer"] == peer]


def started(kind, **options):
    """A daemon on a fresh home of its own, ready to be used."""
    daemon = kind(**options)
    try:
        daemon.init()
        daemon.start()
    except BaseException:
        daemon.close()
        raise
    return daemon
