#!/usr/bin/env python3
"""Makes tables of what the tests recorded in KITH_MATRIX, and puts them between the markers of docs/interop.md.

    matrix.py RECORDED [DOCUMENT]

Nothing is written where the recorded cells are fewer than those of the tables that are there, as a part of a run's are.
"""

import datetime
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- matrix: begin -->", "<!-- matrix: end -->"
UNCOVERED = "—"
# What is shown of each way to be connected; everything else is a protocol with a table of its own.
CASES = ("identify", "ping", "perf", "streams")
DIALS = ("kith dials", "kith is dialed")
WAY = ("transport", "security", "muxer")
# In this order, whatever else there is behind them.
PROGRAMS = ("go-libp2p", "rust-libp2p", "js-libp2p", "js-libp2p in Chromium", "Kubo", "Helia", "Helia in Chromium", "kith")
TRANSPORTS = ("tcp", "quic", "websocket", "websocket-tls", "relay", "multicast")
PROTOCOLS = ("Bitswap", "HTTP", "Kademlia DHT", "gossipsub", "floodsub", "circuit relay v2", "DCUtR", "AutoNAT v1", "AutoNAT v2",
             "mDNS")


def read(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def merged(rows, key):
    """The outcome of each key: one failure makes it failed."""
    cells = {}
    for row in rows:
        at = key(row)
        if cells.get(at) != "failed":
            cells[at] = row["outcome"]
    return cells


def shown(outcome):
    return f"**{outcome}**" if outcome == "failed" else outcome


def place(name, order):
    return (order.index(name), "") if name in order else (len(order), name)


def order(key):
    """By program, then by the transport and what is on it; `key` begins with the program and ends with the way."""
    program, *rest, transport, security, muxer = key
    return place(program, PROGRAMS), rest, place(transport, TRANSPORTS), security, muxer


def table(head, lines):
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for line in lines:
        yield f"| {' | '.join(one or UNCOVERED for one in line)} |"


def connections(rows):
    """A line for each way, and in it what was done over it by who dials."""
    cells = merged(rows, lambda row: ((row["other"], *(row[part] for part in WAY)), row["what"], row["protocol"]))

    def done(way, dials):
        of_way = {case: cells[way, dials, case] for case in CASES if (way, dials, case) in cells}
        passed = ", ".join(case for case, outcome in of_way.items() if outcome == "passed")
        failed = ", ".join(case for case, outcome in of_way.items() if outcome == "failed")
        return passed + ("; " if passed and failed else "") + (f"**failed: {failed}**" if failed else "")

    ways = {way for way, _, _ in cells}
    lines = {way: [*way, *(done(way, dials) for dials in DIALS)] for way in ways}
    return table(["with", *WAY, *DIALS], (lines[way] for way in sorted(lines, key=order)))


def protocol(rows):
    cells = merged(rows, lambda row: (row["other"], row["what"], *(row[part] for part in WAY)))
    return table(["with", "what", *WAY, "outcome"], ([*at, shown(cells[at])] for at in sorted(cells, key=order)))


def overview(rows):
    """How many cells of each protocol passed with each program."""
    names = sorted({row["protocol"] for row in rows} - {*CASES}, key=lambda name: place(name, PROTOCOLS))
    found = {}
    for key, outcome in cells_of(rows).items():
        row = dict(key)
        at = row["other"], "connections" if row["protocol"] in CASES else row["protocol"]
        found.setdefault(at, []).append(outcome == "passed")

    def told(outcomes):
        if not outcomes or all(outcomes):
            return str(len(outcomes) or "")
        return f"**{sum(outcomes)} of {len(outcomes)}**"

    columns = ["connections", *names]
    programs = sorted({program for program, _ in found}, key=lambda program: place(program, PROGRAMS))
    return table(["with", *columns], ([one, *(told(found.get((one, name), [])) for name in columns)] for one in programs))


def nats(rows):
    """What a pair came to; a case that ran twice and came to both says both."""
    cells = {}
    for row in rows:
        cells.setdefault((row["other"], row["case"]), {}).setdefault(row["transport"], set()).add(row["outcome"])
    lines = ([*at, *(", ".join(sorted(cells[at].get(transport, ()))) for transport in ("tcp", "quic"))]
             for at in sorted(cells, key=lambda at: (place(at[0], PROGRAMS), at[1])))
    return table(["with", "who calls whom", "tcp", "quic"], lines)


def sections(rows):
    """The title of each table, who makes it, and of what."""
    interop = [row for row in rows if row["area"] == "interop"]
    yield "At a glance: how many cells passed", overview, interop
    yield "Connections", connections, [row for row in interop if row["protocol"] in CASES]
    others = {row["protocol"] for row in interop} - {*CASES}
    for name in sorted(others, key=lambda name: place(name, PROTOCOLS)):
        yield name, protocol, [row for row in interop if row["protocol"] == name]
    yield "NATs", nats, [row for row in rows if row["area"] == "nat"]


def cells_of(rows):
    """What the tables show of rows, however many tests recorded it."""
    return merged(rows, lambda row: tuple(sorted((key, value) for key, value in row.items() if key != "outcome")))


def render(rows, date, tree):
    cells = cells_of(rows)
    failed = sum(outcome == "failed" for outcome in cells.values())
    lines = [f"{date}, tree {tree}: {len(cells)} cells, {failed} failed. Transport, security and muxer are those of the "
             f"connection, as kith's side tells of it. {UNCOVERED}: no test covers it."]
    for title, make, found in sections(rows):
        if found:
            lines += ["", f"### {title}", "", *make(found)]
    return "\n".join(lines)


def count(text):
    """The cells that tables have."""
    found = re.search(r"\b(\d+) cells,", text)
    return int(found[1]) if found else 0


def replaced(document, text):
    """The document with this text between its markers, or None where what is there has more cells."""
    before, begin, rest = document.partition(BEGIN)
    old, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("no markers")
    if count(text) < count(old):
        return None
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def main():
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    document = Path(sys.argv[2]) if len(sys.argv) == 3 else ROOT / "docs" / "interop.md"
    tree = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    text = render(read(sys.argv[1]), datetime.date.today().isoformat(), tree.stdout.strip())
    new = replaced(document.read_text(encoding="utf-8"), text)
    if new is None:
        print("matrix.py: fewer cells than the tables have; nothing written", file=sys.stderr)
        return 0
    document.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
