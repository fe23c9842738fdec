"""A daemon under attack: each attack ends with a clear error or a clean close, others are served meanwhile, and memory
and descriptors come back under their bounds. docs/hostile.md has the table of attacks, limits and tests."""

import contextlib
import http.client
import json
import os
import socket
import struct
import subprocess
import time
import unittest
from pathlib import Path

import wire
from program import Case, wait_until
from wire import DATA, RST, SYN, WINDOW, Block, Secured, car, dag_pb, data, frame, host_and_port, line, number, varint

MIB = 1 << 20
GIB = 1 << 30
HANDSHAKE_SECONDS = 10  # kith/net/limits.hpp: handshake_timeout
HEAD_SECONDS = 10       # kith/http/limits.hpp: head_deadline
# What an attack may leave behind in the allocator's hands, beyond the bounds that the attack itself is about.
SLACK = 48 * MIB
BITSWAP = "/ipfs/bitswap/1.2.0"


class Hostile(Case):
    """A daemon that has a block, and one more that is an honest user of it."""

    def setUp(self):
        super().setUp()
        self.target = self.made("target")
        self.configured(self.target)
        self.target.start()
        self.honest = self.started("honest")
        self.honest.connect(self.target)
        self.id_of_target = self.target.id
        self.memory, self.descriptors = self.memory_now(), self.descriptors_now()

    def configured(self, node):
        """What the target's settings are to be, beside the test profile's."""

    def memory_now(self):
        status = open(f"/proc/{self.target.daemon.pid}/status").read()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def peak(self):
        status = open(f"/proc/{self.target.daemon.pid}/status").read()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024

    def descriptors_now(self):
        return len(os.listdir(f"/proc/{self.target.daemon.pid}/fd"))

    def others_are_served(self):
        """The operator by the RPC, a peer by Bitswap, a browser by the gateway."""
        content = os.urandom(1000)
        cid = self.target.text("add", "-Q", stdin=content)
        self.assertEqual(self.honest.ok("cat", cid), content)
        self.assertEqual(self.get("gateway", f"/ipfs/{cid}"), (200, content))

    def address_of(self, what):
        """Of the RPC ("api") or the gateway: host and port."""
        text = (self.target.home / what).read_text().strip()
        if text.startswith("http"):
            host, port = text.split("//")[1].rstrip("/").split(":")
            return host, int(port)
        return host_and_port(text)

    def get(self, what, path, method="GET"):
        connection = http.client.HTTPConnection(*self.address_of(what), timeout=30)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def answers(self, what, path, method="GET"):
        """Who has just come isn't told from an honest user: for a moment one may be refused."""
        try:
            return self.get(what, path, method)[0] != 503
        except OSError:
            return False

    def all_is_as_before(self, slack=SLACK):
        # The honest user's connections are open, and some files of the store.
        wait_until(lambda: self.descriptors_now() <= self.descriptors + 24, what="descriptors that come back")
        wait_until(lambda: self.memory_now() <= self.memory + slack, what="memory that comes back")

    def dial(self, address, content=b""):
        """A connection that has said this; or was refused, if there are too many."""
        stream = socket.socket()
        self.addCleanup(stream.close)
        stream.settimeout(30)
        with contextlib.suppress(ConnectionError):
            stream.connect(address)
            stream.sendall(content)
        return stream

    def secured(self):
        attacker = Secured(self.target.address)
        self.addCleanup(attacker.close)
        return attacker

    def is_closed(self, stream, seconds):
        """True when the other side has ended the connection; what it says before is of no interest."""
        stream.settimeout(seconds)
        try:
            while stream.recv(65536):
                pass
        except socket.timeout:
            return False
        except OSError:
            pass
        return True


