"""Peers that speak the control protocol of ../peers/README.md: JSON lines on stdin and stdout."""

import json
import subprocess
import threading
import time
from concurrent.futures import Future

from . import environment
from .process import Process
from .proofs import way_of

READY_SECONDS = 60
CALL_SECONDS = 60
# The peer gives up first, since its message says more.
GRACE_SECONDS = 5
_POLL_SECONDS = 0.02

FOREIGN_KINDS = ("go", "rust", "js")


class PeerError(Exception):
    """A peer couldn't do what it was asked to."""


def node_binary():
    return environment.require(environment.JS_PEERS / "node_modules" / ".bin" / "node",
                               "install it by tests/interop/peers/build.sh js")


def _command(kind):
    if kind == "go":
        return [environment.require_peer("golibp2p-peer", "go")]
    if kind == "rust":
        return [environment.require_peer("rustlibp2p-peer", "rust")]
    if kind == "js":
        return [node_binary(), environment.JS_PEERS / "js-libp2p-peer.mjs"]
    if kind == "helia":
        return [node_binary(), environment.JS_PEERS / "helia-peer.mjs"]
    if kind == "kith":
        return [environment.require(environment.kith_peer_binary(), "build the target kith-peer")]
    raise ValueError(f"unknown kind of peer {kind}")


class Peer:
    """One running peer. `call` waits for the answer, `start` returns a Future of it."""

    def __init__(self, kind, listen=(), security=None, enter=(), flags=()):
        command = [*enter, *_command(kind), *flags]
        if security:
            command += ["--security", security]
        for addr in listen:
            command += ["--listen", addr]
        self.kind = kind
        self._lock = threading.Condition()
        self._calls = {}
        self._last_id = 0
        self._events = []
        self._ended = False
        self.process = Process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        threading.Thread(target=self._read, daemon=True).start()
        try:
            ready = self.wait_event("ready", READY_SECONDS)
        except BaseException:
            self.stop()
            raise
        self.id = ready["peer"]
        self.addrs = ready["addrs"]
        self.agent = ready["agent"]

    def _read(self):
        for line in self.process.popen.stdout:
            message = json.loads(line)
            with self._lock:
                if "event" in message:
                    self._events.append(message)
                    self._lock.notify_all()
                    continue
                future = self._calls.pop(message["id"])
            if message["ok"]:
                future.set_result(message)
            else:
                future.set_exception(PeerError(f"{self.kind}: {message['error']}"))
        with self._lock:
            self._ended = True
            calls, self._calls = self._calls, {}
            self._lock.notify_all()
        for future in calls.values():
            future.set_exception(PeerError(f"{self.kind}: the peer ended; its log says: {self.process.log()}"))

    def start(self, cmd, timeout=CALL_SECONDS, **arguments):
        future = Future()
        with self._lock:
            if self._ended:
                raise PeerError(f"{self.kind}: the peer has ended; its log says: {self.process.log()}")
            self._last_id += 1
            request = {"id": self._last_id, "cmd": cmd, "timeout_ms": int(timeout * 1000), **arguments}
            self._calls[self._last_id] = future
            self.process.popen.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.popen.stdin.flush()
        return future

    def call(self, cmd, timeout=CALL_SECONDS, **arguments):
        return self.start(cmd, timeout, **arguments).result(timeout + GRACE_SECONDS)

    def wait_event(self, name, timeout=CALL_SECONDS, **fields):
        """Takes the oldest event of that name with those fields, waiting for it if need be."""
        def matching():
            for event in self._events:
                if event["event"] == name and all(event.get(key) == value for key, value in fields.items()):
                    return event
            return None

        with self._lock:
            if not self._lock.wait_for(lambda: matching() or self._ended, timeout):
                raise TimeoutError(f"{self.kind}: no event {name} {fields} within {timeout} s")
            event = matching()
            if event is None:
                raise PeerError(f"{self.kind}: ended before the event {name}; its log says: {self.process.log()}")
            self._events.remove(event)
            return event

    def forget_events(self):
        with self._lock:
            self._events.clear()

    def connect(self, other):
        """Connects to a Peer or a daemon."""
        return self.call("connect", addr=other.addrs[0])

    def connected_by(self, peer):
        """The Way of each connection to that peer. Only kith's own peer tells."""
        return [way_of(one) for one in self.call("connections")["connections"] if one["peer"] == peer]

    def await_connected_by(self, peer):
        """The same once there is one: who is dialed has it a moment later than who dials."""
        deadline = time.monotonic() + CALL_SECONDS
        while not (ways := self.connected_by(peer)) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        return ways

    def stop(self):
        """The end of its stdin is the peer's sign to end by itself."""
        if self.process.alive():
            try:
                self.process.popen.stdin.close()
            except BrokenPipeError:
                pass
            try:
                self.process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                pass
        code = self.process.stop()
        return code


class Helia(Peer):
    """Helia, with the same few methods for files as the daemons in daemon.py."""

    def __init__(self, listen=()):
        super().__init__("helia", listen)

    def add(self, path, timeout=CALL_SECONDS, **options):
        return self.call("add", timeout, path=str(path), options=options)["cid"]

    def get(self, cid, out, timeout=CALL_SECONDS):
        self.call("get", timeout, cid=cid, path=str(out))

    def cat_sha256(self, cid, offset=0, length=None, timeout=CALL_SECONDS):
        """The digest and the size of a file's bytes from offset on."""
        extra = {} if length is None else {"length": length}
        reply = self.call("cat", timeout, cid=cid, offset=offset, **extra)
        return reply["sha256"], reply["bytes"]

    def has(self, cid):
        return self.call("has", cid=cid)["has"]
