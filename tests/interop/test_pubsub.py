"""Gossipsub: kith with Kubo and with js-libp2p, messages both ways, of any bytes, long ones, through one another."""

import base64
import itertools
import json
import os
import queue
import subprocess
import threading
import time
import unittest

from harness import environment
from harness.daemon import Kith, Kubo
from harness.peer import Peer, node_binary
from harness.process import Process
from harness.proofs import PROGRAMS, QUIC, TCP, TCP_TLS, cell_of, proves, saw

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
        saw(self, one.connected_by(two.id))
        return one, two

    def assert_heard(self, listener, author, data):
        got = listener.next()
        self.assertEqual(decoded(got["data"]), data)
        self.assertEqual(got["from"], author.id)
        self.assertEqual([decoded(topic) for topic in got["topicIDs"]], [TOPIC.encode()])
        self.assertEqual(len(decoded(got["seqno"])), 8)

    @proves("gossipsub", "Kubo", "signed messages both ways", TCP_TLS)
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

    @proves("gossipsub", "Kubo", "kith forwards between two", TCP_TLS)
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

    @proves("gossipsub", "Kubo", "unsigned messages with author, both ways", TCP_TLS)
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

    @proves("floodsub", "Kubo", "signed messages both ways", TCP_TLS)
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
    @proves("gossipsub", "js-libp2p", "signed messages both ways", TCP)
    def test_messages_both_ways(self):
        node = node_binary()
        script = environment.JS_PEERS / "gossipsub-peer.mjs"
        kith = pubsub_daemon(self, Kith)
        at_kith = subscribed(self, kith)
        wait_until(lambda: kith.text("pubsub", "ls"), "kith is subscribed")
        js = Listener([node, script, kith.addrs[0], TOPIC], stdin=subprocess.PIPE)
        self.addCleanup(js.close)
        js_id = js.next()["id"]
        saw(self, kith.connected_by(js_id))
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


class PolicyCases:
    """kith-peer and a foreign one in one topic, whose messages must be as `policy` says: strict or anonymous."""

    other_kind = ""
    policy = ""
    listen = "/ip4/127.0.0.1/tcp/0"
    way = TCP

    @classmethod
    def setUpClass(cls):
        cls.kith, cls.other = (cls.begun(kind, cls.policy) for kind in ("kith", cls.other_kind))

    @classmethod
    def begun(cls, kind, policy):
        peer = Peer(kind, [cls.listen], flags=["--pubsub", policy])
        cls.addClassCleanup(peer.stop)
        return peer

    def cells(self, name):
        kind = "signed" if self.policy == "strict" else "anonymous"
        what = {"test_messages_both_ways_where_kith_dials": f"{kind} messages both ways, kith dials",
                "test_messages_both_ways_where_the_other_dials": f"{kind} messages both ways, kith is dialed",
                "test_what_does_not_follow_the_policy_is_refused_by_both": f"each refuses what isn't {kind}"}[name]
        return [cell_of("gossipsub", PROGRAMS[self.other_kind], what, self.way)]

    def assert_way(self, one, other):
        """Kith, whichever of the two it is, tells of one connection as the class says."""
        kith, foreign = (one, other) if one.kind == "kith" else (other, one)
        self.assertEqual(kith.await_connected_by(foreign.id), [self.way])

    def in_one_topic(self, dialer, listener, topic):
        """Both are subscribed, and each knows that the other is."""
        for one, other in ((dialer, listener), (listener, dialer)):
            if [c for c in one.call("connections")["connections"] if c["peer"] == other.id]:
                one.call("disconnect", peer=other.id)
        for peer in (dialer, listener):
            wait_until(lambda at=peer: not at.call("connections")["connections"], "they have parted")
            peer.forget_events()
            peer.call("subscribe", topic=topic)
        dialer.connect(listener)
        self.assert_way(dialer, listener)
        for one, other in ((dialer, listener), (listener, dialer)):
            wait_until(lambda at=one, of=other: of.id in at.call("topic-peers", topic=topic)["peers"],
                       f"{one.kind} knows that {other.kind} is in the topic")

    def wait_until_heard(self, author, reader, topic):
        """go-libp2p sends what it publishes to its mesh alone, which is formed by and by."""
        number = itertools.count()

        def heard():
            data = f"{author.id} {topic} {next(number)}".encode().hex()
            author.call("publish", topic=topic, data=data)
            try:
                return reader.wait_event("message", 1, topic=topic, data=data)  # and not what it has said itself
            except TimeoutError:
                return None
        wait_until(heard, f"{reader.kind} hears {author.kind}")

    def check_that_each_is_heard(self, dialer, listener, topic):
        self.in_one_topic(dialer, listener, topic)
        strict = self.policy == "strict"
        for author, reader in ((dialer, listener), (listener, dialer)):
            self.wait_until_heard(author, reader, topic)
            # Anonymous messages are told apart by nothing but what they say.
            own = f"{author.id} {topic}".encode()
            for data in (own, ODD_BYTES + own, os.urandom(LONG_BYTES)):
                author.call("publish", topic=topic, data=data.hex())
                got = reader.wait_event("message", WAIT_SECONDS, topic=topic, data=data.hex())
                self.assertEqual(got["from"], author.id if strict else "")
                self.assertEqual(got.get("signed", strict), strict)  # rust-libp2p doesn't say

    def test_messages_both_ways_where_kith_dials(self):
        self.check_that_each_is_heard(self.kith, self.other, "kith dials")

    def test_messages_both_ways_where_the_other_dials(self):
        self.check_that_each_is_heard(self.other, self.kith, "the other dials")

    def test_what_does_not_follow_the_policy_is_refused_by_both(self):
        """A third of the other policy publishes: kith's where the foreign one listens, and the other way round."""
        topic = "of another kind"
        for kind, reader in (("kith", self.other), (self.other_kind, self.kith)):
            with self.subTest(reader=reader.kind):
                stranger = self.begun(kind, "anonymous" if self.policy == "strict" else "strict")
                fellow = self.begun(kind, self.policy)
                for peer in (reader, stranger, fellow):
                    peer.call("subscribe", topic=topic)
                reader.forget_events()
                for peer in (stranger, fellow):
                    peer.connect(reader)
                    self.assert_way(peer, reader)
                    wait_until(lambda at=peer: reader.id in at.call("topic-peers", topic=topic)["peers"], "it is known")
                self.wait_until_heard(fellow, reader, topic)
                # The stranger was connected before its fellow, so that it has a mesh by now, too.
                stranger.call("publish", topic=topic, data=b"not as agreed".hex())
                stranger.call("ping", peer=reader.id, count=1)
                for data in (b"as agreed", b"and again"):
                    fellow.call("publish", topic=topic, data=data.hex())
                    reader.wait_event("message", WAIT_SECONDS, topic=topic, data=data.hex())
                with self.assertRaises(TimeoutError):
                    reader.wait_event("message", 1, data=b"not as agreed".hex())


QUIC_WAY = {"listen": "/ip4/127.0.0.1/udp/0/quic-v1", "way": QUIC}
for _kind in ("go", "rust"):
    for _policy in ("strict", "anonymous"):
        for _suffix, _way in (("", {}), ("ByQuic", QUIC_WAY)):
            _name = f"{_policy.capitalize()}With{_kind.capitalize()}{_suffix}"
            globals()[_name] = type(_name, (PolicyCases, unittest.TestCase),
                                    {"__module__": __name__, "other_kind": _kind, "policy": _policy, **_way})


if __name__ == "__main__":
    unittest.main()
