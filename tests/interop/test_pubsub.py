"""Gossipsub: kith with Kubo and with js-libp2p, messages both ways, of any bytes, long ones, through one another."""

import base64
import json
import os
import queue
import subprocess
import threading
import time
import unittest

from harness import environment
from harness.daemon import Kith, Kubo
from harness.peer import node_binary
from harness.process import Process
from harness.proofs import proves

WAIT_SECONDS = 40
POLL_SECONDS = 0.1
TOPIC = "news/of ü and 😀?&"
ODD_BYTES = bytes(range(256)) + b"\n\r\n\0"
LONG_BYTES = 400_000


def decoded(text):
    """A multibase in base64url, which is the only one that comes."""
    assert text[0] == "u", text
    return base64.urlsafe_b64decode(text[1:] + "=" * (-len(text[1:]) % 4))


class Listener:
    """A program that writes a JSON value for each message, a line each."""

    def __init__(self, command, env=None, stdin=subprocess.DEVNULL):
        self.process = Process(command, env=env, stdin=stdin, stdout=subprocess.PIPE)
        self._lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.popen.stdout:
            if line.strip():
                self._lines.put(line)

    def next(self, seconds=WAIT_SECONDS):
        return json.loads(self._lines.get(timeout=seconds))

    def none_within(self, seconds):
        try:
            raise AssertionError(f"unexpected: {self.next(seconds)}")
        except queue.Empty:
            pass

    def close(self):
        self.process.stop()


def subscribed(test, daemon, topic=TOPIC):
    listener = Listener([daemon.binary, "pubsub", "sub", topic, "--enc=json"], env=daemon.env)
    test.addCleanup(listener.close)
    return listener


def pubsub_daemon(test, kind, **settings):
    """A daemon that speaks pubsub, and ends with the test."""
    daemon = kind()
    test.addCleanup(daemon.close)
    daemon.env["KITH_LOG"] = "pubsub=debug"
    daemon.init()
    for key, value in {"Enabled": True, **settings}.items():
        daemon.config(f"Pubsub.{key}", value)
    daemon.start()
    return daemon


def wait_until(condition, what):
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {WAIT_SECONDS} s: {what}")
        time.sleep(POLL_SECONDS)


def wait_until_known(daemon, peer_id, topic=TOPIC):
    wait_until(lambda: peer_id in daemon.text("pubsub", "peers", topic).split(), f"{daemon.name} knows who listens")


def publish(daemon, data, topic=TOPIC):
    daemon.run("pubsub", "pub", topic, stdin=data)


