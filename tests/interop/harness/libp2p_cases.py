"""What any two libp2p peers must be able to do with each other, whoever dials."""

import time

from . import environment
from .data import MIB
from .peer import Peer, PeerError
from .proofs import QUIC, Way, libp2p_cell

STREAMS = 1_000
STREAM_BYTES = 1_000
# go-libp2p's QUIC takes 256 at once, and nothing sets it otherwise.
STREAMS_TAKEN = {("quic", "go"): 250}
# js-libp2p's QUIC holds back no sender: it resets a stream of which 4 MiB wait for their reader.
UNREAD_BYTES = {("quic", "js"): 3 * MIB}
PERF_BYTES = 4 * MIB if environment.SMOKE else 32 * MIB
# Divided over both directions it takes minutes with the slowest pair.
BULK_BYTES = 16 * MIB if environment.SMOKE else 1024 * MIB
BULK_SECONDS = 300
STALL_MS = 3_000 if environment.SMOKE else 10_000
# More than the largest receive window (16 MiB) and all buffers on the way hold.
STALL_BYTES = 64 * MIB
HALF_CLOSE_BYTES = 3 * MIB + 5
RECONNECTS = 5 if environment.SMOKE else 20
# js-libp2p takes five connections a second from one address.
RECONNECT_PAUSE_SECONDS = {"js": 0.25}

LISTEN = {"tcp": ("/ip4/127.0.0.1/tcp/0",), "quic": ("/ip4/127.0.0.1/udp/0/quic-v1",)}
OBSERVED = {"tcp": r"^/ip4/127\.0\.0\.1/tcp/\d+", "quic": r"^/ip4/127\.0\.0\.1/udp/\d+/quic-v1$"}
# UDP tells nobody that a program has ended: QUIC's idle timeout of 30 s does.
GONE_SECONDS = {"tcp": 30, "quic": 60}

PING = "/ipfs/ping/1.0.0"
IDENTIFY = "/ipfs/id/1.0.0"
ECHO = "/echo/1.0.0"


