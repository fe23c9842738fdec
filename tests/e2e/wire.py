"""What an attacker needs to speak: frames of yamux, lines of multistream, fields of protobuf, CIDs and blocks."""

import base64
import hashlib
import os
import select
import struct
import subprocess
import time

from harness import environment

DATA, WINDOW, PING, GO_AWAY = range(4)
SYN, ACK, FIN, RST = 1, 2, 4, 8
RAW, DAG_PB = 0x55, 0x70


def varint(number):
    out = b""
    while True:
        number, low = number >> 7, number & 0x7F
        out += bytes([low | (0x80 if number else 0)])
        if not number:
            return out


def number(field, value):
    return varint(field << 3) + varint(value)


def data(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value


def line(text):
    text = text.encode() + b"\n"
    return varint(len(text)) + text


def frame(kind, flags, stream, length, payload=b""):
    return struct.pack(">BBHII", 0, kind, flags, stream, length) + payload


class Block:
    def __init__(self, codec, content):
        self.content = content
        self.cid = b"\x01" + varint(codec) + b"\x12\x20" + hashlib.sha256(content).digest()

    @property
    def text(self):
        return "b" + base64.b32encode(self.cid).decode().lower().rstrip("=")


def dag_pb(content, links):
    """A dag-pb block: links are (name, Block or CID, size)."""
    out = b""
    for name, to, size in links:
        out += data(2, data(1, getattr(to, "cid", to)) + data(2, name.encode()) + number(3, size))
    return Block(DAG_PB, out + data(1, content))


def car(root, blocks):
    """An archive of version 1."""
    link = b"\xd8\x2a" + b"\x58" + bytes([len(root.cid) + 1]) + b"\x00" + root.cid
    header = b"\xa2\x65roots\x81" + link + b"\x67version\x01"
    return b"".join(varint(len(part)) + part for part in [header, *(block.cid + block.content for block in blocks)])


def host_and_port(address):
    """Of /ip4/127.0.0.1/tcp/4001/..."""
    parts = address.split("/")
    return parts[2], int(parts[4])


class Secured:
    """A connection behind Noise (attacker/main.cpp): what a peer that has proven who it is may send."""

    def __init__(self, address):
        program = environment.require(environment.newest_built("kith-attacker", "dev", "asan"), "build the preset dev")
        host, port = host_and_port(address)
        self.process = subprocess.Popen([program, host, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        os.set_blocking(self.process.stdin.fileno(), False)
        self.received = b""

    def send(self, content, seconds=30):
        """Sends as much as the other side takes within the time; returns how much."""
        deadline, sent = time.monotonic() + seconds, 0
        view = memoryview(content)
        while sent < len(view) and time.monotonic() < deadline:
            _, writable, _ = select.select([], [self.process.stdin], [], 0.1)
            self.read(0)
            if not writable:
                continue
            try:
                sent += os.write(self.process.stdin.fileno(), view[sent:sent + 65536])
            except BlockingIOError:
                continue
            except BrokenPipeError:
                break
        return sent

    def read(self, seconds=0.1):
        """Takes in what is there. False once the connection has ended."""
        readable, _, _ = select.select([self.process.stdout], [], [], seconds)
        if not readable:
            return True
        part = os.read(self.process.stdout.fileno(), 1 << 20)
        self.received += part
        return bool(part)

    def ended(self, seconds=30):
        """Waits for the other side's end of it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not self.read():
                return True
        return False

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
