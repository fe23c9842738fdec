#!/usr/bin/env python3
"""Moves files over a TCP connection as fast as it goes: the limit that machine and link set.

    copier.py sink [--listen IP] [--certificate FILE]     prints its port, throws away what comes, for ever
    copier.py send IP PORT [--trust FILE] FILE...

One HTTP POST of all the files, answered when all has come. In the clear by sendfile(2). With a certificate sealed by
TLS 1.2 and ChaCha20-Poly1305, the AEAD of libp2p's Noise, in records of 16 KiB, one core an end.
"""

import argparse
import os
import socket
import ssl
import sys
import time

BUFFER_BYTES = 1 << 20
AEAD = "ECDHE+CHACHA20"


def context_of(purpose, certificate):
    context = ssl.SSLContext(purpose)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(AEAD)
    if purpose == ssl.PROTOCOL_TLS_SERVER:
        context.load_cert_chain(certificate)
    else:
        context.check_hostname = False
        context.load_verify_locations(certificate)
    return context


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


def sink(ip, certificate):
    context = context_of(ssl.PROTOCOL_TLS_SERVER, certificate) if certificate else None
    listener = socket.create_server((ip, 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        with context.wrap_socket(connection, server_side=True) if context else connection as stream:
            serve(stream)


def send_file(stream, path):
    with open(path, "rb") as source:
        if not isinstance(stream, ssl.SSLSocket):
            stream.sendfile(source)
            return
        buffer = memoryview(bytearray(BUFFER_BYTES))
        while count := source.readinto(buffer):
            stream.sendall(buffer[:count])


def send(ip, port, trust, files):
    """Prints the seconds from before the connection until the sink has said that it has all."""
    begun = time.monotonic()
    size = sum(os.path.getsize(path) for path in files)
    connection = socket.create_connection((ip, port))
    with context_of(ssl.PROTOCOL_TLS_CLIENT, trust).wrap_socket(connection) if trust else connection as stream:
        stream.sendall(f"POST / HTTP/1.1\r\nHost: {ip}\r\nContent-Length: {size}\r\n\r\n".encode())
        for path in files:
            send_file(stream, path)
        if b" 200 " not in read_head(stream):
            raise ConnectionError("the sink has not got all")
    print(time.monotonic() - begun)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    roles = parser.add_subparsers(dest="role", required=True)
    role = roles.add_parser("sink")
    role.add_argument("--listen", default="127.0.0.1")
    role.add_argument("--certificate")
    role = roles.add_parser("send")
    role.add_argument("ip")
    role.add_argument("port", type=int)
    role.add_argument("--trust")
    role.add_argument("files", nargs="+")
    arguments = parser.parse_args()
    if arguments.role == "sink":
        sink(arguments.listen, arguments.certificate)
    else:
        send(arguments.ip, arguments.port, arguments.trust, arguments.files)


if __name__ == "__main__":
    sys.exit(main())