class Dials(Hostile):
    def test_dials_that_say_nothing_or_little_end_at_the_deadline(self):
        address = host_and_port(self.target.address)
        greeting = line("/multistream/1.0.0") + line("/noise")
        # More than may shake hands at a time (Transient.ConnsInbound): from one address, if it weren't this machine's,
        # there could be 8.
        silent = [self.dial(address) for _ in range(60)]
        slow = [self.dial(address, b"\x13") for _ in range(60)]
        # Half a handshake, and a message of 64 KiB of which nothing comes.
        half_open = [self.dial(address, greeting + b"\x00\x20" + b"x" * 16) for _ in range(60)]
        unending = [self.dial(address, greeting + b"\xff\xff") for _ in range(60)]
        begun = time.monotonic()
        self.others_are_served()
        drips = iter(greeting[1:])
        while time.monotonic() < begun + HANDSHAKE_SECONDS - 2:
            byte = bytes([next(drips, 10)])
            for stream in slow:
                with contextlib.suppress(OSError):
                    stream.send(byte)
            self.others_are_served()
        for stream in [*silent, *slow, *half_open, *unending]:
            self.assertTrue(self.is_closed(stream, 2 * HANDSHAKE_SECONDS))
        self.started("newcomer").connect(self.target)
        self.others_are_served()
        self.all_is_as_before()

    def test_lengths_of_4_gib_end_the_connection(self):
        address = host_and_port(self.target.address)
        greeting = line("/multistream/1.0.0")
        for name, content in [("multistream", varint(4 * GIB)), ("a proposal", greeting + varint(4 * GIB)),
                              ("no varint", b"\xff" * 20),
                              ("noise", greeting + line("/noise") + b"\xff\xff" + b"x" * 65535)]:
            with self.subTest(name):
                self.assertTrue(self.is_closed(self.dial(address, content), 5))
        self.others_are_served()
        self.all_is_as_before()