class Libp2pCases:
    """Mixed into a TestCase with `dialer_kind` and `listener_kind`."""

    dialer_kind = ""
    listener_kind = ""
    security = None
    transport = "tcp"
    bulk_bytes = BULK_BYTES
    stall_bytes = STALL_BYTES
    listen = ()  # where the listener is dialed; its usual place without

    @classmethod
    def setUpClass(cls):
        cls.listener = Peer(cls.listener_kind, cls.listen or LISTEN[cls.transport], security=cls.security)
        cls.addClassCleanup(cls.end, cls.listener)
        cls.dialer = Peer(cls.dialer_kind, LISTEN[cls.transport], security=cls.security)
        cls.addClassCleanup(cls.end, cls.dialer)
        cls.dialer.connect(cls.listener)

    @staticmethod
    def end(peer):
        """A peer that can't end by itself, or whose sanitizer has something to say, fails its class."""
        code = peer.stop()
        if code != 0:
            raise AssertionError(f"{peer.kind} ended with {code}; its log says: {peer.process.log()}")

    @classmethod
    def way(cls):
        """How the two are connected, as the class says."""
        if cls.transport == "quic":
            return QUIC
        return Way("websocket" if any("/ws" in addr for addr in cls.listen) else "tcp", cls.security or "noise", "yamux")

    def cells(self, name):
        cell = libp2p_cell(name, self.dialer_kind, self.listener_kind, self.way())
        return [cell] if cell else []

    def setUp(self):
        self.listener.forget_events()
        self.dialer.forget_events()
        for actor, target in ((self.dialer, self.listener), (self.listener, self.dialer)):
            if actor.kind == "kith":
                self.assertEqual(actor.await_connected_by(target.id), [self.way()])

    def each_way(self, check):
        """Runs check(actor, target). Streams are opened by either side of a connection, whoever dialed it."""
        for actor, target in ((self.dialer, self.listener), (self.listener, self.dialer)):
            with self.subTest(actor=f"{actor.kind} ({'dialer' if actor is self.dialer else 'listener'})"):
                check(actor, target)

    def assert_still_connected(self):
        """The connection that everything in this test ran on still works, and is the only one."""
        for actor, target in ((self.dialer, self.listener), (self.listener, self.dialer)):
            self.assertEqual(len(actor.call("ping", peer=target.id, count=1)["rtt_us"]), 1)
            self.assertEqual([c["peer"] for c in actor.call("connections")["connections"]], [target.id])

    def assert_delivered(self, reply, size):
        self.assertEqual(reply["bytes"], size)
        self.assertEqual(reply["remote_bytes"], size)
        self.assertEqual(reply["remote_sha256"], reply["sha256"])

    def test_connections_are_seen_from_both_sides(self):
        for actor, target, direction in ((self.dialer, self.listener, "outbound"), (self.listener, self.dialer, "inbound")):
            connections = actor.call("connections")["connections"]
            self.assertEqual([(c["peer"], c["direction"]) for c in connections], [(target.id, direction)])

    def test_identify_tells_protocols_agent_and_addresses(self):
        def check(actor, target):
            seen = actor.call("identify", peer=target.id)
            self.assertEqual(seen["agent"], target.agent)
            self.assertLessEqual({PING, IDENTIFY, ECHO}, set(seen["protocols"]))
            self.assertIn(target.addrs[0].partition("/p2p/")[0], [a.partition("/p2p/")[0] for a in seen["listen_addrs"]])
            self.assertRegex(seen["observed_addr"].partition("/p2p/")[0], OBSERVED[self.transport])
        self.each_way(check)

    def test_the_dialer_is_observed_under_the_address_that_the_listener_sees(self):
        seen = self.listener.call("connections")["connections"][0]["addr"].partition("/p2p/")[0]
        told = self.dialer.call("identify", peer=self.listener.id)["observed_addr"].partition("/p2p/")[0]
        self.assertEqual(told, seen)

    def most(self, size):
        """As much of that size as both may have to keep until it is read."""
        return min(size, *(UNREAD_BYTES.get((self.transport, peer.kind), size) for peer in (self.dialer, self.listener)))

    def pings(self, target):
        # rust-libp2p doesn't poll a ping's stream again once it has answered: over QUIC, where nothing else wakes it, the
        # second ping of a stream waits for whatever comes next on the connection.
        return 1 if target.kind == "rust" and self.transport == "quic" else 10

    def test_pings_are_answered(self):
        def check(actor, target):
            rtts = actor.call("ping", peer=target.id, count=self.pings(target))["rtt_us"]
            self.assertEqual(len(rtts), self.pings(target))
            self.assertTrue(all(rtt >= 0 for rtt in rtts), rtts)
        self.each_way(check)

    def test_a_thousand_streams_are_open_at_once(self):
        def check(actor, target):
            count = STREAMS_TAKEN.get((self.transport, target.kind), STREAMS)
            reply = actor.call("open-streams", 120, peer=target.id, count=count, bytes=STREAM_BYTES)
            self.assertEqual((reply["streams"], reply["bytes"]), (count, count * STREAM_BYTES))
            self.assert_still_connected()
        self.each_way(check)

    def test_one_stream_carries_both_directions(self):
        def check(actor, target):
            size = self.most(PERF_BYTES)
            self.assertEqual(actor.call("open-streams", 120, peer=target.id, count=1, bytes=size)["bytes"], size)
        self.each_way(check)

    def test_perf_moves_what_was_asked_for(self):
        def check(actor, target):
            size = self.most(PERF_BYTES)
            sizes = [(size, size), (size, 0)]
            if target.kind != "js":
                # js-libp2p loses what a stream carries when its end arrives before the protocol is agreed on.
                sizes += [(0, 1), (1, 0), (0, 0)]
            for upload, download in sizes:
                reply = actor.call("perf", 120, peer=target.id, upload=upload, download=download)
                self.assertEqual((reply["uploaded"], reply["downloaded"]), (upload, download))
        self.each_way(check)

    def test_bulk_data_goes_each_way_at_once(self):
        size = self.most(self.bulk_bytes)
        sends = [actor.start("send", BULK_SECONDS, peer=target.id, bytes=size)
                 for actor, target in ((self.dialer, self.listener), (self.listener, self.dialer))]
        for send in sends:
            self.assert_delivered(send.result(BULK_SECONDS + 5), size)
        self.assert_still_connected()

    def resets(self, peer):
        # rust-libp2p has no reset: it drops the stream, and what drops a QUIC stream ends it in order.
        return not (peer.kind == "rust" and self.transport == "quic")

    def tells_resets(self, peer):
        # js-libp2p's QUIC takes every end of a stream for one in order.
        return not (peer.kind == "js" and self.transport == "quic")

    def test_a_reset_ends_the_other_side_and_only_that_stream(self):
        def check(actor, target):
            if self.resets(actor) and self.tells_resets(target):
                actor.call("reset", peer=target.id, by="local")
                ended = target.wait_event("stream-end", 10, peer=actor.id, protocol="/reset/1.0.0")
                self.assertEqual(ended["how"], "reset")
            if self.resets(target) and self.tells_resets(actor):
                self.assertEqual(actor.call("reset", peer=target.id, by="remote")["saw"], "reset")
            self.assert_still_connected()
        self.each_way(check)

    def test_a_half_closed_stream_still_carries_the_other_direction(self):
        def check(actor, target):
            sent = actor.call("half-close", peer=target.id, bytes=HALF_CLOSE_BYTES)
            got = target.wait_event("half-close", 10, peer=actor.id)
            self.assertEqual((got["how"], got["bytes"], got["sha256"]), ("eof", HALF_CLOSE_BYTES, sent["sha256"]))
            self.assert_still_connected()
        self.each_way(check)

    def test_a_stalled_reader_holds_back_its_own_stream_alone(self):
        def check(actor, target):
            if self.most(self.stall_bytes) < self.stall_bytes and target.kind != "kith":
                return
            stalled = actor.start("stall", 120, peer=target.id, bytes=self.stall_bytes, stall_ms=STALL_MS)
            actor.call("open-streams", peer=target.id, count=10, bytes=100_000)
            self.assert_still_connected()
            self.assertFalse(stalled.done(), "the rest waited for the stalled stream")
            reply = stalled.result(125)
            self.assert_delivered(reply, self.stall_bytes)
            self.assertGreater(reply["sent_while_stalled"], 0)
            self.assertLess(reply["sent_while_stalled"], self.stall_bytes)
            self.assertGreaterEqual(reply["seconds"], STALL_MS / 1000)
        self.each_way(check)

    def test_zz_a_disconnect_is_seen_by_both_and_a_new_connection_works(self):
        self.listener.call("disconnect", peer=self.dialer.id)
        self.dialer.wait_event("disconnected", 10, peer=self.listener.id)
        self.listener.wait_event("disconnected", 10, peer=self.dialer.id)
        self.assertEqual(self.dialer.call("connections")["connections"], [])
        self.dialer.connect(self.listener)
        self.assert_still_connected()

    def disconnect(self):
        """Whoever still has connections to the other closes them, until none has."""
        def connections():
            return [(actor, target) for actor, target in ((self.dialer, self.listener), (self.listener, self.dialer))
                    if actor.call("connections")["connections"]]

        deadline = time.monotonic() + 10
        while left := connections():
            self.assertLess(time.monotonic(), deadline, "still connected")
            for actor, target in left:
                try:
                    actor.call("disconnect", peer=target.id)
                except PeerError:
                    pass  # It has ended meanwhile.
        time.sleep(max(RECONNECT_PAUSE_SECONDS.get(peer.kind, 0) for peer in (self.dialer, self.listener)))

    def assert_both_ping(self):
        for actor, target in ((self.dialer, self.listener), (self.listener, self.dialer)):
            try:
                actor.call("ping", peer=target.id, count=1)
            except PeerError:
                # Among each other the foreign ones may end a stream while it's being written, as rust-libp2p and js-libp2p do.
                if "kith" in (actor.kind, target.kind):
                    raise
                actor.call("ping", peer=target.id, count=1)

    def test_zz_connections_come_and_go(self):
        for closer in (self.dialer, self.listener) * RECONNECTS:
            self.disconnect()
            self.dialer.connect(self.listener)
            self.assert_both_ping()
            closer.call("disconnect", peer=(self.listener if closer is self.dialer else self.dialer).id)
            self.dialer.wait_event("disconnected", 10, peer=self.listener.id)
            self.listener.wait_event("disconnected", 10, peer=self.dialer.id)
        self.disconnect()
        self.dialer.connect(self.listener)

    def sending_to(self, peer):
        self.dialer.connect(peer)
        return self.dialer.start("send", 60, peer=peer.id, bytes=1 << 40)

    def test_zz_a_killed_peer_ends_what_is_sent_to_it(self):
        killed = Peer(self.listener_kind, LISTEN[self.transport], security=self.security)
        self.addCleanup(killed.stop)
        send = self.sending_to(killed)
        try:
            self.dialer.call("ping", peer=killed.id, count=self.pings(killed))
        except PeerError:
            # Among each other the foreign ones may lose a new connection, as rust-libp2p has.
            if "kith" in (self.dialer.kind, killed.kind):
                raise
            send = self.sending_to(killed)
            self.dialer.call("ping", peer=killed.id, count=self.pings(killed))
        killed.process.popen.kill()
        with self.assertRaises(PeerError):
            send.result(GONE_SECONDS[self.transport])
        self.dialer.wait_event("disconnected", GONE_SECONDS[self.transport], peer=killed.id)
        self.assertNotIn(killed.id, [c["peer"] for c in self.dialer.call("connections")["connections"]])


def pair_classes(pairs, bases, module, suffix="", **attributes):
    """One test class of that module for each pair (dialer, listener), named after it."""
    classes = {}
    for dialer, listener in pairs:
        name = f"{dialer.capitalize()}Dials{listener.capitalize()}{suffix}"
        classes[name] = type(name, (Libp2pCases, *bases),
                             {"__module__": module, "dialer_kind": dialer, "listener_kind": listener, **attributes})
    return classes