class KithWithKubo(unittest.TestCase):
    """Each test starts its own, since settings differ."""

    def pair(self, kith=None, kubo=None):
        one = pubsub_daemon(self, Kith, **(kith or {}))
        two = pubsub_daemon(self, Kubo, **(kubo or {}))
        two.connect(one)
        return one, two

    def assert_heard(self, listener, author, data):
        got = listener.next()
        self.assertEqual(decoded(got["data"]), data)
        self.assertEqual(got["from"], author.id)
        self.assertEqual([decoded(topic) for topic in got["topicIDs"]], [TOPIC.encode()])
        self.assertEqual(len(decoded(got["seqno"])), 8)

    def test_messages_both_ways(self):
        kith, kubo = self.pair()
        at_kith, at_kubo = subscribed(self, kith), subscribed(self, kubo)
        wait_until_known(kith, kubo.id)
        wait_until_known(kubo, kith.id)
        for author in (kith, kubo):
            for data in (b"hello", b"", ODD_BYTES, os.urandom(LONG_BYTES)):
                publish(author, data)
                self.assert_heard(at_kith, author, data)
                self.assert_heard(at_kubo, author, data)
        wait_until(lambda: f"{kubo.id} joins our mesh" in kith.process.log(), "the mesh is formed")
        self.assertEqual(kith.text("pubsub", "ls"), kubo.text("pubsub", "ls"))
        self.assertEqual(kith.text("pubsub", "peers"), kubo.id)
        at_kith.close()
        wait_until(lambda: kith.id not in kubo.text("pubsub", "peers", TOPIC), "Kubo hears that kith has left")

    def test_publishes_without_being_subscribed(self):
        kith, kubo = self.pair()
        at_kubo = subscribed(self, kubo)
        wait_until_known(kith, kubo.id)
        publish(kith, b"from outside")
        self.assert_heard(at_kubo, kith, b"from outside")

    @proves("gossipsub", "kubo", "kith")
    def test_kith_passes_messages_on_between_two_that_do_not_know_each_other(self):
        kith, kubo = self.pair()
        far = pubsub_daemon(self, Kubo)
        far.connect(kith)
        listeners = [subscribed(self, daemon) for daemon in (kith, kubo, far)]
        for daemon in (kubo, far):
            wait_until_known(kith, daemon.id)
            wait_until_known(daemon, kith.id)
        for author in (kubo, far):
            for data in (b"through kith", os.urandom(LONG_BYTES)):
                publish(author, data)
                for listener in listeners:
                    self.assert_heard(listener, author, data)

    @proves("gossipsub, unsigned", "kubo", "kith")
    def test_unsigned_messages_among_those_who_want_them(self):
        kith, kubo = self.pair({"DisableSigning": True}, {"DisableSigning": True})
        at_kith, at_kubo = subscribed(self, kith), subscribed(self, kubo)
        wait_until_known(kith, kubo.id)
        wait_until_known(kubo, kith.id)
        for author in (kith, kubo):
            publish(author, b"unsigned")
            self.assert_heard(at_kith, author, b"unsigned")
            self.assert_heard(at_kubo, author, b"unsigned")

    def test_unsigned_messages_are_refused_by_those_who_want_signatures(self):
        kith, kubo = self.pair(kubo={"DisableSigning": True})
        at_kith = subscribed(self, kith)
        wait_until_known(kubo, kith.id)
        publish(kubo, b"unsigned")
        at_kith.none_within(3)

    @proves("floodsub", "kubo", "kith")
    def test_floodsub(self):
        kith, kubo = self.pair({"Router": "floodsub"})
        at_kith, at_kubo = subscribed(self, kith), subscribed(self, kubo)
        wait_until_known(kith, kubo.id)
        wait_until_known(kubo, kith.id)
        for author in (kith, kubo):
            publish(author, b"flooded")
            self.assert_heard(at_kith, author, b"flooded")
            self.assert_heard(at_kubo, author, b"flooded")


class KithWithJs(unittest.TestCase):
    @proves("gossipsub", "js", "kith")
    def test_messages_both_ways(self):
        node = node_binary()
        script = environment.JS_PEERS / "gossipsub-peer.mjs"
        kith = pubsub_daemon(self, Kith)
        at_kith = subscribed(self, kith)
        wait_until(lambda: kith.text("pubsub", "ls"), "kith is subscribed")
        js = Listener([node, script, kith.addrs[0], TOPIC], stdin=subprocess.PIPE)
        self.addCleanup(js.close)
        js_id = js.next()["id"]
        wait_until_known(kith, js_id)
        wait_until(lambda: f"{js_id} joins our mesh" in kith.process.log(), "the mesh is formed")
        for data in (b"to js", ODD_BYTES, os.urandom(LONG_BYTES)):
            publish(kith, data)
            self.assertEqual(decoded(at_kith.next()["data"]), data)
            got = js.next()
            self.assertEqual(bytes.fromhex(got["data"]), data)
            self.assertEqual(got["from"], kith.id)
        for data in (b"from js", os.urandom(LONG_BYTES)):
            js.process.popen.stdin.write(data.hex().encode() + b"\n")
            js.process.popen.stdin.flush()
            got = at_kith.next()
            self.assertEqual(decoded(got["data"]), data)
            self.assertEqual(got["from"], js_id)


if __name__ == "__main__":
    unittest.main()
