#!/usr/bin/env python3
"""Moves files over a TCP connection as fast as it goes: the limit that machine and link set.

    copier.py sink IP                 prints its port, throws away what comes, for ever
    copier.py send IP PORT FILE...    prints the seconds until the sink has said that it has all

One HTTP POST of all the files by sendfile(2), answered when all has come. The seconds begin before the connection.
"""

import os
import socket
import sys
import time

BUFFER_BYTES = 1 << 20


def read_head(connection):
    """The header, byte by byte, so that none of the body is taken."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        part = connection.recv(1)
        if not part:
            raise ConnectionError("the other side ended early")
        head += part
    return head


def serve(connection):
    head = read_head(connection).lower()
    left = int(head.partition(b"content-length:")[2].split()[0])
    buffer = memoryview(bytearray(BUFFER_BYTES))
    while left:
        count = connection.recv_into(buffer, min(left, BUFFER_BYTES))
        if not count:
            raise ConnectionError("the other side ended early")
        left -= count
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def sink(ip):
    listener = socket.create_server((ip, 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        with connection:
            serve(connection)


def send(ip, port, *files):
    begun = time.monotonic()
    size = sum(os.path.getsize(path) for path in files)
    with socket.create_connection((ip, int(port))) as connection:
        connection.sendall(f"POST / HTTP/1.1\r\nHost: {ip}\r\nContent-Length: {size}\r\n\r\n".encode())
        for path in files:
            with open(path, "rb") as source:
                connection.sendfile(source)
        if b" 200 " not in read_head(connection):
            raise ConnectionError("the sink has not got all")
    print(time.monotonic() - begun)


if __name__ == "__main__":
    {"sink": sink, "send": send}[sys.argv[1]](*sys.argv[2:])
