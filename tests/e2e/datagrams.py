#!/usr/bin/env python3
"""Datagrams sent over a line both ways, and how many of them come.

    datagrams.py answer ADDRESS               prints "ready" and serves until it is ended
    datagrams.py send ADDRESS OTHER COUNT     prints how many of COUNT came at the other end, and of as many back

They go in rounds of a hundred, so that no socket's buffer overflows. A round ends with a word that is said until it is
answered: what is lost of those words isn't counted.
"""

import socket
import sys

PORT = 7777
ROUND = 100
CONTENT = bytes(200)
AGAIN_SECONDS = 0.05
TRIES = 100


def open_at(address):
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    own.bind((address, PORT))
    return own


def send_round(own, other):
    for _ in range(ROUND):
        own.sendto(CONTENT, other)


def answer(address):
    own = open_at(address)
    print("ready", flush=True)
    came, last = 0, b""
    while True:
        word, other = own.recvfrom(2048)
        if word == CONTENT:
            came += 1
            continue
        if word != last:
            last = word
            send_round(own, other)
        own.sendto(b"%s %d" % (word, came), other)


def end_round(own, other, name):
    """Returns how many came there in all, and back in this round."""
    back = 0
    for _ in range(TRIES):
        own.sendto(name, other)
        try:
            while (word := own.recv(2048)) == CONTENT or not word.startswith(name + b" "):
                back += word == CONTENT
            return int(word.split()[1]), back
        except TimeoutError:
            pass
    raise SystemExit("the other end doesn't answer")


def send(address, other, count):
    own = open_at(address)
    own.settimeout(AGAIN_SECONDS)
    there, back = 0, 0
    for number in range(count // ROUND):
        send_round(own, (other, PORT))
        there, some = end_round(own, (other, PORT), b"round-%d" % number)
        back += some
    print(there, back)


if __name__ == "__main__":
    if sys.argv[1] == "answer":
        answer(sys.argv[2])
    else:
        send(sys.argv[2], sys.argv[3], int(sys.argv[4]))