class WebSockets(Hostile):
    """At the one port that TCP and WebSocket share."""

    REQUEST = (b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
    MASK = b"\0\0\0\0"

    def configured(self, node):
        tcp = "/ip4/127.0.0.1/tcp/0"
        node.ok("config", "--json", "Addresses.Swarm", json.dumps([tcp, tcp + "/ws"]))

    def opened(self):
        stream = self.dial(host_and_port(self.target.address), self.REQUEST)
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += stream.recv(1)
        self.assertTrue(answer.startswith(b"HTTP/1.1 101 "), answer)
        return stream

    def test_floods_and_frames_against_the_rules_cost_their_sender_the_connection(self):
        ping = b"\x89\x84" + self.MASK + b"ping"
        for name, content in [("pings", ping * 100_000), ("empty fragments", b"\x02\x80" + self.MASK + (b"\0\x80" + self.MASK) * 100_000),
                              ("unmasked", b"\x82\x05hello"), ("reserved bits", b"\xf2\x80" + self.MASK),
                              ("2^63 bytes", b"\x82\xff" + b"\x7f" + b"\xff" * 7 + self.MASK),
                              ("4 GiB", b"\x82\xff" + struct.pack(">Q", 4 * GIB) + self.MASK)]:
            with self.subTest(name):
                stream = self.opened()
                with contextlib.suppress(OSError):
                    stream.sendall(content)
                self.assertTrue(self.is_closed(stream, 5))
        self.others_are_served()
        self.all_is_as_before()

    def test_heads_without_end_and_ones_that_never_end_are_closed(self):
        address = host_and_port(self.target.address)
        long_head = self.dial(address, self.REQUEST[:-2] + b"X: " + b"x" * 100_000)
        self.assertTrue(self.is_closed(long_head, 5))
        silent = [self.dial(address, self.REQUEST[:-2]) for _ in range(60)] + [self.opened() for _ in range(20)]
        self.others_are_served()
        for stream in silent:
            self.assertTrue(self.is_closed(stream, 2 * HANDSHAKE_SECONDS))
        self.all_is_as_before()

    def test_a_storm_of_closes_leaves_nothing_behind(self):
        for _ in range(100):
            stream = self.opened()
            stream.sendall(b"\x88\x82" + self.MASK + b"\x03\xe8")
            stream.close()
        self.others_are_served()
        self.started("newcomer").connect(self.target)
        self.all_is_as_before()


class Streams(Hostile):
    def test_a_flood_of_streams_costs_its_sender_the_connection(self):
        flood = b"".join(frame(WINDOW, SYN, 2 * i + 1, 0) for i in range(200_000))
        attacker = self.secured()
        sending = attacker.send(flood[:12 * 1024])
        self.assertGreater(sending, 0)
        self.others_are_served()
        # Without reading a word of what comes back: the refusals can't leave either.
        deadline = time.monotonic() + 30
        sent = sending
        while attacker.process.poll() is None and sent < len(flood) and time.monotonic() < deadline:
            sent += attacker.send(flood[sent:sent + 120_000], seconds=2)
        self.assertIsNotNone(attacker.process.poll(), "the flood goes on")
        self.others_are_served()
        self.assertLess(self.peak(), self.memory + SLACK)
        self.all_is_as_before()

    def test_a_frame_of_4_gib_ends_the_connection(self):
        attacker = self.secured()
        attacker.send(frame(WINDOW, SYN, 1, 0) + frame(DATA, 0, 1, 4 * GIB - 1, b"x" * 1000))
        self.assertTrue(attacker.ended())
        self.others_are_served()
        self.assertLess(self.peak(), self.memory + SLACK)

    def speak(self, attacker, stream, protocol, content):
        content = line("/multistream/1.0.0") + line(protocol) + content
        attacker.send(frame(WINDOW, SYN, stream, 0) + data_frames(stream, content))

    def is_reset(self, attacker, stream):
        """True once the daemon has ended the stream, or the connection."""
        def came():
            return not attacker.read() or any(kind in (DATA, WINDOW) and flags & RST and id_ == stream
                                              for kind, flags, id_ in frames(attacker.received))
        return wait_until(came, what="a reset")

    def test_messages_of_4_gib_reset_their_stream(self):
        for protocol, content in [
                (BITSWAP, varint(4 * GIB) + b"x" * 1000),
                (BITSWAP, varint(20) + data(1, b"")[:1] + varint(4 * GIB - 1) + b"x" * 14),
                ("/ipfs/id/push/1.0.0", varint(4 * GIB) + b"x" * 1000),
                (BITSWAP, b"\xff" * 20)]:
            with self.subTest(protocol=protocol, content=content[:30]):
                attacker = self.secured()
                self.speak(attacker, 1, protocol, content)
                self.assertTrue(self.is_reset(attacker, 1))
        self.others_are_served()
        self.assertLess(self.peak(), self.memory + SLACK)

    def test_messages_that_begin_and_never_end_hold_little(self):
        attacker = self.secured()
        for stream in range(128):
            self.speak(attacker, 2 * stream + 1, BITSWAP, varint(4 * MIB - 1) + b"\x0a")
        self.others_are_served()
        self.assertLess(self.memory_now(), self.memory + SLACK)
        attacker.close()
        self.all_is_as_before()


def data_frames(stream, content, most=16 * 1024):
    return b"".join(frame(DATA, 0, stream, len(part), part)
                    for part in (content[at:at + most] for at in range(0, len(content), most)))


def frames(received):
    """Heads of the frames in what has come: (type, flags, stream)."""
    at, heads = 0, []
    while at + 12 <= len(received):
        _, kind, flags, stream, length = struct.unpack(">BBHII", received[at:at + 12])
        at += 12 + (length if kind == DATA else 0)
        heads.append((kind, flags, stream))
    return heads


class Wantlists(Hostile):
    WANTS = 1_000_000
    # As many as fit a message's limits (kith/exchange/limits.hpp: message_wants_max, message_bytes_max).
    WANTS_A_MESSAGE = 62_500

    def messages(self):
        head = b"\x0a\x2c\x0a\x24\x01\x55\x12\x20"
        tail = bytes(24) + b"\x10\x01\x20\x00\x28\x01"
        pack = struct.Struct(">Q").pack
        for first in range(0, self.WANTS, self.WANTS_A_MESSAGE):
            wants = b"".join(head + pack(i) + tail for i in range(first, first + self.WANTS_A_MESSAGE))
            message = data(1, wants)
            yield varint(len(message)) + message

    def test_a_million_wants_hold_no_more_than_a_thousand(self):
        attacker = self.secured()
        content = line("/multistream/1.0.0") + line(BITSWAP) + b"".join(self.messages())
        self.assertGreater(len(content), 40 * MIB)
        attacker.send(frame(WINDOW, SYN, 1, 0))
        window, seen, at, served = 256 * 1024, 0, 0, 0
        deadline = time.monotonic() + 120
        while at < len(content):
            self.assertLess(time.monotonic(), deadline)
            part = content[at:at + min(window, 60_000)]
            if part:
                self.assertEqual(attacker.send(frame(DATA, 0, 1, len(part), part)), 12 + len(part))
                at, window = at + len(part), window - len(part)
                if at * 4 // len(content) > served:
                    served += 1
                    self.others_are_served()
            else:
                self.assertTrue(attacker.read(1), "the daemon has ended the connection")
            while seen + 12 <= len(attacker.received):
                _, kind, flags, stream, length = struct.unpack(">BBHII", attacker.received[seen:seen + 12])
                if kind == WINDOW and stream == 1:
                    window += length
                seen += 12 + (length if kind == DATA else 0)
        self.others_are_served()
        self.assertLess(self.peak(), self.memory + 2 * SLACK)
        attacker.close()
        self.all_is_as_before()


class Http(Hostile):
    def test_who_holds_all_connections_of_the_rpc_locks_nobody_out(self):
        address = self.address_of("api")
        hoard = [self.dial(address) for _ in range(300)]
        hoard += [self.dial(address, b"POST /api/v0/id HTTP/1.1\r\nHost: 127.0.0.1\r\nX-") for _ in range(300)]
        wait_until(lambda: self.answers("api", "/api/v0/version", "POST"), seconds=5, what="room for who asks")
        for _ in range(5):
            self.assertEqual(self.get("api", "/api/v0/version", "POST")[0], 200)
            self.others_are_served()
        for stream in hoard[300:]:
            self.assertTrue(self.is_closed(stream, 2 * HEAD_SECONDS))
        for stream in hoard:
            stream.close()
        self.all_is_as_before()

    def fill_the_rpc(self):
        """With requests that all wait. Returns their connections, and what a command is told then."""
        missing = Block(wire.RAW, b"nobody has it").text
        request = f"POST /api/v0/cat?arg={missing} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        address = self.address_of("api")
        waiting = [self.dial(address, request) for _ in range(300)]

        def error():
            # Whoever asks while requests are still on their way takes the place of one.
            waiting.append(self.dial(address, request))
            text = self.target.run("id").stderr.decode()
            return text if "too many connections" in text else None

        return waiting, wait_until(error, what="a full RPC")

    def test_requests_of_the_rpc_that_all_wait_are_the_limit_and_it_is_said(self):
        waiting, error = self.fill_the_rpc()
        self.assertRegex(error, r"\AError: the daemon at 127\.0\.0\.1:\d+ is busy and serves no more requests now "
                                r"\(too many connections: 256 of one address at a time\): "
                                r"wait until some have ended, and try again\n\Z")
        self.assertEqual(self.honest.peers(), [self.id_of_target])
        for stream in waiting:
            stream.close()
        wait_until(lambda: self.target.run("id").returncode == 0, what="room in the RPC")
        self.others_are_served()
        self.all_is_as_before()

    def test_a_command_that_a_full_rpc_drops_is_told_that_the_daemon_runs(self):
        waiting, _ = self.fill_the_rpc()

        def error():
            # Who is refused and stays keeps others from being told so (kith/http/limits.hpp: refusals_max 16).
            refused = [self.dial(self.address_of("api")) for _ in range(20)]
            text = self.target.run("id").stderr.decode()
            for stream in refused:
                stream.close()
            return text if "is busy" not in text else None

        self.assertRegex(wait_until(error, what="a command that is dropped"),
                         r"\AError: the daemon at 127\.0\.0\.1:\d+ closed the connection without an answer \([^()]+\), "
                         r"but still runs: perhaps it serves as many requests as it may; "
                         r"wait until some have ended, and try again\n\Z")
        for stream in waiting:
            stream.close()
        wait_until(lambda: self.target.run("id").returncode == 0, what="room in the RPC")

    def test_who_holds_all_connections_of_the_gateway_locks_nobody_out(self):
        address = self.address_of("gateway")
        hoard = [self.dial(address, content) for content in (b"", b"GET /ipfs/") for _ in range(300)]
        wait_until(lambda: self.answers("gateway", "/ipfs/"), seconds=5, what="room for who asks")
        for _ in range(3):
            self.others_are_served()
        for stream in hoard:
            stream.close()
        self.all_is_as_before()

    def test_bodies_and_chunks_of_4_gib_are_refused(self):
        head = "POST /api/v0/{} HTTP/1.1\r\nHost: 127.0.0.1\r\n{}\r\n\r\n"
        multipart = "Content-Type: multipart/form-data; boundary=B\r\nTransfer-Encoding: chunked"
        for name, request in [
                ("a length", head.format("version", f"Content-Length: {4 * GIB}") + "x" * 1000),
                ("a chunk", head.format("version", "Transfer-Encoding: chunked") + "ffffffff\r\n" + "x" * 1000),
                ("a chunk of no size", head.format("version", "Transfer-Encoding: chunked") + "f" * 30 + "\r\n"),
                ("a head of a part", head.format("add", multipart) + "100000\r\n--B\r\nX-" + "x" * (2 * MIB)),
                ("a head", head.format("version", "X-" + "x" * (2 * MIB)))]:
            with self.subTest(name):
                stream = self.dial(self.address_of("api"), request.encode())
                stream.settimeout(30)
                with contextlib.suppress(ConnectionResetError):
                    self.assertRegex(stream.recv(65536), rb"^HTTP/1.1 (200|400|413|431|500)")
                self.assertTrue(self.is_closed(stream, 30) if name != "a length" else True)
        self.others_are_served()
        self.assertLess(self.peak(), self.memory + SLACK)


class Content(Hostile):
    def imported(self, root, blocks):
        self.target.ok("dag", "import", "--pin-roots=false", self.write("hostile.car", car(root, blocks)))
        return root.text

    def each_command_ends(self, cid, *commands):
        for command in commands:
            with self.subTest(command):
                done = self.target.run(*command, cid, timeout=30)
                self.assertIn(done.returncode, (0, 1))
                if done.returncode == 1:
                    self.assertRegex(done.stderr.decode(), "^Error: .+")
        for path in (f"/ipfs/{cid}/", f"/ipfs/{cid}/x", f"/ipfs/{cid}?format=car"):
            with self.subTest(path), contextlib.suppress(http.client.IncompleteRead, ConnectionError):
                self.get("gateway", path)

    def shard(self, fanout, children):
        """A shard whose every slot leads to the same."""
        digits = len(f"{fanout - 1:x}")
        field = (b"\xff" * (fanout // 8)) if children else b""
        message = number(1, 5) + data(2, field) + number(5, 0x22) + number(6, fanout)
        return dag_pb(message, [(f"{slot:0{digits}X}", children, 1) for slot in range(fanout)] if children else [])

    def test_shards_that_lead_to_the_same_shard_from_every_slot_end(self):
        for fanout, levels in ((8, 21), (256, 8), (1024, 6)):
            blocks = [self.shard(fanout, None)]
            while len(blocks) < levels:
                blocks.append(self.shard(fanout, blocks[-1]))
            cid = self.imported(blocks[-1], blocks)
            with self.subTest(fanout=fanout):
                self.each_command_ends(cid, ["ls"], ["get", "-o", str(self.folder / "out")], ["cat"],
                                       ["refs", "-r", "-u"], ["dag", "stat"], ["dag", "export"])
        self.others_are_served()
        self.assertLess(self.peak(), self.memory + 2 * SLACK)

    def test_folders_inside_each_other_to_no_end_are_refused_and_a_reader_may_leave(self):
        blocks = [dag_pb(number(1, 1), [])]
        while len(blocks) < 600:
            blocks.append(dag_pb(number(1, 1), [("a", blocks[-1], 1), ("b", blocks[-1], 1)]))
        cid = self.imported(blocks[-1], blocks)
        self.assertRegex(self.target.fails("get", "-o", self.folder / "out", cid), "too (many|deep)|depth|nested")
        self.assertEqual(self.target.text("ls", cid).count("\n"), 1)
        self.assertLess(len(self.target.ok("dag", "export", cid)), MIB)
        # Every path to every folder: more than there is time for. Who has seen enough leaves, and that is all.
        refs = subprocess.Popen(self.target.command("refs", "-r", cid), env=self.target.env, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL)
        self.assertEqual(len(refs.stdout.read(100_000)), 100_000)
        refs.stdout.close()
        refs.wait(10)
        self.others_are_served()
        self.assertLess(self.peak(), self.memory + 2 * SLACK)

    def test_lengths_of_4_gib_in_archives_and_blocks_are_errors(self):
        good = Block(wire.RAW, b"good")
        archive = car(good, [good])
        for name, content in [("a header", varint(4 * GIB) + b"\xa2\x65roots"),
                              ("a section", archive + varint(4 * GIB) + b"\x01\x55"),
                              ("no varint", archive + b"\xff" * 20)]:
            with self.subTest(name):
                self.assertRegex(self.target.fails("dag", "import", stdin=content), "Error: .+")
        for name, content in [("a link", b"\x12" + varint(4 * GIB) + b"\x0a\x24"), ("data", b"\x0a" + varint(4 * GIB))]:
            with self.subTest(name):
                block = Block(wire.DAG_PB, content)
                self.target.ok("dag", "import", "--pin-roots=false", stdin=car(good, [good, block]))
                self.assertRegex(self.target.fails("ls", block.text), "Error: .+")
        self.others_are_served()
        self.assertLess(self.peak(), self.memory + SLACK)


class Disks(Case):
    """Each on a small disk of its own, as only root can make it."""

    def mounted(self, name, *options):
        path = self.folder / name
        path.mkdir(exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "none", path], capture_output=True,
                              text=True)
        if done.returncode != 0:
            self.skipTest(f"no disk of its own can be mounted here: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", path], check=False)
        return path

    def fill(self, disk):
        """Takes all the space that is left; returns what gives it back."""
        filler = disk / "filler"
        with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
            while True:
                file.write(bytes(64 * 1024))
        with contextlib.suppress(OSError), open(filler, "ab", buffering=0) as file:
            while True:
                file.write(bytes(512))
        return filler

    FULL = "no space left"

    @unittest.skipUnless(os.geteuid() == 0, "only root can mount a small disk")
    def test_on_a_full_disk_each_command_says_so_and_goes_on_when_there_is_space(self):
        disk = self.mounted("small", "size=24m")
        node = self.started("small/home")
        content = os.urandom(MIB)
        told = {node.text("add", "-Q", stdin=content): content}
        other = os.urandom(4 * MIB)
        archive = self.write("archive.car", car(root := Block(wire.RAW, other[:MIB]), [root]))
        filler = self.fill(disk)
        for command, options in [(["add", "-Q"], {"stdin": other}), (["dag", "import", archive], {}),
                                 (["block", "put"], {"stdin": other[:MIB]})]:
            with self.subTest(command):
                self.assertIn(self.FULL, node.fails(*command, **options))
        with self.subTest("config"):
            large = '["/ip4/10.0.0.0/ipcidr/8"' + ',"/ip4/1.2.3.4"' * 2000 + "]"
            error = node.fails("config", "Addresses.NoAnnounce", "--json", large)
            self.assertIn(self.FULL, error)
        for cid, expected in told.items():
            self.assertEqual(node.ok("cat", cid), expected)
        self.assertEqual(node.json("id")["ID"], node.id)
        filler.unlink()
        told[node.text("add", "-Q", stdin=other)] = other
        self.assertIn("Imported", node.text("dag", "import", "--stats", archive))
        node.stop()
        for cid, expected in told.items():
            self.assertEqual(node.ok("cat", cid), expected)
        self.assertIn("all blocks validated", node.text("repo", "verify"))

    @unittest.skipUnless(os.geteuid() == 0, "only root can mount a small disk")
    def test_a_daemon_that_starts_on_a_full_disk_serves_or_says_why_not(self):
        disk = self.mounted("small", "size=24m")
        node = self.made("small/home")
        content = os.urandom(MIB)
        cid = node.text("add", "-Q", stdin=content)
        filler = self.fill(disk)
        done = node.background("daemon")
        self.addCleanup(done.stop)
        wait_until(lambda: "Daemon is ready" in done.log() or not done.alive(), what="a word of the daemon")
        if done.alive():
            self.assertEqual(node.ok("cat", cid), content)
            self.assertEqual(done.stop(), 0)
        else:
            self.assertIn(self.FULL, done.log())
        filler.unlink()
        node.start()
        self.assertEqual(node.ok("cat", cid), content)

    @unittest.skipUnless(os.geteuid() == 0, "only root can mount a small disk")
    def test_init_on_a_full_disk_says_so_and_leaves_nothing_in_the_way(self):
        disk = self.mounted("small", "size=1m")
        filler = self.fill(disk)
        node = self.node("small/home")
        self.assertIn(self.FULL, node.fails("init", "--profile=test"))
        filler.unlink()
        node.ok("init", "--profile=test")

    @unittest.skipUnless(os.geteuid() == 0, "only root can mount a disk")
    def test_a_home_on_a_disk_that_is_read_only_is_named_by_each_command(self):
        disk = self.mounted("disk", "size=24m")
        node = self.made("disk/home")
        cid = node.add(self.write("x", b"content"))
        archive = self.write("archive.car", node.ok("dag", "export", cid))
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        for command in (["daemon"], ["add", "-Q", "-"], ["dag", "import", archive], ["block", "put"],
                        ["block", "rm", cid], ["config", "Import.Profile", "unixfs-v0-2015"],
                        ["bootstrap", "rm", "all"], ["cat", cid], ["repo", "verify"]):
            with self.subTest(command):
                error = node.fails(*command, stdin=b"new")
                self.assertIn(str(node.home), error)
                self.assertIn("read-only", error.lower())
        new = self.node("disk/new")
        self.assertIn(str(disk), new.fails("init"))
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        self.assertEqual(node.ok("cat", cid), b"content")


class TwoDaemons(Case):
    IN_USE = "already|lock|in use|another"

    def open_files(self, process):
        for link in Path(f"/proc/{process.pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                yield link.readlink()

    def test_whoever_comes_second_is_told_and_disturbs_nothing(self):
        node = self.started()
        cid = node.text("add", "-Q", stdin=b"told")
        api = (node.home / "api").read_text()
        for command in (["daemon"], ["init"]):
            with self.subTest(command):
                self.assertRegex(node.fails(*command), self.IN_USE)
        self.assertEqual((node.home / "api").read_text(), api)
        self.assertEqual(node.ok("cat", cid), b"told")
        # A command that doesn't find the daemon's address doesn't open its store behind its back.
        (node.home / "api").unlink()
        for command in (["add", "-Q"], ["cat", cid], ["block", "rm", cid], ["daemon"], ["repo", "verify"]):
            with self.subTest(command):
                self.assertRegex(node.fails(*command, stdin=b"new"), self.IN_USE)
        (node.home / "api").write_text(api)
        self.assertEqual(node.ok("cat", cid), b"told")

    def test_a_command_at_work_keeps_the_daemon_out_and_goes_on(self):
        node = self.made()
        reading, writing = os.pipe()
        adding = node.background("add", "-Q", stdin=reading, stdout=open(self.folder / "told", "wb"))
        self.addCleanup(adding.stop)
        os.close(reading)
        os.write(writing, b"first ")
        # Another command would be in its way, too, so it isn't asked.
        wait_until(lambda: any(path.name == "index" or path.match("*/index/*") for path in self.open_files(adding)),
                   what="a store in use")
        self.assertRegex(node.fails("daemon"), self.IN_USE)
        os.write(writing, b"second")
        os.close(writing)
        self.assertEqual(adding.wait(10), 0)
        node.start()
        self.assertEqual(node.ok("cat", (self.folder / "told").read_text().strip()), b"first second")

    def test_of_two_that_start_at_once_one_serves(self):
        node = self.made()
        both = [node.background("daemon") for _ in range(2)]
        for daemon in both:
            self.addCleanup(daemon.stop)
        wait_until(lambda: sum(not daemon.alive() for daemon in both) == 1
                   and any("Daemon is ready" in daemon.log() for daemon in both), what="one daemon")
        ended = next(daemon for daemon in both if not daemon.alive())
        self.assertRegex(ended.log(), self.IN_USE)
        self.assertEqual(node.text("add", "-Q", stdin=b"x"), node.text("add", "-Q", stdin=b"x"))

    def test_the_lock_of_a_killed_daemon_is_in_nobodys_way(self):
        node = self.started()
        cid = node.text("add", "-Q", stdin=b"told")
        node.stop(9)
        self.assertEqual(node.ok("cat", cid), b"told")
        node.start()
        self.assertEqual(node.ok("cat", cid), b"told")


if __name__ == "__main__":
    unittest.main()
