"""A WebSocket's client, as far as tests need one (RFC 6455): text both ways."""

import base64
import os
import socket
import struct


class WebSocket:
    def __init__(self, host, port, seconds=30, **headers):
        self._socket = socket.create_connection((host, port), timeout=seconds)
        self._received = b""
        lines = {"Host": f"{host}:{port}", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                 "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), **headers}
        self._socket.sendall(("GET / HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) +
                              "\r\n").encode())
        while b"\r\n\r\n" not in self._received:
            if not self._more():
                break
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        self.status = int(head.split(b" ")[1])

    def _more(self):
        part = self._socket.recv(65536)
        self._received += part
        return bool(part)

    def _take(self, size):
        while len(self._received) < size:
            if not self._more():
                raise EOFError("the connection ended")
        taken, self._received = self._received[:size], self._received[size:]
        return taken

    def send(self, text):
        self._frame(1, text.encode())

    def _frame(self, opcode, payload):
        size = len(payload)
        if size < 126:
            length = struct.pack("!B", 0x80 | size)
        elif size < 1 << 16:
            length = struct.pack("!BH", 0x80 | 126, size)
        else:
            length = struct.pack("!BQ", 0x80 | 127, size)
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        self._socket.sendall(bytes([0x80 | opcode]) + length + mask + masked)

    def receive(self):
        """The next message's text; None once the other side has closed, whose code is in `code` then."""
        message = b""
        while True:
            first, second = self._take(2)
            size = second & 0x7F
            if size == 126:
                size, = struct.unpack("!H", self._take(2))
            elif size == 127:
                size, = struct.unpack("!Q", self._take(8))
            payload = self._take(size)
            if first & 0xF == 8:
                self.code = struct.unpack("!H", payload[:2])[0] if payload else None
                self._frame(8, payload)
                return None
            if first & 0xF == 9:
                self._frame(10, payload)
            if first & 0xF > 2:
                continue
            message += payload
            if first & 0x80:
                return message.decode()

    def close(self):
        self._socket.close()
